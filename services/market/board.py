"""The funding board: every pair of perps that may hedge each other, evaluated by one function.

The console's funding pane, the strategy and the summary's opportunity count all read the same `Evaluation`,
so what is shown is what is decided (SEMANTICS 5.1 to 5.4). Pure: plain inputs, `now` in ns.

Units: spreads bps/8h; gross, costs, buffer and net edge bps of one leg's notional over the holding time H;
rates inside are hourly fractions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations

from msgspec import Struct
from msgspec.structs import replace

from services.domain.instrument import Instrument
from services.domain.money import ONE, ZERO
from services.market.costs import FillCosts, leg_cost, pair_costs
from services.market.funding import BPS_8H, HOURS_A_YEAR, SECOND_NS, hours_ns, interval_of, projected
from services.market.legs import (
    EntryRates,
    LegFacts,
    entry_rates,
    group_of,
    in_blackout,
    leads,
    leg_coins,
    same_coin,
)
from services.settings.funding import Funding

_BPS = Decimal(10_000)

OUTSIDE_WINDOW = "outside entry window"
BLACKOUT = "blackout"
TIMING = (OUTSIDE_WINDOW, BLACKOUT)
"""Refusals that only say "not now": they never stand in the way of the economic verdict."""
SMALL_SPREAD = "spread < min"
STALE = "stale"
OVERDUE = "settlement overdue"
PAIR_OPEN = "pair open"
MAX_PAIRS = "max pairs"
COOLDOWN = "cooldown"
OPPOSITE = "leg held on the other side"


class HeldPair(Struct, frozen=True):
    """A pair that is planned, opening, held or closing."""

    id: str
    group: str
    short: str
    long: str


class BoardRules(Struct, frozen=True, kw_only=True):
    """What is the same for all pairs of one evaluation."""

    params: Funding
    depeg: dict[str, str]
    """Level per coin: ok, warn, block, reduce, unknown. A coin that is not named is unknown."""
    held: tuple[HeldPair, ...] = ()
    cooldowns: dict[str, int] = {}
    """Hedge group -> the instant until which it waits."""
    costs: FillCosts = FillCosts()
    """What our own fills are expected to cost beyond fees and half-spreads, and how many of them rest."""
    blocked: str = ""
    """Why the strategy may not enter at all just now (trading state, pause); empty = it may."""


class Evaluation(Struct, frozen=True, kw_only=True):
    """One pair, judged. Everything unknown is None; `refusals` empty = may be entered now."""

    group: str
    kind: str
    """`hedge` (one underlying) or `peg` (two stablecoins)."""
    short: str
    long: str
    short_hourly: Decimal | None
    """Entry rates, fraction per hour: min(smoothed, current) short, max long."""
    long_hourly: Decimal | None
    short_interval_h: Decimal | None
    long_interval_h: Decimal | None
    spread: Decimal | None
    """Between the entry rates, bps/8h."""
    current_spread: Decimal | None
    """Between the current rates, bps/8h."""
    apr: Decimal | None
    """Of the spread, fraction a year, simple."""
    gross: Decimal | None
    """Projected over H before persistence, bps."""
    costs: Decimal | None
    """Four fees and four slippages under the execution policy, bps: all taking until resting is measured."""
    buffer: Decimal
    net_edge: Decimal | None
    """gross x persistence - costs - buffer, bps."""
    break_even_h: Decimal | None
    """costs / (persistence x hourly spread); None = never (spread <= 0) or unknown."""
    settles_ts: int | None
    """Next settlement of the leg with the larger expected receipt: the entry window hangs on it."""
    same_coin: bool
    sample: int
    stale: bool
    refusals: tuple[str, ...]
    """All that stand against an entry; the first is the one that is told."""
    rank: int | None = None
    """1 = the best net edge; None = not ranked (facts missing or stale)."""
    pair: str | None = None
    """The open pair on these legs, if any."""

    @property
    def key(self) -> str:
        """The unordered pair of instruments: the same whichever leg is short."""
        return f"{min(self.short, self.long)}|{max(self.short, self.long)}"


def fact_refusals(leg: LegFacts, now: int) -> list[str]:
    """Facts of one leg that are missing or forbid an entry."""
    out: list[str] = []
    facts = leg.instrument
    if facts.inverse:
        out.append("inverse contract")
    if facts.delisting_ts is not None:
        out.append("delisting")
    if facts.taker_fee is None or not facts.taker_fee.is_finite():
        out.append("unknown fee")
    if facts.tiers is None:
        out.append("unknown margin tiers")
    if leg.rate is None or leg.smoothed is None or not leg.smoothed.is_finite():
        out.append("no rate")
    elif leg.hourly is None or not leg.hourly.is_finite() or interval_of(leg.rate) is None:
        out.append("unknown interval")
    elif leg.rate.next_ts is None:
        out.append("unknown next settlement")
    elif leg.rate.next_ts <= now:
        out.append(OVERDUE)
    if leg.half_spread is None or not leg.half_spread.is_finite() or leg.half_spread < ZERO:
        out.append("no book")
    if leg.stale:
        out.append(STALE)
    return out


class Ground:
    """What the pairs of one evaluation have in common: the rules, their wording, our own book."""

    __slots__ = (
        "edge", "even", "hold_ns", "longs", "now", "params", "rules", "sample", "shorts", "taken", "window",
    )  # fmt: skip

    def __init__(self, rules: BoardRules, now: int) -> None:
        params = rules.params
        self.rules, self.params, self.now = rules, params, now
        self.edge = f"edge < {params.min_edge_multiple:f}× cost"
        self.even = f"break-even > {params.max_break_even_h:f} h"
        self.sample = f"sample < {params.persistence_sample}"
        self.hold_ns = hours_ns(params.hold_h)
        self.window = params.entry_window_min_s * SECOND_NS, params.entry_window_max_s * SECOND_NS
        self.taken = {(pair.group, _venues(_venue(pair.short), _venue(pair.long))) for pair in rules.held}
        self.shorts = {pair.short for pair in rules.held}
        self.longs = {pair.long for pair in rules.held}


class Side:
    """What one leg brings into every pair it is judged in, worked out once per evaluation."""

    __slots__ = ("blackout", "cost", "faults", "held", "leg", "next", "off_peg", "pays", "receives")

    def __init__(self, leg: LegFacts, ground: Ground) -> None:
        rules, params, now, row = ground.rules, ground.params, ground.now, leg.rate
        self.leg = leg
        self.faults = fact_refusals(leg, now)
        # The near end of the window and the blackout are the same 120 s, and both legs keep the blackout.
        self.blackout = row is not None and in_blackout(
            row, now, params.entry_window_min_s, params.blackout_s
        )
        self.cost = leg_cost(leg.instrument, leg.half_spread, rules.costs)
        self.receives, self.pays = receives, pays = entry_rates(leg)
        self.held: EntryRates = (None, None)
        """The same over the leg's own settlements inside (now, now + H]."""
        self.next: EntryRates = (None, None)
        """(what a short here, what a long here receives) at the next settlement."""
        if receives is not None and pays is not None and row is not None:
            hours, interval = projected(ONE, row, now, ground.hold_ns), interval_of(row) or ZERO
            if hours is not None:
                self.held = receives * hours, pays * hours
            self.next = receives * interval, -pays * interval
        self.off_peg = [
            f"depeg: {coin}"
            for coin in leg_coins(leg.instrument)
            if rules.depeg.get(coin, "unknown") not in ("ok", "warn")
        ]


def evaluate(short: LegFacts, long: LegFacts, rules: BoardRules, now: int) -> Evaluation:
    """Judge shorting `short` against a long in `long`. All refusals are listed; timing is told last."""
    ground = Ground(rules, now)
    return _judge(Side(short, ground), Side(long, ground), ground)


def _judge(sell: Side, buy: Side, ground: Ground) -> Evaluation:
    """The formulas of SEMANTICS 5.2 to 5.4.

    The window hangs on the leg with the larger expected receipt: the larger of (entry rate of the short x its
    interval) and (-entry rate of the long x its interval), i.e. of the next payments; a tie is the short's.
    """
    rules, params, now = ground.rules, ground.params, ground.now
    short, long = sell.leg, buy.leg
    group, kind = group_of(short.instrument, long.instrument)
    same = same_coin(short.instrument, long.instrument)
    buffer = params.basis_buffer_same if same else params.basis_buffer_cross
    refusals = sell.faults + [text for text in buy.faults if text not in sell.faults]
    costs = pair_costs(sell.cost, buy.cost, rules.costs)

    spread = current = apr = gross = net_edge = break_even = None
    settles: int | None = None
    receives, pays = sell.receives, buy.pays
    if receives is not None and pays is not None and short.hourly is not None and long.hourly is not None:
        gap = receives - pays
        spread, current, apr = gap * BPS_8H, (short.hourly - long.hourly) * BPS_8H, gap * HOURS_A_YEAR
        received, paid = sell.held[0], buy.held[1]
        if received is not None and paid is not None:
            gross = (received - paid) * _BPS
        first, second = sell.next[0], buy.next[1]
        if short.rate is not None and long.rate is not None and first is not None and second is not None:
            settles = short.rate.next_ts if first >= second else long.rate.next_ts
        if gross is not None and costs is not None:
            net_edge = gross * params.persistence - costs - buffer
        if costs is not None and gap > 0 and params.persistence > 0:
            break_even = costs / (params.persistence * gap * _BPS)
        if spread < params.min_spread:
            refusals.append(SMALL_SPREAD)
        if net_edge is not None and costs is not None and net_edge < params.min_edge_multiple * costs:
            refusals.append(ground.edge)
        if costs is not None and (break_even is None or break_even > params.max_break_even_h):
            refusals.append(ground.even)

    sample = min(short.sample, long.sample)
    if sample < params.persistence_sample:
        refusals.append(ground.sample)
    refusals += sell.off_peg
    refusals += [text for text in buy.off_peg if text not in sell.off_peg]
    held = holding(short.instrument, long.instrument, rules.held) if rules.held else None
    refusals += _book_refusals(group, short.instrument, long.instrument, ground)
    if sell.blackout or buy.blackout:
        refusals.append(BLACKOUT)
    if settles is None or not ground.window[0] <= settles - now <= ground.window[1]:
        refusals.append(OUTSIDE_WINDOW)
    return Evaluation(
        group=group,
        kind=kind,
        short=short.instrument.id,
        long=long.instrument.id,
        short_hourly=receives,
        long_hourly=pays,
        short_interval_h=None if short.rate is None else short.rate.interval_h,
        long_interval_h=None if long.rate is None else long.rate.interval_h,
        spread=spread,
        current_spread=current,
        apr=apr,
        gross=gross,
        costs=costs,
        buffer=buffer,
        net_edge=net_edge,
        break_even_h=break_even,
        settles_ts=settles,
        same_coin=same,
        sample=sample,
        stale=bool(short.stale or long.stale),
        refusals=tuple(refusals),
        pair=held,
    )


def _venues(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first <= second else (second, first)


def _venue(instrument_id: str) -> str:
    return instrument_id.rpartition(".")[2]


def holding(short: Instrument, long: Instrument, held: Iterable[HeldPair]) -> str | None:
    """The id of the open pair on exactly these two instruments."""
    legs = {short.id, long.id}
    return next((pair.id for pair in held if pair.short in legs and pair.long in legs), None)


def book_refusals(group: str, short: Instrument, long: Instrument, rules: BoardRules, now: int) -> list[str]:
    """What our own book says against a new pair: state, cooldown, pairs already there."""
    return _book_refusals(group, short, long, Ground(rules, now))


def _book_refusals(group: str, short: Instrument, long: Instrument, ground: Ground) -> list[str]:
    """One pair per (group, pair of venues); an instrument is never short in one pair and long in another, for
    a venue nets them into one position that neither pair could then close by a reducing order.
    """
    out: list[str] = []
    rules, now = ground.rules, ground.now
    if rules.blocked:
        out.append(rules.blocked)
    if rules.cooldowns.get(group, now) > now:
        out.append(COOLDOWN)
    if rules.held:
        if (group, _venues(short.venue, long.venue)) in ground.taken:
            out.append(PAIR_OPEN)
        if long.id in ground.shorts or short.id in ground.longs:
            out.append(OPPOSITE)
    if len(rules.held) >= rules.params.max_pairs:
        out.append(MAX_PAIRS)
    return out


def _candidates(sides: Sequence[Side]) -> Iterator[tuple[Side, Side]]:
    """Every two that `may_pair`: two perps of one hedge group."""
    groups: dict[str, list[Side]] = {}
    for side in sides:
        if side.leg.instrument.is_perp:
            groups.setdefault(side.leg.instrument.hedge_group, []).append(side)
    for group in groups.values():
        for one, other in combinations(group, 2):
            if one.leg.instrument.id != other.leg.instrument.id:
                yield one, other


def board(legs: Sequence[LegFacts], rules: BoardRules, now: int) -> tuple[Evaluation, ...]:
    """All pairs, the best net edge first; pairs that cannot be ranked come last, by name."""
    ground = Ground(rules, now)
    return ranking(judged([Side(leg, ground) for leg in legs], ground))


def judged(sides: Sequence[Side], ground: Ground) -> Iterator[Evaluation]:
    """Every pair that the legs make, one after the other, not yet ranked."""
    for one, other in _candidates(sides):
        first = leads(one.leg, (one.receives, one.pays), other.leg, (other.receives, other.pays))
        yield _judge(*((one, other) if first else (other, one)), ground)


def ranking(rows: Iterable[Evaluation]) -> tuple[Evaluation, ...]:
    """Ties of the net edge are broken by the ids: the order never depends on the order of the inputs."""
    ranked: list[Evaluation] = []
    rest: list[Evaluation] = []
    for row in rows:
        (rest if row.net_edge is None or row.stale else ranked).append(row)
    ranked.sort(key=lambda row: (-(row.net_edge or ZERO), row.short, row.long))
    rest.sort(key=lambda row: (row.group, row.short, row.long))
    return (*(replace(row, rank=place) for place, row in enumerate(ranked, 1)), *rest)
