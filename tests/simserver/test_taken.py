"""What is taken is `new`; what becomes of it comes later, on the stream and to whoever asks (ftx.md 3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.workers.simserver import conditionals, private
from services.workers.simserver.house import NS, House
from services.workers.simserver.words import words_of
from services.workers.simserver.worlds import served_world
from tests.simserver.asking import KEY, asked

CROSSING = {"price": 40_000, "postOnly": True, "clientId": "quote"}
PATH = "/api/orders/by_client_id/quote"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = opened(tmp_path)
    yield made
    made.close()


def opened(folder: Path) -> House:
    world = served_world("calm", 1, step_s=0.5, synthetic=0, start=None)
    made = House(world, (KEY,), folder=folder, lockstep=True, latency_ms=5)
    made.advance(made.now + 2 * NS)
    return made


def sent(house: House, **more: object) -> Any:
    body = {"market": "BTC-PERP", "side": "buy", "price": 20_000, "size": 0.01, "type": "limit", **more}
    return asked(
        house, private.place_order, "POST", "/api/orders", msgspec.json.encode(body), ahead_ns=NS // 20
    )


def told(house: House) -> list[tuple[str, str]]:
    """Status and filled size of every order frame from now on."""
    seat = house.seat(KEY.key, "")
    found: list[tuple[str, str]] = []

    def hear(venue: str, event: Any) -> None:
        found.extend(
            (data["status"], str(data["filledSize"].normalize()))
            for channel, _, data in words_of(seat, venue, event)
            if channel == "orders"
        )

    seat.listeners.append(hear)
    return found


def test_a_post_only_order_that_would_trade_is_taken_and_closed_and_may_be_asked_for(
    house: House, tmp_path: Path
) -> None:
    """Its reply said `closed`, no stream told of it, nobody found it, and its client id was free again."""
    frames = told(house)
    said = sent(house, **CROSSING)
    assert (said["status"], said["filledSize"], said["remainingSize"]) == ("new", 0, Decimal("0.01"))
    assert frames == [("new", "0"), ("closed", "0")]

    def look() -> None:
        by_name = {"id": "quote"}
        row = asked(house, private.one_order_by_client_id, "GET", PATH, names=by_name)
        assert (row["id"], row["status"], row["remainingSize"], row["postOnly"]) == (
            said["id"],
            "closed",
            0,
            True,
        )
        by_number = {"id": str(said["id"])}
        assert asked(house, private.one_order, "GET", "/api/orders/1", names=by_number) == row
        assert row in asked(house, private.order_history, "GET", "/api/orders/history")
        assert row not in asked(house, private.open_orders, "GET", "/api/orders")
        over = (400, "Order already closed")
        assert asked(house, private.cancel_by_client_id, "DELETE", PATH, names=by_name) == over
        assert (
            asked(house, private.modify_by_client_id, "POST", f"{PATH}/modify", b"{}", names=by_name) == over
        )
        assert sent(house, **CROSSING) == (400, "Duplicate client order ID")
        assert sent(house, clientId="quote") == (400, "Duplicate client order ID")

    look()
    house.close()
    (file,) = tmp_path.glob("*/killed.jsonl")
    file.write_bytes(file.read_bytes() + b'{"number":80000')
    house = opened(tmp_path)
    look()
    house.close()


def test_an_order_without_a_name_is_not_answered_as_one_of_before_the_restart(
    house: House, tmp_path: Path
) -> None:
    """Its drawn id was that of a quote that had been closed at once: a refusal was told as that order."""
    first = sent(house, price=40_000, postOnly=True)
    house.close()
    house = opened(tmp_path)
    assert sent(house, price=40_000, postOnly=True)["id"] == first["id"] + 1
    house.close()
    house = opened(tmp_path)
    assert sent(house, size=1_000) == (400, "Account does not have enough margin for order.")
    house.close()


def test_a_full_disk_does_not_end_the_clock_of_all_accounts(house: House, tmp_path: Path) -> None:
    """It was raised in the turn that moves the market, and the market stood still for ever."""
    sent(house, **CROSSING | {"clientId": "before"})
    (file,) = tmp_path.glob("*/killed.jsonl")
    file.rename(tmp_path / "aside")
    file.mkdir()
    number = sent(house, **CROSSING)["id"]
    name = {"id": "quote"}
    assert asked(house, private.one_order_by_client_id, "GET", PATH, names=name)["id"] == number
    file.rmdir()
    (tmp_path / "aside").rename(file)
    assert sent(house, **CROSSING | {"clientId": "after"})["id"] == number + 1
    house.close()
    house = opened(tmp_path)
    lost = (404, "Order not found")
    assert asked(house, private.one_order_by_client_id, "GET", PATH, names=name) == lost
    kept = house.seat(KEY.key, "").killed.named("alpha", "after")
    assert kept is not None
    assert kept.number == number + 1
    house.close()


@pytest.mark.parametrize(
    ("more", "became"),
    [
        ({}, [("new", "0"), ("open", "0")]),
        ({"type": "market", "price": None}, [("new", "0"), ("closed", "0.01")]),
        ({"ioc": True}, [("new", "0"), ("closed", "0")]),
    ],
)
def test_every_order_is_new_first_in_the_reply_and_on_the_stream(
    house: House, more: dict[str, object], became: list[tuple[str, str]]
) -> None:
    """What traded at once was `closed` in its reply, and `closed` twice on the stream."""
    frames = told(house)
    said = sent(house, **more)
    assert (said["status"], said["filledSize"], said["avgFillPrice"]) == ("new", 0, None)
    assert said["remainingSize"] == said["size"] == Decimal("0.01")
    assert frames == became


def test_a_change_that_cannot_be_cancels_nothing(house: House) -> None:
    """The order was canceled first, and then the new one refused."""
    name = {"id": str(sent(house)["id"])}
    for body in (b'{"price": -1}', b'{"size": "NaN"}', b'{"clientId": 7}'):
        refused = asked(house, private.modify_order, "POST", "/api/orders/1/modify", body, names=name)
        assert refused[0] == 400
    assert asked(house, private.one_order, "GET", "/api/orders/1", names=name)["status"] == "open"


def test_an_ordinary_order_is_no_conditional_one(house: House) -> None:
    """It was found there by its number, as one that had been triggered."""
    name = {"id": str(sent(house)["id"])}
    for answer, method in ((conditionals.triggers, "GET"), (conditionals.cancel, "DELETE")):
        path = "/api/conditional_orders/1"
        assert asked(house, answer, method, path, names=name) == (404, "Order not found")


def test_a_conditional_order_is_no_ordinary_one_until_it_is_released(house: House) -> None:
    """It was found there by its number."""
    sent(house, type="market", price=None)
    body = {
        "market": "BTC-PERP",
        "side": "sell",
        "size": 0.01,
        "type": "stop",
        "triggerPrice": 10_000,
        "reduceOnly": True,
    }
    raw = msgspec.json.encode(body)
    stop = asked(house, conditionals.place, "POST", "/api/conditional_orders", raw, ahead_ns=NS // 20)
    name = {"id": str(stop["id"])}
    assert asked(house, private.one_order, "GET", "/api/orders/1", names=name) == (404, "Order not found")
