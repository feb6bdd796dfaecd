"""What a served account may ask: orders of a key's sub-accounts are counted together, reads by account."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from services.domain.enums import FaultKind, Purpose, Side
from services.domain.events import OrderAccepted, OrderRejected
from services.domain.orders import OrderRequest
from services.venues.sim.facts import RateLimits
from services.venues.sim.limits import SHORT_NS, OrderLimits
from services.workers.simserver import extension, private
from services.workers.simserver.house import NS, House
from services.workers.simserver.keys import Key
from services.workers.simserver.orders import SLOW_DOWN
from services.workers.simserver.worlds import served_world
from tests.simserver.asking import KEY, asked

OTHER = Key("other", "secret")


@pytest.fixture
def house() -> Iterator[House]:
    world = served_world("calm", 1, step_s=0.5, synthetic=0, start=None)
    rates = RateLimits(market_200ms=3, questions_second=3, cancels_200ms=3)
    made = House(replace(world, rates=rates), (KEY, OTHER), lockstep=True, latency_ms=5)
    made.advance(made.now + 2 * NS)
    yield made
    made.close()


def order(name: str) -> OrderRequest:
    return OrderRequest(
        client_order_id=name, instrument="BTC-PERP.alpha", side=Side.BUY, quantity=Decimal("0.01"),
        price=Decimal(10_000), purpose=Purpose.TICKET, origin="operator",
    )  # fmt: skip


async def test_new_orders_are_counted_over_all_sub_accounts_of_a_key(house: House) -> None:
    """ftx.md 1.3: account-wide. Each sub-account had the whole of the limit, as many times as there were."""
    seats = [house.seat("trader", name) for name in ("arb", "hedge", "")] * 2
    words = [asyncio.ensure_future(seat.place("alpha", order(f"n{at}"))) for at, seat in enumerate(seats)]
    free = asyncio.ensure_future(house.seat("other", "").place("alpha", order("free")))
    await asyncio.sleep(0)
    house.advance(house.now + NS // 10)
    said = [await word for word in words]
    refused = [word.reason for word in said if isinstance(word, OrderRejected)]
    assert refused == ["429: do not send more than 3 orders per 200ms in BTC-PERP.alpha"] * 3
    assert sum(isinstance(word, OrderAccepted) for word in said) == 3
    assert isinstance(await free, OrderAccepted), "another key is another account"
    # Whoever cancels is held up by nobody else's cancels: by the sheet they do not count at all.
    cancels = [seat.venue("alpha").limiter.cancel(house.now) for seat in seats[:3] for _ in range(3)]
    assert cancels == [None] * 9


def test_an_account_that_is_behind_another_is_counted_as_of_now() -> None:
    limits = OrderLimits(RateLimits(market_200ms=2))
    assert limits.order(SHORT_NS * 10, "BTC") is None
    assert limits.order(SHORT_NS * 9, "BTC") is None
    assert limits.order(SHORT_NS * 10 + 1, "BTC") is not None
    assert limits.order(SHORT_NS * 11, "BTC") is None


def test_a_429_of_a_read_and_of_the_switch_names_the_limit_that_was_met(house: House) -> None:
    """It said 30 requests a second, whatever the limit was, also where the log could not be written."""
    body = msgspec.json.encode({"timeoutMs": 60_000})
    over = (429, "Do not send more than 3 requests per second")
    for _ in range(3):
        assert isinstance(asked(house, private.positions, "GET", "/api/positions"), list)
    assert asked(house, private.positions, "GET", "/api/positions") == over
    assert asked(house, extension.dead_man, "POST", "/api/ext/dead_man", body) == over
    assert "balances" in asked(house, extension.books, "GET", "/api/ext/books"), "no part of the dialect"
    assert asked(house, private.positions, "GET", "/api/positions", key=OTHER) == []
    house.advance(house.now + NS)
    assert asked(house, extension.dead_man, "POST", "/api/ext/dead_man", body)["armed"]


def test_a_switch_that_cannot_be_written_down_is_no_429(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(house.seat("trader", "").exchange, "log", full)
    body = msgspec.json.encode({"timeoutMs": 60_000})
    assert asked(house, extension.dead_man, "POST", "/api/ext/dead_man", body) == (
        503,
        "Please retry request",
    )


def test_a_fault_names_no_limit_for_none_was_met(house: House) -> None:
    house.set_fault(FaultKind.THROTTLED, "alpha", Decimal(1))
    assert asked(house, private.positions, "GET", "/api/positions") == (429, SLOW_DOWN)
