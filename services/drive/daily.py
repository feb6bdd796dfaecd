"""The daily summary: at each UTC midnight of the desk's time, what the day brought and the journal's head.

The head is the anchor (RUNTIME 4): who keeps the log line can prove later that nothing before it was changed.
Made in the shell, since the desk does not know the chain, and by virtual time alone, so it comes at the same
row at every speed; nothing of it enters the chain.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from decimal import Decimal, localcontext

import msgspec

from services.desk.core import DAY, DeskCore
from services.desk.views.daily import Totals, totals
from services.domain.money import DESK_CONTEXT
from services.domain.records import DailyRecord
from services.store.journal import JournalWriter
from services.store.writer import StoreWriter

log = logging.getLogger("stableconsole.daily")


class DailySummary:
    """One session's; goes on from the last summary that the store holds."""

    def __init__(
        self,
        core: DeskCore,
        journal: JournalWriter,
        writer: StoreWriter,
        now: int,
        before: list[DailyRecord],
    ) -> None:
        """`now`: the last moment the desk has lived through; `before`: summaries so far, oldest first."""
        self._core = core
        self._journal = journal
        self._writer = writer
        self._day = now // DAY
        self.due = (self._day + 1) * DAY
        """The midnight that ends the present day."""
        past = [row for row in before if row.day < _name(self._day)]
        self._last = past[-1] if past else None

    def close_day(self, now: int) -> None:
        """The first event at or after `due` has been handled."""
        with localcontext(DESK_CONTEXT):
            row = self._row(now, totals(self._core))
        self._writer.record(row)
        log.info(
            "%s: equity %s, day PnL %s, fees %s, funding %s, trades %d, journal head %s at row %d",
            row.day,
            _said(row.equity),
            _said(row.day_pnl),
            _said(row.fees),
            _said(row.funding),
            row.trades,
            row.head,
            row.seq,
            extra={"facts": {"daily": msgspec.to_builtins(row, str_keys=True)}},
        )
        self._last = row
        self._day = now // DAY
        self.due = (self._day + 1) * DAY

    def _row(self, now: int, sums: Totals) -> DailyRecord:
        last, zero = self._last, Decimal(0)
        begin = self._core.state.counters.equity_start if last is None else last.equity
        moved = sums.transfers - (zero if last is None else last.transfers_sum)
        pnl = None if sums.equity is None or begin is None else sums.equity - begin - moved
        return DailyRecord(
            day=_name(self._day),
            ts=now,
            seq=self._journal.seq,
            head=self._journal.head.hex(),
            equity=sums.equity,
            day_pnl=pnl,
            fees=sums.fees - (zero if last is None else last.fees_sum),
            funding=sums.funding - (zero if last is None else last.funding_sum),
            trades=sums.trades - (0 if last is None else last.trades_sum),
            fills=sums.fills - (0 if last is None else last.fills_sum),
            fees_sum=sums.fees,
            funding_sum=sums.funding,
            transfers_sum=sums.transfers,
            trades_sum=sums.trades,
            fills_sum=sums.fills,
        )


def _name(day: int) -> str:
    return datetime.fromtimestamp(day * DAY // 10**9, tz=UTC).date().isoformat()


def _said(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount:,.2f}"
