"""A machine that slept: what its sockets still seem to say is as old as the sleep was long."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from services.domain.events import MarketFrame, VenueLink
from services.runtime import clock
from tests.conformance.ftx import FtxSubject, wired

SLEEP_S = 600


async def test_after_ten_minutes_of_sleep_no_old_price_is_young(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with wired() as (house, wire):
        subject = FtxSubject(house, wire)
        try:
            await subject.client.start()
            await subject.first(VenueLink, up=True)
            await subject.quoted()
            # The lid is shut: nothing comes any more, and nobody is told.
            wire.stall()
            since = len(subject.heard)
            sleep(monkeypatch)
            await subject.until(lambda: downs(subject, since), "the end of a line that has slept")
            for event in subject.events[since:]:
                if isinstance(event, VenueLink):
                    break
                if isinstance(event, MarketFrame) and not event.quotes:
                    assert time.time_ns() - event.ts > (SLEEP_S - 60) * 1_000_000_000
            wire.flow()
            wire.cut()
            await subject.until(lambda: len(subject.of(VenueLink, up=True)) == 2, "the line again")
        finally:
            await subject.client.close()


def downs(subject: FtxSubject, since: int) -> bool:
    return any(isinstance(each, VenueLink) and not each.up for each in subject.events[since:])


def sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock that counts sleep is ten minutes on; the ordinary monotonic one has not moved."""
    awake = SimpleNamespace(
        CLOCK_BOOTTIME=time.CLOCK_BOOTTIME,
        time_ns=time.time_ns,
        clock_gettime=lambda which: time.clock_gettime(which) + SLEEP_S,
        clock_gettime_ns=lambda which: time.clock_gettime_ns(which) + SLEEP_S * 1_000_000_000,
    )
    monkeypatch.setattr(clock, "time", awake)
