"""Symbols and file names of the public dumps, and which of them are coin-margined.

Inverse (coin-margined) contracts pay PnL, margin and funding in the coin itself: linear arithmetic on them is
wrong by the coin's own price path, so they are refused by name (SEMANTICS 1), whatever a declaration says.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from services.domain.money import STABLECOINS

SECOND_NS = 1_000_000_000

QUOTES: tuple[str, ...] = (*STABLECOINS, "FDUSD", "TUSD", "USD")
"""Quote coins that a symbol may end with; one that ends another stands after it."""

_INVERSE = re.compile(r"(USD[TC]?CM|USD[TC]?_CM|USD_PERP|USD_\d{6}|COIN-?M|_CM|-CM|INVERSE)(?![A-Z])")
_FUNDING = re.compile(r"^(?:(?P<venue>[a-z0-9]+)_)?(?P<symbol>[A-Z0-9]+?)[-_](?:.*[-_])?fundingRate\b")
_KLINES = re.compile(r"^(?P<symbol>[A-Z0-9]+)-(?P<interval>\d+[smhdw])-\d{4}-\d{2}(?:-\d{2})?$")
_NAMED = re.compile(
    r"^(?P<venue>[a-z0-9]+)_(?:(?P<market>spot|perp)_)?(?P<symbol>[A-Z0-9]+)_(?:(?P<late>spot|perp)_)?"
    r"(?P<interval>\d+[smhdw])(?:_.*)?$"
)
_KIND = re.compile(r"[-_](PERP|PERPETUAL|SWAP)$")
_INTERVAL = re.compile(r"^(-?)(\d+(?:\.\d+)?)\s*([smhdw])$")
_UNIT_NS = {"s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3_600 * SECOND_NS, "d": 86_400 * SECOND_NS}
_UNIT_NS["w"] = 7 * _UNIT_NS["d"]
_SUFFIXES = (".csv", ".csv.gz", ".zip")

OTHER_BARS = ("indexPriceKlines", "markPriceKlines", "premiumIndexKlines")
"""Folders of the dump whose files are named like those of traded prices, and are none."""


def inverse_name(text: str) -> str | None:
    """The part of a file or symbol name that says coin-margined; None = nothing does."""
    found = _INVERSE.search(text.upper())
    return None if found is None else found.group(1)


def split_symbol(symbol: str) -> tuple[str, str] | None:
    """(underlying, quote) of `BTCUSDT`, `BTC-USDT-PERP`, `BTC/USDT`; None when none is recognised."""
    plain = _KIND.sub("", symbol.upper())
    for mark in ("/", "-", "_"):
        base, found, quote = plain.partition(mark)
        if found and base and quote:
            return base, quote
    if plain.removesuffix("USD") in STABLECOINS:
        return plain.removesuffix("USD"), "USD"  # USDTUSD is no pair in TUSD
    for quote in QUOTES:
        if plain.endswith(quote) and len(plain) > len(quote):
            return plain.removesuffix(quote), quote
    return None


def duration_ns(text: str) -> int:
    """`8h`, `1m`, `-4h`, `0s` in nanoseconds. Raises ValueError."""
    match = _INTERVAL.match(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration like 1m, 8h or -4h")
    size = int(Decimal(match.group(2)) * _UNIT_NS[match.group(3)])
    return -size if match.group(1) else size


def is_data_file(path: Path) -> bool:
    return path.name.endswith(_SUFFIXES)


def stem(path: Path) -> str:
    """The file's name without `.csv`, `.csv.gz` or `.zip`."""
    name = path.name
    for suffix in (".gz", ".zip", ".csv"):
        name = name.removesuffix(suffix)
    return name


class Named:
    """What a dump's file name and folders say of it."""

    __slots__ = ("interval_ns", "kind", "market", "symbol", "venue")

    def __init__(self, kind: str, venue: str, symbol: str, market: str, interval_ns: int | None) -> None:
        self.kind = kind
        """`klines` or `funding`."""
        self.venue = venue
        self.symbol = symbol
        self.market = market
        """`perp`, `spot`, or empty when neither name nor folder says."""
        self.interval_ns = interval_ns


def read_name(path: Path, root: Path) -> Named | None:
    """Understand one file of a folder; None = not a series of this layout."""
    folders = path.relative_to(root).parent.parts
    market = "spot" if "spot" in folders else "perp" if "um" in folders else ""
    name = stem(path)
    match = _FUNDING.match(name)
    if match is not None:
        return Named("funding", match["venue"] or "binance", match["symbol"], "perp", None)
    match = _KLINES.match(name)
    if match is not None:
        return Named("klines", "binance", match["symbol"], market, duration_ns(match["interval"]))
    match = _NAMED.match(name)
    if match is not None:
        market = match["market"] or match["late"] or market
        return Named("klines", match["venue"], match["symbol"], market, duration_ns(match["interval"]))
    return None
