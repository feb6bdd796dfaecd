"""Slow fsync: commits take long in virtual time; ordinary orders wait for theirs, protective ones never."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from services.domain.effects import Effect, SaveIntent, Send
from services.domain.enums import PairState
from services.domain.events import Command, Event, IntentDurable, StoreHealth
from services.drive.machine import VirtualMachine
from services.drive.recover import replay
from services.drive.slow_disk import SlowDisk
from services.protocol.errors import UsageError
from services.protocol.options import FaultSpec, parse_fault
from services.store.replay import verify
from tests.desk.world import MS, DeskWorld, S, quick
from tests.drive.engines import books_agree, engine


class Heard:
    """Every input and effect of a machine with the virtual time at which it passed."""

    def __init__(self, machine: VirtualMachine) -> None:
        self.inputs: list[tuple[int, Event]] = []
        self.effects: list[tuple[int, Effect]] = []
        keeper, queue = machine.keeper, machine.queue
        take, give = keeper.input, keeper.effect

        def heard(event: Event) -> None:
            self.inputs.append((queue.now, event))
            take(event)

        def told(effect: Effect) -> None:
            self.effects.append((queue.now, effect))
            give(effect)

        keeper.input, keeper.effect = heard, told  # type: ignore[method-assign]

    def waits(self, *, protective: bool) -> list[int]:
        """From the intent to the send of each order that was sent, ns."""
        saved = {
            order.client_order_id: ts
            for ts, effect in self.effects
            if isinstance(effect, SaveIntent)
            for order in effect.orders
        }
        return [
            ts - saved.get(effect.order.client_order_id, ts)
            for ts, effect in self.effects
            if isinstance(effect, Send) and effect.order.purpose.protective is protective
        ]

    def trouble(self) -> list[int]:
        return [ts for ts, event in self.inputs if isinstance(event, StoreHealth) and not event.ok]


def slow_world(chance: str, seed: str = "1") -> tuple[DeskWorld, Heard]:
    world = DeskWorld(settings=quick())
    world.machine.disk = SlowDisk(seed)
    heard = Heard(world.machine)
    world.run(5)
    assert world.answer("fault", kind="fsync", venue="all", chance=chance).ok
    return world, heard


def test_slow_fsync_makes_orders_wait_in_virtual_time_and_protective_ones_never() -> None:
    world, heard = slow_world("1")
    assert [alert.key for alert in world.desk.core.alerts.open() if "fsync" in alert.key] == [
        "fault:fsync@disk"
    ]
    world.run(60)
    ordinary = heard.waits(protective=False)
    assert ordinary, "an entry got through"
    assert all(5 * MS <= wait < 250 * MS for wait in ordinary)
    world.command("flatten")
    world.run(20)
    protective = heard.waits(protective=True)
    assert protective
    assert set(protective) == {0}
    assert world.machine.disk.fired >= len(ordinary)


def test_slow_fsync_past_the_time_out_is_store_trouble_and_the_intent_is_never_sent() -> None:
    world, heard = slow_world("1")
    world.run(120)
    assert heard.trouble(), "one in eight stalls"
    late = heard.trouble()[0]
    durable = {event.seq for _, event in heard.inputs if isinstance(event, IntentDurable)}
    waiting = [
        effect
        for ts, effect in heard.effects
        if isinstance(effect, SaveIntent) and effect.seq not in durable and ts < late
    ]
    sent = {effect.order.client_order_id for _, effect in heard.effects if isinstance(effect, Send)}
    denied = [
        order.client_order_id for effect in waiting for order in effect.orders if not order.purpose.protective
    ]
    assert denied
    assert not sent & set(denied)
    assert world.desk.core.causes.has("store") or world.now - late >= 60 * S


def test_slow_fsync_draws_the_same_from_the_same_seed_and_ends_with_its_command() -> None:
    first, second, other = (slow_world("0.5", seed)[0] for seed in ("1", "1", "2"))
    told = []
    for world in (first, second, other):
        world.run(40)
        told.append([(event.ts, type(event).__name__) for event in world.keeper.inputs])
    assert told[0] == told[1]
    assert told[0] != told[2]
    disk = SlowDisk("3")
    disk.chance = 1.0
    assert disk.lag(0) > 0
    disk.chance = 0.0
    fired = disk.fired
    assert disk.lag(10 * S) == 0
    assert disk.fired == fired


def test_slow_fsync_in_a_journal_replays_and_the_books_agree(tmp_path: Path) -> None:
    session, machine = engine(tmp_path, quick())
    machine.disk = SlowDisk("7")
    now = session.queue.now
    machine.feed(
        Command(
            id="f", name="fault", args={"kind": "fsync", "venue": "all", "chance": "0.7"}, origin="t", ts=now
        )
    )
    machine.run_until(now + 60 * S)
    assert machine.disk.fired >= 3
    assert any(pair.state is not PairState.PLANNED for pair in session.desk.core.pairs.state.pairs.values())
    books_agree(session)
    session.close()
    assert verify(tmp_path / "store.sqlite").ok
    again = replay(tmp_path / "store.sqlite")
    assert again.ok, again.first_divergence


def test_slow_fsync_is_the_disks_and_no_venues() -> None:
    world = DeskWorld().run(1)
    refused = world.answer("fault", kind="fsync", venue="alpha", chance="0.5")
    assert (refused.ok, refused.exit) == (False, 2)
    assert "the disk is no venue's" in refused.text
    assert parse_fault("fsync=0.5") == FaultSpec("fsync", None, Decimal("0.5"))
    for wrong in ("fsync=2", "fsync@alpha=1"):
        with pytest.raises(UsageError):
            parse_fault(wrong)
