"""The generated market: prices step by step, out of seeded streams alone.

One geometric walk per underlying with a factor common to all, a mean-reverting noise around each stablecoin's
path, a small mean-reverting basis per instrument and venue. A quote in a coin is the USD price over that
coin's USD price: when USDC falls, BTC in USDC rises. Streams are seeded anew at every full hour from (world
digest, purpose, hour): a checkpoint needs no generator internals, every process draws the same numbers.
"""

from __future__ import annotations

import math
from copy import deepcopy
from random import Random

import msgspec
from msgspec import Struct, field

from services.domain.enums import InstrumentKind
from services.domain.events import RateRow
from services.domain.money import STABLECOINS
from services.venues.sim.facts import DEPTH_USD, HOUR_NS, NS, VENUE_DEPTH, WEIGHTS, half_spread_bps
from services.venues.sim.fair import along
from services.venues.sim.funding import FundingModel, PremiumState, next_minute
from services.venues.sim.scenarios import Scenario, Stress, scenario
from services.venues.sim.source import Board, Cell
from services.venues.sim.world import World, stream

YEAR_NS = 365 * 24 * HOUR_NS
COMMON = 0.85
"""Correlation of each underlying's walk with the common factor."""
COIN_HALF_LIFE_S = 1_800.0
BASIS_HALF_LIFE_S = 900.0
BASIS_BPS = 2.0
"""Standard deviation of one instrument's basis; two of them give the 3 bps of the recorded pairs."""
BASIS_PEGGED_BPS = 0.4
MARK_SMOOTHING_S = 30.0
SYNTHETIC_PRICE = 100.0
UNIFORM = math.sqrt(12.0)
"""random() - 0.5 times this has unit variance; many small steps make it normal."""


class GeneratorState(Struct):
    """All that moves, at a full hour. Lists follow the order of the world's instruments."""

    ts: int
    next_hour: int
    next_minute: int
    walk: dict[str, float] = field(default_factory=dict)
    """Factor on the start price, by underlying."""
    coin: dict[str, float] = field(default_factory=dict)
    """Deviation from the coin's path, fraction."""
    basis: list[float] = field(default_factory=list)
    mark_basis: list[float] = field(default_factory=list)
    wobble: list[float] = field(default_factory=list)
    """Factor on each instrument's depth, drawn every minute."""
    premiums: PremiumState = field(default_factory=PremiumState)
    predicted: dict[str, RateRow] = field(default_factory=dict)


_PAST: dict[str, tuple[dict[str, tuple[RateRow, ...]], PremiumState]] = {}
"""By a world's digest, which names all that shapes its market."""
_PAST_KEPT = 8


class GeneratedSource:
    """A `MarketSource` of a scenario."""

    def __init__(self, world: World) -> None:
        if world.scenario is None:
            raise ValueError("this world is played from a history")
        self.scenario: Scenario = scenario(world.scenario)
        self.digest = world.digest
        self.step_ns = world.step_ns
        self.start = world.start
        cells = {i.id: Cell.of(i) for i in world.instruments}
        self._cells = list(cells.values())
        self._kick = [
            BASIS_PEGGED_BPS if c.instrument.underlying in STABLECOINS else BASIS_BPS for c in self._cells
        ]
        self._plan = [
            (c, c.instrument.underlying, c.instrument.quote, c.instrument.kind is InstrumentKind.PERP)
            for c in self._cells
        ]
        self._off = [
            self.scenario.offsets.get(f"{c.instrument.underlying}.{c.instrument.venue}") for c in self._cells
        ]
        self._board = Board(cells=cells, indexes={venue: {} for venue in world.venues})
        priced = {*STABLECOINS, *(i.underlying for i in world.instruments)}
        self._index_coins = tuple(coin for coin in WEIGHTS if coin in priced)
        self.funding = FundingModel(self.scenario, world.instruments, world.start)
        underlyings = dict.fromkeys(i.underlying for i in world.instruments)
        self.state = GeneratorState(
            ts=world.start - world.step_ns,
            next_hour=(world.start // HOUR_NS + 1) * HOUR_NS,
            next_minute=world.start,
            walk={u: 1.0 for u in underlyings if u not in STABLECOINS},
            coin=dict.fromkeys(STABLECOINS, 0.0),
            basis=[0.0] * len(cells),
            mark_basis=[0.0] * len(cells),
            wobble=[1.0] * len(cells),
        )
        self.turn(world.start)
        self._backfill = self._past()
        self.state.premiums = self.funding.state
        self._usd: dict[str, float] = {"USD": 1.0}

    def _past(self) -> dict[str, list[RateRow]]:
        """The thirty days before the start, and the premiums they end in: the same for every exchange of one
        world, and most of what it takes to make one.
        """
        known = _PAST.get(self.digest)
        if known is None:
            if len(_PAST) >= _PAST_KEPT:
                _PAST.clear()
            rows = self.funding.backfill(stream(self.digest, "backfill"))
            known = _PAST[self.digest] = (
                {name: tuple(found) for name, found in rows.items()},
                deepcopy(self.funding.state),
            )
        self.funding.state = deepcopy(known[1])
        return {name: list(found) for name, found in known[0].items()}

    @property
    def board(self) -> Board:
        return self._board

    @property
    def end(self) -> int | None:
        return None

    def backfill(self) -> dict[str, list[RateRow]]:
        return self._backfill

    def next_ts(self, after: int) -> int | None:
        """The grid's next step or the next full hour, whichever comes first: settlements are on the dot."""
        if after < self.start:
            return self.start
        grid = self.start + ((after - self.start) // self.step_ns + 1) * self.step_ns
        return min(grid, (after // HOUR_NS + 1) * HOUR_NS)

    def advance(self, ts: int) -> None:
        state = self.state
        elapsed = ts - state.ts
        state.ts = ts
        board = self._board
        board.refreshed = False
        if ts >= state.next_hour:
            board.settled = self.funding.settle(ts, self._premium_rng)
            state.next_hour = (ts // HOUR_NS + 1) * HOUR_NS
        self._walk(elapsed)
        self._place(elapsed)
        if ts >= state.next_minute:
            self._refresh(ts)
            state.next_minute = next_minute(ts)

    def turn(self, ts: int) -> None:
        """Seed all streams for the hour of `ts`; the exchange calls it when the hour's instant is done."""
        hour = ts // HOUR_NS
        self._price_rng: Random = stream(self.digest, "price", hour)
        self._basis_rng: Random = stream(self.digest, "basis", hour)
        self._premium_rng: Random = stream(self.digest, "premium", hour)
        self._minute_rng: Random = stream(self.digest, "minute", hour)

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(self.state)

    def load(self, raw: bytes) -> None:
        """Only states taken right after `turn` come back: the streams start there."""
        self.state = msgspec.msgpack.decode(raw, type=GeneratorState)
        self.funding.state = self.state.premiums
        self.turn(self.state.ts)
        self._publish()
        self._dress()
        self._board.predicted = self.state.predicted

    def _stress(self, offset_s: float) -> Stress:
        now = self.scenario.stress[0]
        for row in self.scenario.stress:
            if row.begin_s <= offset_s:
                now = row
        return now

    def _walk(self, elapsed: int) -> None:
        """Underlyings and coins move on by `elapsed` ns."""
        state, chosen = self.state, self.scenario
        gauss = self._price_rng.gauss
        common = COMMON * gauss(0.0, 1.0)
        scale = chosen.volatility * math.sqrt(elapsed / YEAR_NS)
        rest = math.sqrt(1.0 - COMMON * COMMON)
        walk = state.walk
        for underlying in walk:
            walk[underlying] *= 1.0 + scale * (common + rest * gauss(0.0, 1.0))
        keep = 0.5 ** (elapsed / NS / COIN_HALF_LIFE_S)
        noise = self._stress((state.ts - self.start) / NS).noise
        kick = chosen.coin_noise * 1e-4 * noise * math.sqrt(1.0 - keep * keep)
        deviations = state.coin
        for coin in deviations:
            deviations[coin] = deviations[coin] * keep + kick * gauss(0.0, 1.0)

    def _place(self, elapsed: int) -> None:
        """Every instrument's basis moves on, and the board gets its prices."""
        state = self.state
        keep = 0.5 ** (elapsed / NS / BASIS_HALF_LIFE_S)
        follow = 1.0 - math.exp(-elapsed / NS / MARK_SMOOTHING_S)
        scale = 1e-4 * UNIFORM * math.sqrt(1.0 - keep * keep)
        basis, marks = state.basis, state.mark_basis
        uniform = self._basis_rng.random
        for at, kick in enumerate(self._kick):
            basis[at] = moved = basis[at] * keep + kick * scale * (uniform() - 0.5)
            marks[at] += (moved - marks[at]) * follow
        self._publish()

    def _publish(self) -> None:
        """Fair prices, indexes and marks out of the state."""
        state, chosen, usd = self.state, self.scenario, self._usd
        offset = (state.ts - self.start) / NS
        paths = chosen.paths
        for underlying, factor in state.walk.items():
            price = chosen.prices.get(underlying, SYNTHETIC_PRICE) * factor
            usd[underlying] = price * along(paths[underlying], offset) if underlying in paths else price
        for coin, deviation in state.coin.items():
            level = along(paths[coin], offset) if coin in paths else 1.0
            usd[coin] = level * (1.0 + deviation)
        rows = zip(self._plan, state.basis, state.mark_basis, self._off, strict=True)
        for (cell, underlying, quote, perp), moved, mark, off in rows:
            cell.index = index = usd[underlying] / usd[quote]
            stands = 0.0 if off is None else along(off, offset) * 1e-4
            cell.fair = index * (1.0 + (moved + stands))
            if perp:
                cell.mark_ticks = round(index * (1.0 + (mark + stands)) * cell.inv_tick)
        levels = {coin: round(usd[coin], 6) for coin in self._index_coins}
        for venue in self._board.indexes:
            self._board.indexes[venue] = levels

    def _refresh(self, ts: int) -> None:
        """Once a minute: depth, spread and predicted rates."""
        rng = self._minute_rng
        self.state.wobble = [0.85 + 0.3 * rng.random() for _ in self._cells]
        self._dress()
        self._board.predicted = self.state.predicted = self.funding.predict(ts, rng)
        self._board.refreshed = True

    def _dress(self) -> None:
        stress = self._stress((self.state.ts - self.start) / NS)
        for cell, wobble in zip(self._cells, self.state.wobble, strict=True):
            instrument = cell.instrument
            depth = DEPTH_USD * VENUE_DEPTH.get(instrument.venue, 1.0) * stress.depth * wobble
            cell.dress(half_spread_bps(instrument) * stress.spread, depth, self._usd[instrument.quote])
