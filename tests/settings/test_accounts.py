"""One account is one venue of a profile: what counts as one, and what one named twice is told."""

from __future__ import annotations

import json

import pytest

from services.settings.accounts import account_names
from services.settings.errors import SettingsError
from services.settings.resolve import resolve
from services.settings.toml import read_document
from services.settings.venues import VenueWire

FTX = {"kind": "ftx", "rest": "http://127.0.0.1:8300", "stream": "ws://127.0.0.1:8300/ws/", "key": "k"}
BINANCE = {"kind": "binance", "hosts": "demo", "symbols": ["BTCUSDT"], "allow_remote": True, "key": "k"}
OKX = {"kind": "ccxt", "exchange": "okx", "hosts": "demo", "symbols": ["A"], "allow_remote": True, "key": "k"}
BYBIT = OKX | {"exchange": "bybit"}


def wires(first: dict[str, object], second: dict[str, object], mode: str = "live") -> dict[str, VenueWire]:
    lines = [f'[profiles.p]\nmode = "{mode}"']
    for name, table in (("one", first), ("two", second)):
        lines.append(f"[profiles.p.venue.{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    document = read_document("\n".join(lines) + "\n", "config.toml")
    return resolve("p", document=document.data, line_of=document.line_of, file=document.file).settings.wires


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (FTX, FTX),
        (FTX, FTX | {"rest": "http://localhost:8300", "symbols": ["USDT-PERP"]}),
        (FTX | {"subaccount": "a"}, FTX | {"subaccount": "a"}),
        (BINANCE, BINANCE | {"symbols": ["ETHUSDT"]}),
        (OKX, OKX | {"market": "spot"}),
    ],
)
def test_one_account_named_twice_is_told_with_both_venues_and_the_remedy(
    first: dict[str, object], second: dict[str, object]
) -> None:
    """The start said that another engine held the account, and named its own process."""
    with pytest.raises(SettingsError) as caught:
        wires(first, second)
    text = str(caught.value)
    assert text.startswith("config.toml:")
    assert "profiles.p.venue.two.key: expected " in text
    assert "of its own, or one table for both: venues one and two of this profile are one account" in text
    assert "\n" not in text
    assert wires(first, second, "paper").keys() == {"one", "two"}


@pytest.mark.parametrize(
    ("first", "second", "locks"),
    [
        (FTX | {"subaccount": "a"}, FTX | {"subaccount": "b"}, 1),
        (FTX, FTX | {"subaccount": "b"}, 1),
        (FTX, FTX | {"key": "other"}, 2),
        (FTX, FTX | {"rest": "http://127.0.0.1:8301"}, 2),
        (BINANCE, BINANCE | {"kind": "binance_spot"}, 2),
        (OKX, BYBIT, 2),
    ],
)
def test_accounts_of_one_key_that_differ_may_stand_in_one_profile(
    first: dict[str, object], second: dict[str, object], locks: int
) -> None:
    assert len(set(account_names(wires(first, second)).values())) == locks


def test_venues_without_a_key_are_no_account() -> None:
    public = {key: value for key, value in FTX.items() if key != "key"}
    assert account_names(wires(public, public)) == {}
