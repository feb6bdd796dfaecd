"""What a history is made of before any row is read: series and facts, from a folder or a `history.toml`.

`history.toml`:

    [history]                       # optional
    start = "2021-01-01"            # rows outside [start, end) are dropped
    end = "2024-01-01"

    [facts]                         # optional; the defaults are the "default costs"
    taker_bps = "5"
    maker_bps = "2"
    [facts.grid.XRP]                # for underlyings without a built-in grid
    price = "0.0001"
    size = "1"

    [[series]]
    file = "gate_BTCUSDT_fundingRate.csv"   # relative to this file; a list for several parts
    kind = "funding"                # or "klines"
    venue = "gate"
    symbol = "BTCUSDT"
    market = "perp"                 # or "spot"; funding is always perp
    quote = "USDT"                  # optional: what the price is in
    margin = "USDT"                 # optional (a perp in USD needs it): what it settles in
    interval = "8h"                 # klines: the bar; funding: where the rows have none
    columns = { time = "calc_time", rate = "last_funding_rate", interval = "funding_interval_hours" }
    where = { exchange = "gate" }   # keep only these rows of a file that holds several series
    offset = "-4h"                  # added to every stamp
    price = "30000"                 # a flat price, declared, for a perp without a price series
    price_from = "BTCUSDT.binance"  # or another instrument's closes
"""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from services.domain.money import STABLECOINS
from services.venues.history.errors import HistoryError, in_file
from services.venues.history.names import (
    OTHER_BARS,
    SECOND_NS,
    duration_ns,
    inverse_name,
    is_data_file,
    read_name,
    split_symbol,
)

DECLARATION = "history.toml"
_VENUE = re.compile(r"[a-z0-9][a-z0-9_]{0,31}")
_YEAR_NS = 8_760 * 3_600 * SECOND_NS
_DEAREST = Decimal(10) ** 12


class Grid(Struct, frozen=True, forbid_unknown_fields=True):
    price: Decimal
    size: Decimal


class Facts(Struct, frozen=True, forbid_unknown_fields=True):
    """What no dump holds; every report stamps it."""

    taker_bps: Decimal = Decimal(5)
    maker_bps: Decimal = Decimal(2)
    grid: dict[str, Grid] = {}
    """By underlying."""


class SeriesSpec(Struct, frozen=True, kw_only=True):
    """One series, understood but not read."""

    files: tuple[Path, ...]
    kind: str
    venue: str
    symbol: str
    """`BTC-USDT-PERP` or `BTC/USDT`."""
    market: str
    underlying: str
    quote: str
    margin: str
    interval_ns: int | None = None
    columns: dict[str, str] = {}
    where: dict[str, str] = {}
    offset_ns: int = 0
    price: Decimal | None = None
    price_from: str | None = None

    @property
    def instrument(self) -> str:
        return f"{self.symbol}.{self.venue}"


class Declaration(Struct, frozen=True, kw_only=True):
    """A whole history, understood but not read."""

    root: Path
    source: bytes
    """The toml's bytes; empty for a folder. Part of the digest."""
    series: tuple[SeriesSpec, ...]
    facts: Facts = Facts()
    start: int | None = None
    end: int | None = None


class _Span(Struct, frozen=True, forbid_unknown_fields=True):
    start: str = ""
    end: str = ""


class _Series(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    file: str | list[str]
    kind: str
    venue: str
    symbol: str
    market: str = ""
    quote: str = ""
    margin: str = ""
    interval: str = ""
    columns: dict[str, str] = {}
    where: dict[str, str] = {}
    offset: str = "0s"
    price: Decimal | None = None
    price_from: str | None = None


class _File(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    history: _Span = _Span()
    facts: Facts = Facts()
    series: list[_Series]


def read_declaration(path: Path) -> Declaration:
    """A `history.toml`, a folder that holds one, or a folder in the dump's layout."""
    if path.is_dir():
        return _from_toml(path / DECLARATION) if (path / DECLARATION).is_file() else _from_folder(path)
    if path.suffix == ".toml":
        return _from_toml(path)
    if not path.exists():
        raise HistoryError(f"{path}: no such file or folder")
    raise in_file(path, f"expected a folder of dump files or a {DECLARATION}")


def _from_toml(path: Path) -> Declaration:
    try:
        raw = path.read_bytes()
        table = tomllib.loads(raw.decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise in_file(path, f"cannot be read: {error}") from error
    try:
        declared = msgspec.convert(_plain(table), _File)
    except msgspec.ValidationError as error:
        raise in_file(path, str(error)) from error
    if not declared.series:
        raise in_file(path, "expected at least one [[series]]")
    _check_facts(path, declared.facts)
    series = tuple(_declared_series(path, number, each) for number, each in enumerate(declared.series, 1))
    return Declaration(
        root=path.parent,
        source=raw,
        series=series,
        facts=declared.facts,
        start=_moment(path, "start", declared.history.start),
        end=_moment(path, "end", declared.history.end),
    )


def _check_facts(path: Path, facts: Facts) -> None:
    """Costs and grids are what every figure rests on: nothing is reckoned with one that is no number."""
    for name, bps, least in (("taker_bps", facts.taker_bps, 0), ("maker_bps", facts.maker_bps, -100)):
        if not (bps.is_finite() and least <= bps <= 1_000):
            raise in_file(path, f"[facts] {name}: expected bps from {least} to 1000, found {bps}")
    for coin, grid in facts.grid.items():
        if not all(step.is_finite() and 0 < step < _DEAREST for step in (grid.price, grid.size)):
            raise in_file(path, f"[facts.grid.{coin}]: expected a price and a size above 0")


def _plain(value: Any) -> Any:
    """TOML numbers and dates as text, so that prices never pass through a float."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _moment(path: Path, name: str, text: str) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise in_file(path, f"[history] {name}: expected a date like 2021-01-01, found {text!r}") from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND_NS


def _declared_series(path: Path, number: int, row: _Series) -> SeriesSpec:
    where = f"[[series]] {number} ({row.symbol}.{row.venue})"
    if row.kind not in ("klines", "funding"):
        raise in_file(path, f"{where}: kind is {row.kind!r}, expected klines or funding")
    market = row.market or ("perp" if row.kind == "funding" else "")
    if market not in ("perp", "spot") or (row.kind == "funding" and market != "perp"):
        raise in_file(path, f'{where}: expected market = "perp" or "spot" (funding: perp)')
    files = tuple(path.parent / name for name in ([row.file] if isinstance(row.file, str) else row.file))
    try:
        interval = duration_ns(row.interval) if row.interval else None
        offset = duration_ns(row.offset)
    except ValueError as error:
        raise in_file(path, f"{where}: {error}") from error
    if row.kind == "klines" and interval is None:
        raise in_file(path, f"{where}: klines need their interval, for example 1m")
    if (interval is not None and not 0 < interval <= _YEAR_NS) or abs(offset) > _YEAR_NS:
        raise in_file(path, f"{where}: expected an interval above 0, it and the offset of a year at most")
    if not _VENUE.fullmatch(row.venue):
        raise in_file(path, f"{where}: expected a venue's name in a-z, 0-9 and _")
    if (row.price is not None or row.price_from is not None) and row.kind != "funding":
        raise in_file(path, f"{where}: price and price_from belong to a funding series")
    if row.price is not None and not (row.price.is_finite() and 0 < row.price < _DEAREST):
        raise in_file(path, f"{where}: expected a price above 0")
    return _spec(
        path,
        files=files,
        kind=row.kind,
        venue=row.venue,
        raw_symbol=row.symbol,
        market=market,
        quote=row.quote,
        margin=row.margin,
        interval_ns=interval,
        columns=row.columns,
        where=row.where,
        offset_ns=offset,
        price=row.price,
        price_from=row.price_from,
    )


def _spec(path: Path, *, raw_symbol: str, quote: str, margin: str, market: str, **rest: Any) -> SeriesSpec:
    """Complete one series: names in the desk's own form, inverse contracts refused."""
    parts = split_symbol(raw_symbol)
    names = [raw_symbol, *(file.name for file in rest["files"])]
    marked = next((mark for mark in map(inverse_name, names) if mark), None)
    if marked is not None or (parts is not None and margin and margin == parts[0]):
        why = f"settles in {margin}" if marked is None else f"{marked} in its name"
        raise in_file(path, f"{raw_symbol}.{rest['venue']} is an inverse (coin-margined) contract: {why}; "
                            "only linear contracts can be played")  # fmt: skip
    if parts is None:
        raise in_file(path, f"{raw_symbol}: expected a symbol that ends with its quote coin, like BTCUSDT")
    base, quoted = parts
    quote = quote or quoted
    if market == "perp" and quoted == "USD" and not margin and base not in STABLECOINS:
        # Most of them are inverse and their names do not say so: not taken for linear on a guess.
        raise in_file(path, f"{raw_symbol}.{rest['venue']} may be an inverse (coin-margined) contract: "
                            "declare what it settles in as its margin in a history.toml")  # fmt: skip
    symbol = f"{base}-{quote}-PERP" if market == "perp" else f"{base}/{quote}"
    return SeriesSpec(
        symbol=symbol, market=market, underlying=base, quote=quote, margin=margin or quote, **rest
    )


def _from_folder(root: Path) -> Declaration:
    """Group a folder's files by series; several months of one series are its parts, in the order of names."""
    grouped: dict[tuple[str, str, str, str, int | None], list[Path]] = {}
    for path in sorted(root.rglob("*")):
        if not (path.is_file() and is_data_file(path)):
            continue
        if "cm" in path.relative_to(root).parent.parts or inverse_name(path.name):
            raise in_file(path, "an inverse (coin-margined) contract; only linear contracts can be played")
        other = next((part for part in path.relative_to(root).parts if part in OTHER_BARS), None)
        if other is not None:
            raise in_file(path, f"{other} are no traded prices; those lie in the folder klines")
        named = read_name(path, root)
        if named is None:
            raise in_file(
                path,
                "expected a name like BTCUSDT-1h-2023-07.csv or BTCUSDT-fundingRate-2023-07.csv; "
                f"declare other files in a {DECLARATION}",
            )
        key = (named.kind, named.venue, named.symbol, named.market, named.interval_ns)
        grouped.setdefault(key, []).append(path)
    if not grouped:
        raise in_file(root, "holds no .csv, .csv.gz or .zip series")
    perps = {(venue, symbol) for kind, venue, symbol, _, _ in grouped if kind == "funding"}
    series: list[SeriesSpec] = []
    for (kind, venue, symbol, market, interval), files in grouped.items():
        # Where neither folder nor name says, klines beside a funding series of that symbol are the perp's.
        known = market or ("perp" if (venue, symbol) in perps else "spot")
        series.append(
            _spec(
                files[0],
                files=tuple(files),
                kind=kind,
                venue=venue,
                raw_symbol=symbol,
                market=known,
                quote="",
                margin="",
                interval_ns=interval,
            )
        )
    return Declaration(root=root, source=b"", series=tuple(series))
