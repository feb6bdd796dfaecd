"""A report from a store alone: reads a period, hands it to the pure figures. Works with no engine running."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path

from services.domain.money import DESK_CONTEXT, ZERO
from services.domain.records import CoinRecord, EpisodeRecord, FillRecord, PairRecord, WaterfallRecord
from services.portfolio import performance
from services.protocol.errors import UsageError
from services.store.reader import StoreReader
from services.store.replay import JournalReader
from services.venues.sim.scenarios import SCENARIOS, scenario
from services.views.performance import CoinView, MetricsView, PerformanceView, RateView, WaterfallView

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
_AGO = re.compile(r"(\d{1,6})([hd])")
_DATES = re.compile(r"(\d{4}-\d\d-\d\d)?\.\.(\d{4}-\d\d-\d\d)?")
_FOREVER = 2**63 - 1
OPERATOR = "operator"


class EmptyStore(Exception):
    """Nothing has been sampled in the period; the text says what to do."""


class _Way:
    """How far a report is: the rows it reads, and for its figures a quarter more."""

    def __init__(self, tell: Callable[[int, int], None]) -> None:
        self._tell = tell
        self._done = self._last = 0

    def starts(self, rows: int) -> None:
        self._done, self._last = 0, rows + rows // 4 + 1

    def went(self, rows: int) -> None:
        self._done += rows
        if self._last:
            self._tell(min(self._done, self._last), self._last)

    def ends(self) -> None:
        self._tell(self._last, self._last)


def span_of(period: str, newest: int) -> tuple[int, int]:
    """`all`, `24h`, `30d`, `2023-03-01..2023-03-05` (whole UTC days, either end may be left out) -> since and
    until, ns. Raises UsageError."""
    if period == "all":
        return 0, newest
    ago = _AGO.fullmatch(period)
    if ago is not None and int(ago[1]):
        return max(0, newest - int(ago[1]) * (HOUR_NS if ago[2] == "h" else DAY_NS)), newest
    dates = _DATES.fullmatch(period)
    try:
        if dates is not None and (dates[1] or dates[2]):
            since = _midnight(dates[1]) if dates[1] else 0
            until = _midnight(dates[2]) + DAY_NS - 1 if dates[2] else newest
            if since < until:
                return since, until
    except ValueError as error:
        raise UsageError(f"period {period}: {error}") from None
    raise UsageError(f"period {period!r}: expected all, 24h, 30d or 2023-03-01..2023-03-05")


def _midnight(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 10**9


def report(
    store: Path,
    profile: str,
    period: str,
    *,
    most_points: int = 0,
    tell: Callable[[int, int], None] = lambda _done, _last: None,
) -> PerformanceView:
    """`most_points` of the curve, 0 = all. `tell` hears how far it is: (done, in all).

    Raises StoreError without a store, EmptyStore when the period holds nothing, UsageError for the period.
    """
    way = _Way(tell)
    stamp = stamp_of(store)
    reader = StoreReader(store, way.went)
    try:
        span_of(period, 1)
        newest = reader.newest_equity()
        if newest is None:
            raise EmptyStore("the store holds no equity sample yet; the engine takes one every 5 minutes")
        since, until = span_of(period, newest)
        way.starts(reader.many_since(since))
        before = [] if since == 0 else reader.equity_before("all", since)
        samples = [*before, *(one for one in reader.equity(since=since) if one.ts <= until)]
        if not samples or samples[-1].ts < since:
            raise EmptyStore(f"nothing was sampled in {period}; the newest sample is of {_said(newest)}")
        episodes = [one for one in reader.episodes(since=since) if one.closed_ts <= until]
        fills = [one for one in reader.fills(since=since, limit=-1) if one.ts <= until]
        pairs = [one for one in reader.pairs(limit=-1) if one.opened_ts is not None]
        rows = reader.waterfall(since, until)
        coins, rates = reader.coin_ends(since, until), reader.settled_rates(since, until)
    finally:
        reader.close()
    with localcontext(DESK_CONTEXT):
        begin = max(since, samples[0].ts)
        span = (begin, until)
        points = performance.curve(samples)
        fall = performance.waterfall(_ends(rows, since))
        total = performance.metrics("all", episodes, fills, performance.open_spans(pairs, span), span)
        made = PerformanceView(
            ts=samples[-1].ts,
            profile=profile,
            stamp=stamp,
            period=period,
            since=begin,
            until=until,
            risk=performance.risk(points),
            waterfall=fall,
            total=total,
            by_strategy=performance.grouped(
                episodes,
                fills,
                pairs,
                span,
                lambda one: (_named(one.strategy),),
                lambda one: _named(one.strategy),
                lambda one: (_named(one.strategy),),
            ),
            by_symbol=performance.grouped(episodes, fills, pairs, span, _symbols, _symbol, _pair_symbols),
            curve=performance.thinned(points, most_points) if most_points else points,
            notes=notes_of(total, fall, len(performance.daily_values(points)) - 1, fills),
            coins=tuple(_coin(first, last) for first, last in coins),
            rates=tuple(_rate(*one) for one in rates),
        )
    way.ends()
    return made


def _coin(first: CoinRecord, last: CoinRecord) -> CoinView:
    return CoinView(
        account=last.account,
        coin=last.coin,
        start=_with_profit(first),
        end=_with_profit(last),
        index_start=first.index,
        index_end=last.index,
    )


def _with_profit(one: CoinRecord) -> Decimal | None:
    return None if one.balance is None or one.upnl is None else one.balance + one.upnl


def _rate(instrument: str, settlements: int, *fractions: float) -> RateView:
    mean, least, most = (each * 10_000 for each in fractions)
    return RateView(instrument=instrument, settlements=settlements, mean=mean, least=least, most=most)


def nothing(profile: str, period: str, why: str, stamp: str = "UNKNOWN") -> PerformanceView:
    """What a screen shows of a period without a sample."""
    return PerformanceView(
        ts=0,
        profile=profile,
        stamp=stamp,
        period=period,
        since=0,
        until=0,
        risk=performance.risk(()),
        waterfall=None,
        total=performance.metrics("all", (), (), (), (0, 0)),
        by_strategy=(),
        by_symbol=(),
        curve=(),
        notes=(f"{why[0].upper()}{why[1:]}.",),
    )


def stamp_of(store: Path) -> str:
    """`SIM (SYNTHETIC, …)`, `PAPER`, `BACKTEST` or `LIVE`, as the newest start of the journal says."""
    journal = JournalReader(store)
    try:
        starts = journal.sessions(1)
        if not starts:
            return "UNKNOWN"
        session = starts[-1].session()
    finally:
        journal.close()
    if session.mode != "sim":
        return session.mode.upper()
    if session.world.get("history"):
        return "BACKTEST"
    name = str(session.world.get("scenario") or "")
    return f"SIM ({scenario(name).label if name in SCENARIOS else 'SYNTHETIC'})"


def notes_of(
    total: MetricsView, fall: WaterfallView | None, days: int, fills: list[FillRecord]
) -> tuple[str, ...]:
    notes = []
    if days < performance.LEAST_DAYS:
        least = performance.LEAST_DAYS
        notes.append(f"Sharpe, Sortino and Calmar need {least} daily returns; there are {max(0, days)}.")
    if total.total_trades and total.profit_factor is None:
        notes.append("No losing trade: the profit factor is infinite, null in JSON.")
    if not total.total_trades:
        notes.append(
            "No trade was closed in this period. What is open is inside equity and the waterfall; time in "
            "market, turnover and slippage hold it too, fees and funding of the metrics come with its close."
        )
    if fall is None:
        notes.append("No waterfall: the store holds no reading of it in this period.")
    elif fall.unmeasured:
        notes.append(
            f"{fall.unmeasured} fills had no mid to be measured against: their slippage is in price."
        )
    if any(one.foreign for one in fills):
        notes.append("Trades that are not ours are in equity, in the waterfall and under strategy foreign.")
    return tuple(notes)


def _ends(rows: list[WaterfallRecord], since: int) -> dict[str, tuple[WaterfallRecord, WaterfallRecord]]:
    """By account. Books that began inside the period begin with what they found and no part."""
    ends: dict[str, tuple[WaterfallRecord, WaterfallRecord]] = {}
    for row in rows:
        if row.account in ends:
            ends[row.account] = (ends[row.account][0], row)
        else:
            first = row if row.ts <= since else _begun(row)
            ends[row.account] = (first, row)
    return ends


def _begun(row: WaterfallRecord) -> WaterfallRecord:
    return WaterfallRecord(
        ts=row.ts,
        account=row.account,
        begun=row.begun,
        equity=row.begun,
        unmeasured=0,
        **dict.fromkeys(performance.SUMMED, ZERO),
    )


def _named(origin: str) -> str:
    """The strategy, or for what a person did the name that pairs by hand carry, whichever console it was."""
    kind, colon, name = origin.partition(":")
    return OPERATOR if colon and kind in ("console", "shell") else name if kind == "strategy" else origin


def _symbol(fill: FillRecord) -> str:
    return fill.instrument.rpartition(".")[0] or fill.instrument


def _symbols(episode: EpisodeRecord) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.rpartition(".")[0] or name for name in episode.instruments))


def _pair_symbols(pair: PairRecord) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.rpartition(".")[0] or name for name in (pair.short, pair.long)))


def _said(ts: int) -> str:
    return datetime.fromtimestamp(ts // 10**9, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
