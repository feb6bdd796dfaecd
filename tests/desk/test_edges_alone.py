"""Stops of what stands alone, edge by edge: whose it is, how much, from when on (docs/mutants.md)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.desk import gatekeeping, protection
from services.domain.enums import Purpose, Severity, Side, TradingState
from services.domain.events import MarketFrame, MarkRow, OrderFilled
from services.domain.orders import OrderRequest
from tests.desk.guard import ETH, PERP, SPOT, D, Guard, stop, uncover

# ---- a venue that is back


@pytest.mark.parametrize(("anew", "runs"), [(True, 1), (False, 0)])
def test_a_venue_that_is_back_tries_what_found_no_way(guard: Guard, anew: bool, runs: int) -> None:
    guard.patch(protection, "begin_anew", lambda _pair, venue, _instruments: anew and venue == "alpha")
    protection.on_back(guard.core, guard, "alpha")  # type: ignore[arg-type]
    assert guard.ran == [("timer", guard.pair.id, guard.core.now, guard.prices)] * runs


# ---- fills


def fill(guard: Guard, *, instrument: str = PERP, pair: str | None, trigger: str | None = None) -> None:
    core = guard.core
    order = OrderRequest(
        client_order_id="abc123000000001t0000", instrument=instrument, side=Side.BUY, quantity=D(1),
        price=D(100), purpose=Purpose.STOP, origin="desk", pair=pair, leg=2 if pair else 0,
        trigger=None if trigger is None else D(trigger), reduce_only=trigger is not None,
    )  # fmt: skip
    entry = core.orders.add(order, core.now)
    filled = OrderFilled(
        venue=instrument.rpartition(".")[2], instrument=instrument, client_order_id=order.client_order_id,
        venue_order_id="1", trade_id="t1", side=Side.BUY, price=D(100), quantity=D("0.2"), fee=D(0),
        fee_coin="USDT", ts_event=core.now, ts=core.now,
    )  # fmt: skip
    protection.on_fill(core, guard, filled, entry)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("instrument", "pair", "trigger", "booked", "cut"),
    [
        (PERP, "live", "90", False, True),
        (PERP, "live", None, False, False),
        (PERP, "P-99", None, True, False),  # it came after its pair was forgotten
        (PERP, None, None, True, False),
        (PERP, None, "90", True, False),
        (SPOT, None, None, False, False),
    ],
)
def test_whose_fill_it_is(
    guard: Guard, instrument: str, pair: str | None, trigger: str | None, booked: bool, cut: bool
) -> None:
    settled: list[str] = []
    guard.patch(protection, "settle_unpaired", lambda _core, _submit, name, changed: settled.append(name))
    fill(guard, instrument=instrument, pair=guard.pair.id if pair == "live" else pair, trigger=trigger)
    assert settled == ([instrument] if booked else [])
    assert guard.core.state.unpaired == ({instrument: D("0.2")} if booked else {})
    held = guard.pair.long.size
    left = ("leg", guard.pair.id, PERP, held - D("0.2"))
    assert guard.ran == ([left] if cut else [])
    assert guard.decided("stop") == ([guard.pair.id] if cut else [])


@pytest.mark.parametrize(("size", "left"), [("0.5", "0.3"), ("0.2", "0"), ("0.1", "0"), ("0", None)])
def test_a_released_backstop_leaves_what_it_did_not_fill(guard: Guard, size: str, left: str | None) -> None:
    guard.pair.long.size = D(size)
    fill(guard, pair=guard.pair.id, trigger="90")
    assert guard.ran == ([] if left is None else [("leg", guard.pair.id, PERP, D(left))])


# ---- how much is ours and alone


@pytest.mark.parametrize(
    ("size", "ledger", "pairs", "dust", "held"),
    [
        ("3", "5", "2", "0", "3"),
        ("3", "4", "2", "0", "2"),
        ("3", "2", "2", "0", "0"),
        ("3", "1", "2", "0", "0"),
        ("3", "9", "2", "0", "3"),
        ("3", "5", "1", "2", "2"),
        ("3", "1", "-2", "0", "3"),
        ("-3", "-4", "-2", "0", "-2"),
        ("-3", "5", "2", "0", "0"),
        ("0", "5", "2", "0", "0"),
    ],
)
@pytest.mark.parametrize("changed", [False, True])
def test_what_is_counted_as_alone_is_never_more_than_what_is_left_of_the_position(
    guard: Guard, size: str, ledger: str, pairs: str, dust: str, held: str, changed: bool
) -> None:
    core = guard.core
    guard.patch(type(core.ledger), "size", lambda _self, spec: D(ledger) if spec.id == PERP else D(77))
    guard.patch(type(core.pairs), "size_on", lambda _self, name: D(pairs) if name == PERP else D(77))
    core.state.dust = {PERP: D(dust), ETH: D(1)}
    if D(size):
        guard.alone(PERP, size)
    guard.alone(ETH, "7")
    guard.marks[PERP] = D(101)
    for rule in ("no stop", "backstop"):
        core.alert(f"{rule}:{PERP}", Severity.ALARM, "x")
    scope = f"instrument:{PERP}"
    core.raise_cause("stop", scope, TradingState.REDUCING, "x")
    protection.settle_unpaired(core, guard, PERP, changed=changed)  # type: ignore[arg-type]
    told = changed or size != held
    known = D("100") if D(size) else None
    assert guard.ran == ([("position", PERP, D(held), known)] if told else [])
    gone = told and not D(held)
    assert core.state.unpaired.get(PERP) == (D(held) if D(held) else None)
    assert core.state.unpaired_entry.get(PERP) == (D(100) if D(held) else None)
    assert guard.open(f"no stop:{PERP}") is not gone
    assert guard.open(f"backstop:{PERP}") is not gone
    (cause,) = [each for each in core.causes.causes() if each.scope == scope]
    assert cause.holds is not gone
    assert core.state.unpaired[ETH] == 7


def test_the_regular_look_is_at_every_one(guard: Guard) -> None:
    seen: list[str] = []
    guard.patch(protection, "settle_unpaired", lambda _core, _submit, name: seen.append(name))
    guard.alone(PERP, "1")
    guard.alone(ETH, "1")
    protection.review(guard.core, guard)  # type: ignore[arg-type]
    assert seen == [PERP, ETH]


# ---- a leg that stands naked


@pytest.mark.parametrize(
    ("short", "long", "ago_ms", "leg", "quantity"),
    [
        ("0.5", "0.2", 60_000, 1, "0.3"),
        ("0.2", "0.5", 60_000, 2, "0.3"),
        ("0.5", "0.2", 1500, 1, "0.3"),
        ("0.5", "0.2", 1499.9, None, None),
        ("0.5", "0.5", 60_000, None, None),
        ("0.5", "0.4996", 60_000, None, None),  # less than a lot
        ("0.5", "0.4988", 60_000, 1, "0.001"),
    ],
)
def test_naked_is_what_one_leg_has_beyond_the_other_for_longer_than_its_time(
    guard: Guard, short: str, long: str, ago_ms: float, leg: int | None, quantity: str | None
) -> None:
    core = guard.core
    core.bind(replace(core.settings, pair=replace(core.settings.pair, leg_timeout_ms=1500)))
    found = protection.naked_leg(core, uncover(guard, short, long, ago_ms=ago_ms))
    if leg is None or quantity is None:
        assert found is None
        return
    assert found is not None
    assert (found[0].number, found[1]) == (leg, D(quantity))


def test_a_pair_without_a_naked_clock_has_no_naked_leg(guard: Guard) -> None:
    pair = uncover(guard, "0.5", "0.2")
    pair.naked.since = None
    assert protection.naked_leg(guard.core, pair) is None


# ---- marks


def marks(*instruments: str) -> MarketFrame:
    rows = tuple(MarkRow(name, 100.0, 100.0) for name in instruments)
    return MarketFrame("alpha", 0, 0, 1, marks=rows)


def test_every_stop_and_every_naked_leg_is_held_against_its_fresh_mark(guard: Guard) -> None:
    state = guard.core.stops.state
    guard.marks = {PERP: D(95), ETH: D(5)}
    frame = marks("SOL-USDT-PERP.alpha", PERP, ETH)
    protection.on_marks(guard.core, guard, frame)  # type: ignore[arg-type]
    assert guard.asked == []
    state.naked["P-01"] = stop(ETH)
    protection.on_marks(guard.core, guard, frame)  # type: ignore[arg-type]
    assert guard.asked[0] == ("crossed", "P-01", D(5), guard.core.now)
    assert [each[:2] for each in guard.ran] == [("close", "P-01")]
    assert guard.decided("stop") == ["P-01"]
    guard.asked.clear()
    state.stops[PERP] = stop(PERP)
    del guard.marks[ETH]
    protection.on_marks(guard.core, guard, frame)  # type: ignore[arg-type]
    assert guard.asked == [("mark", PERP, D(95), guard.core.now)], "a stale mark fires nothing"


@pytest.mark.parametrize(
    ("by_quote", "middle", "looked"), [(True, "99", True), (True, None, False), (False, "99", False)]
)
def test_a_spot_leg_without_a_mark_is_looked_at_by_its_quote(
    guard: Guard, by_quote: bool, middle: str | None, looked: bool
) -> None:
    guard.core.stops.state.naked["P-01"] = stop(SPOT)
    guard.patch(gatekeeping, "marked_by_quote", lambda _core, name: by_quote and name == SPOT)
    guard.patch(gatekeeping, "fresh_mark", lambda _core, _name: None if middle is None else D(middle))
    protection.on_marks(guard.core, guard, marks(PERP))  # type: ignore[arg-type]
    assert guard.asked[:1] == ([("crossed", "P-01", D(99), guard.core.now)] if looked else [])
