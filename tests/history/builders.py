"""Small hand-written dump files."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

DAY = 1_677_628_800_000
"""2023-03-01 00:00 UTC, ms."""
HOUR = 3_600_000
NS = 1_000_000

KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)
FUNDING_HEADER = "calc_time,funding_interval_hours,last_funding_rate"


def kline(hour: int, close: str, volume: str = "5", step: int = HOUR) -> str:
    opened = DAY + hour * HOUR
    return f"{opened},1,2,0.5,{close},{volume},{opened + step - 1},10,3,2,4,0"


def klines(closes: dict[int, str], header: bool = True) -> str:
    rows = [kline(hour, close) for hour, close in closes.items()]
    return "\n".join([*([KLINE_HEADER] if header else []), *rows]) + "\n"


def funding(rates: dict[int, str], header: bool = True, late_ms: int = 0, interval: str = "8") -> str:
    rows = [f"{DAY + hour * HOUR + late_ms},{interval},{rate}" for hour, rate in rates.items()]
    return "\n".join([*([FUNDING_HEADER] if header else []), *rows]) + "\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(Path(name).with_suffix(".csv").name, text)
    else:
        path.write_text(text)
    return path


def at(hour: int) -> int:
    """ns of an hour of the day."""
    return (DAY + hour * HOUR) * NS
