"""`stableconsole why`: the chain as text and JSON, from the store alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from console import oneshot, plain_why
from console.oneshot import Asked
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.settings.layout import StateLayout
from tests.store.test_why import flattened_with_a_foreign_position


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("why")
    assert flattened_with_a_foreign_position(root).session.close()
    return root


def asked(root: Path, *, json: bool = False) -> Asked:
    return Asked(profile="sim", layout=StateLayout(root), json=json)


def chain(root: Path, name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert oneshot.why(asked(root), name) == 0
    return capsys.readouterr().out


def orders(root: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    assert oneshot.why(asked(root, json=True), "P-01") == 0
    view = json.loads(capsys.readouterr().out)
    assert view["schema"] == 1
    assert view["pair"]["id"] == "P-01"
    found: list[dict[str, str]] = view["orders"]
    return found


def test_a_pair_lists_what_was_seen_sized_gated_and_its_orders(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = orders(folder, capsys)
    text = chain(folder, "P-01", capsys)
    assert "saw: spread 42.00 bps/8h" in text
    assert "▸ max pair fraction" in text, "the binding bound is marked"
    assert "gate, both legs: the pair as one unit: allowed" in text
    for row in rows:
        assert row["client_order_id"] in text
    assert re.search(r"minimum equity all [\d,]+\.\d\d of 1,000\b", text), "to be read, as on screen 7"
    assert re.search(r"order notional \S+ [\d,]+ of 25,000\b", text)


def test_an_order_of_a_venue_that_pads_its_numbers_is_read_without_the_zeros() -> None:
    step = {"ts": 0, "kind": "filled", "text": "0.50000000 taken", "figures": {"filled": "0.50000000"}}
    fill = {"ts": 0, "size": "0.50000000", "price": "60000.00000000", "fee": "0.00000000", "fee_coin": "USDT"}
    order = {
        "client_order_id": "a", "purpose": "entry", "side": "buy", "instrument": "BTCUSDT.binance",
        "quantity": "0.50000000", "price": "60000.10000000", "state": "filled", "reason": "0.5000 left",
        "decided_mid": "59999.5000", "answers": [step], "fills": [fill | {"slippage_bps": "0.10"}],
    }  # fmt: skip
    told = plain_why.why({"asked": "a", "pair": None, "orders": [order]}).splitlines()
    assert [line.partition("1970-01-01 00:00:00")[2] or line for line in told] == [
        "order a (—): entry buy 0.5 BTCUSDT.binance at 60,000.1, filled",
        "  for —: 0.5 left",
        "  filled: 0.5 taken",
        "      filled 0.5",
        "  fill 0.5 at 60,000, fee 0 USDT, slippage +0.10 bps of mid 59,999.5",
    ]


def test_an_order_tells_its_whole_life(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = orders(folder, capsys)
    entry = next(row for row in rows if row["purpose"] == "entry")
    text = chain(folder, entry["client_order_id"], capsys)
    for part in ("saw: ", "sized ", "gate: entry", "intent: intent", "is on disk", "handed to the venue"):
        assert part in text
    assert "fill " in text
    assert "bps of mid" in text
    assert "NOT IN THE JOURNAL" not in text
    closing = next(row for row in rows if row["purpose"] == "flatten")
    text = chain(folder, closing["client_order_id"], capsys)
    assert "because of flatten: flatten everything" in text
    assert "because of command" in text


def test_an_unknown_order_is_one_line_and_a_failure(folder: Path) -> None:
    with pytest.raises(ProductError, match="no order and no pair 'zzz'") as caught:
        oneshot.why(asked(folder), "zzz")
    assert caught.value.exit is Exit.FAILED


def test_without_a_store_there_is_no_chain(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match="no journal here"):
        oneshot.why(asked(tmp_path), "P-01")
