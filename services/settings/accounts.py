"""Which account a venue's table opens: one account is one venue of a profile and one engine's (RUNTIME 1)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from services.settings.errors import SettingsError
from services.settings.venues import LOOPBACK, VenueWire

_USUAL = {"http": 80, "https": 443}


def account_names(wires: Mapping[str, VenueWire]) -> dict[str, tuple[str, str]]:
    """Venue -> (where, key id) of every venue with a key: what an engine locks.

    Two profiles may name one venue differently. The sub-accounts of a key have one lock: they share what the
    venue counts by the key, so one engine has them all.
    """
    return {name: (_where(wire), wire.key) for name, wire in wires.items() if wire.key}


def check_accounts(root: tuple[str, ...], wires: Mapping[str, VenueWire]) -> None:
    """Two venues of a profile on one account would count its money and positions twice. Raises SettingsError.

    Two sub-accounts of a key are two accounts, and so are Binance's futures and its spot wallet under one
    key; perpetuals and coins of an exchange through ccxt are one.
    """
    seen: dict[tuple[str, str, str], str] = {}
    for name, (where, key) in account_names(wires).items():
        account = (where, key, wires[name].subaccount)
        first = seen.setdefault(account, name)
        if first != name:
            own = "a key or subaccount" if wires[name].kind == "ftx" else "the key of an account"
            raise SettingsError(
                ".".join((*root, "venue", name, "key")),
                None,
                f"{own} of its own, or one table for both: venues {first} and {name} of this profile are "
                "one account, whose money would count twice",
            )


def _where(wire: VenueWire) -> str:
    words = (
        wire.kind,
        wire.options.get("exchange", ""),
        _address(wire.rest) or wire.options.get("hosts", ""),
    )
    return " ".join(word for word in words if word)


def _address(rest: str) -> str:
    """Host and port, however they are spelt."""
    parts = urlsplit(rest)
    if not parts.hostname:
        return ""
    host = LOOPBACK[0] if parts.hostname in LOOPBACK else parts.hostname
    return host if parts.port in (None, _USUAL.get(parts.scheme)) else f"{host}:{parts.port}"
