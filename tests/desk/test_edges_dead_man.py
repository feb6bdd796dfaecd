"""The dead-man's switch, edge by edge: what it is asked, when, and what is said of it (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from services.desk import deadman
from services.desk.core import SECOND
from services.desk.desk import Desk
from services.desk.state import Beat
from services.domain.effects import ArmDeadMan, Decision, Record
from services.domain.enums import OrderType, Purpose, Side, TimeInForce
from services.domain.events import OrderCanceled
from services.domain.orders import OrderRequest
from services.domain.records import RiskRecord
from services.domain.venue_events import DeadManReport, RequestFailed, VenueFacts

PERP, ETH = "BTC-USDT-PERP.alpha", "ETH-USDT-PERP.alpha"
TIMER = "deadman alpha"
LATE, FAILED, FIRED = "dead man late:alpha", "dead man:alpha", "dead man fired:alpha"


class Switch:
    """A look at the switches of a desk on which nothing rests but what a test adds."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.core = desk.core
        assert self.core.orders.open_orders() == ()
        self.book = self.core.state.venues["alpha"]
        self.book.facts = VenueFacts(
            venue="alpha", ts=0, conditional=True, dead_man=True, conditional_survives_dead_man=True
        )
        self.book.dead_man = None
        self.stale: set[str] = set()
        self.age: int | None = 0
        self.up = True
        self.waiting: set[str] = set()
        picture = type(self.core.picture)
        monkeypatch.setattr(picture, "venue_age", lambda _self, _venue, _now: self.age)
        monkeypatch.setattr(picture, "connected", lambda _self, _venue, _now: self.up)
        monkeypatch.setattr(picture, "quote_fresh", lambda _self, name, _now: name not in self.stale)
        monkeypatch.setattr(type(self.core.backstops), "waiting", lambda _self, name: name in self.waiting)
        self._count = 0

    def add(self, instrument: str = PERP, *, sent: bool = True, **facts: Any) -> str:
        self._count += 1
        name = f"abc123000000{self._count:03d}t0000"
        order = OrderRequest(
            client_order_id=name, instrument=instrument, side=Side.BUY, quantity=Decimal(1),
            price=Decimal(10), purpose=Purpose.TICKET, tif=TimeInForce.GTC, origin="operator",
        )  # fmt: skip
        self.core.orders.add(replace(order, **facts), self.core.now)
        if sent:
            self.core.orders.sent(name, self.core.now)
        return name

    def busy_elsewhere(self) -> None:
        """An order rests at a venue that has no switch: every venue is looked at."""
        beta = self.core.state.venues["beta"]
        assert beta.facts is not None
        beta.facts = replace(beta.facts, dead_man=False)
        self.add("ETH-USDT-PERP.beta")

    def end(self, name: str) -> None:
        now = self.core.now
        self.core.orders.apply(OrderCanceled("alpha", name, "canceled", Decimal(0), now, now), now)

    def beat(self, asked_ms: int = 0, *, due_s: float = 0, told_s: float = 0, asked_s: float = 10) -> None:
        """How many seconds ago it was asked, told; in how many the next is due."""
        now = self.core.now
        at = [now - int(told_s * SECOND), now - int(asked_s * SECOND), now + int(due_s * SECOND)]
        self.book.beat = Beat(asked_ms=asked_ms, told_ts=at[0], asked_ts=at[1], next_at=at[2])

    def told(self, *, armed: bool, fired: bool = False) -> list[Any]:
        self.core.out = []
        report = DeadManReport(venue="alpha", armed=armed, fires_at=None, fired=fired, ts_event=0, ts=0)
        deadman.on_report(self.core, report)
        return self.core.out

    def look(self) -> list[int]:
        """The time-outs that the venue is asked for."""
        self.core.out = []
        deadman.follow(self.core)
        return [each.timeout_ms for each in self.core.out if isinstance(each, ArmDeadMan)]

    def open(self) -> set[str]:
        return {each.key for each in self.core.alerts.open() if each.key.startswith("dead man")}


@pytest.fixture
def switch(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Switch:
    return Switch(desk, monkeypatch)


# ---- what it is asked


def test_asked_and_never_told_it_is_taken_off_with_the_last_order(switch: Switch) -> None:
    switch.beat(60_000, due_s=-1)
    del switch.core.state.venues["beta"]
    assert switch.look() == [0]
    assert switch.book.beat.next_at == switch.core.now


@pytest.mark.parametrize(("due_s", "asks"), [(0, [0]), (0.001, []), (-1, [0])])
def test_nothing_rests_any_more_it_is_taken_off_when_the_beat_is_due(
    switch: Switch, due_s: float, asks: list[int]
) -> None:
    switch.beat(60_000, due_s=due_s)
    assert switch.look() == asks


@pytest.mark.parametrize(
    ("armed", "ago_s", "asks"), [(True, 1.999, []), (True, 2, [0]), (True, 3, [0]), (False, 3, [])]
)
def test_a_word_that_it_is_armed_against_our_wish_is_answered_after_two_seconds(
    switch: Switch, armed: bool, ago_s: float, asks: list[int]
) -> None:
    switch.told(armed=armed)
    switch.beat(0, asked_s=ago_s)
    if not armed:
        switch.busy_elsewhere()
    assert switch.look() == asks


def test_one_that_is_not_set_is_armed_at_once_whatever_is_due(switch: Switch) -> None:
    switch.add()
    switch.beat(0, due_s=5)
    assert switch.look() == [60_000]
    assert switch.core.state.timers[TIMER] == switch.core.now + 15 * SECOND
    assert switch.look() == [], "and beaten when it is due"


@pytest.mark.parametrize(("due_s", "asks"), [(0.001, []), (0, [60_000])])
def test_it_is_beaten_when_it_is_due(switch: Switch, due_s: float, asks: list[int]) -> None:
    switch.add()
    switch.beat(60_000, due_s=due_s)
    assert switch.look() == asks


@pytest.mark.parametrize(
    ("asked_ms", "told_s", "silent"),
    [(60_000, 10.001, True), (60_000, 10, False), (60_000, 3, False), (0, 20, False)],
)
def test_no_word_on_the_last_beat_is_said_at_the_next(
    switch: Switch, asked_ms: int, told_s: float, silent: bool
) -> None:
    switch.add()
    switch.beat(asked_ms, told_s=told_s, asked_s=10)
    assert switch.look() == [60_000], "it is tried all the same"
    assert switch.open() == ({FAILED} if silent else set())


def test_taken_off_no_timer_and_no_word_of_a_late_beat_is_left(switch: Switch) -> None:
    name = switch.add()
    switch.look()
    switch.stale.add(PERP)
    switch.beat(60_000)
    assert switch.look() == []
    assert switch.open() == {LATE}
    assert switch.core.state.timers[TIMER] == switch.core.now + SECOND
    switch.end(name)
    switch.beat(60_000)
    assert switch.look() == [0]
    assert switch.open() == set()
    assert TIMER not in switch.core.state.timers


@pytest.mark.parametrize(
    ("facts", "waits", "guarded"),
    [
        ({}, False, True),
        ({"sent": False}, False, False),
        ({"tif": TimeInForce.IOC}, False, False),
        ({"type": OrderType.MARKET, "price": None}, False, False),
        ({}, True, False),
    ],
)
def test_it_guards_what_was_sent_and_can_rest_and_is_no_backstop(
    switch: Switch, facts: dict[str, Any], waits: bool, guarded: bool
) -> None:
    switch.busy_elsewhere()
    name = switch.add(**facts)
    if waits:
        switch.waiting.add(name)
    assert switch.look() == ([60_000] if guarded else [])


@pytest.mark.parametrize(
    ("survives", "facts", "waits", "in_the_way"),
    [
        (True, {"purpose": Purpose.STOP}, False, True),  # an ordinary order: the switch takes it along
        (True, {"purpose": Purpose.STOP}, True, False),
        (False, {"purpose": Purpose.STOP}, True, True),
        (False, {"purpose": Purpose.STOP, "tif": TimeInForce.IOC}, False, False),
        (False, {"purpose": Purpose.ENTRY}, False, False),
    ],
)
def test_a_protective_order_that_it_would_take_along_is_in_its_way(
    switch: Switch, survives: bool, facts: dict[str, Any], waits: bool, in_the_way: bool
) -> None:
    assert switch.book.facts is not None
    switch.book.facts = replace(switch.book.facts, conditional_survives_dead_man=survives)
    switch.add()
    name = switch.add(ETH, reduce_only=True, **facts)
    if waits:
        switch.waiting.add(name)
    assert switch.look() == ([] if in_the_way else [60_000])
    assert deadman.state_of(switch.core, "alpha") == ("withheld" if in_the_way else "off")


@pytest.mark.parametrize("unseen", ["no data", "old", "down", "one quote", "none"])
def test_a_desk_that_does_not_see_the_market_keeps_no_quotes_alive(switch: Switch, unseen: str) -> None:
    switch.add()
    switch.add(ETH)
    limit = switch.core.settings.fresh.heartbeat_s * SECOND
    switch.age = {"no data": None, "old": limit}.get(unseen, limit - 1)
    switch.up = unseen != "down"
    switch.stale = {ETH} if unseen == "one quote" else set()
    assert switch.look() == ([60_000] if unseen == "none" else [])


# ---- what is said of it


def test_each_change_is_decided_once_and_ends_what_was_said_of_a_failure(switch: Switch) -> None:
    core = switch.core

    def said(out: list[Any]) -> list[str]:
        return [each.text for each in out if isinstance(each, Decision) and each.kind == "dead man"]

    failed = RequestFailed(venue="alpha", what="dead man", subject="", reason="500", ts=0)
    deadman.on_failed(core, failed)
    assert (deadman.state_of(core, "alpha"), switch.open()) == ("failed", {FAILED})
    assert said(switch.told(armed=True)) == ["armed"]
    assert (deadman.state_of(core, "alpha"), switch.open()) == ("armed", set())
    assert said(switch.told(armed=True)) == []
    assert said(switch.told(armed=False)) == ["off"]
    assert said(switch.told(armed=False)) == []
    switch.beat(60_000, due_s=9)
    core.set_timer(TIMER, core.now + SECOND)
    out = switch.told(armed=False, fired=True)
    assert said(out) == ["fired"]
    rows = [each.row for each in out if isinstance(each, Record) and isinstance(each.row, RiskRecord)]
    assert [(row.kind, row.subject) for row in rows] == [("dead man", "alpha")]
    assert (switch.book.beat.asked_ms, switch.book.beat.next_at) == (0, core.now)
    assert TIMER not in core.state.timers
    assert (deadman.state_of(core, "alpha"), switch.open()) == ("fired", {FIRED})
    assert said(switch.told(armed=True)) == ["armed"]
    assert switch.open() == set()


def test_of_a_venue_that_has_not_said_what_it_can_nothing_is_known(switch: Switch) -> None:
    del switch.core.state.venues["beta"]
    assert deadman.state_of(switch.core, "beta") is None
    assert deadman.state_of(switch.core, "alpha") == "off"


# ---- a clean stop


@pytest.mark.parametrize(
    ("asked_ms", "armed", "done"), [(0, False, True), (60_000, False, False), (0, True, False)]
)
def test_a_stop_waits_until_no_switch_is_set_whoever_says_so(
    switch: Switch, monkeypatch: pytest.MonkeyPatch, asked_ms: int, armed: bool, done: bool
) -> None:
    switch.told(armed=armed)
    switch.beat(asked_ms)
    switch.core.out = []
    assert deadman.released(switch.core) is done
    asks = [each.timeout_ms for each in switch.core.out if isinstance(each, ArmDeadMan)]
    assert asks == ([] if done else [0])
    switch.beat(asked_ms)
    assert len(deadman.kept(switch.core)) == (0 if done else 1)
    # Where a backstop is missing it is kept, and the stop does not wait for it.
    monkeypatch.setattr(deadman, "protected", lambda _core, _venue: False)
    assert deadman.released(switch.core)


def test_one_venue_without_a_word_keeps_no_other_from_being_released(switch: Switch) -> None:
    venues = switch.core.state.venues
    assert list(switch.core.settings.venues) == ["alpha", "beta"]
    del venues["alpha"]
    venues["beta"].beat = Beat(asked_ms=60_000)
    assert not deadman.released(switch.core)
    del venues["beta"]
    assert deadman.released(switch.core)
