"""Every recorded REST payload of OKX and Bybit that we read: understood, or refused by name."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.domain.enums import OrderState, Side
from services.venues.ccxt_venue import facts, okx_algo
from services.venues.ccxt_venue.account import sized_by
from services.venues.ccxt_venue.bybit import Bybit
from services.venues.ccxt_venue.exact import Exact, Fence, open_exchange
from services.venues.ccxt_venue.manners import OPTIONS
from services.venues.ccxt_venue.okx import Okx
from services.venues.ccxt_venue.rows import fill_of, order_of, position_of, working_of
from services.venues.wire.numbers import BadNumber

pytestmark = pytest.mark.recorded
D = Decimal
AT = 1_800_000_000_000


class Told:
    """A door that says one recorded reply to every question."""

    def __init__(self, reply: Any) -> None:
        self.reply = reply

    async def ask(self, name: str, *args: object, **more: object) -> Any:
        return {"info": self.reply} if name == "fetch_balance" else self.reply


@pytest.fixture
def payloads(recorded: Path) -> Path:
    return recorded / "other_venue_payloads"


def read(path: Path) -> Any:
    found = Exact().parse_json(path.read_text())
    assert found is not None
    return found


async def _none(cost: float) -> None:
    return None


@pytest.fixture
async def exchanges(payloads: Path) -> Any:
    """Both exchange objects, with the recorded markets; nothing is ever asked of them."""
    made = {}
    for name in ("okx", "bybit"):
        fence = Fence(_none, lambda: AT, lambda status, headers: None, "http://127.0.0.1:1")
        made[name] = open_exchange(name, fence, {"options": dict(OPTIONS[name])})
    swaps = read(payloads / "nautilus_okx/http_get_instruments_swap.json")["data"]
    made["okx"].set_markets(made["okx"].parse_markets(swaps))
    yield made
    for each in made.values():
        await each.close()


def market(name: str, contract: str) -> facts.Listed:
    row: dict[str, Any] = {
        "id": name, "symbol": name, "base": "BTC", "quote": "USDT", "settle": "USDT", "contractSize": D(contract),  # noqa: E501
        "precision": {"amount": D("0.001"), "price": D("0.01")},
        "limits": {"amount": {"min": None}, "cost": {"min": None}},
    }  # fmt: skip
    return facts.listed("v", row, tick_sizes=True, fees=(None, None), tiers=None, reduce_only=True)


def test_okx_swaps_are_listed_in_base_units(exchanges: Any) -> None:
    okx = exchanges["okx"]
    found, missing = facts.chosen(okx.markets, ("ETH-USDT-SWAP", "BTC-USD-SWAP"))
    assert missing == ["BTC-USD-SWAP"], "an inverse market is no linear perpetual"
    spec = facts.listed(
        "okx", found[0], tick_sizes=True, fees=(None, None), tiers=None, reduce_only=True
    ).spec
    # 0.1 ETH a contract, a hundredth of it at least
    assert (spec.size_increment, spec.min_size, spec.price_increment) == (D("0.001"), D("0.001"), D("0.01"))
    assert (spec.underlying, spec.quote, spec.settle) == ("ETH", "USDT", "USDT")


async def test_okx_accounts_orders_and_trades(payloads: Path, exchanges: Any) -> None:
    folder, okx = payloads / "nautilus_okx", exchanges["okx"]
    (row,) = await Okx().balances(Told(read(folder / "http_get_account_balance.json")))  # type: ignore[arg-type]
    # what is booked, without the open result in `eq`
    assert (row.coin, row.total) == ("USDT", D("94.42612990333333"))
    traded = {"code": "0", "data": [read(folder / "http_transaction_detail.json")]}
    (trade,) = await Okx().trades(Told(traded), 0, AT)  # type: ignore[arg-type]
    fill = fill_of("okx", trade, market("BTC-USDT", "0.01"), AT)
    assert (fill.side, fill.quantity, fill.price, fill.client_order_id) == (
        Side.BUY, D("0.00001"), D("42000.5"), "client_123",
    )  # fmt: skip
    assert (fill.fee, fill.fee_coin, fill.maker) == (D("-0.042"), "USDT", False), "a rebate is below zero"
    assert fill.trade_id == "123456789-987654321"
    unpaid = {"code": "0", "data": [read(folder / "http_transaction_detail_empty_fee.json")]}
    (trade,) = await Okx().trades(Told(unpaid), 0, AT)  # type: ignore[arg-type]
    assert trade.fee == 0
    for name in ("http_get_orders_history.json", "http_get_orders_pending.json"):
        for raw in read(folder / name)["data"]:
            parsed = okx.parse_order(raw)
            found = order_of(parsed, market(raw["instId"], "0.01"), crossed=Okx().crossed(parsed))
            assert found.id == raw["ordId"]
            assert found.filled == D(raw["accFillSz"]) * D("0.01")
            assert (found.state is OrderState.FILLED) == (raw["state"] == "filled")
            working_of(parsed, market(raw["instId"], "0.01"))
    (raw,) = read(folder / "http_get_positions.json")["data"]
    with pytest.raises(BadNumber, match="hedge mode"):
        position_of(okx.parse_position(raw), market(raw["instId"], "0.01"), None)
    (rate,) = [okx.parse_funding_rate(each) for each in [read(folder / "ws_funding_rate.json")["data"][0]]]
    assert isinstance(rate["fundingRate"], Decimal)


async def test_bybit_accounts_orders_and_trades(payloads: Path, exchanges: Any) -> None:
    folder, bybit = payloads / "nautilus_bybit", exchanges["bybit"]
    rows = await Bybit().balances(Told(read(folder / "http_get_wallet_balance.json")))  # type: ignore[arg-type]
    told = read(folder / "http_get_wallet_balance.json")["result"]["list"][0]["coin"]
    assert {row.coin: row.total for row in rows} == {
        coin["coin"]: D(coin["walletBalance"]) for coin in told if D(coin["walletBalance"])
    }
    executions = read(folder / "http_get_executions.json")
    executions["result"]["nextPageCursor"] = ""
    trades = await Bybit().trades(Told(executions), AT - 1, AT)  # type: ignore[arg-type]
    fills = [fill_of("bybit", each, market(each.market, "1"), AT) for each in trades]
    assert [(fill.quantity, fill.price, fill.fee, fill.maker) for fill in fills] == [
        (D("0.100"), D("50000.00"), D("0.0150"), True), (D("0.500"), D("3000.00"), D("0.9000"), False),
    ]  # fmt: skip
    for path in sorted(folder.glob("http_get_orders_*.json")):
        for raw in read(path)["result"]["list"]:
            parsed = bybit.parse_order(raw)
            found = order_of(parsed, market(raw["symbol"], "1"), crossed=False)
            assert (found.id, found.name) == (raw["orderId"], raw["orderLinkId"])
            assert found.filled == D(raw["cumExecQty"])
    sizes = []
    for path in sorted(folder.glob("http_get_positions*.json")):
        for raw in read(path)["result"]["list"]:
            parsed = bybit.parse_position(raw)
            if raw["positionIdx"] != 0 and D(raw["size"]):
                with pytest.raises(BadNumber, match="hedge mode"):
                    position_of(parsed, market(raw["symbol"], "1"), None)
                continue
            row = position_of(parsed, market(raw["symbol"], "1"), Bybit().adl(parsed))
            if row is not None:
                sizes.append((row.size, D(raw["size"])))
    assert sizes
    assert all(abs(size) == told for size, told in sizes)


async def test_bybits_key_tells_its_rights(payloads: Path) -> None:
    folder = payloads / "nautilus_bybit"

    class Asked(Told):
        async def ask(self, name: str, *args: object, **more: object) -> Any:
            return read(folder / f"http_get_{'user_query_api' if 'Query' in name else 'account_info'}.json")

    found = await Bybit().account(Asked(None))  # type: ignore[arg-type]
    assert found.withdraws is False
    assert "the key cannot trade" in found.wrong, "it was recorded with a key that only reads"


def test_okx_conditional_orders_are_read_and_one_that_closes_what_stands_has_its_size(payloads: Path) -> None:
    folder, listed = payloads / "nautilus_okx", market("BTC-USDT-SWAP", "0.01")
    (waits,) = read(folder / "http_get_orders_algo_pending.json")["data"]
    row = working_of(okx_algo.row_of(waits, "BTC-USDT-SWAP"), listed)
    assert (row.client_order_id, row.venue_order_id, row.quantity, row.trigger, row.price) == (
        "client_algo_1", "algo-123456789", D("0.01"), D(40000), D(40000),
    )  # fmt: skip
    assert okx_algo.released(waits) == ""
    (over,) = read(folder / "http_get_orders_algo_history.json")["data"]
    assert okx_algo.released(over) == "ord_456"
    for raw in read(folder / "http_get_orders_algo_pending_attached_oco.json")["data"]:
        assert working_of(okx_algo.row_of(raw, raw["instId"]), market(raw["instId"], "0.01")).trigger
    (closes,) = read(folder / "http_get_orders_algo_pending_close_fraction.json")["data"]
    unsized = okx_algo.row_of(closes, "BTC-USDT-SWAP")
    held = {"symbol": "BTC-USDT-SWAP", "contracts": D(3), "side": "long"}
    sized = sized_by(unsized, [held])
    assert sized is not None
    assert working_of(sized, listed).quantity == D("0.03")
    assert sized_by(unsized, []) is None, "flat: it closes nothing"
    ours = {**unsized, "amount": "2"}
    assert sized_by(ours, [held]) == ours
