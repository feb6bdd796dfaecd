"""A clock that was set back between two runs: the desk's time goes on from its journal, and says so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.domain.enums import TradingState
from services.domain.events import Command, Timer
from services.drive.live_session import LiveSession
from services.drive.standing import SessionNote
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.sim.facts import venue_instruments

S = 10**9
NOON = 1_700_000_000 * S
HOUR = 3600 * S
LISTED = venue_instruments("alpha", 0)


@contextmanager
def run(folder: Path, wall: int) -> Iterator[LiveSession]:
    """An engine's session on a clock that says `wall`, begun and closed as a run does it."""
    chosen = Settings(profile="sock", mode="paper", venues=("alpha",))
    session = LiveSession(StateLayout(folder), chosen, "test", wall=lambda: wall)
    session.open(SessionNote(pid="1", speed="1", state_dir=str(folder)), LISTED, {})
    session.queue_start()
    while (entry := session.queue.pop()) is not None:
        take(session, entry[3])
    yield session
    assert session.close()


def take(session: LiveSession, event: object) -> None:
    session.keeper.input(event)  # type: ignore[arg-type]
    for effect in session.desk.handle(event):  # type: ignore[arg-type]
        session.keeper.effect(effect)
    session.keeper.commit().result(5)


def test_the_next_run_begins_behind_the_last_instant_and_still_halted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with run(tmp_path, NOON) as first:
        first.queue.tick(NOON + 60 * S)
        halt = Command(id="1", name="halt", args={"reason": "late"}, origin="test", ts=first.queue.now)
        take(first, halt)
        assert first.desk.core.causes.worst() is TradingState.HALTED
    assert not caplog.records
    with caplog.at_level(logging.ERROR, "stableconsole.engine"), run(tmp_path, NOON - HOUR) as second:
        assert second.desk.core.causes.worst() is TradingState.HALTED
        begun = second.queue.now
        assert begun == NOON + 60 * S
        second.queue.tick(NOON - HOUR)
        second.queue.tick(NOON - HOUR + 10 * S)
        # No time-out of a leg alone waits for the hour that the clock went back.
        assert second.queue.now == begun + 5 * S
        take(second, Timer(name="risk", ts=second.queue.now))
        assert second.desk.state.now == begun + 5 * S
    (told,) = [each.getMessage() for each in caplog.records]
    assert told.startswith("the journal is 3660 s ahead of this machine's clock, which was set back")
    with run(tmp_path, NOON + HOUR) as third:
        assert third.queue.now == NOON + HOUR
        assert third.desk.core.causes.worst() is TradingState.HALTED
