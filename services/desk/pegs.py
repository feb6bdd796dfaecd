"""The depeg monitor's place in the desk: sources in, levels out to causes and alerts (SEMANTICS 5.11)."""

from __future__ import annotations

from decimal import Decimal

from services.desk.core import DeskCore, cause_key
from services.domain.enums import Severity, TradingState
from services.domain.money import ONE, STABLECOINS
from services.market.sources import Readings
from services.portfolio.inputs import AccountInput

CAUSE = "depeg "
"""The cause of an exposed account is named so, and the coin."""


def watched_coins(core: DeskCore) -> tuple[str, ...]:
    """The stablecoins that any account holds or any instrument hangs on."""
    hung_on, accounts = core.listing.hung_on, core.ledger.state.accounts.values()
    return tuple(
        coin for coin in STABLECOINS if coin in hung_on or any(book.balances.get(coin) for book in accounts)
    )


def watch(core: DeskCore, books: dict[str, AccountInput]) -> None:
    """One look at every coin: levels change, alerts follow, exposed accounts become REDUCING at 300 bps."""
    readings = Readings(core.picture, core.now, core.settings.depeg, core.source_plan)
    # The venues that could liquidate us on their own price: one of them alone may lead to REDUCING.
    bound = f"{core.settings.depeg.reduce:.0f}"
    ours_end = tuple(f".{venue}" for venue, book in books.items() if book.positions)
    for coin in watched_coins(core):
        sources = readings.of(coin)
        ours = [source.name for source in sources if source.name.endswith(ours_end)]
        unanchored = _unanchored(readings, coin) if not sources else None
        for change in core.depeg.update(coin, sources, core.now, ours=ours, unanchored=unanchored):
            core.decide(
                "depeg", coin, change.text, {"level": change.after, "deviation_bps": change.deviation}
            )
            core.risk_event("depeg", coin, change.text)
            _depeg_alert(core, coin, change.after, change.text)
        level = core.depeg.level(coin)
        if core.alerts.is_open(f"depeg {level}:{coin}"):
            core.alerts.retell(f"depeg {level}:{coin}", core.depeg.told(coin))
        cause, reduces = f"{CAUSE}{coin}", core.depeg.reduces(coin)
        well = level in ("ok", "warn")
        for venue, book in books.items():
            scope = f"account:{venue}"
            if reduces and _exposed(book, coin):
                core.raise_cause(
                    cause,
                    scope,
                    TradingState.REDUCING,
                    f"{venue}: {core.depeg.off(coin)}",
                    severity=Severity.ALARM,
                    latched=True,
                    conditional=True,
                )
            else:
                if core.alerts.is_open(cause_key(cause, scope)):
                    told = core.depeg.told(coin)
                    was = f"{venue}: {coin} was {bound} bps or more off its peg; now: {told}"
                    core.alerts.retell(cause_key(cause, scope), was)
                if well:
                    core.good_cause(cause, scope)


def _exposed(book: AccountInput, coin: str) -> bool:
    return bool(book.balances.get(coin)) or any(
        coin in (position.instrument.quote, position.instrument.settle, position.instrument.underlying)
        for position in book.positions
    )


def resumed(core: DeskCore, cause: str) -> None:
    """A person took this cause away, by name or because its coin is well again: what still holds of it is
    accepted, else the next look would latch it anew and no resume could ever lift it."""
    if cause.startswith(CAUSE):
        core.depeg.lift(cause.removeprefix(CAUSE))


def _unanchored(readings: Readings, coin: str) -> Decimal | None:
    """The worst rate of the coin in another one, while it has no dollar source: it alarms both (5.11)."""
    rates = [cross.value for cross in readings.crosses() if coin in (cross.coin, cross.other)]
    return max(rates, key=lambda rate: abs(rate - ONE), default=None)


def _depeg_alert(core: DeskCore, coin: str, level: str, text: str) -> None:
    """One alert per level, so that severity, reason and remedy are the level's own."""
    for each in ("warn", "block", "reduce", "unknown"):
        if each == level:
            core.alert(f"depeg {each}:{coin}", None, text)
        else:
            core.resolve(f"depeg {each}:{coin}")
