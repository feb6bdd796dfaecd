"""A simulated exchange served on loopback, and our own client connected to it, in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.domain.events import Event
from services.venues.ftx.build import build_ftx
from services.venues.ftx.hosts import FtxSettings
from services.venues.ftx.venue import FtxVenue
from services.venues.sim.world import World
from services.venues.wire.rest import Timings
from services.venues.wire.stream import Habits
from services.workers.simserver.house import House
from services.workers.simserver.keys import Key
from services.workers.simserver.serve import SimServer, bound
from services.workers.simserver.worlds import served_world

KEY = Key("trader", "secret", ("arb",))
LONG_S = 10.0


@asynccontextmanager
async def serving(
    world: World | None = None, keys: tuple[Key, ...] = (KEY,), *, lockstep: bool = False, speed: float = 1.0
) -> AsyncIterator[tuple[House, SimServer]]:
    chosen = world or served_world("calm", 1, step_s=0.5, synthetic=0, start=None)
    house = House(chosen, keys, lockstep=lockstep, speed=speed)
    server = SimServer(house, [bound(0) for _ in house.world.venues])
    await server.start()
    try:
        yield house, server
    finally:
        await server.stop()


@dataclass(slots=True)
class Box:
    """An outbox that remembers and can be waited on."""

    events: list[Event] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def deliver(self, due: int, event: Event) -> None:
        self.events.append(event)
        self.changed.set()

    def wake(self, due: int, token: object) -> None:
        raise AssertionError("a live venue wakes by itself")

    def of(self, *kinds: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kinds)]

    async def until(self, found: Callable[[list[Event]], object], what: str = "") -> None:
        try:
            async with asyncio.timeout(LONG_S):
                while not found(self.events):
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            kinds = [type(event).__name__ for event in self.events if type(event).__name__ != "MarketFrame"]
            raise AssertionError(f"{what or 'it'} never came; heard {kinds}") from None

    async def first(self, kind: type, **facts: object) -> Event:
        def matching(events: list[Event]) -> list[Event]:
            return [
                each
                for each in events
                if isinstance(each, kind)
                and all(getattr(each, name) == value for name, value in facts.items())
            ]

        await self.until(matching, f"{kind.__name__} {facts}")
        return matching(self.events)[0]


@asynccontextmanager
async def connected(
    server: SimServer,
    venue: str = "alpha",
    key: Key | None = KEY,
    subaccount: str | None = None,
    symbols: tuple[str, ...] = (),
) -> AsyncIterator[tuple[FtxVenue, Box]]:
    port = server.ports[venue]
    box = Box()
    client = build_ftx(
        venue,
        FtxSettings(
            rest=f"http://127.0.0.1:{port}",
            stream=f"ws://127.0.0.1:{port}/ws/",
            key=key.key if key else "",
            subaccount=subaccount,
            symbols=symbols,
            extensions=True,
        ),
        key.secret if key else None,
        box,
        timings=Timings(read_s=2.0, total_s=3.0),
        habits=Habits(beat_s=0.5, silence_s=3.0, ready_s=3.0),
    )
    await client.start()
    try:
        yield client, box
    finally:
        await client.close()
