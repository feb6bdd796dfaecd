"""What is wanted at the venue for what stands alone, and what a read finds there (docs/mutants.md)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.desk import protection
from services.desk.core import UNREAD
from services.domain.enums import OrderState, PairState, Purpose, Severity, Side, TradingState
from services.domain.events import AccountReport, WorkingRow
from services.domain.orders import OrderRequest
from services.domain.venue_events import VenueFacts
from services.execution.backstops import Want
from services.execution.flatten import Scope
from tests.desk.guard import ETH, FAR, MS, PERP, D, Guard, stop, uncover

# ---- after every event


def able(guard: Guard, *venues: str) -> None:
    for name in venues:
        guard.core.state.venue(name).facts = VenueFacts(
            venue=name, ts=0, conditional=True, dead_man=False, conditional_survives_dead_man=True
        )


def follow(guard: Guard) -> tuple[dict[str, Want], list[str]]:
    guard.asked.clear()
    guard.ran.clear()
    protection.follow(guard.core, guard)  # type: ignore[arg-type]
    for each in guard.asked:
        if each[0] == "sync":
            return each[1], each[2]
    return {}, []


def test_where_nothing_stands_alone_nothing_is_asked_and_nothing_is_left(guard: Guard) -> None:
    state = guard.core.state
    state.protect = [PERP]
    follow(guard)
    assert (guard.asked, state.protect) == ([], [])
    # The stop of a leg that is hedged again goes, though nothing else stands alone.
    state.stops.naked["P-01"] = stop(PERP)
    follow(guard)
    assert guard.asked == [("hedged", "P-01")]
    state.stops.naked.clear()
    # A backstop that is left over is taken off, though nothing wants one.
    guard.core.backstops._new(PERP, Want(instrument=PERP, size=D(1), entry=D(100)))
    follow(guard)
    assert guard.asked == [("sync", {}, [])]
    assert guard.ran == [("sync",)]


def test_what_stands_alone_is_wanted_and_its_local_stop_stands_down_for_a_released_one(guard: Guard) -> None:
    able(guard, "alpha")
    core = guard.core
    guard.alone(PERP, "-3")
    core.state.stops.stops[ETH] = stop(ETH)
    guard.patch(type(core.backstops), "released", lambda _self, name: name == ETH)
    guard.patch(type(core.backstops), "level", lambda _self, key: D(110) if key == PERP else None)
    core.alert(f"backstop:{PERP}", Severity.ALARM, "x")
    wants, paused = follow(guard)
    assert wants == {PERP: Want(instrument=PERP, size=D(-3), entry=D(100))}
    assert paused == []
    assert core.state.protect == [PERP]
    assert guard.ran == [("sync",), ("stand down", ETH, True, core.now)]
    assert not guard.open(f"backstop:{PERP}")


def test_a_backstop_that_does_not_rest_yet_is_still_called_missing(guard: Guard) -> None:
    able(guard, "alpha")
    guard.alone(PERP, "3")
    guard.core.alert(f"backstop:{PERP}", Severity.ALARM, "x")
    follow(guard)
    assert guard.open(f"backstop:{PERP}")


@pytest.mark.parametrize(
    ("size", "entry", "wanted"),
    [
        ("3.0004", "100", "3"),
        ("0.002", "100", "0.002"),
        ("0.001", "100", None),  # under its least size
        ("0.0004", "100", None),
        ("3", None, None),
        ("3", "0", None),
    ],
)
def test_a_backstop_is_for_what_the_venue_takes_and_an_entry_that_is_known(
    guard: Guard, size: str, entry: str | None, wanted: str | None
) -> None:
    able(guard, "alpha")
    core = guard.core
    core.instruments = dict(core.instruments) | {PERP: replace(core.instruments[PERP], min_size=D("0.002"))}
    guard.alone(PERP, size, entry)
    guard.alone(ETH, "1")
    wants, _ = follow(guard)
    assert {name: want.size for name, want in wants.items()} == (
        {ETH: D(1)} if wanted is None else {PERP: D(wanted), ETH: D(1)}
    )


def test_a_size_of_nothing_is_wanted_nowhere_whatever_the_venue_takes(guard: Guard) -> None:
    able(guard, "alpha")
    core = guard.core
    core.instruments = dict(core.instruments) | {PERP: replace(core.instruments[PERP], min_size=D(0))}
    guard.alone(PERP, "0.0004")
    follow(guard)
    assert core.state.protect == []


@pytest.mark.parametrize(
    ("facts", "leg", "stopped", "wanted"),
    [
        ({}, {}, True, True),
        ({"state": PairState.CLOSED}, {}, False, False),
        ({"one_shot": True}, {}, True, False),
        ({}, {"entry_cost": D(0)}, False, False),
        ({}, {"bought": D(0)}, False, False),
    ],
)
def test_a_naked_leg_has_a_stop_here_and_one_there(
    guard: Guard, facts: dict[str, Any], leg: dict[str, Any], stopped: bool, wanted: bool
) -> None:
    able(guard, "alpha", "beta")
    pair = uncover(guard, "0.515", "0.2")
    second = replace(pair, id="P-77", naked=replace(pair.naked))
    guard.core.pairs.adopt(second)
    for name, value in facts.items():
        if name == "one_shot":
            guard.patch(type(pair), "one_shot", property(lambda each: each.id == pair.id))
        else:
            setattr(pair, name, value)
    pair.short = replace(pair.short, **leg)
    guard.core.state.stops.naked = {pair.id: stop(FAR), second.id: stop(FAR)}
    wants, _ = follow(guard)
    names = [pair.id] if stopped else []
    assert [each[1] for each in guard.asked if each[0] == "naked"] == [*names, second.id]
    assert [each[1] for each in guard.asked if each[0] == "hedged"] == ([] if stopped else [pair.id])
    keys = [f"{FAR}|{pair.id}"] if wanted else []
    assert list(wants) == [*keys, f"{FAR}|{second.id}"]
    want = wants[f"{FAR}|{second.id}"]
    assert (want.size, want.pair, want.leg, want.entry) == (D("-0.315"), "P-77", 1, second.short.entry_price)


@pytest.mark.parametrize(("least", "wanted"), [("0.315", True), ("0.316", False)])
def test_a_naked_leg_under_the_least_size_has_its_local_stop_alone(
    guard: Guard, least: str, wanted: bool
) -> None:
    able(guard, "beta")
    core = guard.core
    core.instruments = dict(core.instruments) | {FAR: replace(core.instruments[FAR], min_size=D(least))}
    uncover(guard, "0.515", "0.2")
    wants, _ = follow(guard)
    assert [each[0] for each in guard.asked if each[0] == "naked"] == ["naked"]
    assert bool(wants) is wanted


def test_a_naked_pair_whose_time_has_not_come_hides_no_other(guard: Guard) -> None:
    able(guard, "beta")
    pair = uncover(guard, "0.515", "0.2", ago_ms=0)
    late = replace(pair, id="P-77", naked=replace(pair.naked, since=guard.core.now - 60_000 * MS))
    guard.core.pairs.adopt(late)
    wants, _ = follow(guard)
    assert list(wants) == [f"{FAR}|P-77"]


@pytest.mark.parametrize("lacks", ["nothing", "reduce only", "venue", "facts", "conditional"])
def test_where_nothing_can_rest_that_only_reduces_none_is_placed(guard: Guard, lacks: str) -> None:
    able(guard, "alpha")
    core = guard.core
    book = core.state.venues["alpha"]
    if lacks == "reduce only":
        core.instruments = dict(core.instruments) | {
            PERP: replace(core.instruments[PERP], reduce_only_supported=False)
        }
    elif lacks == "venue":
        guard.patch(protection, "_paused", lambda _core, _name: False)
        del core.state.venues["alpha"]
    elif lacks == "facts":
        book.facts = None
    elif lacks == "conditional":
        assert book.facts is not None
        book.facts = replace(book.facts, conditional=False)
    guard.alone(PERP, "3")
    wants, _ = follow(guard)
    assert list(wants) == ([PERP] if lacks == "nothing" else [])
    assert core.state.protect == [PERP], "it is wanted all the same"


@pytest.mark.parametrize(
    ("hinders", "paused"),
    [
        ("nothing", False),
        ("a difference", True),
        ("a difference elsewhere", False),
        ("unread", True),
        ("down", True),
        ("flatten all", True),
        ("flatten of its pair", True),
        ("flatten of another", False),
        ("flatten of it alone", True),
    ],
)
def test_nothing_new_where_another_hand_is_at_work_or_the_venue_is_not_known(
    guard: Guard, hinders: str, paused: bool
) -> None:
    able(guard, "alpha")
    core = guard.core
    name = ETH if hinders == "flatten of it alone" else PERP
    guard.alone(name, "3")
    if hinders.startswith("a difference"):

        class Line:
            subject = PERP if hinders == "a difference" else ETH

        core.state.venue("alpha").differences = (Line(),)  # type: ignore[assignment]
    elif hinders == "unread":
        core.raise_cause(UNREAD, "venue:alpha", TradingState.REDUCING, "x")
    elif hinders.startswith("flatten"):
        scopes = {
            "flatten all": Scope(),
            "flatten of its pair": Scope(pair=guard.pair.id),
            "flatten of another": Scope(instrument=ETH),
            "flatten of it alone": Scope(instrument=ETH),
        }
        core.flattens.start(scopes[hinders], "t", "t", core.now, guard.prices)
    guard.patch(type(core.picture), "connected", lambda _self, venue, _now: hinders != "down")
    _, names = follow(guard)
    assert names == ([name] if paused else [])


# ---- what a read finds


OURS = "abc123000000001s0000"


def row(**facts: Any) -> WorkingRow:
    plain = WorkingRow(
        client_order_id=OURS, venue_order_id="7", instrument=PERP, side=Side.SELL, quantity=D("0.3"),
        filled=D(0), price=D(80), reduce_only=True, trigger=D(90),
    )  # fmt: skip
    return replace(plain, **facts)


def read(guard: Guard, *rows: WorkingRow) -> list[tuple[Any, ...]]:
    now = guard.core.now
    report = AccountReport(
        venue="alpha", request="r", balances=(), positions=(), orders=rows, ts_event=now, ts=now
    )
    guard.core.state.ids.instance = "abc123"
    protection.adopt(guard.core, report)
    return guard.asked


@pytest.mark.parametrize(
    ("facts", "adopted"),
    [
        ({}, True),
        ({"trigger": None}, False),
        ({"reduce_only": False}, False),
        ({"client_order_id": "abc123000000001"}, False),
        ({"client_order_id": ""}, False),
        ({"client_order_id": "zzz123000000001s0000"}, False),
        ({"client_order_id": "abc123000000001t0000"}, False),
        ({"instrument": "SOL-USDT-PERP.alpha"}, False),
    ],
)
def test_a_stop_of_ours_that_our_books_lost_is_ours_again(
    guard: Guard, facts: dict[str, Any], adopted: bool
) -> None:
    second = "abc123000000002s0000"
    other = replace(row(), client_order_id=second, instrument=ETH)
    asked = read(guard, row(**facts), other)
    wants = [each[1] for each in asked if each[0] == "adopt"]
    assert [want.instrument for want in wants] == ([PERP, ETH] if adopted else [ETH])
    entry = guard.core.orders.get(second)
    assert entry is not None
    assert entry.request.reduce_only
    assert entry.state is OrderState.ACCEPTED
    assert guard.decided("backstop") == (
        [OURS, "abc123000000002s0000"] if adopted else ["abc123000000002s0000"]
    )


@pytest.mark.parametrize(
    ("side", "size", "wanted"),
    [
        (Side.SELL, "2", "2"),
        (Side.SELL, None, "0.3"),
        (Side.SELL, "-2", "0.3"),
        (Side.BUY, "-2", "-2"),
        (Side.BUY, None, "-0.3"),
    ],
)
def test_it_guards_what_stands_there_or_what_it_was_made_for(
    guard: Guard, side: Side, size: str | None, wanted: str
) -> None:
    if size is not None:
        guard.alone(PERP, size)
    ((_, want, *_),) = read(guard, row(side=side))
    assert want.size == D(wanted)
    assert want.entry == (D(80) if size is None else D(100))


@pytest.mark.parametrize(
    ("trigger", "waiting", "told"),
    [(None, True, True), (None, False, False), ("90", True, False), ("90", False, False)],
)
def test_one_of_ours_that_waits_no_more_is_at_work(
    guard: Guard, trigger: str | None, waiting: bool, told: bool
) -> None:
    guard.core.orders.adopt(request(), "7", D(0), guard.core.now, guard.core.now)
    guard.patch(type(guard.core.backstops), "waiting", lambda _self, _name: waiting)
    asked = read(guard, row(trigger=None if trigger is None else D(trigger)))
    assert asked == ([("triggered", OURS)] if told else [])


def request() -> OrderRequest:
    return OrderRequest(
        client_order_id=OURS, instrument=PERP, side=Side.SELL, quantity=D("0.3"), price=D(80),
        purpose=Purpose.STOP, origin="desk", reduce_only=True, trigger=D(90),
    )  # fmt: skip
