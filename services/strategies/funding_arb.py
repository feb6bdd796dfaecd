"""Funding-rate arbitrage: short the higher hourly rate, long the lower, of one hedge group (SEMANTICS 5).

`decide` judges every pair by the board's own function, proposes the best ones inside their entry windows,
reviews the open ones, counts opportunities, and says when it wants to be called again. Proposals carry no
size.

When it wants to be called: at each leg's settlement + 61 s (the first instant after the blackout), at the
opening of each leg's entry window (settlement - 3600 s), at the end of a cooldown, and when an exit's own
clock runs out. Between these instants settled rates do not change, so history needs no polling; a live desk
also calls on changed predictions.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from services.domain.enums import PairState
from services.domain.money import BPS
from services.market.board import (
    BoardRules,
    Evaluation,
    HeldPair,
    board,
    book_refusals,
)
from services.market.funding import HOUR_NS, SECOND_NS, hours_ns, interval_of
from services.market.legs import LegFacts
from services.risk.sizing import LEAST_STRENGTH, funding_strength
from services.settings.funding import Funding
from services.strategies import chances
from services.strategies.base import Ended, Intent, OpenPair, StrategyView
from services.strategies.chances import Seen
from services.strategies.exits import PairTrack, review, wake_instants
from services.strategies.saying import best_chance

KIND = "funding_arb"

_MINUTE_NS = 60 * SECOND_NS
_STRENGTH_STEP = Decimal("0.0001")


class FundingArbState(Struct):
    """All that the strategy remembers. Values are immutable: `copied` needs to copy only the containers."""

    cooldowns: dict[str, int] = field(default_factory=dict)
    """Hedge group -> waits until."""
    failures: dict[str, int] = field(default_factory=dict)
    """Hedge group -> failed attempts in a row."""
    failed_ts: dict[str, int] = field(default_factory=dict)
    """Hedge group -> the latest failure; a pair hedged after it ends the run."""
    tracks: dict[str, PairTrack] = field(default_factory=dict)
    """Open pair -> what its exits remember."""
    opportunities: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """Rule -> opportunities it refused, settled ones only; `summary` adds those still pending."""
    best_refused: Seen | None = None
    """The refused opportunity with the highest net edge; one refused because its pair is open is none."""
    pending: dict[str, Seen] = field(default_factory=dict)
    """Unordered pair @ settlement to come -> its opportunity; counted when it enters here."""
    wake_at: int | None = None
    """The next instant at which it wants to be called."""
    verdict: str = ""
    """What stands against its best chance while it holds no pair."""

    def copied(self) -> FundingArbState:
        return FundingArbState(
            cooldowns=dict(self.cooldowns),
            failures=dict(self.failures),
            failed_ts=dict(self.failed_ts),
            tracks=dict(self.tracks),
            opportunities=self.opportunities,
            refused=dict(self.refused),
            best_refused=self.best_refused,
            pending=dict(self.pending),
            wake_at=self.wake_at,
            verdict=self.verdict,
        )


class FundingArb:
    """The kind `funding_arb`."""

    kind = KIND

    def initial(self) -> FundingArbState:
        return FundingArbState()

    def decide(
        self, view: StrategyView, params: Funding, state: FundingArbState
    ) -> tuple[tuple[Intent, ...], FundingArbState]:
        return decide(view, params, state)

    def refused(self, state: FundingArbState, short: str, long: str, rule: str) -> FundingArbState:
        """See `HearsRefusals`."""
        return chances.refused(state, short, long, rule)


def rows(view: StrategyView, params: Funding, state: FundingArbState) -> tuple[Evaluation, ...]:
    """The board as this strategy judges it now: what the console shows and what `decide` acts on."""
    return board(view.legs, rules_of(view, params, state), view.now)


def decide(
    view: StrategyView, params: Funding, state: FundingArbState
) -> tuple[tuple[Intent, ...], FundingArbState]:
    """One judgement of everything in view. `state` is left as it is; the next one is returned."""
    state = state.copied()
    _note_ends(view, params, state)
    intents = _review_pairs(view, params, state)
    rules = rules_of(view, params, state)
    judged = board(view.legs, rules, view.now)
    entries, judged = _enter(view, judged, rules)
    chances.count(judged, entries, state, view.now)
    state.verdict = "" if view.pairs else best_chance(judged)
    state.wake_at = _next_wake(view, params, state)
    return (*intents, *entries), state


def strength(net_edge: Decimal, costs: Decimal) -> Decimal:
    """Net edge / (2 x costs), clipped to [0.1, 1] (SEMANTICS 4). No costs, no edge or no number: the weakest,
    nothing is free."""
    found = funding_strength(net_edge, costs)
    return LEAST_STRENGTH if found is None else found.quantize(_STRENGTH_STEP, rounding=ROUND_HALF_EVEN)


def stop_distance(same_coin: bool, params: Funding, depeg_d: Decimal) -> Decimal:
    """The pair stop as a fraction; legs in different coins: at least `depeg_d` (SEMANTICS 4)."""
    stop = params.pair_stop * BPS
    return stop if same_coin else max(stop, depeg_d)


def rules_of(view: StrategyView, params: Funding, state: FundingArbState) -> BoardRules:
    """What the board judges by, as this strategy stands."""
    return BoardRules(
        params=params,
        depeg=view.depeg,
        held=(
            *(
                HeldPair(pair.id, pair.group, pair.short, pair.long)
                for pair in view.pairs
                if pair.state is not PairState.CLOSED
            ),
            *view.held,
        ),
        cooldowns=state.cooldowns,
        costs=view.costs,
        blocked=view.blocked,
    )


def _note_ends(view: StrategyView, params: Funding, state: FundingArbState) -> None:
    """Start the waits of SEMANTICS 5.9 and forget what is gone.

    A pair hedged after the latest failure ends a run of failures.
    """
    for end in view.ended:
        _wait(end, params, state)
    for pair in view.pairs:
        if pair.opened_ts is not None and pair.opened_ts > state.failed_ts.get(pair.group, pair.opened_ts):
            state.failures.pop(pair.group, None)
            state.failed_ts.pop(pair.group, None)
    alive = {pair.id for pair in view.pairs}
    state.tracks = {name: track for name, track in state.tracks.items() if name in alive}
    state.cooldowns = {group: until for group, until in state.cooldowns.items() if until > view.now}


def _wait(end: Ended, params: Funding, state: FundingArbState) -> None:
    if end.failed:
        count = state.failures.get(end.group, 0)
        state.failures[end.group] = count + 1
        state.failed_ts[end.group] = end.ts
        longest = params.cooldown_failed_max_h * HOUR_NS
        # The exponent is bounded so that a long run of failures does not build a huge integer.
        wait = min(params.cooldown_failed_min * _MINUTE_NS << min(count, 16), longest)
    else:
        wait = params.cooldown_close_h * HOUR_NS
    state.cooldowns[end.group] = max(state.cooldowns.get(end.group, 0), end.ts + wait)


def _review_pairs(view: StrategyView, params: Funding, state: FundingArbState) -> list[Intent]:
    legs = {leg.instrument.id: leg for leg in view.legs}
    out: list[Intent] = []
    for pair in view.pairs:
        track = state.tracks.get(pair.id, PairTrack())
        said, state.tracks[pair.id] = review(
            pair, legs.get(pair.short), legs.get(pair.long), track, params, view.depeg, view.now
        )
        out += said
    return out


def _enter(
    view: StrategyView, judged: tuple[Evaluation, ...], rules: BoardRules
) -> tuple[list[OpenPair], tuple[Evaluation, ...]]:
    """Propose from the best net edge down; each proposal counts as held for the ones after it."""
    held = rules.held
    out: list[OpenPair] = []
    told: list[Evaluation] = []
    instruments = {leg.instrument.id: leg.instrument for leg in view.legs}
    for row in judged:
        if row.refusals or row.rank is None:
            told.append(row)
            continue
        against = book_refusals(
            row.group, instruments[row.short], instruments[row.long], replace(rules, held=held), view.now
        )
        if against:
            told.append(replace(row, refusals=tuple(against)))
            continue
        intent = _proposal(row, rules.params, view.depeg_d)
        told.append(row)
        if intent is not None:
            out.append(intent)
            held = (*held, HeldPair("", row.group, row.short, row.long))
    return out, tuple(told)


def _proposal(row: Evaluation, params: Funding, depeg_d: Decimal) -> OpenPair | None:
    if (
        row.spread is None
        or row.gross is None
        or row.costs is None
        or row.net_edge is None
        or row.break_even_h is None
    ):
        return None  # the refusals name every missing fact; this is for the type checker and for safety
    return OpenPair(
        short=row.short,
        long=row.long,
        group=row.group,
        kind=row.kind,
        strength=strength(row.net_edge, row.costs),
        stop_distance=stop_distance(row.same_coin, params, depeg_d),
        spread=row.spread,
        gross=row.gross,
        costs=row.costs,
        net_edge=row.net_edge,
        break_even_h=row.break_even_h,
        reason=f"spread {row.spread:.2f} bps/8h, net edge {row.net_edge:.1f} bps over "
        f"{params.hold_h:f} h at costs {row.costs:.1f}, break-even {row.break_even_h:.0f} h",
    )


def _next_wake(view: StrategyView, params: Funding, state: FundingArbState) -> int | None:
    now = view.now
    instants: list[int] = [until for until in state.cooldowns.values() if until > now]
    for leg in view.legs:
        instants += _leg_instants(leg, params)
    for pair in view.pairs:
        instants += wake_instants(pair, state.tracks[pair.id], params)
    return min((ts for ts in instants if ts > now), default=None)


def _leg_instants(leg: LegFacts, params: Funding) -> tuple[int, ...]:
    """First instants after the blackouts and the opening of the window, around the coming settlement."""
    row = leg.rate
    interval = None if row is None else interval_of(row)
    if row is None or row.next_ts is None or interval is None:
        return ()
    clear = (params.blackout_s + 1) * SECOND_NS
    return (
        row.next_ts - hours_ns(interval) + clear,
        row.next_ts - params.entry_window_max_s * SECOND_NS,
        row.next_ts + clear,
    )
