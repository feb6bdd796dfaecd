"""Killed at a boundary, started again: nothing doubled, nothing lost, hedged or flat, our books the venue's.

SEMANTICS 7, the property of the section: "after faults end, hedged or flat within 60 simulated seconds, no
order doubled, no fill lost or counted twice, our ledger equal to the venue's". The processes are real and die
by SIGKILL; what they leave is on disk only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from services.domain.enums import PairState, TradingState
from services.domain.money import ZERO
from services.drive import recover
from services.drive.machine import VirtualMachine
from services.drive.session import Session
from services.store.replay import verify
from tests.desk.world import S, quick
from tests.drive.engines import books_agree, client_ids, engine, layout_of, positions_of

ROOT = Path(__file__).resolve().parents[2]


def kill_at(folder: Path, where: str, count: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.drive.crash_child", str(folder), where, str(count)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]


def come_back(folder: Path) -> tuple[Session, VirtualMachine]:
    session, machine = engine(folder, quick())
    return session, machine


def at_rest(session: Session) -> bool:
    return all(pair.state is PairState.HEDGED for pair in session.desk.core.pairs.live())


def judge(folder: Path, session: Session, machine: VirtualMachine) -> None:
    known = client_ids(session)
    machine.run_until(session.queue.now + 60 * S)
    assert at_rest(session), [(p.id, p.state, p.text) for p in session.desk.core.pairs.live()]
    sizes = positions_of(session)
    naked: dict[str, object] = {}
    for name, size in sizes.items():
        coin = session.desk.core.instruments[name].underlying
        naked[coin] = naked.get(coin, ZERO) + size  # type: ignore[operator]
    assert all(value == ZERO for value in naked.values()), naked
    machine.run_until(session.queue.now + 40 * S)
    books_agree(session)
    ids = client_ids(session)
    assert [name for name, times in Counter(ids).items() if times > 1] == []
    assert ids[: len(known)] == known or set(known) <= set(ids)
    session.close()
    assert verify(layout_of(folder).store).ok
    played = recover.replay(layout_of(folder).store)
    assert played.ok, played.first_divergence
    assert played.events > 50


PLACES = [("commit", 1), ("after send", 2), ("event", 70), ("close before send", 1), ("close commit", 2)]
"""One of a kind: `tests/kill` goes through every boundary of a run of its own."""
MORE = [
    ("before send", 1),
    ("after send", 1),
    ("before send", 2),
    ("commit", 3),
    ("after send", 4),
    ("close after send", 1),
    ("close after send", 2),
    ("close event", 9),
]


@pytest.mark.parametrize(("where", "count"), PLACES + (MORE if os.environ.get("STABLECONSOLE_SOAK") else []))
def test_killed_at_a_boundary_it_comes_back_hedged_or_flat(tmp_path: Path, where: str, count: int) -> None:
    kill_at(tmp_path, where, count)
    session, machine = come_back(tmp_path)
    # Before the first durable intent there may be nothing on disk yet, and nothing at the venue either.
    assert session.restored is not None or (where, count) == ("commit", 1)
    judge(tmp_path, session, machine)


def test_halted_before_the_kill_is_halted_after_it(tmp_path: Path) -> None:
    kill_at(tmp_path, "halt", 1)
    session, machine = come_back(tmp_path)
    before = positions_of(session)
    assert len(before) == 2
    machine.run_until(session.queue.now + 30 * S)
    assert session.desk.core.causes.overall() is TradingState.HALTED
    assert positions_of(session) == before
    books_agree(session)
    session.close()


@pytest.mark.parametrize(("where", "count"), [("flatten after send", 2), ("flatten event", 6)])
def test_killed_while_flattening_it_comes_back_halted_and_never_larger(
    tmp_path: Path, where: str, count: int
) -> None:
    """What the disk had of the flatten goes on; what it had not, the latch still holds back."""
    kill_at(tmp_path, where, count)
    session, machine = come_back(tmp_path)
    before = {name: abs(size) for name, size in positions_of(session).items()}
    known = set(client_ids(session))
    machine.run_until(session.queue.now + 60 * S)
    assert session.desk.core.causes.overall() is TradingState.HALTED
    assert at_rest(session)
    assert sum(positions_of(session).values(), ZERO) == ZERO
    assert all(abs(size) <= before.get(name, ZERO) for name, size in positions_of(session).items())
    later = [
        order
        for venue in session.exchange.venues.values()
        for order in venue.state.orders.values()
        if order.client_order_id not in known
    ]
    assert all(order.reduce_only for order in later)
    books_agree(session)
    session.close()


def test_halted_with_one_leg_and_killed_it_only_reduces(tmp_path: Path) -> None:
    kill_at(tmp_path, "halt opening", 1)
    session, machine = come_back(tmp_path)
    assert len(positions_of(session)) == 1
    known = set(client_ids(session))
    machine.run_until(session.queue.now + 60 * S)
    assert session.desk.core.causes.overall() is TradingState.HALTED
    assert at_rest(session)
    assert sum(positions_of(session).values(), ZERO) == ZERO
    later = [
        order
        for venue in session.exchange.venues.values()
        for order in venue.state.orders.values()
        if order.client_order_id not in known
    ]
    assert len(later) >= 1
    assert all(order.reduce_only for order in later)
    books_agree(session)
    session.close()


def test_killed_again_and_again_no_id_is_ever_used_twice(tmp_path: Path) -> None:
    """The second leg's order never gets out; then each start's first protective order does not either."""
    kill_at(tmp_path, "before send", 2)
    kill_at(tmp_path, "after send", 1)
    kill_at(tmp_path, "after send", 1)
    session, machine = come_back(tmp_path)
    assert session.restored is not None
    assert len(client_ids(session)) >= 1
    judge(tmp_path, session, machine)
