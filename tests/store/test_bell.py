"""What the store's thread sleeps at."""

from __future__ import annotations

import time

from services.store.bell import Bell


def test_a_ring_while_nobody_waits_is_heard_by_the_next_wait() -> None:
    bell = Bell()
    bell.put(None)
    began = time.monotonic()
    bell.wait(60.0)
    assert time.monotonic() - began < 30


def test_what_was_heard_rings_no_more() -> None:
    bell = Bell()
    for _ in range(3):
        bell.put(None)
    bell.still()
    assert bell.empty()
    bell.wait(0.001)
