"""What stands between a fill and the order that follows it: counted in calls, which no busy machine changes.

And what is kept on that way is what would be worked out anew.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from statistics import median
from types import FrameType

import msgspec
import pytest

from services.desk import booking, short
from services.desk.desk import Desk
from services.desk.fills import book_later
from services.desk.gatekeeping import accounts
from services.desk.prices import DeskPrices
from services.desk.submit import Submitter
from services.domain.effects import Effect, SaveIntent, Send
from services.domain.enums import PairState, Purpose
from services.domain.events import Event, IntentDurable, OrderFilled
from services.domain.orders import OrderRequest
from services.drive.machine import VirtualMachine
from services.portfolio import distance, margin
from tests.adversary.plan import base
from tests.adversary.share import one
from tests.desk.test_asked import journal
from tests.desk.world import DeskWorld, quick

FOLLOW = (Purpose.HEDGE, Purpose.EXIT)
TO_THE_INTENT, TO_THE_SEND = 270, 20
"""Calls of Python functions at most, by the median: 763 and 618 when books were kept and accounts valued on
the way, 344 and 21 since, 218 and 14 since the ledger and the gate's words follow too."""
DEAR = {each.__code__ for each in (margin.account_margin, distance.joint_distance)}


class Way:
    """Counts the calls from an event to the effect that matters."""

    def __init__(self) -> None:
        self.calls = self.dear = 0
        self.counts: dict[type, list[int]] = {OrderFilled: [], IntentDurable: []}
        self.kind: type = Event  # type: ignore[assignment]

    def begin(self, kind: type) -> None:
        self.calls, self.kind = 0, kind
        sys.setprofile(self.seen if kind in self.counts else None)

    def seen(self, frame: FrameType, what: str, _: object) -> None:
        if what == "call":
            self.calls += 1
            self.dear += frame.f_code in DEAR

    def end(self, kind: type, *, counts: bool) -> None:
        sys.setprofile(None)
        if counts and self.kind is kind:
            self.counts[kind].append(self.calls)


def test_a_hedge_and_an_exit_go_out_before_anything_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Way()
    feed, save, send = VirtualMachine.feed, VirtualMachine._save_intent, VirtualMachine._send

    def fed(self: VirtualMachine, event: Event) -> None:
        way.begin(type(event))
        try:
            feed(self, event)
        finally:
            sys.setprofile(None)

    def saved(self: VirtualMachine, effect: SaveIntent) -> None:
        way.end(OrderFilled, counts=effect.orders[0].purpose in FOLLOW)
        save(self, effect)

    def sent(self: VirtualMachine, effect: Send) -> None:
        way.end(IntentDurable, counts=effect.order.purpose in FOLLOW)
        send(self, effect)

    monkeypatch.setattr(VirtualMachine, "feed", fed)
    monkeypatch.setattr(VirtualMachine, "_save_intent", saved)
    monkeypatch.setattr(VirtualMachine, "_send", sent)
    before = sys.getprofile()
    try:
        journal(tmp_path)
    finally:
        sys.setprofile(before)
    intents, sends = way.counts[OrderFilled], way.counts[IntentDurable]
    assert min(len(intents), len(sends)) > 5
    assert way.dear == 0, "an account was valued on the way of an order that no limit refuses"
    assert median(intents) < TO_THE_INTENT
    assert median(sends) < TO_THE_SEND


def test_what_is_kept_on_the_way_is_what_would_be_found_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """In runs with faults, strangers, halts and restarts: every mid and index asked for, and every answer
    that the gate gave ahead."""
    seen = {"mid": 0, "usd": 0, "ahead": 0}
    mid, usd, durable = DeskPrices.mid, DeskPrices.usd, Submitter.on_durable

    def checked_mid(self: DeskPrices, instrument: str) -> Decimal | None:
        found, core = mid(self, instrument), self._core
        fresh = core.picture.fresh_quote(instrument, core.now) is not None
        assert found == (core.picture.mid(instrument) if fresh else None)
        seen["mid"] += 1
        return found

    def checked_usd(self: DeskPrices, instrument: str) -> Decimal | None:
        found = usd(self, instrument)
        assert found == self._core.picture.last_usd(instrument)
        seen["usd"] += 1
        return found

    def checked_durable(self: Submitter, seq: int) -> None:
        for name, (half, ahead) in self._ahead.items():
            entry = self.core.orders.get(name)
            if half + 1 == self.core.half and entry is not None:
                assert ahead == short.answer(self.core, entry.request)
                seen["ahead"] += 1
        durable(self, seq)

    monkeypatch.setattr(DeskPrices, "mid", checked_mid)
    monkeypatch.setattr(DeskPrices, "usd", checked_usd)
    monkeypatch.setattr(Submitter, "on_durable", checked_durable)
    for seed in (62, 87, 233, 353):
        _, wrong = one(seed, base)
        assert wrong == ""
    assert min(seen.values()) > 5, seen


Turns = list[tuple[str, list[bytes]]]


def turns(monkeypatch: pytest.MonkeyPatch, *, later: bool) -> tuple[Turns, int]:
    """Every event of runs with faults, strangers, halts and restarts, with all that came of it, sorted; and
    how many hedges and exits went to the disk before the ledger had the fill that they follow."""
    found: Turns = []
    behind = 0
    decide, follow = Desk.decide, Desk.follow
    first: list[Effect] = []

    def decided(self: Desk, event: Event) -> tuple[Effect, ...]:
        nonlocal behind
        first[:] = decide(self, event)
        found.append((type(event).__name__, []))
        if self.core.unbooked_on:
            behind += any(isinstance(each, SaveIntent) for each in first)
        return tuple(first)

    def followed(self: Desk) -> tuple[Effect, ...]:
        second = follow(self)
        assert not self.core.unbooked_on
        found[-1][1].extend(sorted(msgspec.json.encode(each) for each in (*first, *second)))
        return second

    with monkeypatch.context() as patches:
        patches.setattr(Desk, "decide", decided)
        patches.setattr(Desk, "follow", followed)
        if not later:
            patches.setattr(booking, "may_wait", lambda core, entry: False)
        for seed in (62, 87, 233, 353):
            assert one(seed, base)[1] == ""
    return found, behind


def test_a_turn_comes_to_the_same_when_the_ledger_has_its_fill_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, none_behind = turns(monkeypatch, later=False)
    later, behind = turns(monkeypatch, later=True)
    assert later == now
    assert none_behind == 0
    assert behind > 5


def hedged() -> tuple[DeskWorld, OrderFilled]:
    """A pair, and one more fill of its short leg that the ledger has not taken."""
    world = DeskWorld(settings=quick()).until(lambda w: PairState.HEDGED in w.pair_states())
    core = world.desk.core
    leg = core.pairs.live()[0].short
    entry = next(each for each in core.orders.state.orders.values() if each.request.leg == leg.number)
    fill = OrderFilled(
        venue=entry.venue, instrument=leg.instrument, client_order_id=entry.id, venue_order_id="v",
        trade_id="late", side=leg.side, quantity=Decimal("0.1"), price=Decimal(20_000), fee=Decimal(0),
        fee_coin="USDT", maker=False, ts_event=core.now, ts=core.now,
    )  # fmt: skip
    book_later(core, fill, entry)
    return world, fill


@pytest.mark.parametrize("asks", ["same instrument", "other instrument", "account"])
def test_the_ledger_has_the_fill_before_anybody_looks_who_needs_it(asks: str) -> None:
    world, fill = hedged()
    core = world.desk.core
    spec = core.instruments[fill.instrument]
    before = core.ledger.size(spec)
    legs = core.pairs.live()[0].legs
    if asks == "account":
        all_held = accounts(core)[spec.venue].positions
        assert [each.size for each in all_held if each.instrument is spec] == [before - fill.quantity]
        return
    leg = next(each for each in legs if (each.instrument == fill.instrument) is (asks == "same instrument"))
    order = OrderRequest(
        client_order_id="x", instrument=leg.instrument, side=leg.side.opposite, quantity=leg.size,
        price=core.picture.mid(leg.instrument), reduce_only=True, purpose=Purpose.EXIT, origin="desk",
    )  # fmt: skip
    held = short.context(core, order).accounts[core.instruments[leg.instrument].venue].positions
    taken = asks == "same instrument"
    assert core.ledger.size(spec) == before - (fill.quantity if taken else 0)
    assert held[0].size == core.ledger.size(core.instruments[leg.instrument])
