"""What a venue says of itself is kept, and failed requests feed its error rate."""

from __future__ import annotations

from services.desk.desk import Desk
from services.domain.events import DeadManReport, RequestFailed, VenueFacts
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


def test_over_a_fifth_of_failed_requests_takes_new_risk_off_the_venue() -> None:
    world = DeskWorld().run(1)
    for _ in range(20):
        assert "alpha" not in world.desk.core.venue_errors.blocked()
        world.machine.feed(
            RequestFailed(venue="alpha", what="read", subject="r1", reason="429", ts=world.now)
        )
    assert "alpha" in world.desk.core.venue_errors.blocked()
    assert "beta" not in world.desk.core.venue_errors.blocked()
    assert any(alert.key == "venue errors:alpha" for alert in world.told)
    assert [d.text for d in world.decisions("request failed")][-1] == "read r1: 429"
