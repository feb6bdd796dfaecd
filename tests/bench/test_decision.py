"""Message in, decision, order bytes out: a fill of the first leg until the hedge's request leaves the socket.

The whole engine over sockets, in lock-step with the served simulator: what is summed is our own time alone,
part by part, in CPU of the loop's thread, so that a busy machine is not counted. The desk's turn on the fill
counts whole, also the half that it does while the disk writes; its turn on the written intent until the order
is handed over. The device's sync is shown beside it, by the wall.
"""

from __future__ import annotations

import asyncio
import asyncio.selector_events
import contextlib
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from services.domain.effects import SaveIntent, Send
from services.domain.enums import Purpose
from services.domain.events import Event, OrderFilled
from services.domain.orders import OrderRequest
from services.drive.keeper import StoreKeeper
from services.drive.machine import VirtualMachine
from services.venues.ftx.ears import FtxEars
from services.venues.ftx.venue import FtxVenue
from tests.bench.report import quantile, table
from tests.lockstep import sides

pytestmark = pytest.mark.bench

SECONDS = 400
P50_FLOOR_MS, P99_FLOOR_MS = 0.5, 2.0
FOLLOW = (Purpose.HEDGE, Purpose.EXIT)


class Parts:
    """The last reading of each part, and their sums, one for each order that followed a fill."""

    def __init__(self) -> None:
        self.began = self.heard = self.fed = self.half = self.durable = 0.0
        self.sent = 0.0
        self.own: list[float] = []
        self.shares: dict[str, list[float]] = {"frame": [], "desk": [], "again": [], "request": []}
        self.way: list[float] = []
        """Of `own`, what delays the order: not the half of the turn that is done while the disk writes."""
        self.halves: list[float] = []
        """Of the desk's share: until the intent is handed to the disk."""
        self.syncs: list[float] = []


def watch(parts: Parts) -> Any:
    """Patches that time each part and change nothing."""
    save = VirtualMachine._save_intent
    hear, feed, submit, send = FtxEars.heard, VirtualMachine.feed, FtxVenue.submit, VirtualMachine._send
    commit, write = StoreKeeper.commit, asyncio.selector_events._SelectorSocketTransport.write  # type: ignore[attr-defined]

    def heard(self: FtxEars, raw: str | bytes) -> None:
        began = time.thread_time()
        hear(self, raw)
        if '"fills"' in str(raw[:60]):
            parts.heard = time.thread_time() - began

    def fed(self: VirtualMachine, event: Event) -> None:
        began = parts.began = time.thread_time()
        feed(self, event)
        if isinstance(event, OrderFilled):
            parts.fed = time.thread_time() - began

    def saved(self: VirtualMachine, effect: SaveIntent) -> None:
        save(self, effect)
        parts.half = time.thread_time() - parts.began

    def sent(self: VirtualMachine, effect: Send) -> None:
        # Live, this is where the order is written; what the desk does of its turn after it delays nothing.
        parts.durable = time.thread_time() - parts.began
        send(self, effect)

    def committed(self: StoreKeeper) -> Future[int]:
        began = time.perf_counter()
        made = commit(self)
        made.add_done_callback(lambda _: parts.syncs.append((time.perf_counter() - began) * 1e3))
        return made

    def submitted(self: FtxVenue, now: int, order: OrderRequest) -> None:
        parts.sent = time.thread_time() if order.purpose in FOLLOW else 0.0
        submit(self, now, order)

    def written(self: Any, data: Any) -> None:
        write(self, data)
        if parts.sent and bytes(data[:16]) == b"POST /api/orders":
            request, parts.sent = time.thread_time() - parts.sent, 0.0
            parts.own.append((parts.heard + parts.fed + parts.durable + request) * 1e3)
            parts.way.append((parts.heard + parts.half + parts.durable + request) * 1e3)
            parts.halves.append(parts.half * 1e3)
            for name, took in zip(
                parts.shares, (parts.heard, parts.fed, parts.durable, request), strict=True
            ):
                parts.shares[name].append(took * 1e3)

    return (
        patch.object(FtxEars, "heard", heard),
        patch.object(VirtualMachine, "feed", fed),
        patch.object(VirtualMachine, "_save_intent", saved),
        patch.object(VirtualMachine, "_send", sent),
        patch.object(StoreKeeper, "commit", committed),
        patch.object(FtxVenue, "submit", submitted),
        patch.object(asyncio.selector_events._SelectorSocketTransport, "write", written),  # type: ignore[attr-defined]
    )


def test_from_a_fill_to_the_hedges_bytes(tmp_path: Path) -> None:
    parts = Parts()
    settings = replace(sides.brisk(max_pairs=1))
    with contextlib.ExitStack() as watching:
        for each in watch(parts):
            watching.enter_context(each)
        sides.over_sockets(tmp_path, settings, SECONDS)
    table(
        f"fill in, decision, order bytes out, {len(parts.own)} orders of {SECONDS} s of market; ms",
        [
            ("own time, p50", f"{quantile(parts.own, 0.5):.2f}   floor {P50_FLOOR_MS}"),
            ("own time, p99", f"{quantile(parts.own, 0.99):.2f}   floor {P99_FLOOR_MS}"),
            (
                "  without what is done while the disk writes, p50 and p99",
                f"{quantile(parts.way, 0.5):.2f}, {quantile(parts.way, 0.99):.2f}",
            ),
            *(
                (f"  {name}, p50 and p99", f"{quantile(took, 0.5):.2f}, {quantile(took, 0.99):.2f}")
                for name, took in parts.shares.items()
            ),
            (
                "  desk until the intent is handed to the disk",
                f"{quantile(parts.halves, 0.5):.2f}, {quantile(parts.halves, 0.99):.2f}",
            ),
            ("the device's sync of the intent, p50", f"{quantile(parts.syncs, 0.5):.2f}"),
            ("the device's sync of the intent, p99", f"{quantile(parts.syncs, 0.99):.2f}"),
        ],
    )
    assert len(parts.own) > 50
    assert quantile(parts.own, 0.5) < P50_FLOOR_MS
    assert quantile(parts.own, 0.99) < P99_FLOOR_MS
