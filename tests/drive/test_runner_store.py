"""A store that hangs while an intent waits: virtual time stands, halts pass, the intent never goes out."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable

import pytest

from services.domain.enums import OrderState, TradingState
from services.drive import runner as module
from services.drive.pace import Pacer
from services.drive.runner import Limits, Runner, Wish
from tests.desk.world import DeskWorld, S, quick


async def _waiting(
    world: DeskWorld, beat: Callable[[], None] = lambda: None
) -> tuple[Runner, asyncio.Task[bool], list[str]]:
    """A runner that stands still because the first intent's commit hangs."""
    world.keeper.hang = True
    pacer = Pacer(None, time.monotonic(), world.now)
    limits = Limits(virtual_end=world.now + 300 * S)
    runner = Runner(world.machine, pacer, limits, beat=beat)
    task = asyncio.create_task(runner.run())
    for _ in range(2_000):
        if world.machine.commit is not None:
            break
        await asyncio.sleep(0.005)
    assert world.machine.commit is not None
    waiting = [entry.id for entry in world.desk.core.orders.open_orders()]
    assert len(waiting) == 1
    return runner, task, waiting


async def test_a_halt_is_taken_while_the_store_hangs() -> None:
    world = DeskWorld(settings=quick())
    runner, task, waiting = await _waiting(world)
    stood = world.now
    runner.submit(Wish(id="h", name="halt", args={"reason": "disk"}, origin="test"))
    for _ in range(400):
        if "h" in world.done:
            break
        await asyncio.sleep(0.005)
    assert world.done["h"].ok
    assert world.now == stood, "virtual time went on without the disk"
    assert world.trading_state is TradingState.HALTED
    entry = world.desk.core.orders.get(waiting[0])
    assert entry is not None
    assert entry.state is OrderState.DENIED
    # The disk comes back: what was denied stays denied.
    world.keeper.hang = False
    for future in world.keeper.hanging:
        future.set_result(None)
    assert await task
    assert world.sent == []


async def test_a_store_that_hangs_too_long_is_trouble_and_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "COMMIT_PATIENCE_S", 0.1)
    world = DeskWorld(settings=quick())
    _, task, waiting = await _waiting(world)
    assert await task
    assert world.sent == []
    assert any(name == "store" for name, *_ in world.causes())
    entry = world.desk.core.orders.get(waiting[0])
    assert entry is None or entry.state is OrderState.DENIED
    assert world.seconds > 200, "virtual time went on"


async def test_a_commit_that_fails_after_several_looks_is_heard_once_and_not_by_the_loop() -> None:
    """A store locked by another program: every look at the commit once left a future nobody asked."""
    heard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    world = DeskWorld(settings=quick())
    beats: list[None] = []
    _, task, waiting = await _waiting(world, lambda: beats.append(None))
    before = len(beats)
    while len(beats) < before + 4:
        await asyncio.sleep(0.005)
    world.keeper.hang = False
    while world.keeper.hanging:
        world.keeper.hanging.pop().set_exception(OSError("another program holds the database locked"))
    assert await task
    gc.collect()
    await asyncio.sleep(0)
    assert heard == []
    assert world.sent == []
    entry = world.desk.core.orders.get(waiting[0])
    assert entry is None or entry.state is OrderState.DENIED
    assert any(name == "store" for name, *_ in world.causes())
