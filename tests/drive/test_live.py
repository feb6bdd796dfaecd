"""The live loop: intents wait side by side, a slow disk denies them, a flood makes a venue stale."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from decimal import Decimal

from services.domain.effects import Effect, ReadAccount, SaveIntent, SetTimer, Stopped
from services.domain.enums import Purpose, Side
from services.domain.events import (
    Event,
    IntentDurable,
    OrderAccepted,
    StopRequested,
    StoreHealth,
    Timer,
    VenueLink,
)
from services.domain.orders import OrderRequest
from services.drive.live import LiveMachine, LiveRunner
from services.drive.live_queue import PRIVATE_MOST, LiveQueue
from services.drive.pace import Pacer
from services.drive.ports import NullKeeper
from services.drive.runner import Limits, Wish

START = 1_700_000_000_000_000_000


def order(purpose: Purpose = Purpose.ENTRY) -> OrderRequest:
    return OrderRequest(
        client_order_id="i", instrument="X.a", side=Side.BUY, quantity=Decimal(1), price=Decimal(1),
        purpose=purpose, origin="desk",
    )  # fmt: skip


class Scripted:
    """A desk that answers each event class as told and remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.answers: dict[str, tuple[Effect, ...]] = {}

    def decide(self, event: Event) -> tuple[Effect, ...]:
        self.heard.append(event)
        if isinstance(event, StopRequested):
            return (Stopped(left=()),)
        return self.answers.pop(getattr(event, "name", ""), ())

    def follow(self) -> tuple[Effect, ...]:
        return ()

    def overran(self) -> str | None:
        return None


class SlowKeeper(NullKeeper):
    def __init__(self) -> None:
        self.commits: list[Future[None]] = []

    def commit(self) -> Future[None]:
        commit: Future[None] = Future()
        self.commits.append(commit)
        return commit


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> int:
        return START + int(self.now * 1e9)


def machine_of(desk: Scripted, keeper: NullKeeper, clock: Clock) -> LiveMachine:
    return LiveMachine(desk, {}, None, LiveQueue(START), keeper, clock=clock)


def names(desk: Scripted) -> list[str]:
    return [type(event).__name__ for event in desk.heard]


def test_two_intents_are_durable_each_at_its_own_time() -> None:
    desk, keeper, clock = Scripted(), SlowKeeper(), Clock()
    machine = machine_of(desk, keeper, clock)
    desk.answers = {
        "one": (SaveIntent(seq=1, orders=(order(),), pair=None, text=""),),
        "two": (SaveIntent(seq=2, orders=(order(),), pair=None, text=""),),
    }
    machine.feed(Timer(name="one", ts=START))
    machine.feed(Timer(name="two", ts=START))
    keeper.commits[1].set_result(None)
    machine.settle_intents(0.25)
    machine.step()
    assert [event.seq for event in desk.heard if isinstance(event, IntentDurable)] == [2]
    keeper.commits[0].set_result(None)
    machine.settle_intents(0.25)
    machine.step()
    assert [event.seq for event in desk.heard if isinstance(event, IntentDurable)] == [2, 1]


def test_a_protective_intent_waits_for_nothing() -> None:
    desk, keeper, clock = Scripted(), SlowKeeper(), Clock()
    machine = machine_of(desk, keeper, clock)
    desk.answers = {"one": (SaveIntent(seq=1, orders=(order(Purpose.FLATTEN),), pair=None, text=""),)}
    machine.feed(Timer(name="one", ts=START))
    clock.now = 10.0
    machine.settle_intents(0.25)
    assert names(desk) == ["Timer"]


def test_a_slow_disk_is_store_trouble_and_no_late_write_is_ever_told_as_durable() -> None:
    desk, keeper, clock = Scripted(), SlowKeeper(), Clock()
    machine = machine_of(desk, keeper, clock)
    desk.answers = {
        "one": (SaveIntent(seq=1, orders=(order(),), pair=None, text=""),),
        "two": (SaveIntent(seq=2, orders=(order(),), pair=None, text=""),),
    }
    machine.feed(Timer(name="one", ts=START))
    clock.now = 0.2
    machine.feed(Timer(name="two", ts=START))
    clock.now = 0.25
    machine.settle_intents(0.25)
    trouble = desk.heard[-1]
    assert isinstance(trouble, StoreHealth)
    assert not trouble.ok
    assert "250 ms" in trouble.text
    # The second one goes with the first: the desk denies all that wait.
    for commit in keeper.commits:
        commit.set_result(None)
    machine.settle_intents(0.25)
    while machine.queue.next_due() is not None:
        machine.step()
    assert not [event for event in desk.heard if isinstance(event, IntentDurable)]
    healed = desk.heard[-1]
    assert isinstance(healed, StoreHealth)
    assert healed.ok


def test_a_failed_write_is_told_with_its_text() -> None:
    desk, keeper, clock = Scripted(), SlowKeeper(), Clock()
    machine = machine_of(desk, keeper, clock)
    desk.answers = {"one": (SaveIntent(seq=1, orders=(order(),), pair=None, text=""),)}
    machine.feed(Timer(name="one", ts=START))
    keeper.commits[0].set_exception(OSError("disk full"))
    machine.settle_intents(0.25)
    trouble = desk.heard[-1]
    assert isinstance(trouble, StoreHealth)
    assert (trouble.ok, trouble.text) == (False, "disk full")


async def test_the_loop_takes_events_timers_and_commands_and_stops() -> None:
    desk, clock = Scripted(), Clock()
    machine = machine_of(desk, NullKeeper(), clock)
    runner = LiveRunner(
        machine,
        Pacer(1.0, 0.0, START),
        Limits(),
        beat=lambda: None,
        clock=clock,
        wall=clock.wall,
        intent_timeout_s=0.25,
    )
    desk.answers = {"halt": (SetTimer(name="later", due=START + 3_000_000_000),)}
    running = asyncio.ensure_future(runner.run())
    runner.submit(Wish(id="1", name="halt", args={}, origin="test"))
    machine.queue.deliver(START, OrderAccepted("a", "i", "1", START, START))
    async with asyncio.timeout(5):
        while len(desk.heard) < 2:
            await asyncio.sleep(0)
        # What a run begins with is heard before any command; from then on commands go first.
        assert names(desk) == ["OrderAccepted", "Command"]
        clock.now = 2.9
        runner.stir()
        await asyncio.sleep(0.06)
        assert len(desk.heard) == 2, "its time has not come"
        clock.now = 3.0
        while len(desk.heard) < 3:
            await asyncio.sleep(0)
        runner.request_stop("done")
        assert await running
    assert names(desk)[2:] == ["Timer", "StopRequested"]
    assert machine.queue.now == START + 3_000_000_000


async def test_a_flood_of_private_events_makes_the_venue_stale_until_it_is_worked_off() -> None:
    desk, clock = Scripted(), Clock()
    machine = machine_of(desk, NullKeeper(), clock)
    runner = LiveRunner(
        machine,
        Pacer(1.0, 0.0, START),
        Limits(),
        beat=lambda: None,
        clock=clock,
        wall=clock.wall,
        intent_timeout_s=0.25,
    )
    for number in range(PRIVATE_MOST + 5):
        machine.queue.deliver(START, OrderAccepted("a", f"i{number}", "1", START, START))
    running = asyncio.ensure_future(runner.run())
    async with asyncio.timeout(10):
        while len(desk.heard) < PRIVATE_MOST + 7:
            await asyncio.sleep(0)
    runner.request_stop("done")
    await running
    links = [event for event in desk.heard if isinstance(event, VenueLink)]
    assert [link.up for link in links] == [False, True]
    assert len([event for event in desk.heard if isinstance(event, OrderAccepted)]) == PRIVATE_MOST + 5


def test_slow_fsync_holds_an_intent_back_and_a_stall_is_store_trouble() -> None:
    """The fault `fsync` against a simulator over sockets: the real disk has written, the made one has not."""
    desk, keeper, clock = Scripted(), SlowKeeper(), Clock()
    machine = machine_of(desk, keeper, clock)
    machine.disk.chance = 1.0
    waits: list[float] = []
    for seq in range(30):
        desk.answers = {"one": (SaveIntent(seq=seq, orders=(order(),), pair=None, text=""),)}
        clock.now += 10
        began = clock.now
        machine.feed(Timer(name="one", ts=START))
        keeper.commits[-1].set_result(None)
        while machine.queue.next_due() is None and not isinstance(desk.heard[-1], StoreHealth):
            clock.now += 0.001
            machine.settle_intents(0.25)
        waits.append(clock.now - began)
        clock.now += 5
        machine.settle_intents(0.25)
        while machine.queue.next_due() is not None:
            machine.step()
    durable = [event.seq for event in desk.heard if isinstance(event, IntentDurable)]
    trouble = [event for event in desk.heard if isinstance(event, StoreHealth) and not event.ok]
    assert len(durable) + len(trouble) == 30
    assert trouble
    assert len(durable) > len(trouble)
    assert min(waits) >= 0.004
    assert isinstance(desk.heard[-1], IntentDurable | StoreHealth)


def test_a_venue_that_takes_its_place_is_asked_for_the_read_that_waited() -> None:
    class Door:
        def __init__(self) -> None:
            self.reads: list[tuple[str, int]] = []

        def read_account(self, now: int, request: str, fills_since: int) -> None:
            self.reads.append((request, fills_since))

    machine = machine_of(Scripted(), NullKeeper(), Clock())
    before, venue, other = Door(), Door(), Door()
    machine.venues |= {"a": before, "b": other}  # type: ignore[dict-item]
    machine.take_in("a", venue, ("a-7", 5))  # type: ignore[arg-type]
    machine._read_account(ReadAccount(venue="a", request="a-8", fills_since=6))
    machine.take_in("b", other, None)  # type: ignore[arg-type]
    assert (before.reads, venue.reads, other.reads) == ([], [("a-7", 5), ("a-8", 6)], [])
