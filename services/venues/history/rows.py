"""Rows of one series out of its files: kline closes, settled funding rates (plain CSV, gzip, zip).

Stamps are rounded to the minute before anything is joined: settlement stamps are often some milliseconds
late (...000.017). Bars shorter than a minute are rounded to the second. A bar's close is known at its
end, so its instant is open time + interval; a bar without volume says no price at all (SEMANTICS 5.11).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import math
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from services.venues.history.errors import HistoryError, at_line, in_file
from services.venues.history.names import SECOND_NS

MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 3_600 * SECOND_NS

KLINE_COLUMNS = {"time": 0, "close": 4, "volume": 5}
FUNDING_COLUMNS = {"time": 0, "interval": 1, "rate": 2}
"""Positions in files without a header: the dump's own order."""
KLINE_NAMES = {"time": "open_time", "close": "close", "volume": "volume"}
FUNDING_NAMES = {"time": "calc_time", "interval": "funding_interval_hours", "rate": "last_funding_rate"}

_MILLIS, _MICROS, _NANOS = 10**11, 10**14, 10**17
_OPTIONAL = ("volume", "interval")
_UNPACKABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError)
"""What a file that is no archive, a damaged one, or one with a password raises."""

_LATEST = 2**62
"""ns, the year 2116: a later stamp is none, and no sum of stamp and interval leaves 64 bits."""
_LONGEST_H = 8_760
_HIGHEST = 1
"""A settled rate of 100 % is a file in percent, or none of rates."""


class Prices:
    """Closes of one series: parallel columns, ascending instants."""

    __slots__ = ("close", "ts")

    def __init__(self) -> None:
        self.ts: array[int] = array("q")
        self.close: array[float] = array("d")


class Rates:
    """Settled rates of one series: parallel columns, ascending instants."""

    __slots__ = ("interval_h", "rate", "ts")

    def __init__(self) -> None:
        self.ts: array[int] = array("q")
        self.rate: list[Decimal] = []
        self.interval_h: list[Decimal] = []


def content(path: Path) -> bytes:
    """The file's plain bytes, unpacked. A zip must hold exactly one CSV, as the dumps do."""
    try:
        raw = path.read_bytes()
        if path.name.endswith(".gz"):
            return gzip.decompress(raw)
        if path.name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                names = [name for name in archive.namelist() if name.endswith(".csv")]
                if len(names) != 1:
                    raise in_file(path, f"expected one .csv inside the zip, found {len(names)}")
                return archive.read(names[0])
        return raw
    except FileNotFoundError as error:
        raise HistoryError(f"{path}: no such file") from error
    except _UNPACKABLE as error:
        raise in_file(path, f"cannot be read: {error}") from error


def digest_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def read_prices(
    path: Path,
    raw: bytes,
    into: Prices,
    *,
    interval_ns: int,
    columns: Mapping[str, str],
    where: Mapping[str, str],
    offset_ns: int,
) -> None:
    """Append one file's closes. Raises HistoryError with file and line."""
    grain = MINUTE_NS if interval_ns >= MINUTE_NS else SECOND_NS
    for line, cells in _records(path, raw, KLINE_COLUMNS, {**KLINE_NAMES, **columns}, where):
        ts = _instant(path, line, cells["time"], grain) + offset_ns + interval_ns
        close = _close(path, line, cells["close"])
        volume = cells.get("volume", "")
        if volume and _number(path, line, "volume", volume) == 0:
            continue
        if not _ascending(path, line, into.ts, ts, into.close[-1:] == array("d", [close])):
            continue
        into.ts.append(ts)
        into.close.append(close)


def read_rates(
    path: Path,
    raw: bytes,
    into: Rates,
    *,
    interval_ns: int | None,
    columns: Mapping[str, str],
    where: Mapping[str, str],
    offset_ns: int,
) -> None:
    """Append one file's settled rates. The interval is the row's, else the declared one; never guessed."""
    declared = None if interval_ns is None else Decimal(interval_ns) / HOUR_NS
    for line, cells in _records(path, raw, FUNDING_COLUMNS, {**FUNDING_NAMES, **columns}, where):
        ts = _instant(path, line, cells["time"], MINUTE_NS) + offset_ns
        rate = _number(path, line, "rate", cells["rate"])
        text = cells.get("interval", "")
        interval = _number(path, line, "interval", text) if text else declared
        if interval is None:
            raise at_line(path, line, "no funding interval in the row; declare `interval` for the series")
        if interval <= 0:
            raise at_line(path, line, f"expected a funding interval in hours above 0, found {text}")
        if interval > _LONGEST_H or abs(rate) >= _HIGHEST:
            raise at_line(
                path, line, f"expected a rate as a fraction, of a year at most: {rate} in {interval} h"
            )
        if not _ascending(path, line, into.ts, ts, into.rate[-1:] == [rate]):
            continue
        into.ts.append(ts)
        into.rate.append(rate)
        into.interval_h.append(interval)


def _records(
    path: Path,
    raw: bytes,
    positions: Mapping[str, int],
    names: Mapping[str, str],
    where: Mapping[str, str],
) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, wanted cells) of each row that `where` keeps."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise in_file(path, "expected CSV text in UTF-8") from error
    at = dict(positions)
    filters: list[tuple[int, str]] = []
    width = 0
    for line, row in _lines(path, text):
        if not row:
            continue
        if line == 1:
            width = len(row)
            if not any(_numeric(cell) for cell in row):
                at, filters = _header(path, row, names, where)
                continue
            if where:
                raise in_file(path, "`where` needs a header line with the columns' names")
        if len(row) != width:
            raise at_line(path, line, f"expected {width} columns, found {len(row)}")
        if any(row[index] != value for index, value in filters):
            continue
        if max(at.values()) >= width:
            raise at_line(path, line, f"expected at least {max(at.values()) + 1} columns, found {width}")
        yield line, {name: row[index].strip() for name, index in at.items()}


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    try:
        yield from enumerate(csv.reader(io.StringIO(text, newline="")), 1)
    except csv.Error as error:
        raise in_file(path, f"is no CSV: {error}") from error


def _header(
    path: Path, row: list[str], names: Mapping[str, str], where: Mapping[str, str]
) -> tuple[dict[str, int], list[tuple[int, str]]]:
    place = {name.strip(): index for index, name in enumerate(row)}
    at: dict[str, int] = {}
    for wanted, name in names.items():
        if name in place:
            at[wanted] = place[name]
        elif wanted not in _OPTIONAL:
            raise at_line(path, 1, f"expected a column {name!r} for the {wanted}, found {', '.join(row)}")
    missing = [name for name in where if name not in place]
    if missing:
        raise at_line(path, 1, f"`where` names a column {missing[0]!r} that is not there")
    return at, [(place[name], value) for name, value in where.items()]


def _numeric(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _instant(path: Path, line: int, text: str, grain: int) -> int:
    """A stamp (epoch s, ms, us, ns by its size, or `YYYY-MM-DD HH:MM:SS` UTC) on the grain, ns."""
    if text.isascii() and text.isdigit():
        value = int(text[:20])
        if value < _MILLIS:
            value *= SECOND_NS
        elif value < _MICROS:
            value *= 1_000_000
        elif value < _NANOS:
            value *= 1_000
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise at_line(path, line, f"expected a time stamp (ms UTC), found {text!r}") from None
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        value = int(moment.timestamp()) * SECOND_NS
    if not 0 <= value < _LATEST:
        raise at_line(path, line, f"expected a time stamp (ms UTC) of our time, found {text[:40]!r}")
    return (value + grain // 2) // grain * grain


def _close(path: Path, line: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise at_line(path, line, f"expected a close price above 0, found {text!r}")
    return value


def _number(path: Path, line: int, what: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise at_line(path, line, f"expected a number for the {what}, found {text!r}")
    return value


def _ascending(path: Path, line: int, known: array[int], ts: int, same: bool) -> bool:
    """True = a new instant; False = a repeat of the last row (overlapping files). Else an error."""
    if not known or ts > known[-1]:
        return True
    if ts == known[-1] and same:
        return False
    what = "repeats an instant with another value" if ts == known[-1] else "goes back in time"
    raise at_line(path, line, f"expected ascending time stamps, this row {what}")
