"""Cross-exchange price discrepancy: sell on the dear venue, buy on the cheap one (SEMANTICS 6).

`decide` judges every instrument that two venues list by `services.market.discrepancy`, proposes the pairs
whose net edge reaches the threshold, and reviews the open ones. It trades out of what lies on both venues: it
moves nothing, and a coin that runs low on one of them only stops the entries that need it. Spot changes hands
once, for two fees, down to the low marks and no further; a perp pair is held until its prices met.

Exits, in order of judgement: a demand of the desk; staleness, which freezes and is never an exit; the pair
stop; delisting; prices met (`exit_level`, executable, both quotes young and in step); max hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from services.domain.enums import PairState
from services.domain.money import BPS
from services.market.board import HeldPair
from services.market.crossing import (
    IDLE,
    NO_QUOTE,
    NO_SIZE,
    SKEWED,
    TOO_OLD,
    CrossRules,
    Discrepancy,
    Look,
    own_book,
    pair_key,
)
from services.market.discrepancy import scan, unwinding
from services.market.funding import HOUR_NS, SECOND_NS, hours_ns
from services.market.legs import same_coin
from services.settings.cross import Cross
from services.strategies import edges
from services.strategies.base import (
    ClosePair,
    Ended,
    FreezePair,
    Intent,
    OpenPair,
    PairFacts,
    StrategyView,
    ThawPair,
)
from services.strategies.edges import EdgeBook
from services.strategies.exits import DELISTING, MAX_HOLD, PAIR_STOP, pair_loss_bps
from services.strategies.funding_arb import strength

KIND = "cross_exchange"
MET = "prices met"

_MINUTE_NS = 60 * SECOND_NS
_MS = 1_000_000
_WATCHED = (PairState.HEDGED, PairState.FROZEN)
_LEAVING = (PairState.CLOSING, PairState.CLOSED, PairState.UNWINDING)
_MISSING = (NO_QUOTE, NO_SIZE, "no ", "unknown ", "inventory unknown")
"""Refusals that say that something is not known: they are counted, for nothing missing is harmless."""


class CrossState(Struct):
    """All that the strategy remembers. Values are immutable: `copied` copies only the containers."""

    cooldowns: dict[str, int] = field(default_factory=dict)
    """Unordered pair of instruments -> waits until."""
    failures: dict[str, int] = field(default_factory=dict)
    """The same -> failed attempts in a row."""
    met: list[str] = field(default_factory=list)
    """Pairs that were closed because their prices met."""
    frozen: dict[str, int] = field(default_factory=dict)
    """Pair -> frozen since."""
    edges: EdgeBook = field(default_factory=EdgeBook)
    """For the summary."""
    missing: dict[str, int] = field(default_factory=dict)
    """Missing fact, with its subject -> looks that had to do without."""
    verdict: str = ""
    """The best pair and what stands against it, for the console."""
    hurry: bool = False
    """The two venues' quotes are out of step: the next frame is worth a look at once."""
    wake_at: int | None = None

    def copied(self) -> CrossState:
        return CrossState(
            cooldowns=dict(self.cooldowns),
            failures=dict(self.failures),
            met=list(self.met),
            frozen=dict(self.frozen),
            edges=self.edges.copied(),
            missing=dict(self.missing),
            verdict=self.verdict,
            hurry=self.hurry,
            wake_at=self.wake_at,
        )


class CrossExchange:
    """The kind `cross_exchange`."""

    kind = KIND

    def initial(self) -> CrossState:
        return CrossState()

    def decide(
        self, view: StrategyView, params: Cross, state: CrossState
    ) -> tuple[tuple[Intent, ...], CrossState]:
        return decide(view, params, state)

    def refused(self, state: CrossState, short: str, long: str, rule: str) -> CrossState:
        """See `HearsRefusals`."""
        state = state.copied()
        state.edges = edges.refused(state.edges, short, long, rule)
        return state


def rows(view: StrategyView, params: Cross, state: CrossState) -> tuple[Discrepancy, ...]:
    """Every pair as this strategy judges it now: what the console shows and what `decide` acts on."""
    return scan(view.looks, _rules(view, params, state), view.now)


def decide(view: StrategyView, params: Cross, state: CrossState) -> tuple[tuple[Intent, ...], CrossState]:
    """One judgement of everything in view. `state` is left as it is; the next one is returned."""
    state = state.copied()
    _note_ends(view, params, state)
    intents = _review(view, params, state)
    rules = _rules(view, params, state)
    judged = scan(view.looks, rules, view.now)
    entries = _enter(judged, rules, view)
    edges.count(state.edges, judged, entries, params.threshold)
    _note_missing(judged, state)
    state.hurry = any(text.startswith((TOO_OLD, SKEWED)) for row in judged for text in row.refusals)
    state.verdict = _said(judged)
    state.wake_at = _next_wake(view, params, state)
    return (*intents, *entries), state


def _rules(view: StrategyView, params: Cross, state: CrossState) -> CrossRules:
    return CrossRules(
        params=params,
        coins=view.coins,
        stocks=view.stocks,
        depeg=view.depeg,
        held=view.held,
        mine=tuple(pair.id for pair in view.pairs if pair.state is not PairState.CLOSED),
        cooldowns=state.cooldowns,
        blocked=view.blocked,
        step_ns=view.step_ns,
    )


# -- ends and waits --------------------------------------------------------------------------------------


def _note_ends(view: StrategyView, params: Cross, state: CrossState) -> None:
    for pair in view.pairs:
        if pair.opened_ts is not None:
            state.failures.pop(pair_key(pair.short, pair.long), None)
    for end in view.ended:
        key = pair_key(end.short, end.long)
        if end.exchanged:
            state.failures.pop(key, None)
        state.cooldowns[key] = max(state.cooldowns.get(key, 0), end.ts + _wait(end, key, params, state))
    alive = {pair.id for pair in view.pairs}
    state.met = [name for name in state.met if name in alive]
    state.frozen = {name: ts for name, ts in state.frozen.items() if name in alive}
    state.cooldowns = {key: until for key, until in state.cooldowns.items() if until > view.now}


def _wait(end: Ended, key: str, params: Cross, state: CrossState) -> int:
    """Short after prices that met or spot that changed hands; long after a pair that was closed before: what
    did not come together once would only pay the fees again."""
    longest = params.cooldown_max_h * HOUR_NS
    if end.failed:
        count = state.failures.get(key, 0)
        state.failures[key] = count + 1
        return min(params.cooldown_failed_min * _MINUTE_NS << min(count, 16), longest)
    done = end.exchanged or end.pair in state.met
    return params.cooldown_close_min * _MINUTE_NS if done else longest


# -- entries ---------------------------------------------------------------------------------------------


def _enter(judged: Iterable[Discrepancy], rules: CrossRules, view: StrategyView) -> list[OpenPair]:
    """From the best net edge down; each proposal counts as held for the ones after it."""
    looks = {look.instrument.id: look for look in view.looks}
    out: list[OpenPair] = []
    for row in judged:
        if row.refusals or any(own_book(row, rules, view.now)):
            continue
        intent = _proposal(row, looks[row.sell], looks[row.buy], rules.params, view.depeg_d)
        if intent is not None:
            out.append(intent)
            held = HeldPair("", row.underlying, row.sell, row.buy)
            rules = replace(rules, held=(*rules.held, held), mine=(*rules.mine, ""))
    return out


def _proposal(row: Discrepancy, dear: Look, cheap: Look, params: Cross, depeg_d: Decimal) -> OpenPair | None:
    if row.gross is None or row.costs is None or row.net is None:
        return None  # the refusals name every missing fact; this is for the type checker and for safety
    stop = params.pair_stop * BPS
    same = same_coin(dear.instrument, cheap.instrument)
    return OpenPair(
        short=row.sell,
        long=row.buy,
        group=row.underlying,
        kind="hedge" if dear.instrument.is_perp else "spot",
        strength=strength(row.net, row.costs),
        stop_distance=stop if same else max(stop, depeg_d),
        spread=row.gross,
        gross=row.gross,
        costs=row.costs,
        net_edge=row.net,
        break_even_h=None,
        reason=f"{row.gross:.1f} bps apart, net {row.net:.1f} after costs of {row.costs:.1f}",
        most=row.quantity,
    )


# -- open pairs ------------------------------------------------------------------------------------------


def _review(view: StrategyView, params: Cross, state: CrossState) -> list[Intent]:
    looks = {look.instrument.id: look for look in view.looks}
    out: list[Intent] = []
    for pair in view.pairs:
        out += _judge(pair, looks.get(pair.short), looks.get(pair.long), view, params, state)
    return out


def _judge(
    pair: PairFacts,
    short: Look | None,
    long: Look | None,
    view: StrategyView,
    params: Cross,
    state: CrossState,
) -> Iterable[Intent]:
    if pair.demand:
        if pair.state not in _LEAVING:
            _forget(pair.id, state.met)
            yield ClosePair(pair=pair.id, reason=pair.demand, discretionary=False)
        return
    if pair.state not in _WATCHED:
        return
    if short is None or long is None or short.stale or long.stale:
        since = state.frozen.setdefault(pair.id, view.now)
        yield FreezePair(
            pair=pair.id, reason=_stale(pair.short, short) or _stale(pair.long, long), since=since
        )
        return
    if state.frozen.pop(pair.id, None) is not None:
        yield ThawPair(pair=pair.id)
    if pair_loss_bps(pair) >= params.pair_stop:
        _forget(pair.id, state.met)
        yield ClosePair(pair=pair.id, reason=PAIR_STOP, discretionary=False)
        return
    reason = _exit(pair, short, long, view, params)
    if reason:
        _forget(pair.id, state.met)
        if reason == MET:
            state.met.append(pair.id)
        yield ClosePair(pair=pair.id, reason=reason, discretionary=True)


def _forget(name: str, names: list[str]) -> None:
    if name in names:
        names.remove(name)


def _exit(pair: PairFacts, short: Look, long: Look, view: StrategyView, params: Cross) -> str:
    for look in (short, long):
        gone = look.instrument.delisting_ts
        if gone is not None and view.now >= gone - hours_ns(params.delisting_exit_h):
            return DELISTING
    if _in_step(short, long, params, view.step_ns):
        left = unwinding(short, long, pair.quantity, view.coins)
        if left is not None and left <= params.exit_level:
            return MET
    if pair.opened_ts is not None and view.now - pair.opened_ts >= hours_ns(params.max_hold_h):
        return MAX_HOLD
    return ""


def _in_step(short: Look, long: Look, params: Cross, step_ns: int) -> bool:
    if short.age_ns is None or long.age_ns is None:
        return False
    age, skew = max(params.quote_age_ms * _MS, 2 * step_ns), max(params.skew_ms * _MS, 2 * step_ns)
    low, high = sorted((short.age_ns, long.age_ns))
    return low >= 0 and high < age and high - low < skew


def _stale(name: str, look: Look | None) -> str:
    if look is None:
        return f"{name}: no data"
    return f"{name}: {look.stale} stale" if look.stale else ""


# -- what is told ----------------------------------------------------------------------------------------


def _note_missing(judged: Iterable[Discrepancy], state: CrossState) -> None:
    for row in judged:
        for text in row.refusals:
            if text.startswith(_MISSING):
                state.missing[text] = state.missing.get(text, 0) + 1


def _said(judged: tuple[Discrepancy, ...]) -> str:
    if not judged:
        return "no instrument is listed on two venues"
    best = next((row for row in judged if not any(t.startswith(IDLE) for t in row.refusals)), judged[0])
    figures = "" if best.net is None else f" net {best.net:.1f} bps"
    told = [text for text in best.refusals if not text.startswith((TOO_OLD, SKEWED))] or best.refusals
    against = told[0] if told else "enter"
    return f"sell {best.sell}, buy {best.buy}{figures}: {against}"


def _next_wake(view: StrategyView, params: Cross, state: CrossState) -> int | None:
    instants = list(state.cooldowns.values())
    for pair in view.pairs:
        if pair.opened_ts is not None:
            instants.append(pair.opened_ts + hours_ns(params.max_hold_h))
        since = state.frozen.get(pair.id)
        if since is not None:
            instants.append(since + params.freeze_alert_s * SECOND_NS)
            instants.append(since + params.freeze_page_min * _MINUTE_NS)
    return min((ts for ts in instants if ts > view.now), default=None)
