"""Sentences of SEMANTICS 3 to 5 that a third look found to hold only in part.

Two worlds serve all: each test looks, meddles, and puts back what it moved.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk import blackout, exits, gatekeeping, protection
from services.desk.answers import cause_views
from services.desk.core import SECOND, DeskCore
from services.desk.pair_books import entered
from services.desk.pair_facts import pair_facts
from services.desk.submit import Submitter
from services.domain.enums import PairState, Purpose, Severity, TradingState
from services.domain.events import MarketFrame, RateRow, Timer
from services.domain.money import DESK_CONTEXT
from services.domain.orders import OrderRequest
from services.execution.pair_state import Pair
from services.market.legs import leg_facts
from services.risk.context import Stage
from services.risk.gate import check_order
from services.settings.funding import Funding
from services.strategies.base import FreezePair, ThawPair
from services.strategies.exits import PairTrack, review
from tests.desk.world import DeskWorld, quick

D = Decimal


@pytest.fixture(scope="module")
def _begun() -> DeskWorld:
    """Its first pair has a slice of leg 1 and no more."""
    with decimal.localcontext(DESK_CONTEXT):
        world = DeskWorld(settings=quick())
        return world.until(lambda w: any(p.short.size or p.long.size for p in w.desk.core.pairs.live()))


@pytest.fixture
def opening(_begun: DeskWorld) -> Iterator[DeskWorld]:
    with decimal.localcontext(DESK_CONTEXT):
        yield _begun
        assert _begun.pair_states() == [PairState.OPENING], "left as it was"


@pytest.fixture(scope="module")
def _hedged() -> DeskWorld:
    with decimal.localcontext(DESK_CONTEXT):
        return DeskWorld(settings=quick()).until(lambda w: PairState.HEDGED in w.pair_states()).run(1)


@pytest.fixture
def hedged(_hedged: DeskWorld) -> Iterator[DeskWorld]:
    with decimal.localcontext(DESK_CONTEXT):
        yield _hedged
        assert _hedged.pair_states() == [PairState.HEDGED], "left as it was"


def the_pair(world: DeskWorld) -> Pair:
    (pair,) = world.desk.core.pairs.live()
    return pair


def reserved_rows(core: DeskCore) -> list[tuple[str, Decimal]]:
    rows = gatekeeping.open_orders(core)
    return [(row.instrument, row.leaves) for row in rows if row.stage is Stage.RESERVED]


def a_slice(world: DeskWorld) -> OrderRequest:
    """The next one of leg 1, as the machine would ask for it."""
    pair = the_pair(world)
    asked = world.desk.core.pairs.admission(pair.id, world.desk.submit.prices)
    assert asked is not None
    order = asked[pair.first - 1]
    spec = world.desk.core.instruments[order.instrument]
    return replace(order, client_order_id="next", quantity=spec.min_size * 10)


# -- 3: one gate ------------------------------------------------------------------------------------------


def test_a_pair_in_doubt_keeps_its_reservation_and_its_tokens(opening: DeskWorld) -> None:
    """It goes on opening when the doubt ends, and the hedge of that order then passes on the reservation
    alone: nobody else may have taken its head-room meanwhile."""
    core, pair = opening.desk.core, the_pair(opening)
    before = reserved_rows(core)
    assert before
    asked = gatekeeping.context(core, "ETH-USDT-PERP.alpha", pair.short.side, "strategy:x", None)
    pair.resume, pair.state = pair.state, PairState.IN_DOUBT
    try:
        assert reserved_rows(core) == before
        again = gatekeeping.context(core, "ETH-USDT-PERP.alpha", pair.short.side, "strategy:x", None)
        assert again.usage.last_second == asked.usage.last_second >= gatekeeping.PAIR_TOKENS
        pair.resume = PairState.UNWINDING
        assert reserved_rows(core) == [], "what is on its way out keeps nothing"
    finally:
        pair.state = PairState.OPENING


def test_a_pair_in_doubt_on_its_way_in_still_claims_what_it_will_hedge_with(opening: DeskWorld) -> None:
    """An order by hand against the leg that is still to come would net with its hedge: HEDGED, and naked."""
    core, pair = opening.desk.core, the_pair(opening)
    wanted = {leg.instrument: leg.target * leg.side.sign for leg in pair.legs}
    assert core.pairs.claimed() == wanted
    pair.resume, pair.state = pair.state, PairState.IN_DOUBT
    try:
        assert core.pairs.claimed() == wanted
        pair.resume = PairState.UNWINDING
        held = {leg.instrument: leg.size * leg.side.sign for leg in pair.legs if leg.size}
        assert core.pairs.claimed() == held != wanted, "what is on its way out claims what it still has"
    finally:
        pair.state = PairState.OPENING


def test_the_slices_of_an_admitted_pair_are_no_repeats(opening: DeskWorld) -> None:
    """Five entries in a minute pass, the fifth with all its slices; the sixth is what disables the origin."""
    core, pair, order = opening.desk.core, the_pair(opening), a_slice(opening)
    kept = replace(core.throttle.state, entries={k: list(v) for k, v in core.throttle.state.entries.items()})
    try:
        for leg in pair.legs:
            for _ in range(4):
                core.throttle.entry(pair.origin, leg.instrument, leg.side.value, core.now)
        ctx = gatekeeping.order_context(core, order)
        assert "repeat throttle" not in {check.name for check in check_order(ctx, order).failed}
        sixth = replace(order, pair=None)
        answer = check_order(gatekeeping.order_context(core, sixth), sixth)
        assert "repeat throttle" in {check.name for check in answer.failed}
        assert answer.disable_origin
    finally:
        core.throttle.state.entries = kept.entries


def test_a_clock_that_was_wrong_takes_new_risk_again_only_after_a_while(hedged: DeskWorld) -> None:
    core, pair = hedged.desk.core, the_pair(hedged)

    def halted() -> bool:
        ctx = gatekeeping.context(core, pair.short.instrument, pair.short.side, "operator", None)
        return "alpha" in ctx.halts_venue

    book, now = core.state.venue("alpha"), core.now
    assert not halted()
    book.clock_off_ts = now
    try:
        assert halted()
        core.state.now = now + core.settings.fresh.self_clear_s * SECOND - 1
        assert halted()
        core.state.now += 1
        assert not halted()
    finally:
        core.state.now, book.clock_off_ts = now, None


def test_a_cause_that_comes_last_in_a_step_unwinds_in_that_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page, or a streak of losses, comes after the look at the state, and may not wait for an event."""
    with decimal.localcontext(DESK_CONTEXT):
        world = DeskWorld(settings=quick())
        world.until(lambda w: any(p.short.size or p.long.size for p in w.desk.core.pairs.live()))
        core = world.desk.core
        inner, raised = protection.follow, []

        def follow(core: DeskCore, submit: Submitter) -> None:
            inner(core, submit)
            if not raised:
                raised.append(core.raise_cause("late", "all", TradingState.REDUCING, "x", latched=True))

        monkeypatch.setattr(protection, "follow", follow)
        world.machine.feed(Timer(name="none", ts=world.now))
    assert raised
    assert not core.state.causes_changed
    core.raise_cause("late", "all", TradingState.REDUCING, "x is 40 s old", latched=True)
    assert core.alerts.state.alerts["late"].text == "x is 40 s old", "as it stands now, and told once"
    assert core.alerts.state.alerts["late"].count == 1
    core.raise_cause("slow", "all", TradingState.REDUCING, "x is 14 s old")
    core.good_cause("slow", "all")
    assert core.alerts.state.alerts["slow"].text == "x is 14 s old; good again, watched for 1 s"
    told = {each.name: each.text for each in cause_views(core)}
    assert told["slow"] == "x is 14 s old; good again, watched for 1 s", "the answer bar says so, too"
    core.bad_cause("slow", "all")
    assert core.alerts.state.alerts["slow"].text == "x is 14 s old", "no longer good"
    core.raise_cause("slow", "all", TradingState.REDUCING, "x is 11 s old")
    assert core.alerts.state.alerts["slow"].text == "x is 11 s old"
    assert the_pair(world).state is PairState.UNWINDING


def test_a_depeg_that_a_person_resumed_over_stays_resumed(hedged: DeskWorld) -> None:
    """Without it the next look latched it again, and no resume could lift it."""
    core, before = hedged.desk.core, core_levels(hedged)

    def look() -> TradingState:
        core.state.next_risk = 0
        hedged.machine.feed(Timer(name="risk", ts=hedged.now))
        return core.causes.worst()

    watch = core.depeg.state.coins["USDC"]
    for level in watch.levels.values():
        level.active = True
    try:
        assert look() is TradingState.REDUCING
        assert {c[:2] for c in hedged.causes()} == {("depeg USDC", f"account:{v}") for v in ("alpha", "beta")}
        watch.deviation = Decimal("1289.4")
        core.state.next_risk = hedged.now + SECOND
        assert core.depeg.off("USDC") == "USDC 1,289 bps off its peg"
        look()
        assert core.alerts.told("depeg USDC:account:alpha")[0] == f"alpha: {core.depeg.off('USDC')}"
        assert not hedged.answer("resume", reason="calm again").ok
        core.alert("depeg reduce:USDC", None, "USDC 313 bps from 1 USD")
        look()
        alert = core.alerts.state.alerts["depeg reduce:USDC"]
        assert alert.text == core.depeg.told("USDC"), "as it is now"
        assert alert.count == 1
        assert hedged.answer("resume", reason="I take it", override="depeg USDC").ok
        assert look() is TradingState.ACTIVE
        assert core.depeg.level("USDC") == "reduce", "entries that touch the coin stay blocked"
    finally:
        for level in watch.levels.values():
            level.active = False
    assert look() is TradingState.ACTIVE
    assert core_levels(hedged) == before
    assert watch.lifted is None


def core_levels(world: DeskWorld) -> dict[str, str]:
    return world.desk.core.depeg.levels()


# -- 4: position sizing -----------------------------------------------------------------------------------


def test_only_what_was_entered_was_at_risk(hedged: DeskWorld) -> None:
    core, pair = hedged.desk.core, the_pair(hedged)
    admitted = core.state.admitted[pair.id]
    planned, bought = admitted.planned, (pair.short.bought, pair.long.bought)
    assert planned > 0
    try:
        pair.short.bought = pair.long.bought = planned
        assert entered(core, pair) == 1
        pair.short.bought, pair.long.bought = planned / 4, planned / 2
        assert entered(core, pair) == D("0.5"), "the leg that came further"
        pair.short.target = pair.long.target = planned / 8  # made smaller since by the margin ladder
        assert entered(core, pair) == D("0.5")
        pair.short.bought = planned * 3
        assert entered(core, pair) == 1
        admitted.planned = D(0)
        assert entered(core, pair) == 1, "not known: all of it"
    finally:
        pair.short.bought, pair.long.bought = bought
        pair.short.target = pair.long.target = admitted.planned = planned


# -- 5: funding-rate arbitrage ----------------------------------------------------------------------------


def test_a_stale_index_freezes_a_pair_and_is_not_believed(hedged: DeskWorld) -> None:
    """Quotes and marks are young, the coin's dollar is not: the basis of a pair over two coins would move by
    whatever the coin did since, and close it (5.6: stale data is no exit)."""
    core, pair = hedged.desk.core, the_pair(hedged)
    spec = core.instruments[pair.short.instrument]
    feed = core.picture.state.feeds[spec.venue]
    fresh = feed.indexes[spec.quote]
    params = Funding()

    def legs() -> tuple[str, str]:
        names = [leg.instrument for leg in pair.legs]
        short, long = (leg_facts(core.picture, core.instruments[name], params, core.now) for name in names)
        said, _ = review(pair_facts(core, pair), short, long, PairTrack(), params, {}, core.now)
        return short.stale, said[0].reason if said and isinstance(said[0], FreezePair) else ""

    assert legs() == ("", "")
    assert pair_facts(core, pair).price_pnl is not None
    old = core.now - 200 * SECOND
    feed.indexes[spec.quote] = (fresh[0] * 1.05, old)
    try:
        assert legs() == ("index", f"{spec.id}: index stale")
        facts = pair_facts(core, pair)
        assert (facts.price_pnl, facts.leg_notional) == (None, None)
    finally:
        feed.indexes[spec.quote] = fresh


def test_pairs_of_others_on_funding_keep_their_underlying_and_venues(hedged: DeskWorld) -> None:
    """At most one open pair per (underlying, venue pair), whoever opened it: also one made again after a lost
    store, and one of a second strategy on funding (5.4). After its end the group waits for all (5.9)."""
    core, pair, strategies = hedged.desk.core, the_pair(hedged), hedged.desk.strategies
    settings = core.settings.strategies["funding_arb"]

    def seen() -> tuple[list[str], list[str]]:
        view = strategies.view("funding_arb", settings, bare=True)
        return [held.id for held in view.held], [end.pair for end in view.ended]

    admitted = core.state.admitted[pair.id]
    assert seen() == ([], []), "its own stands among its pairs"
    try:
        for owner in ("rebuilt", "second", "operator"):
            pair.strategy = admitted.strategy = owner
            assert seen() == ([pair.id], []), owner
        pair.state, pair.closed_ts, admitted.strategy = PairState.CLOSED, core.now, "rebuilt"
        assert seen() == ([], [pair.id])
    finally:
        pair.state, pair.closed_ts = PairState.HEDGED, None
        pair.strategy = admitted.strategy = "funding_arb"


@pytest.mark.parametrize("how", ["dropped", "no interval", "no next", "overdue"])
def test_no_entry_slice_while_it_is_not_known_when_a_leg_settles(
    opening: DeskWorld, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rate that was dropped in the middle of an entry could be a minute from its settlement."""
    core, pair, order = opening.desk.core, the_pair(opening), a_slice(opening)
    assert blackout.entry_check(core, order) is None
    known = core.picture.rate(pair.long.instrument, core.now)
    assert known is not None
    row: RateRow | None = {
        "dropped": None,
        "no interval": replace(known, interval_h=None),
        "no next": replace(known, next_ts=None),
        "overdue": replace(known, next_ts=core.now - 90 * SECOND),
    }[how]
    inner = type(core.picture).rate

    def rate(picture: object, name: str, now: int | None = None) -> RateRow | None:
        return row if name == pair.long.instrument else inner(core.picture, name, now)

    monkeypatch.setattr(type(core.picture), "rate", rate)
    check = blackout.entry_check(core, order)
    assert check is not None
    assert not check.passed
    assert blackout.entry_check(core, replace(order, purpose=Purpose.HEDGE)) is None


def test_a_frozen_pair_warns_after_a_minute_and_pages_after_a_quarter_of_an_hour(hedged: DeskWorld) -> None:
    core, pair = hedged.desk.core, the_pair(hedged)

    def alarm(seconds: float) -> Severity | None:
        said = FreezePair(pair=pair.id, reason="mark stale", since=core.now - int(seconds * SECOND))
        exits.freeze(core, hedged.desk.submit, said)
        found = [each for each in core.alerts.open() if each.key == f"frozen:{pair.id}"]
        return found[0].severity if found else None

    try:
        assert alarm(59.9) is None
        assert alarm(60) is Severity.WARNING
        assert alarm(899.9) is Severity.WARNING
        assert alarm(900) is Severity.ALARM
    finally:
        exits.thaw(core, hedged.desk.submit, ThawPair(pair=pair.id))
    assert not core.alerts.is_open(f"frozen:{pair.id}")


def test_a_pair_freezes_though_no_venue_says_a_word() -> None:
    """Frames call a strategy. Without any, its pair stood as if all were well, and nobody was told of it."""
    with decimal.localcontext(DESK_CONTEXT):
        world = DeskWorld(settings=quick()).until(lambda w: PairState.HEDGED in w.pair_states()).run(1)
        world.wire.hook = lambda due, event: () if isinstance(event, MarketFrame) else ((due, event),)
        world.run(95)
    assert world.pair_states() == [PairState.FROZEN]
    assert world.desk.core.alerts.is_open(f"frozen:{the_pair(world).id}")
