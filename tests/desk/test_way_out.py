"""What stands between a fill and the order that follows it: counted in calls, which no busy machine changes.

And what is kept on that way is what would be worked out anew.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from statistics import median
from types import FrameType

import pytest

from services.desk import short
from services.desk.prices import DeskPrices
from services.desk.submit import Submitter
from services.domain.effects import SaveIntent, Send
from services.domain.enums import Purpose
from services.domain.events import Event, IntentDurable, OrderFilled
from services.drive.machine import VirtualMachine
from services.portfolio import distance, margin
from tests.adversary.plan import base
from tests.adversary.share import one
from tests.desk.test_asked import journal

FOLLOW = (Purpose.HEDGE, Purpose.EXIT)
TO_THE_INTENT, TO_THE_SEND = 450, 30
"""Calls of Python functions at most, by the median: 763 and 618 when books were kept and accounts valued on
the way, 344 and 21 since."""
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
