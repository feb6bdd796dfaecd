"""A process that runs a session and is killed at a chosen boundary: run as `crash_child FOLDER WHERE COUNT`.

WHERE: `event` (after so many events), `before send`, `after send` (around the hand-over to the venue),
`commit` (an intent is asked to be durable), each counted from the start; `close event`, `close before send`
and so on count from the moment at which a pair is hedged and told to close. `flatten event` and
so on likewise with a flatten. `halt` halts when hedged, and
`halt opening` when one leg is filled; then it dies.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from services.domain.effects import Send
from services.domain.enums import PairState
from services.domain.events import Command, Event
from services.drive.machine import VirtualMachine
from services.drive.session import Session
from tests.desk.world import quick
from tests.drive.engines import engine, positions_of

S = 1_000_000_000


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Killer:
    """Counts what happens at one kind of boundary and kills at the given one."""

    def __init__(self, machine: VirtualMachine, where: str, count: int) -> None:
        self.left = count
        self.where = where
        feed, send, commit = machine.feed, machine._send, machine.keeper.commit

        def counted_feed(event: Event) -> None:
            feed(event)
            self.pass_by("event")

        def counted_send(effect: Send) -> None:
            self.pass_by("before send")
            send(effect)
            self.pass_by("after send")

        def counted_commit() -> object:
            self.pass_by("commit")
            return commit()

        machine.feed = counted_feed  # type: ignore[method-assign]
        machine._carry[Send] = counted_send
        machine.keeper.commit = counted_commit  # type: ignore[method-assign, assignment]

    def pass_by(self, where: str) -> None:
        if where == self.where:
            self.left -= 1
            if self.left <= 0:
                _die()


def _hedge(session: Session, machine: VirtualMachine) -> str:
    while True:
        machine.settle_commits()
        machine.step()
        for pair in session.desk.core.pairs.live():
            if pair.state is PairState.HEDGED:
                return pair.id


def _one_leg(session: Session, machine: VirtualMachine) -> None:
    """Until the exchange holds the first leg and the second one is under way."""
    while len(positions_of(session)) != 1:
        machine.settle_commits()
        machine.step()


def main() -> None:
    folder, where, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    session, machine = engine(folder, quick())
    if where.startswith("halt"):
        if where == "halt":
            _hedge(session, machine)
        else:
            _one_leg(session, machine)
        machine.feed(Command(id="h", name="halt", args={}, origin="t", ts=session.queue.now))
        _die()
    if where.startswith(("close ", "flatten ")):
        pair = _hedge(session, machine)
        deed, _, boundary = where.partition(" ")
        Killer(machine, boundary, count)
        name, args = ("pair close", {"id": pair}) if deed == "close" else ("flatten", {})
        machine.feed(Command(id="c", name=name, args=args, origin="t", ts=session.queue.now))
    else:
        Killer(machine, where, count)
    machine.run_until(session.queue.now + 120 * S)
    sys.exit(3)  # the boundary was never met


if __name__ == "__main__":
    main()
