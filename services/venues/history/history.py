"""A history read into memory: series, instruments, digest, and the source that the exchange plays.

`HistorySource` is the contract: `next_ts(after)` is the first data instant strictly after; `rows_at(ts)` is
everything that becomes visible at that instant, and nothing that does not: a bar's close at the bar's end, a
settled rate at its settlement. A declared flat price stands at the start and again at each of its
instrument's settlements; `price_from` shows another instrument's closes at their own instants.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left, bisect_right
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.domain.instrument import Instrument
from services.domain.money import BPS
from services.venues.history.errors import HistoryError
from services.venues.history.rows import HOUR_NS, Prices, Rates, content, digest_of, read_prices, read_rates
from services.venues.history.spec import Declaration, Facts, SeriesSpec, read_declaration
from services.venues.sim.facts import GRIDS, perp, spot
from services.venues.sim.source import HistoryRow


class Track(Struct, frozen=True):
    """One instrument's data: closes, settled rates, or both."""

    instrument: Instrument
    prices: Prices | None
    rates: Rates | None
    flat: float | None
    """A declared price, where there is no series."""


class History(Struct, frozen=True, kw_only=True):
    """A history, ready to be played."""

    tracks: tuple[Track, ...]
    digest: str
    """sha256 over the declaration and every file's unpacked bytes."""
    start: int
    """The first data instant, ns."""
    end: int
    step_ns: int
    """Each venue's finest step, of these the coarsest: what ages and read timers stretch to."""
    stamps: tuple[str, ...]
    """What a report must say of these data."""

    @property
    def venues(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(track.instrument.venue for track in self.tracks))

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(track.instrument for track in self.tracks)

    def coins_without_usd(self) -> tuple[str, ...]:
        """Quote and settle coins that some venue of the history has no COIN/USD series for."""
        have = {(track.instrument.venue, track.instrument.symbol) for track in self.tracks}
        out: list[str] = []
        for instrument in self.instruments:
            for coin in (instrument.quote, instrument.settle):
                known = coin == "USD" or (instrument.venue, f"{coin}/USD") in have
                if not known and coin not in out:
                    out.append(coin)
        return tuple(out)


class HistorySource:
    """The history as the exchange plays it. Any instant may be asked for; going forward is cheapest."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._columns = tuple(
            column.ts
            for track in history.tracks
            for column in (track.prices, track.rates)
            if column is not None
        )

    @property
    def digest(self) -> str:
        return self.history.digest

    @property
    def start(self) -> int:
        return self.history.start

    @property
    def end(self) -> int:
        return self.history.end

    def instruments(self) -> tuple[Instrument, ...]:
        return self.history.instruments

    def next_ts(self, after: int) -> int | None:
        best: int | None = None
        for column in self._columns:
            index = bisect_right(column, after)
            if index < len(column) and (best is None or column[index] < best):
                best = column[index]
        return best

    def rows_at(self, ts: int) -> tuple[HistoryRow, ...]:
        out: list[HistoryRow] = []
        for track in self.history.tracks:
            price = _price_at(track, ts, self.history.start)
            rate, interval = _rate_at(track.rates, ts)
            if price is not None or rate is not None:
                out.append(HistoryRow(track.instrument.id, price, rate, interval))
        return tuple(out)


def _price_at(track: Track, ts: int, start: int) -> float | None:
    if track.prices is not None:
        index = bisect_left(track.prices.ts, ts)
        if index < len(track.prices.ts) and track.prices.ts[index] == ts:
            return track.prices.close[index]
        return None
    if track.flat is None:
        return None
    return track.flat if ts == start or _rate_at(track.rates, ts)[0] is not None else None


def _rate_at(rates: Rates | None, ts: int) -> tuple[Decimal | None, Decimal | None]:
    if rates is None:
        return None, None
    index = bisect_left(rates.ts, ts)
    if index < len(rates.ts) and rates.ts[index] == ts:
        return rates.rate[index], rates.interval_h[index]
    return None, None


def load_history(path: Path) -> History:
    """Read a history. Raises HistoryError, one line that names what was expected."""
    declared = read_declaration(path)
    seal = hashlib.sha256(declared.source)
    prices: dict[str, Prices] = {}
    rates: dict[str, Rates] = {}
    steps: dict[str, int] = {}
    first: dict[str, SeriesSpec] = {}
    for spec in declared.series:
        first.setdefault(spec.instrument, spec)
        known = prices if spec.kind == "klines" else rates
        if spec.instrument in known:
            raise HistoryError(f"{spec.instrument}: two {spec.kind} series; expected one of each instrument")
        seal.update(_identity(spec))
        if spec.kind == "klines":
            prices[spec.instrument] = _load_prices(spec, declared, seal)
            step = spec.interval_ns or 0
        else:
            rates[spec.instrument] = _load_rates(spec, declared, seal)
            step = int(min(rates[spec.instrument].interval_h) * HOUR_NS)
        steps[spec.venue] = min(step, steps.get(spec.venue, step))
    tracks, stamps = _tracks(declared, first, prices, rates)
    instants = [each.ts for each in prices.values()] + [each.ts for each in rates.values()]
    return History(
        tracks=tracks,
        digest=seal.hexdigest(),
        start=min(column[0] for column in instants),
        end=max(column[-1] for column in instants),
        step_ns=max(steps.values()),
        stamps=stamps,
    )


def _identity(spec: SeriesSpec) -> bytes:
    """What of a series' declaration decides its rows; names of folders do not."""
    parts = (spec.kind, spec.instrument, spec.margin, spec.interval_ns, spec.offset_ns, str(spec.price))
    return msgspec.json.encode((*parts, spec.price_from, spec.columns, spec.where), order="sorted")


def _load_prices(spec: SeriesSpec, declared: Declaration, seal: hashlib._Hash) -> Prices:
    column = Prices()
    for path in spec.files:
        raw = content(path)
        seal.update(digest_of(raw).encode())
        read_prices(
            path,
            raw,
            column,
            interval_ns=spec.interval_ns or 0,
            columns=spec.columns,
            where=spec.where,
            offset_ns=spec.offset_ns,
        )
    low, high = _span(spec, column.ts, declared)
    column.ts, column.close = column.ts[low:high], column.close[low:high]
    return column


def _load_rates(spec: SeriesSpec, declared: Declaration, seal: hashlib._Hash) -> Rates:
    column = Rates()
    for path in spec.files:
        raw = content(path)
        seal.update(digest_of(raw).encode())
        read_rates(
            path,
            raw,
            column,
            interval_ns=spec.interval_ns,
            columns=spec.columns,
            where=spec.where,
            offset_ns=spec.offset_ns,
        )
    low, high = _span(spec, column.ts, declared)
    column.ts, column.rate = column.ts[low:high], column.rate[low:high]
    column.interval_h = column.interval_h[low:high]
    return column


def _span(spec: SeriesSpec, ts: array[int], declared: Declaration) -> tuple[int, int]:
    low = 0 if declared.start is None else bisect_left(ts, declared.start)
    high = len(ts) if declared.end is None else bisect_left(ts, declared.end)
    if low >= high:
        files = ", ".join(path.name for path in spec.files)
        raise HistoryError(f"{spec.instrument}: no rows between start and end in {files}")
    return low, high


def _tracks(
    declared: Declaration,
    first: dict[str, SeriesSpec],
    prices: dict[str, Prices],
    rates: dict[str, Rates],
) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """Join prices and rates by instrument; a perp without a price is refused, with the remedy."""
    facts = declared.facts
    stamps = [
        f"costs: taker {facts.taker_bps:f} bps, maker {facts.maker_bps:f} bps, half-spread 0.5 bps a fill"
    ]
    if rates:
        stamps.append("settled funding rates only")
    out: list[Track] = []
    for name, spec in first.items():
        series, flat = prices.get(name), None
        funding = next((s for s in declared.series if s.instrument == name and s.kind == "funding"), spec)
        if series is None and funding.price_from is not None:
            source = _instrument_name(funding.price_from, prices)
            series = prices[source]
            stamps.append(f"price of {name} taken from {source}")
        elif series is None and funding.price is not None:
            flat = float(funding.price)
            stamps.append(f"flat price {funding.price:f} declared for {name}")
        if series is None and flat is None:
            raise HistoryError(
                f"{name} has funding rates and no prices: add its klines, or declare `price` or `price_from` "
                "for it in a history.toml"
            )
        interval = max(rates[name].interval_h) if name in rates else None
        out.append(Track(_instrument(spec, facts, interval), series, rates.get(name), flat))
    return tuple(out), tuple(stamps)


def _instrument_name(text: str, prices: dict[str, Prices]) -> str:
    """`price_from` names an instrument with closes, in the desk's form or the dump's."""
    symbol, _, venue = text.rpartition(".")
    for name in prices:
        plain = name.removesuffix(f".{venue}").removesuffix("-PERP").replace("-", "").replace("/", "")
        if name == text or (name.endswith(f".{venue}") and plain == symbol):
            return name
    raise HistoryError(
        f"price_from = {text!r}: no klines of that instrument; known: {', '.join(prices) or 'none'}"
    )


def _instrument(spec: SeriesSpec, facts: Facts, interval: Decimal | None) -> Instrument:
    grid = facts.grid.get(spec.underlying)
    if grid is None and spec.underlying not in GRIDS:
        raise HistoryError(
            f"{spec.instrument}: no price and lot grid is known for {spec.underlying}; "
            f"declare [facts.grid.{spec.underlying}] price and size in a history.toml"
        )
    if spec.market == "perp":
        made = perp(spec.venue, spec.symbol, spec.underlying, spec.quote)
    else:
        made = spot(spec.venue, spec.symbol, spec.underlying, spec.quote)
    if grid is not None:
        made = replace(made, price_increment=grid.price, size_increment=grid.size, min_size=grid.size)
    return replace(
        made,
        settle=spec.margin,
        taker_fee=facts.taker_bps * BPS,
        maker_fee=facts.maker_bps * BPS,
        funding_interval_h=interval,
    )
