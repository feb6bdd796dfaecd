"""The whole desk on a history, in this process: gate, sizing, pair machine, exchange, as with `--no-ui`."""

from __future__ import annotations

import gc
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate
from pathlib import Path

from msgspec.structs import replace

from services.domain.effects import Decision, Effect
from services.domain.enums import Side
from services.domain.events import StopRequested
from services.domain.records import EpisodeRecord, FillRecord, FundingRecord, PairRecord, Row
from services.drive.choice import Choice, choose
from services.drive.machine import VirtualMachine
from services.drive.ports import NullKeeper
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.protocol.options import RunOptions
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.strategies.chances import OpportunitySummary, summary

SECOND = 10**9
STRATEGY = "funding_arb"

SIX = ("binance", "bybit", "gate", "htx", "kucoin", "mexc")
THREE = ("binance", "bybit", "okx")


@dataclass
class Trade:
    """One pair as its fills tell it."""

    id: str
    short: str
    """Venue of the short leg."""
    long: str
    opened: int
    """First fill, ns."""
    closed: int | None
    """Last fill; None = still open."""
    episode: EpisodeRecord | None


class Kept(NullKeeper):
    """Keeps every record, and the decisions by kind with their time."""

    def __init__(self) -> None:
        self.rows: defaultdict[type, list[Row]] = defaultdict(list)
        self.decisions: defaultdict[str, list[tuple[int, Decision]]] = defaultdict(list)
        self.now = 0

    def record(self, row: Row) -> None:
        self.rows[type(row)].append(row)

    def effect(self, effect: Effect) -> None:
        if isinstance(effect, Decision):
            self.decisions[effect.kind].append((self.now, effect))


@dataclass
class Played:
    """A history from its first instant to its last, and all that came of it."""

    choice: Choice
    session: Session
    machine: VirtualMachine
    kept: Kept
    left: tuple[str, ...] = ()
    fills: list[FillRecord] = field(default_factory=list)
    payments: list[FundingRecord] = field(default_factory=list)
    episodes: list[EpisodeRecord] = field(default_factory=list)
    _sizes: dict[str, tuple[list[int], list[Decimal]]] = field(default_factory=dict)
    """By instrument: times of the fills, and the position before each and after the last. Asked for at
    thousands of instants once the run is over."""

    @property
    def told(self) -> OpportunitySummary:
        return summary(self.session.desk.strategies.states[STRATEGY])

    def trades(self) -> list[Trade]:
        """In the order of their first fills."""
        legs: dict[str, PairRecord] = {}
        for row in self.kept.rows[PairRecord]:
            assert isinstance(row, PairRecord)
            legs.setdefault(row.id, row)
        closed = {each.id: each for each in self.episodes}
        times: dict[str, list[int]] = {}
        for fill in self.fills:
            times.setdefault(fill.episode_id, []).append(fill.ts)
        return [
            Trade(
                id=pair,
                short=legs[pair].short.rpartition(".")[2],
                long=legs[pair].long.rpartition(".")[2],
                opened=at[0],
                closed=at[-1] if pair in closed else None,
                episode=closed.get(pair),
            )
            for pair, at in times.items()
        ]

    def size_before(self, instrument: str, ts: int) -> Decimal:
        """Signed position out of the fills alone."""
        if instrument not in self._sizes:
            mine = sorted((each for each in self.fills if each.instrument == instrument), key=lambda f: f.ts)
            signed = (each.size if each.side is Side.BUY else -each.size for each in mine)
            sums = list(accumulate(signed, initial=Decimal(0)))
            self._sizes[instrument] = [each.ts for each in mine], sums
        times, sums = self._sizes[instrument]
        return sums[bisect_left(times, ts)]


def settings(max_pairs: int | None = None) -> Settings:
    """The defaults; `max_pairs` is the one thing a comparison changes."""
    plain = Settings()
    if max_pairs is None:
        return plain
    strategy = plain.strategies[STRATEGY]
    changed = replace(strategy, funding=replace(strategy.funding, max_pairs=max_pairs))
    return replace(plain, strategies={STRATEGY: changed})


def play(path: Path, state: Path, par: tuple[str, ...] = ("USDT",), max_pairs: int | None = None) -> Played:
    """Run a history to its end and stop gracefully there."""
    gc.freeze()  # what collecting the tests has made is walked over by every full collection
    layout = StateLayout(state)
    choice = choose(RunOptions(history=str(path), assume_par=par), layout, settings(max_pairs))
    session = Session(layout, choice.world, choice.settings, "test", history=choice.history, durable=False)
    session.open(SessionNote(pid="0", speed="max", state_dir=""))
    kept = Kept()

    def handled(now: int) -> None:
        kept.now = now

    machine = VirtualMachine(
        session.desk, dict(session.exchange.venues), session.exchange, session.queue, kept, on_handled=handled
    )
    session.first_events()
    assert choice.history is not None
    end = choice.history.end
    machine.run_until(end + SECOND)
    now = session.queue.now
    machine.feed(StopRequested(reason="history", deadline=now + 10 * SECOND, ts=now))
    machine.run_until(now + 11 * SECOND)
    left = () if machine.stopped is None else machine.stopped.left
    played = Played(choice, session, machine, kept, left)
    for row in kept.rows[FillRecord]:
        assert isinstance(row, FillRecord)
        played.fills.append(row)
    for row in kept.rows[FundingRecord]:
        assert isinstance(row, FundingRecord)
        played.payments.append(row)
    for row in kept.rows[EpisodeRecord]:
        assert isinstance(row, EpisodeRecord)
        played.episodes.append(row)
    return played


def six_venues(folder: Path, target: Path, start: str = "2021-01-01", end: str = "2024-01-01") -> Path:
    """BTC on six venues: settled rates and one declared flat price, for want of price series."""
    return rates_alone(folder, target, SIX, start, end)


def rates_alone(folder: Path, target: Path, venues: tuple[str, ...], start: str, end: str) -> Path:
    """BTC on some venues: settled rates and one declared flat price."""
    rows = [
        f'file = "{folder}/{venue}_BTCUSDT_fundingRate.csv"\nkind = "funding"\nvenue = "{venue}"\n'
        'symbol = "BTCUSDT"\nprice = "30000"\n'
        for venue in venues
    ]
    return _write(target, start, end, rows)


def three_venues(folder: Path, target: Path) -> Path:
    """BTC and ETH on three venues, USDT-margined, with the prices that came with the rates.

    Bybit's and OKX's candles carry the instant of their own start, four hours before the rates' instants.
    """
    rows = []
    for venue in THREE:
        for base, name in (("BTC", "bitcoin"), ("ETH", "ethereum")):
            head = f'venue = "{venue}"\nsymbol = "{base}USDT"\nmarket = "perp"\n'
            rates = f"{folder}/{venue}_{base}USDT_2023-07_2024-07_fundingRate.csv"
            rows.append(f'file = "{rates}"\nkind = "funding"\n{head}')
            rows.append(
                f'file = "{folder}/aha_multi_venue_8h_2023-07_2024-07.csv"\nkind = "klines"\n{head}'
                f'interval = "8h"\ncolumns = {{ time = "candle_open_utc_ms" }}\n'
                f'where = {{ exchange = "{venue}", crypto = "{name}", pair = "{base}USDT", '
                'contract = "perpetual" }\n'
            )
    return _write(target, "2023-07-01", "2024-07-01", rows)


def _write(target: Path, start: str, end: str, rows: Iterable[str]) -> Path:
    text = f'[history]\nstart = "{start}"\nend = "{end}"\n'
    target.mkdir(parents=True, exist_ok=True)
    path = target / "history.toml"
    path.write_text(text + "".join(f"\n[[series]]\n{row}" for row in rows))
    return path
