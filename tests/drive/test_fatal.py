"""An exception out of the desk halts everything: latch, cancels by the driver's own list, and a way back."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from services.desk.desk import Desk
from services.domain.effects import Effect, Send
from services.domain.enums import OrderType, Purpose, Side, TradingState
from services.domain.events import Event, OrderAccepted, OrderFilled, Timer
from services.domain.orders import OrderRequest, client_order_id
from services.drive import recover
from services.drive.latch import read_latch
from services.drive.machine import DeskFailed, VirtualMachine
from services.store.replay import verify
from tests.desk.world import S, quick
from tests.drive.engines import engine, layout_of

ROOT = Path(__file__).resolve().parents[2]
POISON = "poison"


class Failing:
    """A desk that raises on one timer, and sends one resting order when told to."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.send: OrderRequest | None = None
        self.fails: type[Event] | None = None

    def decide(self, event: Event) -> tuple[Effect, ...]:
        if event.__class__ is self.fails or (isinstance(event, Timer) and event.name == POISON):
            raise KeyError("no such book")
        effects = self.desk.handle(event)
        if self.send is not None:
            order, self.send = self.send, None
            return (*effects, Send(order=order))
        return effects

    def follow(self) -> tuple[Effect, ...]:
        return ()

    def overran(self) -> str | None:
        return self.desk.overran()


def resting() -> OrderRequest:
    return OrderRequest(
        client_order_id=client_order_id("abc123", 77, Purpose.TICKET, 0, 1),
        instrument="BTC-USDT-PERP.alpha",
        side=Side.BUY,
        quantity=Decimal("0.010"),
        price=Decimal("20000.0"),
        purpose=Purpose.TICKET,
        origin="operator",
    )


def test_a_failing_desk_is_latched_and_its_orders_are_canceled_at_the_venue(tmp_path: Path) -> None:
    session, machine = engine(tmp_path, quick())
    failing = Failing(session.desk)
    machine.desk = failing
    machine.run_until(session.world.start + 2 * S)
    failing.send = resting()
    machine.feed(Timer(name="nothing", ts=session.queue.now))
    machine.run_until(session.queue.now + S)
    assert len(session.exchange.books("alpha").orders) == 1
    assert len(machine.working.all()) == 1
    with pytest.raises(DeskFailed, match="KeyError"):
        machine.feed(Timer(name=POISON, ts=session.queue.now))
    assert session.exchange.books("alpha").orders == ()
    session.close()
    latch = read_latch(layout_of(tmp_path).latch)
    assert (latch.state, latch.cause) == ("HALTED", "desk failed")


def test_what_the_last_word_said_of_an_order_is_in_its_cancel(tmp_path: Path) -> None:
    """The list hears an event behind the desk, which no order waits for: also one that the desk fails on."""
    session, machine = engine(tmp_path, quick())
    failing = Failing(session.desk)
    machine.desk = failing
    machine.run_until(session.world.start + 2 * S)
    failing.send, failing.fails = resting(), OrderAccepted
    machine.feed(Timer(name="nothing", ts=session.queue.now))
    with pytest.raises(DeskFailed):
        machine.run_until(session.queue.now + S)
    session.close()
    (order,) = machine.working.all()
    assert order.venue_order_id
    assert session.exchange.books("alpha").orders == ()


def test_a_conditional_order_outlives_the_failure_of_the_desk(tmp_path: Path) -> None:
    session, machine = engine(tmp_path, quick())
    failing = Failing(session.desk)
    machine.desk = failing
    machine.run_until(session.world.start + 2 * S)
    bought = msgspec.structs.replace(resting(), type=OrderType.MARKET, price=None)
    stop = msgspec.structs.replace(
        bought,
        client_order_id=client_order_id("abc123", 78, Purpose.STOP, 0, 1),
        side=Side.SELL,
        reduce_only=True,
        trigger=Decimal("20000.0"),
        purpose=Purpose.STOP,
    )
    for order in (bought, stop):
        failing.send = order
        machine.feed(Timer(name="nothing", ts=session.queue.now))
        machine.run_until(session.queue.now + S)
    with pytest.raises(DeskFailed):
        machine.feed(Timer(name=POISON, ts=session.queue.now))
    machine.run_until(session.queue.now + S)
    rows = session.exchange.books("alpha").orders
    session.close()
    assert [row.client_order_id for row in rows] == [stop.client_order_id]


def test_the_next_start_after_a_failure_recovers_halted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event that ended the engine stands in the journal: the recovery stops right before it."""
    session, machine = engine(tmp_path, quick())
    machine.run_until(session.world.start + 60 * S)
    assert session.desk.state.counters.fills >= 4
    before = {
        v: [(p.instrument, p.size) for p in session.exchange.books(v).positions] for v in ("alpha", "beta")
    }
    original = Desk._timer

    def broken(desk: Desk, timer: Timer) -> None:
        if timer.name == POISON:
            desk.state.counters.fills = -1  # half-done
            raise ZeroDivisionError("one over nothing")
        original(desk, timer)

    monkeypatch.setattr(Desk, "_timer", broken)
    # The handler table is bound at construction: bind the broken one where it counts.
    session.desk._handlers[Timer] = lambda timer: broken(session.desk, timer)
    with pytest.raises(DeskFailed):
        machine.feed(Timer(name=POISON, ts=session.queue.now))
    session.close()

    again, machine = engine(tmp_path, quick())
    assert again.restored is not None
    assert again.desk.state.counters.fills != -1
    machine.run_until(again.queue.now + 5 * S)
    assert again.desk.core.causes.overall() is TradingState.HALTED
    after = {
        v: [(p.instrument, p.size) for p in again.exchange.books(v).positions] for v in ("alpha", "beta")
    }
    assert after == before
    again.close()
    assert verify(layout_of(tmp_path).store).ok
    assert recover.replay(layout_of(tmp_path).store).first_divergence is None


def _fill(order: OrderRequest, quantity: Decimal) -> OrderFilled:
    return OrderFilled(
        venue="alpha",
        instrument=order.instrument,
        client_order_id=order.client_order_id,
        venue_order_id="alpha-o9",
        trade_id=f"t{quantity}",
        side=order.side,
        quantity=quantity,
        price=Decimal("20000.0"),
        fee=Decimal(0),
        fee_coin="USDT",
        ts_event=1,
        ts=1,
    )


def test_an_order_that_has_ended_is_not_on_the_list(tmp_path: Path) -> None:
    session, machine = engine(tmp_path, quick())
    machine.run_until(session.world.start + 60 * S)
    assert session.desk.state.counters.fills >= 4
    assert machine.working.all() == ()
    order = resting()
    machine.working.sent(order)
    machine.working.heard(OrderAccepted("alpha", order.client_order_id, "alpha-o9", 1, 1))
    assert [each.venue_order_id for each in machine.working.all()] == ["alpha-o9"]
    machine.feed(_fill(order, Decimal("sNaN")))  # no figure at all ends the engine no more than it is booked
    assert [each.leaves for each in machine.working.all()] == [order.quantity]
    machine.feed(_fill(order, order.quantity))
    assert machine.working.all() == ()
    assert isinstance(machine, VirtualMachine)
    session.close()


_BROKEN = """
import sys
import services.desk.risk as risk
whole = risk.tick
def tick(core, submit):
    if len(core.pairs.live()) > 0:
        raise RuntimeError("broken book")
    whole(core, submit)
risk.tick = tick
from console.cli import main
sys.exit(main())
"""


def _run(folder: Path, program: list[str], seconds: int) -> subprocess.CompletedProcess[bytes]:
    flags = ["--no-ui", "--state-dir", str(folder), "--scenario", "funding-harvest", "--seed", "7"]
    return subprocess.run(
        [sys.executable, *program, *flags, "--speed", "max", "--for-sim", f"{seconds}s"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=120,
        check=False,
    )


def test_an_engine_whose_desk_fails_exits_1_halted_and_the_next_start_recovers(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    ended = _run(folder, ["-c", _BROKEN], 200)
    words = ended.stderr.decode()
    assert ended.returncode == 1, words[-2000:]
    assert "broken book" in words.splitlines()[-1]
    latch = read_latch(layout_of(folder).latch)
    assert (latch.state, latch.cause) == ("HALTED", "desk failed")
    again = _run(folder, ["-m", "console"], 60)
    assert again.returncode == 0, again.stderr.decode()[-2000:]
    assert read_latch(layout_of(folder).latch).state == "HALTED"
    assert verify(layout_of(folder).store).ok


def test_a_venue_that_raises_halts_like_a_failing_desk_and_the_other_venue_hears_its_cancels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a turn is done, nobody knows which: the latch, then cancels wherever they arrive."""
    session, machine = engine(tmp_path, quick())
    failing = Failing(session.desk)
    machine.desk = failing
    machine.run_until(session.world.start + 2 * S)
    failing.send = resting()
    machine.feed(Timer(name="nothing", ts=session.queue.now))
    machine.run_until(session.queue.now + S)
    order = resting()
    machine.working.sent(msgspec.structs.replace(order, instrument="BTC-USDT-PERP.beta", client_order_id="b"))

    def gone(*_: object) -> None:
        raise OSError("the wire is cut")

    monkeypatch.setattr(machine.venues["beta"], "submit", gone)
    monkeypatch.setattr(machine.venues["beta"], "cancel", gone)
    failing.send = msgspec.structs.replace(order, instrument="BTC-USDT-PERP.beta", client_order_id="c")
    with pytest.raises(DeskFailed, match="the wire is cut"):
        machine.feed(Timer(name="nothing", ts=session.queue.now))
    assert session.exchange.books("alpha").orders == ()
    session.close()
    latch = read_latch(layout_of(tmp_path).latch)
    assert latch is not None
    assert (latch.state, latch.cause) == ("HALTED", "desk failed")
