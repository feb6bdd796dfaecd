"""The dead-man's switch of the simulated venues: beats, silence, a dead line, a death and a recovery."""

from __future__ import annotations

from pathlib import Path

from services.domain.events import Event, OrderAccepted, OrderCanceled, VenueLink
from services.domain.venue_events import DeadManReport, VenueFacts
from services.venues.sim.world import make_world
from tests.sim.builders import NS, Sim, order

BETA = "BTC-USDT-PERP.beta"
DEAD_MAN = "dead-man's switch"


def armed(timeout_ms: int = 60_000, folder: Path | None = None, scenario: str = "calm") -> Sim:
    """A resting order on beta, and the switch armed."""
    sim = Sim(make_world(scenario, step_s=5), folder)
    sim.run(1)
    assert any(
        isinstance(e, OrderAccepted) for e in sim.send(order("buy", "0.1", "20000", BETA, cid="d" * 20))
    )
    sim.exchange.venues["beta"].dead_man(sim.queue.now, timeout_ms)
    (report,) = reports(sim.run(1))
    assert report.armed
    assert report.fires_at == report.ts_event + timeout_ms * 1_000_000
    return sim


def reports(events: list[Event]) -> list[DeadManReport]:
    return [e for e in events if isinstance(e, DeadManReport)]


def ended(events: list[Event]) -> list[str]:
    return [e.reason for e in events if isinstance(e, OrderCanceled)]


def test_in_silence_it_cancels_the_working_orders_at_its_time_and_says_so() -> None:
    sim = armed()
    sim.send(order("buy", "0.1", "20000", "BTC-USDT-PERP.alpha"))
    assert ended(sim.run(57)) == []
    events = sim.run(2)
    assert ended(events) == [DEAD_MAN]
    (report,) = reports(events)
    assert (report.venue, report.armed, report.fires_at, report.fired) == ("beta", False, None, True)
    assert report.ts_event == next(e.ts_event for e in events if isinstance(e, OrderCanceled))
    assert sim.exchange.books("beta").orders == ()
    assert len(sim.exchange.books("alpha").orders) == 1, "each venue has its own"
    assert reports(sim.run(300)) == [], "told once"


def test_beats_put_it_off_and_a_disarmed_one_never_fires() -> None:
    sim = armed()
    for _ in range(8):
        assert ended(sim.run(15)) == []
        sim.exchange.venues["beta"].dead_man(sim.queue.now, 60_000)
    assert ended(sim.run(1)) == []
    sim.exchange.venues["beta"].dead_man(sim.queue.now, 0)
    (report,) = reports(sim.run(1))
    assert (report.armed, report.fires_at, report.fired) == (False, None, False)
    assert ended(sim.run(300)) == []


def test_it_fires_while_the_line_is_down_and_is_told_when_it_is_up_again() -> None:
    sim = armed(timeout_ms=60_000, scenario="outage")
    start, beta = sim.world.start, sim.exchange.venues["beta"]
    while sim.queue.now < start + 40 * 60 * NS:
        beta.dead_man(sim.queue.now, 60_000)
        assert not any(report.fired for report in reports(sim.run(15)))
    assert sim.exchange.books("beta").orders == (), "the beats into the dead line did not arrive"
    events = sim.until(start + 43 * 60 * NS)
    words = [e for e in events if isinstance(e, VenueFacts | VenueLink | DeadManReport | OrderCanceled)]
    assert [type(e) for e in words[:4]] == [VenueFacts, VenueLink, DeadManReport, OrderCanceled]
    assert reports(events)[0].fired
    assert ended(events) == [DEAD_MAN]


def test_markets_stand_still_over_a_death_and_the_switch_fires_after_the_recovery(tmp_path: Path) -> None:
    sim = armed(folder=tmp_path)
    back = Sim(sim.world, tmp_path, resume_at=sim.queue.now)
    assert len(back.exchange.books("beta").orders) == 1
    events = back.run(70)
    assert [report.fired for report in reports(events)] == [True]
    assert ended(events) == [DEAD_MAN]


def test_fired_and_died_before_it_was_told_it_is_told_on_the_next_connect(tmp_path: Path) -> None:
    sim = armed(folder=tmp_path)
    later = sim.queue.now + 65 * NS
    back = Sim(sim.world, tmp_path, resume_at=later)
    assert back.exchange.books("beta").orders == ()
    events = [e for e in back.run(1) if getattr(e, "venue", "") == "beta"]
    assert [type(e) for e in events[:3]] == [VenueFacts, VenueLink, DeadManReport]
    assert reports(events)[0].fired


def test_a_checkpoint_keeps_it_armed_and_books_are_those_of_a_run_that_never_stopped(tmp_path: Path) -> None:
    whole, first = armed(timeout_ms=4_000_000), armed(timeout_ms=4_000_000, folder=tmp_path)
    for sim in (whole, first):
        sim.run(3_700)
    back = Sim(first.world, tmp_path, resume_at=first.queue.now)
    assert len(back.exchange.books("beta").orders) == 1
    back.run(400)
    whole.run(400)
    states = [sim.exchange.venues["beta"].state for sim in (whole, back)]
    assert states[0].orders == states[1].orders
    assert not any(o.live for o in states[0].orders.values())
