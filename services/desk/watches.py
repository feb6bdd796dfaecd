"""What somebody has to be told though no rule acts on it: a coin far below zero, a schedule nobody knows.

Both are situations of PARAMETERS. A coin far below zero is exchanged by the venue itself, at its own price;
the desk names the conversion to make before that. A leg whose funding interval is unknown is held, and no
entry is made in it; after ten minutes somebody should look.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.desk.core import DeskCore
from services.domain.money import ZERO
from services.portfolio.inputs import AccountInput, coin_index

NEGATIVE, INTERVAL = "negative balance", "interval unknown"
TOLD_AT_USD = Decimal(-4_000)
"""The venue converts by itself at 5 000 USD below zero."""
UNKNOWN_S = 600


def watch(core: DeskCore, books: Mapping[str, AccountInput]) -> None:
    """Raise and resolve."""
    for book in books.values():
        for coin, balance in book.balances.items():
            _balance(core, book, coin, balance)
    held = dict.fromkeys(leg.instrument for pair in core.pairs.live() for leg in pair.legs if leg.size > ZERO)
    for name in [name for name in core.state.blank_since if name not in held]:
        del core.state.blank_since[name]
        core.resolve(f"{INTERVAL}:{name}")
    for name in held:
        _interval(core, name)


def _balance(core: DeskCore, book: AccountInput, coin: str, balance: Decimal) -> None:
    key, index = f"{NEGATIVE}:{coin} {book.venue}", coin_index(book, coin)
    if not balance.is_finite() or (balance < ZERO and index is None):
        return  # what is unknown is no reason to take the word back
    if index is None or balance * index > TOLD_AT_USD:
        core.resolve(key)
        return
    worth = {
        each: amount * unit
        for each, amount in book.balances.items()
        if amount.is_finite() and amount > ZERO and (unit := coin_index(book, each)) is not None
    }
    source = max(worth, key=worth.__getitem__, default="another coin")
    said = f"{balance.quantize(Decimal(1)):,f}"
    core.hold(
        key,
        None,
        f"{coin} on {book.venue} is at {said}: from -5,000 USD on the venue converts by itself",
        do=f"convert {source} into {said[1:]} {coin} on {book.venue}, yourself",
    )


def _interval(core: DeskCore, name: str) -> None:
    key, row = f"{INTERVAL}:{name}", core.picture.rate(name)
    if row is not None and row.interval_h is not None and row.next_ts is not None:
        if core.state.blank_since.pop(name, None) is not None:
            core.resolve(key)
        return
    since = core.state.blank_since.setdefault(name, core.now)
    if core.now - since >= core.stretched(UNKNOWN_S) and not core.alerts.is_open(key):
        core.alert(
            key, None, f"{name}: funding interval or next settlement unknown for 10 min; the leg is held"
        )
