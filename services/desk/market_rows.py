"""Rows of what nobody decides by and a person asks for later: settled rates, and equity coin by coin."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from functools import partial

from services.desk.core import DeskCore
from services.domain.enums import RateKind
from services.domain.events import MarketFrame, RateRow
from services.domain.money import ZERO
from services.domain.records import CoinRecord, RateRecord
from services.portfolio.inputs import AccountInput, coin_index
from services.portfolio.margin import value_position


def on_frame(core: DeskCore, frame: MarketFrame) -> None:
    """Keep each settled rate once, as the desk believes it, in the second half of the turn.

    From the first frame of an instrument on: the month before it comes from the venue at each connect.
    """
    if not frame.rates:
        return  # most frames bring none
    settled = [row for row in frame.rates if row.kind is RateKind.SETTLED]
    for row in settled:
        core.state.rates_kept.setdefault(row.instrument, core.now)
    names = dict.fromkeys(
        row.instrument for row in settled if row.rate_ts > core.state.rates_kept[row.instrument]
    )
    if names:
        core.later.append(partial(_keep_rates, core, tuple(names)))


def _keep_rates(core: DeskCore, names: tuple[str, ...]) -> None:
    kept = core.state.rates_kept
    for name in names:
        known = core.picture.settlements(name)
        for row in known[bisect_right(known, kept[name], key=_instant) :]:
            kept[name] = row.rate_ts
            core.record(RateRecord(ts=row.rate_ts, instrument=name, rate=row.rate, interval_h=row.interval_h))


def _instant(row: RateRow) -> int:
    return row.rate_ts


def coins(core: DeskCore, books: Mapping[str, AccountInput]) -> None:
    """One row an account and coin, beside the sample of equity; what is unknown stays so."""
    for venue, book in books.items():
        upnl = {coin: ZERO if amount.is_finite() else None for coin, amount in book.balances.items()}
        for held in book.positions:
            coin, gain = held.instrument.settle, value_position(held).upnl_settle
            before = upnl.get(coin, ZERO)
            upnl[coin] = None if gain is None or before is None else before + gain
        for coin, gain in upnl.items():
            balance = book.balances.get(coin, ZERO)
            core.record(
                CoinRecord(
                    ts=core.now,
                    account=venue,
                    coin=coin,
                    balance=balance if balance.is_finite() else None,
                    upnl=gain,
                    index=coin_index(book, coin),
                )
            )
