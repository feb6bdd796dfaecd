"""`config secrets`: where a key's secret is found, kept and forgotten; the secret itself is told nowhere."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType

import pytest

from console import config, secrets
from services.protocol.errors import ProductError, UsageError
from services.protocol.exits import Exit
from services.settings.secrets import check_secrets

FILE = """
[profiles.real]
mode = "live"
[profiles.real.venue.bnb]
kind = "binance"
hosts = "testnet"
symbols = ["BTCUSDT"]
allow_remote = true
key = "public"
[profiles.real.venue.okx]
kind = "ccxt"
exchange = "okx"
hosts = "demo"
symbols = ["BTC/USDT:USDT"]
allow_remote = true
key = "public"
[profiles.real.venue.quotes]
kind = "binance"
hosts = "testnet"
symbols = ["BTCUSDT"]
allow_remote = true
"""
HUSH = "hush-hush"


class Locked(Exception):
    pass


class Ring(ModuleType):
    """The keyring library as far as it is used; `locked` refuses like one nobody has opened."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.errors = ModuleType("keyring.errors")
        vars(self.errors)["KeyringError"] = Locked
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, name: str) -> str | None:
        self._open()
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self._open()
        self.kept[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        self._open()
        del self.kept[service, name]

    def _open(self) -> None:
        if self.locked:
            raise Locked(HUSH)


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ring:
    (tmp_path / "config.toml").write_text(FILE)
    monkeypatch.setenv("STABLECONSOLE_CONFIG", str(tmp_path / "config.toml"))
    found = Ring()
    monkeypatch.setitem(sys.modules, "keyring", found)
    return found


def asks(*lines: str) -> secrets.Ask:
    left = list(lines)

    def ask(prompt: str) -> str:
        if not left:
            raise EOFError
        return left.pop(0)

    return ask


def test_each_secret_of_each_key_is_listed_with_where_it_is(ring: Ring) -> None:
    ring.kept["stableconsole", "real/okx__passphrase"] = HUSH
    rows = secrets.listed("real", {"STABLECONSOLE_SECRET_BNB": HUSH})
    assert [(row["venue"], row["what"], row["found"]) for row in rows] == [
        ("bnb", "secret", "environment"),
        ("okx", "secret", None),
        ("okx", "passphrase", "keyring"),
    ], "one without a key needs none"
    text = secrets.told("real", rows)
    assert HUSH not in f"{text}{rows}"
    assert "of STABLECONSOLE_SECRET_BNB" in text
    assert "of the keyring, real/okx__passphrase" in text
    assert (
        "MISSING (nothing is kept there): set STABLECONSOLE_SECRET_OKX, or "
        "stableconsole config secrets --profile real --set okx" in text
    )
    assert "no secret is needed" in secrets.told("sim", secrets.listed("sim", {}))


def test_what_is_kept_is_what_a_start_finds_until_it_is_forgotten(ring: Ring) -> None:
    wire = config.resolved("real", config.load(), environ={}).settings.wires["okx"]
    for passphrase in (False, True):
        with pytest.raises(ProductError) as caught:
            check_secrets("real", {"okx": wire}, {})
        assert f"--set okx{' --passphrase' if passphrase else ''}" in caught.value.text
        said = secrets.keep("real", "okx", passphrase=passphrase, ask=asks(f" {HUSH}", HUSH))
        assert HUSH not in said
    check_secrets("real", {"okx": wire}, {})
    assert set(ring.kept.values()) == {HUSH}
    secrets.forget("real", "okx", passphrase=True)
    assert list(ring.kept) == [("stableconsole", "real/okx")]
    with pytest.raises(ProductError, match="nothing was changed"):
        secrets.forget("real", "okx", passphrase=True)


def test_a_key_of_several_lines_comes_out_of_a_pipe(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("-----BEGIN\nabc\n-----END\n"))
    monkeypatch.setenv("STABLECONSOLE_SECRET_BNB", "other")
    said = secrets.keep("real", "bnb", passphrase=False)
    assert ring.kept == {("stableconsole", "real/bnb"): "-----BEGIN\nabc\n-----END"}
    assert "STABLECONSOLE_SECRET_BNB is set here and goes before it" in said


@pytest.mark.parametrize(
    ("venue", "passphrase", "lines", "why"),
    [
        ("nobody", False, (), "it has: bnb, okx, quotes"),
        ("quotes", False, (), "has no key"),
        ("bnb", True, (), "no passphrase"),
        ("bnb", False, (), "nothing was given"),
        ("bnb", False, ("",), "nothing was given"),
        ("bnb", False, (HUSH, HUSH[:-1]), "the two differ"),
        ("okx", True, ("a\nb", "a\nb"), "of several lines"),
        ("bnb", False, ("x" * 20_000, "x" * 20_000), "too long"),
    ],
)
def test_what_is_wrong_is_kept_nowhere(
    ring: Ring, venue: str, passphrase: bool, lines: tuple[str, ...], why: str
) -> None:
    ring.kept["stableconsole", "real/bnb"] = "before"
    with pytest.raises(UsageError, match=why) as caught:
        secrets.keep("real", venue, passphrase=passphrase, ask=asks(*lines))
    assert ring.kept == {("stableconsole", "real/bnb"): "before"}
    assert HUSH not in str(caught.value)


def test_a_keyring_that_is_locked_or_forgets_is_said_to_be(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.locked = True
    for work in (
        lambda: secrets.keep("real", "bnb", passphrase=False, ask=asks(HUSH, HUSH)),
        lambda: secrets.forget("real", "bnb", passphrase=False),
    ):
        with pytest.raises(ProductError, match="refuses real/bnb: Locked; unlock it") as caught:
            work()
        assert HUSH not in caught.value.text
    assert "the keyring does not answer: Locked" in secrets.told("real", secrets.listed("real", {}))
    ring.locked = False
    monkeypatch.setattr(ring, "set_password", lambda *given: None)
    with pytest.raises(ProductError, match="it is not kept"):
        secrets.keep("real", "bnb", passphrase=False, ask=asks(HUSH, HUSH))
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ProductError, match="pip install") as caught:
        secrets.forget("real", "bnb", passphrase=False)
    assert caught.value.exit is Exit.USAGE
