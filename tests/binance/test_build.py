"""From a profile's table to the adapter: hosts by their word, bans of the state folder, broken keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.protocol.errors import ProductError
from services.runtime.redact import Redactor
from services.settings.venues import VenueWire
from services.venues.binance.hosts import USDM
from services.venues.binance.venue import BinanceVenue
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
