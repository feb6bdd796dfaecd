"""From `flatten` to the proof that all is flat: twenty positions and forty orders at 20 ms of latency.

The whole desk, its store on a real disk and the exchange's own books, in virtual time: what passes on the
venue's side is virtual, what our code takes is CPU time. At speed 1 the operator waits for both.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from services.desk.desk import Desk
from services.domain.effects import Done, Progress
from services.domain.enums import Purpose, Side, TimeInForce
from services.domain.events import Command
from services.domain.orders import OrderRequest
from services.drive.machine import VirtualMachine
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.sim.world import make_world
from tests.bench.report import quantile, table

pytestmark = pytest.mark.bench

NS = 1_000_000_000
POSITIONS, ORDERS = 20, 40
RUNS = 5
FLOOR_S = 2.0
AWAY = Decimal("0.015")


def quick_settings() -> Settings:
    """No limit of our own on how fast the bench sets itself up."""
    settings = Settings()
    gate = msgspec.structs.replace(
        settings.gate,
        orders_per_second=1_000,
        orders_per_minute=100_000,
        venue_orders_per_second=10_000,
        max_open_orders=100,
    )
    return msgspec.structs.replace(settings, gate=gate, strategies={})


def ticket(desk: Desk, name: str, *, resting: bool) -> None:
    """An operator's order: away from the market, or through it."""
    core = desk.core
    spec, mid = core.instruments[name], core.picture.mid(name)
    assert mid is not None
    side = Side.BUY if spec.venue == "alpha" else Side.SELL
    off = -AWAY if resting else Decimal("0.002")
    order = OrderRequest(
        client_order_id=core.ids.draw(Purpose.TICKET),
        instrument=name,
        side=side,
        quantity=Decimal("0.5"),
        price=spec.round_price(side, mid * (1 + off * side.sign)),
        tif=TimeInForce.GTC if resting else TimeInForce.IOC,
        purpose=Purpose.TICKET,
        origin="operator",
        decided_mid=mid,
        reason="bench",
    )
    desk.submit.place(order)


class Hand:
    """Places tickets inside the desk's own turn, as a command would."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.wanted: list[tuple[str, bool]] = []

    def decide(self, event):  # type: ignore[no-untyped-def]
        core = self._desk.core
        plain = core.emit
        effects = self._desk.handle(event)
        if self.wanted:
            wanted, self.wanted = self.wanted, []
            core.out = []
            for name, resting in wanted:
                ticket(self._desk, name, resting=resting)
            self._desk.life.follow_up()
            effects = (*effects, *core.out)
        assert core.emit == plain
        return effects

    def follow(self):  # type: ignore[no-untyped-def]
        return ()

    def overran(self) -> str | None:
        return self._desk.overran()


def one_run(folder: Path) -> tuple[float, float]:
    """Virtual and CPU seconds from the command to its answer."""
    session = Session(StateLayout(folder), make_world("calm", 3, None, 20), quick_settings(), "bench")
    session.open(SessionNote(pid="0", speed="1", state_dir=str(folder), started="bench"))
    hand = Hand(session.desk)
    answers: list[Done | Progress] = []
    machine = VirtualMachine(
        hand,
        dict(session.exchange.doors),
        session.exchange,
        session.queue,
        session.keeper,
        on_answer=answers.append,
        on_handled=session.handled,
    )
    session.first_events()
    begin = session.queue.now
    machine.run_until(begin + 90 * NS)
    names = sorted(name for name in session.desk.core.instruments if name.startswith("SYN"))
    hand.wanted = [(name, True) for name in names[:ORDERS]]
    machine.run_until(session.queue.now + 5 * NS)
    hand.wanted = [(name, False) for name in names[:POSITIONS]]
    machine.run_until(session.queue.now + 5 * NS)
    core = session.desk.core
    held = [name for book in core.ledger.state.accounts.values() for name in book.positions]
    resting = [o for o in core.orders.open_orders() if o.request.trigger is None]
    assert len(held) == POSITIONS, (len(held), [note.text for note in core.state.denied[-3:]])
    assert len(resting) == ORDERS, len(resting)
    asked, cpu = session.queue.now, time.process_time()
    machine.feed(Command(id="f", name="flatten", args={}, origin="shell:1", ts=asked))
    while not any(isinstance(each, Done) for each in answers):
        machine.settle_commits()
        assert session.queue.now - asked < 60 * NS
        machine.step()
    taken = time.process_time() - cpu
    done = next(each for each in answers if isinstance(each, Done))
    assert done.ok, done.text
    for venue in session.exchange.venues:
        books = session.exchange.books(venue)
        assert (books.positions, books.orders) == ((), ())
    virtual = (session.queue.now - asked) / NS
    assert session.close()
    return virtual, taken


def test_flat_with_proof() -> None:
    runs = []
    for _ in range(RUNS):
        folder = Path(tempfile.mkdtemp(prefix="sc-flat-"))
        try:
            runs.append(one_run(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    both = [virtual + cpu for virtual, cpu in runs]
    table(
        f"flatten of {POSITIONS} positions and {ORDERS} orders, to the proof, {RUNS} runs, s",
        [
            ("at the venues (20 ms each way)", f"{quantile([v for v, _ in runs], 0.5):6.3f}"),
            ("our own CPU", f"{quantile([c for _, c in runs], 0.5):6.3f}"),
            ("together, worst", f"{max(both):6.3f}   floor {FLOOR_S:g}"),
        ],
    )
    assert max(both) < FLOOR_S
