"""`[profiles.NAME.venue.VENUE]`: how a venue over real sockets is reached. No secret may stand in it.

One table of kinds, each with the keys it takes; a key that is none, a wrong value or a missing one is an
error that names its place in the file. Where the host may be is decided here, and once more by the adapter.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, structs

from services.settings.errors import SettingsError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
VENUE_NAME = re.compile(r"[a-z][a-z0-9_]{0,15}")
SECRET_VARIABLE = "STABLECONSOLE_SECRET_"  # noqa: S105 # the name of a variable


class VenueWire(Struct, frozen=True, kw_only=True):
    """A venue's table as it holds."""

    kind: str
    rest: str = ""
    stream: str = ""
    key: str = ""
    """The key's public half; empty = market data only. What goes into the journal has it left out."""
    subaccount: str = ""
    symbols: tuple[str, ...] = ()
    """Markets to watch; empty = the adapter's own choice."""
    allow_remote: bool = False
    """A host that is not this machine was named on purpose."""
    extensions: bool = False
    """The server is our own simulator: dead-man's switch, faults, its books."""
    options: dict[str, str] = {}
    """What only this kind knows."""


class WireKind(Struct, frozen=True):
    """The keys of one kind."""

    fields: dict[str, Callable[[object], Any]]
    """Each raises ValueError with what was expected."""
    needs: tuple[str, ...] = ()
    check: Callable[[VenueWire], None] = lambda _: None
    """Raises ValueError: `KEY: what was expected`."""


def text(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable() or value != value.strip():
        raise ValueError("a text")
    return value


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def symbols(value: object) -> tuple[str, ...]:
    good = isinstance(value, list) and all(isinstance(each, str) and each.strip() for each in value)
    if not isinstance(value, list) or not good or len(set(value)) != len(value):
        raise ValueError('a list of different markets such as ["USDT-PERP", "USDC-PERP"]')
    return tuple(value)


def url(*schemes: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        expected = f"an address such as {schemes[0]}://127.0.0.1:8300, without user or query"
        try:
            parts = urlsplit(value) if isinstance(value, str) else None
            port = parts.port if parts is not None else None
        except ValueError:
            raise ValueError(expected) from None
        if parts is None or parts.scheme not in schemes or not parts.hostname or port == 0:
            raise ValueError(expected)
        if parts.username is not None or parts.query or parts.fragment:
            # A password in an address would be a secret in the file.
            raise ValueError(expected)
        return str(value)

    return check


def origin(*schemes: str) -> Callable[[object], str]:
    """As `url`, of a host alone: what is asked there has its paths from the dialect, so one that stands here
    would be left out in silence. Given back as it is compared: small letters, no last slash."""
    whole = url(*schemes)

    def check(value: object) -> str:
        parts = urlsplit(whole(value))
        if parts.path not in ("", "/"):
            raise ValueError(f"an address such as {schemes[0]}://127.0.0.1:8300, without a path")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    return check


def _hosts(wire: VenueWire) -> None:
    """The old exchange's names belong to strangers now: no host but this machine unless it is said twice."""
    for key, address, safe in (("rest", wire.rest, "https"), ("stream", wire.stream, "wss")):
        parts = urlsplit(address)
        if parts.hostname in LOOPBACK:
            continue
        if not wire.allow_remote:
            raise ValueError(f"{key}: a host on this machine, or allow_remote = true beside it")
        if parts.scheme != safe:
            raise ValueError(f"{key}: {safe}:// for a host that is not this machine")
        if wire.extensions:
            raise ValueError("extensions: false: only the simulator on this machine has them")


PASSPHRASED = ("okx", "kucoinfutures", "bitget")
"""Exchanges of kind ccxt whose keys have a passphrase beside the secret."""
MOST_SYMBOLS = 60
"""Of a Binance venue. An account is read each 30 s, symbol by symbol, and so is each quiet market's quote: at
65 a minute's weight is spent on that, and at 84 a start could not even ask for all fees."""
BINANCE_HOSTS = ("production", "demo", "testnet", "local")
SPARED = ("index", "wallet")
"""Services that demo and testnet lack too."""


def _binance(wire: VenueWire, *more: str) -> None:
    """One word names the real hosts; `local` is a server on this machine, which the addresses name. `more`:
    addresses beside `rest` and `stream`; those of `SPARED` may be missing."""
    if not wire.symbols:
        raise ValueError('symbols: markets as the venue writes them, such as ["BTCUSDT"]')
    if len(wire.symbols) > MOST_SYMBOLS:
        raise ValueError(
            f"symbols: at most {MOST_SYMBOLS}, not {len(wire.symbols)}: what is asked for each would weigh "
            "more than Binance allows in a minute"
        )
    local = wire.options["hosts"] == "local"
    named = [("rest", wire.rest), ("stream", wire.stream)]
    named += [(key, wire.options.get(key, "")) for key in more]
    for key, address in named:
        spared = key in SPARED and not address
        if local and not spared and urlsplit(address).hostname not in LOOPBACK:
            raise ValueError(f'{key}: an address on this machine, for hosts = "local"')
        if not local and address:
            raise ValueError(f'{key}: nothing: hosts = "{wire.options["hosts"]}" names it')
    if not local and not wire.allow_remote:
        raise ValueError("allow_remote: true: these hosts are the real exchange's")


def _binance_futures(wire: VenueWire) -> None:
    _binance(wire, "wallet")


def _binance_spot(wire: VenueWire) -> None:
    _binance(wire, "api", "index", "wallet")


def _ccxt(wire: VenueWire) -> None:
    """`local` is a server on this machine, which `rest` names; everything else the library has named."""
    if not wire.symbols:
        raise ValueError('symbols: markets as the venue writes them, such as ["BTC-USDT-SWAP"]')
    local = wire.options["hosts"] == "local"
    if local and urlsplit(wire.rest).hostname not in LOOPBACK:
        raise ValueError('rest: an address on this machine, for hosts = "local"')
    if not local and wire.rest:
        raise ValueError(f'rest: nothing: hosts = "{wire.options["hosts"]}" names it')
    if not local and not wire.allow_remote:
        raise ValueError("allow_remote: true: these hosts are a real exchange's")


def exchange(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9]{1,31}", value):
        raise ValueError("an exchange as ccxt writes it, such as okx")
    return value


def one_of(*words: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in words:
            raise ValueError(f"one of: {', '.join(words)}")
        return str(value)

    return check


def count(least: int, most: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return check


KINDS: dict[str, WireKind] = {
    "ftx": WireKind(
        fields={
            "rest": origin("http", "https"),
            "stream": url("ws", "wss"),
            "key": text,
            "subaccount": text,
            "symbols": symbols,
            "allow_remote": flag,
            "extensions": flag,
        },
        needs=("rest", "stream"),
        check=_hosts,
    ),
    "binance": WireKind(
        fields={
            "hosts": one_of(*BINANCE_HOSTS),
            "rest": origin("http"),
            "stream": origin("ws"),
            "wallet": origin("http"),
            "key": text,
            "symbols": symbols,
            "allow_remote": flag,
            "leverage": count(1, 125),
        },
        needs=("hosts", "symbols"),
        check=_binance_futures,
    ),
    "binance_spot": WireKind(
        fields={
            "hosts": one_of(*BINANCE_HOSTS),
            "rest": origin("http"),
            "stream": origin("ws"),
            "api": url("ws"),
            "index": origin("http"),
            "wallet": origin("http"),
            "key": text,
            "symbols": symbols,
            "allow_remote": flag,
        },
        needs=("hosts", "symbols"),
        check=_binance_spot,
    ),
    "ccxt": WireKind(
        fields={
            "exchange": exchange,
            "hosts": one_of(*BINANCE_HOSTS),
            "market": one_of("perp", "spot"),
            "rest": origin("http"),
            "key": text,
            "symbols": symbols,
            "allow_remote": flag,
        },
        needs=("exchange", "hosts", "symbols"),
        check=_ccxt,
    ),
}
"""Every kind that a table may name."""


def read_wires(root: tuple[str, ...], tables: object) -> dict[str, VenueWire]:
    """Check `[profiles.NAME.venue.*]`. Raises SettingsError with the path of the first fault as its key."""
    if not isinstance(tables, Mapping):
        raise SettingsError(".".join(root), tables, "tables such as [profiles.NAME.venue.alpha]")
    return {name: _wire((*root, str(name)), str(name), table) for name, table in tables.items()}


def _wire(root: tuple[str, ...], name: str, table: object) -> VenueWire:
    where = ".".join(root)
    if not VENUE_NAME.fullmatch(name) or "__" in name:
        raise SettingsError(where, None, "a venue's name: a small letter, then up to 15 letters, digits or _")
    if not isinstance(table, Mapping):
        raise SettingsError(where, table, "a table")
    word = table.get("kind")
    if not isinstance(word, str) or word not in KINDS:
        raise SettingsError(f"{where}.kind", word, f"one of: {', '.join(KINDS)}")
    kind = KINDS[word]
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key == "kind":
            continue
        if key not in kind.fields:
            raise SettingsError(f"{where}.{key}", value, _instead(str(key), ("kind", *kind.fields)))
        try:
            found[key] = kind.fields[key](value)
        except ValueError as error:
            raise SettingsError(f"{where}.{key}", value, str(error)) from None
    for key in kind.needs:
        if key not in found:
            raise SettingsError(f"{where}.{key}", None, f"to be given: kind {word} has no default for it")
    own = {key: value for key, value in found.items() if key in VenueWire.__struct_fields__}
    more = {key: str(value) for key, value in found.items() if key not in own}
    wire = VenueWire(kind=word, options=more, **own)
    try:
        kind.check(wire)
    except ValueError as error:
        key, _, expected = str(error).partition(": ")
        raise SettingsError(f"{where}.{key}", table.get(key), expected) from None
    return wire


def check_wires(
    root: tuple[str, ...], mode: str, venues: tuple[str, ...], wires: Mapping[str, VenueWire]
) -> None:
    """Mode and venues together. Raises SettingsError.

    `sim` over sockets is our own simulator on this machine and nothing else: whatever has real money behind
    it is never called a simulation.
    """
    if not wires:
        return
    missing = [venue for venue in venues if venue not in wires]
    if missing:
        names = ", ".join(f"[{'.'.join(root)}.venue.{each}]" for each in missing)
        raise SettingsError(
            ".".join((*root, "venues")), list(venues), f"a table for each of them; missing: {names}"
        )
    for name, wire in wires.items():
        where = ".".join((*root, "venue", name))
        if name not in venues:
            raise SettingsError(where, None, f"a venue of the profile: {', '.join(venues)}")
        if mode == "sim" and not (wire.kind == "ftx" and wire.extensions):
            raise SettingsError(
                f"{where}.extensions",
                wire.extensions,
                'true and kind = "ftx": mode sim is for the simulator; else mode = "paper" or "live"',
            )


def without_keys(wires: Mapping[str, VenueWire]) -> dict[str, VenueWire]:
    """As the desk and the journal may have them."""
    return {name: structs.replace(wire, key="") for name, wire in wires.items()}


def secret_variable(venue: str) -> str:
    """`STABLECONSOLE_SECRET_ALPHA`."""
    return SECRET_VARIABLE + venue.upper()


def passphrase_of(venue: str) -> str:
    """Under this name the second secret of a key is kept; no venue's name has two underscores."""
    return f"{venue}__passphrase"


def _instead(key: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key, known, 1, 0.6)
    return f"a key that exists; did you mean {near[0]}?" if near else f"one of: {', '.join(known)}"
