"""What is asked for again when the connection is new."""

from __future__ import annotations

import asyncio
from typing import Any

from services.venues.ftx.feed import Feed


class Counting:
    """An API of a venue without markets that counts its questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def futures(self) -> list[Any]:
        self.asked.append("futures")
        return []

    async def coins(self) -> list[Any]:
        self.asked.append("coins")
        return []


class Deaf:
    def age(self) -> None:
        return None

    def ready(self) -> bool:
        return False


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_new_connection_asks_again_at_once_and_not_at_the_next_round() -> None:
    api, deaf = Counting(), Deaf()
    feed = Feed("alpha", api, {}, {}, deaf, deaf, lambda _: None, lambda: 0, turns)  # type: ignore[arg-type]
    running = asyncio.create_task(feed.run())
    await turns()
    assert sorted(api.asked) == ["coins", "futures"]
    feed.restate()
    await turns()
    assert sorted(api.asked) == ["coins", "coins", "futures", "futures"]
    feed.stop()
    await turns()
    assert running.done()
    assert len(api.asked) == 4
