"""The served exchange refuses in the dialect's own words (ftx.md 1.2, 8.2)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.domain.enums import FaultKind
from services.venues.sim import faulty
from services.venues.sim.matching import CROSSES
from services.workers.simserver import conditionals, extension, private
from services.workers.simserver.house import NS, House
from services.workers.simserver.worlds import served_world
from tests.simserver.asking import KEY, asked


@pytest.fixture
def house() -> Iterator[House]:
    world = served_world("calm", 1, step_s=0.5, synthetic=0, start=None)
    made = House(world, (KEY,), lockstep=True, latency_ms=5)
    made.advance(made.now + 2 * NS)
    yield made
    made.close()


def sent(house: House, **more: object) -> Any:
    body = {"market": "BTC-PERP", "side": "buy", "price": 10_000, "size": 0.01, "type": "limit", **more}
    raw = msgspec.json.encode(body)
    return asked(house, private.place_order, "POST", "/api/orders", raw, ahead_ns=NS // 20)


def test_a_second_cancel_of_an_order_is_queued_already_until_the_first_has_arrived(house: House) -> None:
    order = {"id": str(sent(house)["id"])}
    path = f"/api/orders/{order['id']}"

    def canceled(ahead_ns: int) -> Any:
        return asked(house, private.cancel_order, "DELETE", path, names=order, ahead_ns=ahead_ns)

    assert canceled(0) == "Order queued for cancelation"
    assert canceled(0) == (400, "Order already queued for cancellation")
    assert asked(house, private.cancel_all, "DELETE", "/api/orders") == "Orders queued for cancelation"
    assert canceled(0) == (400, "Order already closed")


def test_a_cancel_that_is_lost_may_be_asked_for_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    order = {"id": str(sent(house)["id"])}
    with monkeypatch.context() as lost:
        lost.setattr(house.seat(KEY.key, "").venue("alpha"), "cancel", lambda *_: None)
        for said in ("Order queued for cancelation", (400, "Order already queued for cancellation")):
            assert asked(house, private.cancel_order, "DELETE", "/api/orders/1", names=order) == said
    house.advance(house.now + NS)
    for said in ("Order queued for cancelation", (400, "Order already closed")):
        assert asked(house, private.cancel_order, "DELETE", "/api/orders/1", names=order) == said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"size": 1e9}, "Size too large"),
        ({"size": 1_000}, "Account does not have enough margin for order."),
        ({"size": 1e-9}, "Size too small"),
        ({"reduceOnly": True}, "Invalid reduce-only order"),
        ({"market": "BTC/USD", "reduceOnly": True}, "Spot orders cannot be reduce-only"),
        ({"market": "BTC/USD", "side": "sell", "price": 100_000}, "Not enough balances"),
        ({"price": None}, "Missing parameter price"),
        ({"price": -1}, "Invalid parameter price"),
        ({"size": "NaN"}, "Invalid parameter size"),
        ({"side": "long"}, "Invalid parameter side"),
    ],
)
def test_an_order_that_cannot_be_is_refused_by_the_dialects_text(
    house: House, more: dict[str, object], said: str
) -> None:
    assert sent(house, **more) == (400, said)
    assert house.seat(KEY.key, "").venue("alpha").floor.state.orders == {}


def test_a_refusal_by_a_fault_is_a_no_to_every_order(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was not post-only was answered as placed and closed."""
    monkeypatch.setattr(faulty, "REFUSALS", (CROSSES,))
    house.set_fault(FaultKind.REJECT, "alpha", Decimal(1))
    for more, placed in (({}, False), ({"type": "market", "price": None}, False), ({"postOnly": True}, True)):
        said = sent(house, **more)
        if placed:
            assert (said["status"], said["filledSize"], said["postOnly"]) == ("new", 0, True)
        else:
            assert said == (400, f"Invalid parameter: {CROSSES}")


def test_what_is_not_there_is_named_and_a_second_id_is_a_duplicate(house: House) -> None:
    assert sent(house, market="NOPE-PERP") == (404, "No such market: NOPE-PERP")
    assert sent(house, clientId="one")["size"] == Decimal("0.01")
    assert sent(house, clientId="one") == (400, "Duplicate client order ID")
    gone = {"id": "99"}
    assert asked(house, private.one_order, "GET", "/api/orders/99", names=gone) == (404, "Order not found")


@pytest.mark.parametrize("seconds", ["9" * 20, "-1", "1e400", "NaN", "Infinity", "soon"])
def test_a_span_of_no_time_is_refused(house: House, seconds: str) -> None:
    """One of the year 30 billion was an internal error."""
    for name in ("start_time", "end_time"):
        said = asked(
            house, conditionals.live, "GET", "/api/conditional_orders", query={name: seconds}, ahead_ns=0
        )
        assert said == (400, f"Invalid parameter {name}")


@pytest.mark.parametrize("far", ['"soon"', "null", "-1", "1.5", "1e30", "[]"])
def test_lock_step_goes_on_by_a_number_or_not_at_all(house: House, far: str) -> None:
    for name in ("ns", "until"):
        body = f'{{"{name}": {far}}}'.encode()
        status, text = asked(house, extension.advance, "POST", "/api/ext/advance", body, ahead_ns=0)
        assert (status, text.partition(":")[0]) == (400, "Invalid parameter")


@pytest.mark.parametrize("kind", sorted(set(FaultKind) - {FaultKind.SLOW_FSYNC, FaultKind.ADL}))
def test_a_fault_keeps_nobody_from_ending_it(house: House, kind: FaultKind) -> None:
    """Where every request was dropped, the one that should end that was dropped, too."""
    house.set_fault(kind, "alpha", Decimal(1))
    house.advance(house.now + NS)
    assert "balances" in asked(house, extension.books, "GET", "/api/ext/books", ahead_ns=0)
    body = msgspec.json.encode({"kind": kind.value, "chance": 0})
    assert (
        asked(house, extension.fault, "POST", "/api/ext/fault", body, ahead_ns=0) == f"{kind.value}@alpha=0"
    )
    assert house._faults == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "new"),
        ({"rejectOnPriceBand": True}, (400, "Invalid price")),
        ({"rejectOnPriceBand": True, "price": 23_000}, "new"),
        ({"rejectOnPriceBand": 1.5}, (400, "Invalid parameter rejectOnPriceBand")),
        ({"rejectAfterTs": 1}, (400, "Invalid parameter rejectAfterTs")),
        ({"rejectAfterTs": "soon"}, (400, "Invalid parameter rejectAfterTs")),
        ({"rejectAfterTs": 4e12}, "new"),
    ],
)
def test_conditions_that_the_client_sets_itself_are_held(
    house: House, more: dict[str, object], said: object
) -> None:
    """Both were passed over: an order far from the market, or long too late, was placed."""
    found = sent(house, **more)
    assert (found["status"] if isinstance(found, dict) else found) == said
