"""A scoped flatten outlives a kill at any moment after its first order could leave (SEMANTICS 10)."""

from __future__ import annotations

import shutil
from pathlib import Path

from services.domain.effects import Send, WriteLatch
from services.domain.enums import PairState, TradingState
from services.domain.events import Command
from services.drive.latch import read_latch
from tests.desk.world import DeskWorld, quick
from tests.drive.engines import engine

PAIR = "P-01"


def test_the_latch_is_written_before_the_first_order_of_a_scoped_flatten() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    before = len(world.keeper.effects)
    world.command("flatten", what=PAIR)
    told = [each for each in world.keeper.effects[before:] if isinstance(each, WriteLatch | Send)]
    assert isinstance(told[0], WriteLatch)
    assert told[0].state is TradingState.ACTIVE, "the rest of the desk goes on"
    assert [(each.cause, each.scope) for each in told[0].scopes] == [("flatten", f"pair:{PAIR}")]
    assert any(isinstance(each, Send) for each in told)
    world.until(lambda w: not w.positions(), 60).run(20)
    # The closed pair is forgotten, and its scope with it: so is its place in the latch.
    assert world.keeper.latches[-1].scopes == ()
    assert world.trading_state is TradingState.ACTIVE


def test_resume_takes_a_scope_out_of_the_latch() -> None:
    world = DeskWorld(settings=quick()).run(20)
    world.command("flatten", what="beta")
    assert world.keeper.latches[-1].scopes[0].scope == "venue:beta"
    world.until(lambda w: not w.desk.core.flattens.running(), 60)
    assert world.answer("resume", reason="done").ok
    assert world.keeper.latches[-1].scopes == ()


def test_a_kill_right_after_a_scoped_flatten_does_not_come_back_active(tmp_path: Path) -> None:
    """The journal's rows of it are lost with the process; the latch is not."""
    session, machine = engine(tmp_path, quick())
    while not any(pair.state is PairState.HEDGED for pair in session.desk.core.pairs.live()):
        machine.settle_commits()
        assert machine.step()
    machine.settle_commits()
    session.keeper.commit().result()
    shutil.copytree(tmp_path, tmp_path / "before", ignore=shutil.ignore_patterns("before"))
    command = Command(id="c1", name="flatten", args={"what": PAIR}, origin="test", ts=session.queue.now)
    machine.feed(command)
    found = read_latch(tmp_path / "latch")
    assert found is not None
    assert found.scopes[0][:2] == ("flatten", f"pair:{PAIR}")
    session.close()
    # What a SIGKILL leaves when not one row since then was committed: the old store, the new latch.
    shutil.copy(tmp_path / "latch", tmp_path / "before" / "latch")
    again, machine = engine(tmp_path / "before", quick())
    machine.run_until(again.queue.now + 1)
    core = again.desk.core
    assert core.causes.state_for(pair=PAIR) is TradingState.HALTED
    assert core.causes.overall() is TradingState.ACTIVE
    again.close()
