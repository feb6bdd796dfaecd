"""Who is let in: the signature of these very bytes, now, by a known key (ftx.md 1.1, 8.1)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from services.protocol.errors import UsageError
from services.simulator import keys_from, keys_of
from services.venues.ftx.sign import login_signature, signed_headers
from services.workers.simserver.auth import Refused, caller_of, login
from services.workers.simserver.house import House
from services.workers.simserver.keys import Key, folder_name
from services.workers.simserver.worlds import served_world

NOW = 1_650_000_000_000
KEY = Key("trader", "secret", ("my arb/1",))
TARGET, BODY = "/api/orders?market=USDT/USD", b'{"size":1}'


@pytest.fixture(scope="module")
def house() -> House:
    return House(served_world("calm", 1, step_s=None, synthetic=0, start=None), (KEY,), lockstep=True)


def headers(subaccount: str | None = None, ts: int = NOW) -> dict[str, str]:
    made = signed_headers(KEY.key, KEY.secret.encode(), ts, "POST", TARGET, BODY, subaccount)
    return {name.lower(): value for name, value in made}


def asked(
    house: House, told: Mapping[str, str], *, method: str = "POST", target: str = TARGET, body: bytes = BODY
) -> str:
    """The sub-account that is let in, or what the refusal says."""
    try:
        return caller_of(house, told, method, target, body, NOW).subaccount or "main"
    except Refused as refused:
        return refused.text


def test_the_signature_is_of_these_bytes_and_of_nothing_else(house: House) -> None:
    told = headers()
    assert asked(house, told) == "main"
    wrong = "Not logged in: Invalid signature"
    assert asked(house, told, body=b'{"size":2}') == wrong, "a signature is not used for another body"
    assert asked(house, told, target=TARGET.replace("USDT/USD", "BTC/USD")) == wrong
    assert asked(house, told, method="DELETE") == wrong
    for sign in ("", "0" * 64, "\u00e9" * 64, told["ftx-sign"].upper(), told["ftx-sign"] + " "):
        assert asked(house, {**told, "ftx-sign": sign}) == wrong


def test_a_stale_stamp_an_unknown_key_and_no_key_are_named(house: House) -> None:
    late = "Not logged in: Timestamp too far from current time"
    assert asked(house, headers(ts=NOW - 29_000)) == "main"
    for ts in (NOW - 31_000, NOW + 31_000, 0):
        assert asked(house, headers(ts=ts)) == late
    for text in ("", "-1", "1e12", "9" * 30, "\u0661"):
        assert asked(house, {**headers(), "ftx-ts": text}) == late
    assert asked(house, {**headers(), "ftx-key": "nobody"}) == "Not logged in: Invalid API key"
    assert asked(house, {}) == "Not logged in"


def test_a_sub_account_is_one_of_the_keys_and_never_an_empty_word(house: House) -> None:
    assert headers("my arb/1")["ftx-subaccount"] == "my%20arb%2F1"
    assert asked(house, headers("my arb/1")) == "my arb/1"
    assert asked(house, headers("other")) == "No such subaccount"
    assert asked(house, {**headers(), "ftx-subaccount": ""}) == "No such subaccount"


def test_the_streams_log_in_is_held_to_the_same(house: House) -> None:
    good = {"key": KEY.key, "time": NOW, "sign": login_signature(KEY.secret.encode(), NOW)}
    assert login(house, good, NOW).key == KEY
    assert login(house, {**good, "subaccount": "my arb/1"}, NOW).subaccount == "my arb/1"
    for wrong in (
        {"sign": "0" * 64}, {"sign": "\u00e9"}, {"sign": "\ud800"}, {"sign": None}, {"key": "nobody"},
        {"time": str(NOW)}, {"time": NOW - 31_000}, {"time": None}, {"subaccount": "other"},
    ):  # fmt: skip
        with pytest.raises(Refused, match="Invalid login credentials"):
            login(house, {**good, **wrong}, NOW)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[keys]]\nkey = "a"\nsecret = "b"\nsubaccounts = "arb"',
            r"got `str` - at `\$.keys\[0\].subaccounts`",
        ),
        ('[[keys]]\nkey = "a"\nsecret = "b"\nsub_accounts = ["arb"]', "unknown field `sub_accounts`"),
        ('[[keys]]\nkey = ""\nsecret = "b"', "length >= 1"),
        ('[[keys]]\nkey = "a"', "missing required field `secret`"),
        ('[[keys]]\nkey = "a"\nsecret = "b"\n[[keys]]\nkey = "a"\nsecret = "c"', "a is named twice"),
        ("keys = 3", "Expected `array`"),
        ("", "missing required field `keys`"),
        ("x", "expected"),
    ],
)
def test_a_file_of_keys_means_what_it_says_or_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """A text of sub-accounts was one for each letter, the last of two secrets held, an empty key let anybody
    in, and what was misspelt was passed over."""
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=said):
        keys_from(file)


def test_keys_of_a_file_and_of_the_command_line_stand_beside_each_other(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text('[[keys]]\nkey = "a"\nsecret = "b"\nsubaccounts = ["arb", "x/y z"]\nwithdraw = true')
    assert keys_of(file, "c", "d") == (Key("a", "b", ("arb", "x/y z"), True), Key("c", "d"))
    with pytest.raises(UsageError, match="names it, too"):
        keys_of(file, "a", "d")


def test_no_two_accounts_keep_their_books_in_one_place() -> None:
    """Keys alike in sixteen letters did, and sub-accounts that differed in a slash."""
    names = [
        ("trader-of-alpha-one", ""), ("trader-of-alpha-two", ""), ("a", "x/y"), ("a", "x_y"), ("a", "x"),
        ("a-x", ""), ("a", "-x"), ("a-", "x"), ("a", "X"), ("..", ""),
        ("é" * 64, "é" * 64), ("é" * 64, "é" * 63),
    ]  # fmt: skip
    folders = [folder_name(*name) for name in names]
    assert len(set(folders)) == len(names)
    assert all("/" not in name and len(name) < 255 for name in folders)
    assert folder_name("trader", "arb") == "trader-arb"
