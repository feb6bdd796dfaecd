"""`[profiles.NAME.venue.VENUE]`: what may stand there, and what a slip of the pen is told."""

from __future__ import annotations

import pytest

from services.settings.errors import SettingsError
from services.settings.resolve import Resolved, resolve
from services.settings.toml import read_document
from services.settings.venues import VenueWire, without_keys

ALPHA = """
[profiles.sock]
mode = "sim"

[profiles.sock.venue.alpha]
kind = "ftx"
rest = "http://127.0.0.1:8300"
stream = "ws://127.0.0.1:8300/ws/"
key = "trader"
subaccount = "arb"
symbols = ["USDT-PERP", "USDC-PERP"]
extensions = true
"""


def read(text: str, profile: str = "sock", **environ: str) -> Resolved:
    document = read_document(text, "config.toml")
    return resolve(
        profile, document=document.data, line_of=document.line_of, file=document.file, environ=environ
    )


def test_a_table_is_read_and_names_the_venues_of_the_profile() -> None:
    settings = read(ALPHA).settings
    assert settings.venues == ("alpha",)
    assert settings.wires == {
        "alpha": VenueWire(
            kind="ftx",
            rest="http://127.0.0.1:8300",
            stream="ws://127.0.0.1:8300/ws/",
            key="trader",
            subaccount="arb",
            symbols=("USDT-PERP", "USDC-PERP"),
            extensions=True,
        )
    }
    assert without_keys(settings.wires)["alpha"].key == ""


def test_an_address_is_one_however_it_is_spelt() -> None:
    """The slash stood in each request's `Host`, and another spelling had a budget and bans of its own."""
    odd = ALPHA.replace("http://127.0.0.1:8300", "HTTP://LocalHost:8300/")
    assert read(odd).settings.wires["alpha"].rest == "http://localhost:8300"


def test_no_table_is_the_simulator_inside() -> None:
    assert read('[profiles.sock]\nmode = "sim"\n').settings.wires == {}


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("symbols", "symbls"), 11, "did you mean symbols"),
        (('kind = "ftx"', 'kind = "ftxx"'), 6, "one of: ftx"),
        (("http://127.0.0.1:8300", "127.0.0.1:8300"), 7, "an address such as http://"),
        (("http://127.0.0.1:8300", "http://me:word@127.0.0.1:8300"), 7, "without user or query"),
        (("http://127.0.0.1:8300", "http://127.0.0.1:99999"), 7, "an address such as"),
        (("http://127.0.0.1:8300", "http://127.0.0.1:8300/api"), 7, "without a path"),
        (('"USDC-PERP"', '"USDT-PERP"'), 11, "different markets"),
        (("extensions = true", 'extensions = "yes"'), 12, "true or false"),
        (("extensions = true", "extensions = false"), 12, "mode sim is for the simulator"),
        (('rest = "http://127.0.0.1:8300"\n', ""), 5, "has no default"),
        (("http://127.0.0.1:8300", "https://ftx.com"), 7, "allow_remote = true"),
        (('mode = "sim"', 'mode = "sim"\nvenues = ["alpha", "beta"]'), 4, "profiles.sock.venue.beta"),
        (('mode = "sim"', 'mode = "sim"\nvenues = ["beta"]'), 4, "missing"),
        (("extensions = true", 'secret = "abc"'), 12, "no secret in the file"),
    ],
)
def test_a_slip_is_one_line_with_its_place(change: tuple[str, str], line: int, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(ALPHA.replace(*change))
    text = str(caught.value)
    assert "\n" not in text
    assert said in text
    assert text.startswith(f"config.toml:{line}: ")


def test_another_machine_is_named_twice_and_never_in_the_clear() -> None:
    """Bugs A1, B12: no host but this machine without a second word, and none in the clear."""
    remote = ALPHA.replace('"sim"', '"live"').replace("extensions = true", "allow_remote = true")
    remote = remote.replace("http://127.0.0.1:8300", "https://api.example").replace(
        "ws://127.0.0.1:8300/ws/", "wss://api.example/ws/"
    )
    assert read(remote).settings.wires["alpha"].allow_remote
    with pytest.raises(SettingsError, match=r"wss://"):
        read(remote.replace("wss://", "ws://"))
    with pytest.raises(SettingsError, match="allow_remote"):
        read(remote.replace("allow_remote = true", ""))
    with pytest.raises(SettingsError, match="only the simulator"):
        read(remote + "extensions = true\n")


BINANCE = """
[profiles.sock]
mode = "live"

[profiles.sock.venue.binance]
kind = "binance"
hosts = "demo"
symbols = ["BTCUSDT"]
allow_remote = true
leverage = 3
"""


MANY = str([f"C{number}USDT" for number in range(61)]).replace("'", '"')


def test_binance_is_named_by_a_word_that_says_which_hosts() -> None:
    wire = read(BINANCE).settings.wires["binance"]
    assert wire.options == {"hosts": "demo", "leverage": "3"}
    for change, said in (
        (('hosts = "demo"\n', ""), "kind binance has no default"),
        (('"demo"', '"live"'), "one of: production, demo, testnet, local"),
        (("allow_remote = true", ""), "these hosts are the real exchange's"),
        (('symbols = ["BTCUSDT"]', "symbols = []"), "markets as the venue writes them"),
        (('["BTCUSDT"]', MANY), "at most 60, not 61"),
        (("leverage = 3", "leverage = 0"), "a whole number from 1 to 125"),
        (("leverage = 3", 'rest = "http://127.0.0.1:1"'), "names it"),
        (('"demo"', '"local"'), "an address on this machine"),
    ):
        with pytest.raises(SettingsError) as caught:
            read(BINANCE.replace(*change))
        assert said in str(caught.value)
    local = (
        BINANCE.replace('"demo"', '"local"') + 'rest = "http://127.0.0.1:1"\nstream = "ws://127.0.0.1:1"\n'
    )
    assert read(local).settings.wires["binance"].rest == "http://127.0.0.1:1"


def test_a_secret_of_the_environment_is_no_parameter() -> None:
    assert read(ALPHA, STABLECONSOLE_SECRET_ALPHA="abc", STABLECONSOLE_SECRET_A__B="abc").settings.wires


SPOT = """
[profiles.sock]
mode = "paper"

[profiles.sock.venue.spot]
kind = "binance_spot"
hosts = "local"
symbols = ["USDCUSDT"]
rest = "http://127.0.0.1:1"
stream = "ws://127.0.0.1:2"
api = "ws://127.0.0.1:2/ws-api/v3"
"""


def test_binance_spot_names_one_address_more_and_may_name_where_coins_are_priced() -> None:
    wire = read(SPOT).settings.wires["spot"]
    assert wire.options == {"hosts": "local", "api": "ws://127.0.0.1:2/ws-api/v3"}
    priced = read(SPOT + 'index = "http://127.0.0.1:3"\n').settings.wires["spot"]
    assert priced.options["index"] == "http://127.0.0.1:3"
    for change, said in (
        (('api = "ws://127.0.0.1:2/ws-api/v3"\n', ""), "an address on this machine"),
        (("ws://127.0.0.1:2/ws-api/v3", "ws://10.0.0.1:2/ws-api/v3"), "an address on this machine"),
        (('"local"', '"testnet"'), "names it"),
        (("symbols", "leverage = 3\nsymbols"), "one of: kind"),
    ):
        with pytest.raises(SettingsError, match=said):
            read(SPOT.replace(*change))
    named = SPOT.replace('"local"', '"demo"').replace('"paper"', '"live"')
    short = "\n".join(line for line in named.splitlines() if "127.0.0.1" not in line)
    with pytest.raises(SettingsError, match="these hosts are the real exchange's"):
        read(short)
    assert read(short + "\nallow_remote = true\n").settings.wires["spot"].options == {"hosts": "demo"}
