"""What the Journal screen is told: kinds, chains, bounds, and the same again after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.domain.effects import Decision
from services.domain.events import Timer
from services.drive.chronicle import KEPT, SHOWN, Chronicle, recent
from services.drive.machine import VirtualMachine
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.store.journal import JournalWriter
from services.store.migrate import StoreError
from services.store.writer import StoreWriter
from services.venues.sim.world import make_world
from services.views.journal import KINDS
from tests.store.builders import SECOND, feed, new_store
from tests.store.builders import session as session_of

HOUR = 3_600 * 10**9


def decision(kind: str, subject: str, **figures: str) -> Decision:
    return Decision(kind=kind, subject=subject, text=f"{kind} of {subject}", figures=figures)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Chronicle]:
    """A store in which pairs were opened, and what was heard meanwhile."""
    folder = tmp_path_factory.mktemp("chronicle")
    session = Session(StateLayout(folder), make_world("funding-harvest", 7), Settings(), "test")
    session.open(SessionNote(pid="1", speed="max", state_dir=str(folder)))
    heard = Chronicle()
    machine = VirtualMachine(
        session.desk, dict(session.exchange.venues), session.exchange, session.queue, session.keeper
    )
    machine.on_effect = heard.hear
    session.first_events()
    start = session.queue.now
    while not any(session.desk.core.pairs.live()) and session.queue.now < start + HOUR:
        machine.run_until(session.queue.now + 30 * 10**9)
        while machine.commit is not None:
            machine.commit.result(10)
            machine.durable()
    assert session.close()
    return folder, heard


def test_the_chain_of_a_pair_goes_from_its_size_to_its_fills(played: tuple[Path, Chronicle]) -> None:
    heard = played[1]
    everything = heard.view("all", 0)
    assert everything is not None
    pair = next(row.subject for row in everything.rows if row.kind == "gate" and "unit" in row.text)
    view = heard.view(f"all/{pair}", 0)
    assert view is not None
    kinds = [row.kind for row in view.chain]
    for step in ("size", "gate", "sent"):
        assert step in kinds, step
    assert kinds.index("size") < kinds.index("sent")
    assert all(row.figures for row in view.chain if row.kind in ("size", "gate"))
    order = next(row.subject for row in view.chain if row.kind == "sent")
    of_order = heard.view(f"all/{order}", 0)
    assert of_order is not None
    assert order in {row.subject for row in of_order.chain}
    assert pair in {row.subject for row in of_order.chain}, "an order's chain holds its pair's decisions"


def test_after_a_restart_the_journal_says_the_same(played: tuple[Path, Chronicle]) -> None:
    folder, heard = played
    again = Chronicle()
    again.fill(recent(StateLayout(folder).store))
    for kind in KINDS:
        first, second = heard.view(kind, 0), again.view(kind, 0)
        assert first is not None
        assert second is not None
        assert [(row.ts, row.kind, row.subject, row.text) for row in first.rows] == [
            (row.ts, row.kind, row.subject, row.text) for row in second.rows
        ]


def test_a_quiet_hour_before_a_restart_hides_nothing(tmp_path: Path) -> None:
    """A block of inputs a second: the newest rows of the journal were all such, the decisions lay before."""
    path = new_store(tmp_path)
    writer = StoreWriter(path, watch_slow=False)
    writer.start()
    journal = JournalWriter(writer.journal)
    journal.session(session_of(), {"pid": "1"})
    feed(journal, [(Timer(name="t", ts=0), [decision("size", "P-01"), decision("denied", "P-02")])])
    feed(journal, [(Timer(name="t", ts=second * SECOND), []) for second in range(2, 3_100)])
    journal.seal()
    assert writer.close(30)
    again = Chronicle()
    again.fill(recent(path))
    view = again.view("", 0)
    assert view is not None
    assert [row.subject for row in view.rows] == ["P-02", "P-01"]


def test_kinds_are_told_apart_and_an_unknown_one_is_no_view() -> None:
    heard = Chronicle()
    for one in (decision("command", "halt"), decision("denied", "P-1"), decision("size", "P-1")):
        heard.hear(one, 7)
    found = {kind: heard.view(kind, 0) for kind in KINDS}
    assert {kind: [row.kind for row in view.rows] for kind, view in found.items() if view} == {
        "all": ["size", "denied", "command"],
        "decisions": ["size"],
        "commands": ["command"],
        "refused": ["denied"],
        "orders": [],
    }
    assert heard.view("rows", 0) is None


def test_it_is_bounded_and_keeps_the_newest() -> None:
    heard = Chronicle()
    for number in range(KEPT + 50):
        heard.hear(decision("size", f"P-{number}"), number)
    view = heard.view("", 0)
    assert view is not None
    assert (len(view.rows), view.heard) == (SHOWN, KEPT)
    assert view.rows[0].subject == f"P-{KEPT + 49}"
    assert view.ts == KEPT + 49


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        recent(tmp_path / "none.sqlite")
