"""A followed book is the library's own object: it changes before whoever waits for the change is woken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from services.venues.ccxt_venue.followed import Followed

NOW_MS = 1_700_000_000_000


class Shared:
    """Of the door what a followed book needs: one book, given once, and never a word after it."""

    def __init__(self, book: dict[str, Any]) -> None:
        self.given = asyncio.Event()
        self._book = book
        self.heard_at = 0.0

    async def next_book(self, _symbol: str) -> Mapping[str, Any]:
        if self.given.is_set():
            await asyncio.Event().wait()
        self.given.set()
        return self._book

    def stands(self, _symbol: str, _book: Mapping[str, Any]) -> bool:
        return True


@pytest.mark.parametrize("stamp", [NOW_MS - 5_000, None])
async def test_a_late_change_is_late_for_who_looks_before_its_follower_is_woken(stamp: int | None) -> None:
    book: dict[str, Any] = {"timestamp": NOW_MS, "bids": [[60000.0, 1.0]], "asks": [[60001.0, 1.0]]}
    door = Shared(book)
    listed: Any = {"A": SimpleNamespace(symbol="A", closed=False)}
    followed = Followed(door, listed, venue_ms=lambda: NOW_MS, say=print, clock=lambda: 0.0)  # type: ignore[arg-type]
    stopped = asyncio.Event()
    run = asyncio.create_task(followed.run(stopped))
    await door.given.wait()
    await asyncio.sleep(0)
    assert followed.live("A")
    book["timestamp"] = stamp
    assert not followed.live("A")
    book["timestamp"] = NOW_MS
    assert followed.live("A")
    stopped.set()
    await run
