"""An exit leg that does not fill calls a person, and the call stands until the pair goes on."""

from __future__ import annotations

from services.domain.enums import PairState
from services.execution.actions import Became, Escalate
from tests.desk.world import DeskWorld, quick


def state_of(world: DeskWorld, key: str) -> str:
    found = world.desk.core.alerts.state.alerts.get(key)
    return "" if found is None else found.state


def test_the_page_of_an_exit_that_does_not_fill_is_not_resolved_in_its_own_turn() -> None:
    """The pair is frozen in the same breath, and its change of state took the alert away again."""
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    [pair] = world.desk.core.state.pairs.pairs
    desk = world.desk
    text = "exit leg does not fill; the other leg is left alone"
    desk.submit.run((Became(pair, PairState.FROZEN, text), Escalate(pair, text, name="stuck")))
    desk.life.follow_up()
    assert state_of(world, f"stuck:{pair}") == "raised"
    desk.submit.run((Became(pair, PairState.CLOSING, "thawed"),))
    desk.life.follow_up()
    assert state_of(world, f"stuck:{pair}") == "resolved"
