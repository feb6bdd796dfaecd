"""Disconnect storm (bug rows of the wire): no private event is lost, no dead line looks alive.

A share of it runs always; all 200 blows with STABLECONSOLE_SOAK=1.
"""

from __future__ import annotations

import os
import time

from services.domain.events import (
    AccountReport,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
    VenueLink,
)
from tests.conformance.ftx import FtxSubject, wired
from tests.figures import Say
from tests.storm.storm import Storm

SOAK = os.environ.get("STABLECONSOLE_SOAK") == "1"
BLOWS, GAP_S, LONG_EVERY = (200, 0.06, 66) if SOAK else (40, 0.07, 21)


async def test_no_private_event_is_lost_and_no_dead_line_looks_alive(figure: Say) -> None:
    async with wired() as (house, wire):
        subject = FtxSubject(house, wire)
        await subject.client.start()
        try:
            await subject.first(VenueLink, up=True)
            await subject.quoted()
            storm = Storm(subject, seed=4)
            await storm.blow(BLOWS, GAP_S, LONG_EVERY)
            wire.cut()
            await calm(subject, storm, figure)
        finally:
            await subject.client.close()


async def calm(subject: FtxSubject, storm: Storm, figure: Say) -> None:
    """The storm is over: the line comes up, the account is read, doubts are asked for, all must agree."""
    # The pause before the next try may have grown meanwhile.
    subject.patience_s = 40.0
    await subject.until(lambda: storm.take() or storm.fresh(), "a fresh line")
    # Not refused for ever: the quotes are trusted again.
    await subject.until(
        lambda: storm.take() or "quote" not in storm.believer.refusal(time.time_ns()), "a trusted quote"
    )
    before = storm.reads
    storm.read()
    # A connection that was left half open may cost a read; it is asked again, as a desk does.
    await subject.until(
        lambda: storm.take() or any(_number(each) > before for each in subject.of(AccountReport)),
        "the last read",
    )
    truth = {str(fill.trade_id).rpartition("t")[2]: fill for fill in subject.truth().fills}
    known = storm.known
    assert set(known) == set(truth)
    for number, fill in truth.items():
        told = known[number]
        assert (told.client_order_id, told.side, told.quantity, told.price, told.fee) == (
            fill.client_order_id, fill.side, fill.quantity, fill.price, fill.fee,
        )  # fmt: skip
    lived = {fill.client_order_id for fill in truth.values()}
    doubts = 0
    for request in storm.sent:
        mine = request.client_order_id
        words = [
            subject.of(kind, client_order_id=mine) for kind in (OrderAccepted, OrderRejected, OrderUnknown)
        ]
        assert any(words) or subject.of(OrderFilled, client_order_id=mine), f"no word on {mine}"
        if words[1] and not words[0]:
            assert mine not in lived, "a definite no that was none"
        if words[2]:
            doubts += 1
            subject.door.query(subject.now(), subject.perp, mine)
            report = await subject.first(OrderReport, client_order_id=mine)
            assert report.found == (mine in lived)
    counts = ", ".join(f"{name} {count}" for name, count in sorted(storm.done.items()))
    figure(
        f"{sum(storm.done.values())} blows in {storm.blown_s:.0f} s ({counts}),"
        f" {len(truth)} fills all known,"
        f" {len(subject.of(VenueLink, up=False))} times down, {doubts} of {len(storm.sent)} orders in doubt,"
        f" {storm.stale_looks} looks at a dead line, {storm.blocked_looks} entries refused"
    )
    assert storm.stale_looks > 0
    assert storm.blocked_looks > storm.stale_looks


def _number(report: AccountReport) -> int:
    return int(report.request.rpartition("-")[2])
