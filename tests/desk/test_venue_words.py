"""What a venue says of itself is kept, and failed requests feed its error rate."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from services.desk.desk import Desk
from services.domain.effects import ArmDeadMan, Effect
from services.domain.enums import RateKind
from services.domain.events import Event, MarketFrame, Timer
from services.domain.venue_events import DeadManReport, InstrumentsListed, RequestFailed, VenueFacts
from tests.desk.world import DeskWorld, S


def test_facts_and_the_switch_are_kept_with_the_venue_across_a_checkpoint() -> None:
    world = DeskWorld()
    facts = VenueFacts(
        venue="alpha", ts=world.now, conditional=True, dead_man=True, conditional_survives_dead_man=True
    )
    report = DeadManReport(
        venue="alpha", armed=True, fires_at=world.now + 60 * S, ts_event=world.now, ts=world.now
    )
    for event in (facts, report, DeadManReport(venue="gamma", armed=True, fires_at=1, ts_event=1, ts=1)):
        world.machine.feed(event)
    restored = Desk.restore(world.desk.export())
    assert (restored.venues["alpha"].facts, restored.venues["alpha"].dead_man) == (facts, report)
    assert "gamma" not in restored.venues


def test_a_rate_beyond_what_the_venue_says_it_settles_is_none() -> None:
    """SEMANTICS 1: the venue's own cap before 3 % per 8 h, also after a change of the settings."""
    world = DeskWorld().run(1)
    core = world.desk.core
    facts = core.state.venues["alpha"].facts
    assert facts is not None
    (name,) = [each.id for each in core.instruments.values() if each.id == "BTC-USDT-PERP.alpha"]
    known = core.picture.rate(name)
    assert known is not None
    feed = core.picture.state.feeds["alpha"]
    assert feed.seq is not None
    frame = MarketFrame(
        venue="alpha",
        ts=world.now,
        ts_event=world.now,
        seq=feed.seq + 1,
        rates=(replace(known, kind=RateKind.SETTLED, rate=Decimal("0.004"), rate_ts=known.rate_ts + 1),),
    )
    for cap, taken in (("0.0039", False), ("0.004", True)):
        restored = Desk(core.settings, core.instruments, Desk.restore(world.desk.export()))
        restored.handle(replace(facts, funding_caps={name: Decimal(cap)}))
        restored.core.bind(core.settings)
        restored.handle(frame)
        assert (restored.core.picture.rate(name, world.now) is not None) is taken


def test_what_a_venue_is_asked_for_is_kept_with_its_picture() -> None:
    world = DeskWorld().run(1)
    core = world.desk.core
    told = core.state.venues["alpha"].facts
    assert told is not None
    world.desk.handle(replace(told, asked=("marks",)))
    core.bind(core.settings)
    assert core.picture.state.feeds["alpha"].asked == ("marks",)
    assert Desk.restore(world.desk.export()).picture.feeds["alpha"].asked == ("marks",)


def test_over_a_fifth_of_failed_requests_takes_new_risk_off_the_venue() -> None:
    world = DeskWorld().run(1)
    answered = 2  # the reads of the start and of the connect
    for failed in range(20):
        assert ("alpha" in world.desk.core.venue_errors.blocked()) == (failed + answered >= 20)
        world.machine.feed(
            RequestFailed(venue="alpha", what="read", subject="r1", reason="429", ts=world.now)
        )
    assert "alpha" in world.desk.core.venue_errors.blocked()
    assert "beta" not in world.desk.core.venue_errors.blocked()
    assert any(alert.key == "venue errors:alpha" for alert in world.told)
    assert [d.text for d in world.decisions("request failed")][-1] == "read r1: 429"


def test_the_driver_carries_the_beat_to_its_venue_and_the_answer_back() -> None:
    world = DeskWorld().run(3)
    desk = world.machine.desk

    class Armed:
        def decide(self, event: Event) -> tuple[Effect, ...]:
            return (ArmDeadMan("beta", 60_000),)

        def follow(self) -> tuple[Effect, ...]:
            return ()

        def overran(self) -> str | None:
            return None

    world.machine.desk = Armed()
    world.machine.feed(Timer(name="beat", ts=world.now))
    world.machine.desk = desk
    world.run(1)
    told = [each for each in world.keeper.inputs if isinstance(each, DeadManReport)]
    assert [(each.venue, each.armed, each.fired) for each in told][:1] == [("beta", True, False)]
    assert world.desk.state.venues["alpha"].dead_man is None
    world.run(5)
    last = world.desk.state.venues["beta"].dead_man
    assert last is not None
    assert not last.armed, "nothing rests there: what stays armed against the desk's wish is taken off"


def test_each_connect_tells_what_the_venue_can_do() -> None:
    world = DeskWorld().run(1)
    for venue in ("alpha", "beta"):
        facts = world.desk.state.venues[venue].facts
        assert facts is not None
        assert facts.conditional_survives_dead_man


def test_facts_that_a_venue_changes_hold_from_the_next_order_on_and_across_a_checkpoint() -> None:
    world = DeskWorld().run(90)
    core, name = world.desk.core, "BTC-USDT-PERP.alpha"
    before = core.instruments[name]
    wide = replace(before, price_increment=Decimal(50), size_increment=Decimal("0.01"))
    assert core.picture.sides(name) is not None
    stranger = replace(before, id="XRP-USDT-PERP.alpha")
    world.machine.feed(InstrumentsListed(venue="alpha", instruments=(wide, stranger), ts=world.now))
    assert core.instruments[name] == wide
    assert stranger.id not in core.instruments
    sides = core.picture.sides(name)
    assert sides is not None
    assert sides.bid % 50 == sides.ask % 50 == 0, "no price of the old grid is remembered"
    assert "size_increment 0.001 -> 0.01" in world.decisions("instrument")[-1].text
    done = world.answer("buy", symbol=name, size="0.015")
    assert "buy 0.01 BTC" in done.result, "on the new grid, rounded down"
    restored = Desk(world.desk.core.base_settings, {name: before}, Desk.restore(world.desk.export()))
    assert restored.core.instruments[name] == wide


def test_a_market_off_its_venues_list_takes_nothing_new_and_is_told_until_it_is_back() -> None:
    world = DeskWorld().run(90)
    name = "BTC-USDT-PERP.alpha"
    spec = world.desk.core.instruments[name]
    gone = replace(spec, delisting_ts=world.now)
    world.machine.feed(InstrumentsListed(venue="alpha", instruments=(gone,), ts=world.now))
    done = world.answer("buy", symbol=name, size="0.01")
    assert not done.ok
    assert "close-only" in done.text
    assert any(alert.key == f"delisting:{name}" for alert in world.told)
    assert world.desk.core.alerts.is_open(f"delisting:{name}")
    world.machine.feed(InstrumentsListed(venue="alpha", instruments=(spec,), ts=world.now))
    assert not world.desk.core.alerts.is_open(f"delisting:{name}")
