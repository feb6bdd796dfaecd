"""From a profile's table to the adapter: hosts by their word, bans of the state folder, broken keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from services.protocol.errors import ProductError
from services.protocol.redact import Redactor
from services.runtime.clock import boot_ns
from services.settings.venues import VenueWire
from services.venues.binance.hosts import USDM
from services.venues.binance.venue import BinanceVenue
from services.venues.ftx.venue import FtxVenue
from services.venues.wire.budget import Budget
from services.workers.wires import build_venues, world_of
from tests.binance.server import Heard

WIRE = VenueWire(
    kind="binance", key="public-half", symbols=("BTCUSDT",), allow_remote=True,
    options={"hosts": "testnet", "leverage": "2"},
)  # fmt: skip
SECRET = {"STABLECONSOLE_SECRET_BINANCE": "a-secret-of-length"}


async def test_a_word_names_the_hosts_and_no_secret_is_shown(tmp_path: Path) -> None:
    redactor = Redactor()
    venues = build_venues("p", {"binance": WIRE}, SECRET, Heard(), redactor, tmp_path / "bans.json")
    venue = venues["binance"]
    assert isinstance(venue, BinanceVenue)
    assert USDM["testnet"].rest.startswith("https://testnet.")
    assert world_of({"binance": WIRE})["binance"]["rest"] == "testnet"
    assert redactor.text("a-secret-of-length") != "a-secret-of-length"
    assert "a-secret-of-length" not in repr(vars(venue))
    assert venue.instruments() == ()
    await venue.close()


def test_an_unreadable_list_of_bans_and_a_broken_key_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "bans.json").write_text("?")
    with pytest.raises(ProductError, match=r"bans\.json"):
        build_venues("p", {"binance": WIRE}, SECRET, Heard(), Redactor(), tmp_path / "bans.json")
    broken = {"STABLECONSOLE_SECRET_BINANCE": "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----"}
    with pytest.raises(ProductError, match="cannot be read as one"):
        build_venues("p", {"binance": WIRE}, broken, Heard(), Redactor(), None)


async def test_accounts_on_one_host_share_what_it_counts_by_address() -> None:
    ftx = VenueWire(
        kind="ftx", rest="http://127.0.0.1:9", stream="ws://127.0.0.1:9/ws/", key="k", subaccount="one"
    )
    wires = {
        "a": WIRE, "b": replace(WIRE, key="another"),
        "c": ftx, "d": replace(ftx, subaccount="two"), "e": replace(ftx, key="another"),
    }  # fmt: skip
    secrets = {f"STABLECONSOLE_SECRET_{name.upper()}": "a-secret-of-length" for name in wires}
    venues = build_venues("p", wires, secrets, Heard(), Redactor())
    now = boot_ns()
    budget_of(venues["a"]).take(now, {"weight-1m": 7, "orders-1m": 3})
    budget_of(venues["c"]).take(now, {"requests-1m": 5, "orders-200ms": 2})
    used = {name: budget_of(venue).used(now) for name, venue in venues.items()}
    assert [used["b"][name][0] for name in ("weight-1m", "orders-1m")] == [7, 0]
    assert [used[name]["requests-1m"][0] for name in "de"] == [5, 5]
    assert [used[name]["orders-200ms"][0] for name in "de"] == [2, 0], "orders are the account's"
    for venue in venues.values():
        await venue.close()


def budget_of(venue: object) -> Budget:
    if isinstance(venue, BinanceVenue):
        return venue._api.rest.budget
    assert isinstance(venue, FtxVenue)
    return venue._api.rest.budget
