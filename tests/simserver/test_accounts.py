"""What the dialect tells of an account (ftx.md 3.1, 6): leverage that is carried out, positions' past."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.workers.simserver import private
from services.workers.simserver.held import Way
from services.workers.simserver.house import NS, House
from services.workers.simserver.keys import Key
from services.workers.simserver.worlds import served_world
from tests.simserver.asking import KEY, asked

D = Decimal
OTHER = Key("other", "secret")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = opened(tmp_path)
    yield made
    made.close()


def opened(folder: Path) -> House:
    world = served_world("calm", 1, step_s=0.5, synthetic=0, start=None)
    made = House(world, (KEY, OTHER), folder=folder, lockstep=True, latency_ms=5)
    made.advance(made.now + 2 * NS)
    return made


def sent(house: House, side: str, size: str, **more: object) -> Any:
    body = {"market": "BTC-PERP", "side": side, "price": None, "size": D(size), "type": "market", **more}
    raw = msgspec.json.encode(body)
    return asked(house, private.place_order, "POST", "/api/orders", raw, ahead_ns=NS // 20)


def lever(house: House, value: int) -> None:
    body = msgspec.json.encode({"leverage": value})
    assert asked(house, private.set_leverage, "POST", "/api/account/leverage", body, ahead_ns=0) is None


def account(house: House, key: Key = KEY) -> Any:
    return asked(house, private.account, "GET", "/api/account", key=key, ahead_ns=0)


def held(house: House, average: str = "true") -> Any:
    query = {"showAvgPrice": average}
    (row,) = asked(house, private.positions, "GET", "/api/positions", query=query, ahead_ns=0)
    return row


def test_a_leverage_that_was_set_is_what_orders_and_margins_are_judged_by(
    house: House, tmp_path: Path
) -> None:
    """It was told back, and nothing else: at 1x an account of 48,000 USD took 117,000."""
    lever(house, 1)
    assert sent(house, "buy", "5") == (400, "Account does not have enough margin for order.")
    assert sent(house, "buy", "1")["status"] == "new"
    seen = account(house)
    assert (seen["leverage"], seen["initialMarginRequirement"], held(house)["initialMarginRequirement"]) == (
        1,
        1,
        1,
    )
    whole = seen["collateral"] - seen["totalPositionSize"]
    assert 0 < seen["freeCollateral"] < whole, "the initial weights of coins are lower"
    lever(house, 20)
    assert held(house)["initialMarginRequirement"] == D("0.1"), "the market's own table stands above it"
    lever(house, 2)
    assert account(house, OTHER)["leverage"] == 10
    house.close()
    house = opened(tmp_path)
    assert (account(house)["leverage"], held(house)["initialMarginRequirement"]) == (2, D("0.5"))
    house.close()


def test_a_position_tells_its_past_and_where_it_would_be_liquidated(house: House) -> None:
    """`realizedPnl`, the sums and the liquidation price were 0, 0 and null whatever had happened."""
    sent(house, "buy", "10")
    sent(house, "sell", "4", reduceOnly=True)
    row = held(house)
    assert (row["netSize"], row["cumulativeBuySize"], row["cumulativeSellSize"]) == (6, 10, 4)
    fills = house.seat(KEY.key, "").venue("alpha").floor.state.account.fills
    spent = sum((fill.quantity * fill.price * fill.side.sign for fill in fills), D(0))
    assert row["recentPnl"] == row["realizedPnl"] == pytest.approx(6 * row["entryPrice"] - spent)
    assert row["recentBreakEvenPrice"] * 6 == pytest.approx(spent)
    assert row["recentAverageOpenPrice"] < row["recentBreakEvenPrice"], (
        "the spread was paid on what is closed"
    )
    seen = account(house)
    # There the collateral is what is wanted: 6 x (mark - p) of it are lost, and 3 % of 6 x p are kept.
    lost = seen["collateral"] - 6 * (row["entryPrice"] - row["estimatedLiquidationPrice"])
    assert lost == pytest.approx(D("0.03") * 6 * row["estimatedLiquidationPrice"], abs=1)
    bare = held(house, "false")
    assert set(row) - set(bare) == {
        "recentAverageOpenPrice", "recentBreakEvenPrice", "recentPnl",
        "cumulativeBuySize", "cumulativeSellSize",
    }  # fmt: skip
    # The exchange forgets fills of a month ago; what they made is still told.
    del fills[:]
    assert held(house) == row
    sent(house, "sell", "6", reduceOnly=True)
    flat = held(house)
    assert (flat["size"], flat["side"], flat["entryPrice"], flat["estimatedLiquidationPrice"]) == (
        0,
        "buy",
        None,
        None,
    )
    assert (flat["cumulativeBuySize"], flat["collateralUsed"]) == (0, 0)
    assert flat["realizedPnl"] < 0, "of all time"


def test_a_position_stays_on_the_list_when_its_fills_are_forgotten_and_the_server_was_started_anew(
    house: House, tmp_path: Path
) -> None:
    """It was gone from the list: a client that believes it would call the account flat."""
    sent(house, "buy", "10")
    entry = held(house)["recentAverageOpenPrice"]
    house.close()
    house = opened(tmp_path)
    fills = house.seat(KEY.key, "").venue("alpha").floor.state.account.fills
    del fills[:]
    row = held(house)
    assert (row["netSize"], row["recentAverageOpenPrice"], row["recentBreakEvenPrice"]) == (10, entry, entry)
    sent(house, "sell", "10", reduceOnly=True)
    house.close()
    # What is left of the fills speaks of a way that never was: a sale out of nothing.
    house = opened(tmp_path)
    sent(house, "buy", "3")
    del house.seat(KEY.key, "").venue("alpha").floor.state.account.fills[:1]
    row = held(house)
    assert (row["netSize"], row["side"]) == (3, "buy")
    assert row["recentBreakEvenPrice"] == row["recentAverageOpenPrice"]
    house.close()


def test_open_orders_lower_the_open_margin_fraction_and_lock_collateral(house: House) -> None:
    sent(house, "buy", "1")
    before = account(house)
    assert before["openMarginFraction"] == before["marginFraction"]
    sent(house, "buy", "1", type="limit", price=20_000)
    after = account(house)
    assert after["openMarginFraction"] == pytest.approx(after["marginFraction"] / 2)
    assert held(house)["openSize"] == 2
    locked = before["freeCollateral"] - after["freeCollateral"]
    assert locked == pytest.approx(D("0.1") * held(house)["entryPrice"], rel=D("0.001"))


def test_an_open_order_of_a_spot_market_holds_its_coins_back(house: House) -> None:
    """All of a balance was free, and the next order was refused for want of it."""

    def free() -> dict[str, Decimal]:
        rows = asked(house, private.balances, "GET", "/api/wallet/balances", ahead_ns=0)
        assert {row["coin"]: row["total"] for row in rows} == {
            "USD": 12_500, "USDT": 15_000, "USDC": 15_000, "BUSD": 7_500,
        }  # fmt: skip
        return {row["coin"]: row["free"] for row in rows}

    sent(house, "buy", "1000", market="USDC/USD", type="limit", price=D("0.98"))
    sent(house, "sell", "400", market="USDT/USD", type="limit", price=D("1.02"))
    assert free() == {"USD": 12_500 - 980, "USDT": 15_000 - 400, "USDC": 15_000, "BUSD": 7_500}


def test_a_way_that_turns_over_begins_anew() -> None:
    way = Way()
    for signed, price in ((D(2), D(10)), (D(2), D(20)), (D(-1), D(18)), (D(-5), D(17))):
        way.take(signed, price)
    # 4 bought at 15; one sold at 18 and three at 17: 3 and 6. Two are sold at 17 since then.
    assert (way.size, way.entry, way.realized) == (-2, 17, 9)
    assert (way.bought, way.sold, way.recent) == (0, 2, 0)
    way.take(D(1), D(15))
    assert (way.realized, way.recent, way.break_even()) == (11, 2, 19)
