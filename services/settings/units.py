"""Reading and echoing what a person writes for a parameter: `1.0bps/8h`, `30bps`, `5%`, `72h`, `25000 USD`.

A funding rate per interval and a price distance are both "bps" in the field's talk, so `bps/8h` figures must
carry their unit: a bare number or a bare `bps` is refused (SEMANTICS 1). Everything else may stand in its own
unit without naming it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

_NUMBER = re.compile(r"([+-]?[0-9][0-9_]*(?:\.[0-9]+)?|[+-]?\.[0-9]+)\s*(\D.*)?")

_TIME_MS = {"ms": 1, "s": 1_000, "min": 60_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

EXAMPLES: Mapping[str, str] = {
    "bps/8h": "a rate such as 1.0bps/8h",
    "bps": "basis points of price such as 30bps",
    "fraction": "a share such as 5% or 0.05",
    "x": "a multiple such as 5x",
    "USD": "an amount such as 25000 USD",
    "ms": "a time such as 2000ms or 2s",
    "s": "a time such as 60s or 1min",
    "min": "a time such as 30min or 1h",
    "h": "a time such as 72h or 3d",
    "count": "a whole number",
    "flag": "true or false",
}

_WRITTEN: Mapping[str, Mapping[str, Decimal]] = {
    "bps/8h": {"bps/8h": Decimal(1)},
    "bps": {"": Decimal(1), "bps": Decimal(1), "bp": Decimal(1), "%": Decimal(100)},
    "fraction": {"": Decimal(1), "%": Decimal("0.01"), "bps": Decimal("0.0001")},
    "x": {"": Decimal(1), "x": Decimal(1), "×": Decimal(1)},
    "USD": {"": Decimal(1), "usd": Decimal(1)},
    "count": {"": Decimal(1)},
}
"""Per unit of a parameter: the endings that may be written, and the factor into the parameter's own unit."""


_BEYOND = Decimal(10) ** 15
"""No parameter is so large; with more digits than the desk reckons with it could not be rounded."""


def parse_number(value: object, unit: str, *, whole: bool) -> Decimal | int:
    """A number of `unit` from TOML's int, Decimal (floats parsed so) or text. Raises ValueError(expected)."""
    text = _text(value, unit)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(EXAMPLES[unit])
    factor = _factor(unit, (match[2] or "").strip().replace(" ", "").lower())
    try:
        written = Decimal(match[1].replace("_", ""))
    except InvalidOperation:
        raise ValueError(EXAMPLES[unit]) from None
    if abs(written) >= _BEYOND:
        raise ValueError(EXAMPLES[unit])
    number = written * factor
    if not whole:
        return _tidy(number)
    if number != number.to_integral_value():
        raise ValueError(f"a whole number of {unit}" if unit in _TIME_MS else EXAMPLES[unit])
    return int(number)


def parse_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        low = value.strip().lower()
        if low in ("true", "yes", "on", "1"):
            return True
        if low in ("false", "no", "off", "0"):
            return False
    raise ValueError(EXAMPLES["flag"])


def parse_list(value: object, unit: str) -> tuple[Decimal, ...]:
    """A TOML array, or text separated by commas."""
    parts: list[object]
    if isinstance(value, str):
        parts = [part.strip() for part in value.strip().strip("[]").split(",")]
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        parts = []
    if not parts:
        raise ValueError(f"a list, each {EXAMPLES[unit]}")
    try:
        return tuple(Decimal(parse_number(part, unit, whole=False)) for part in parts)
    except ValueError:
        raise ValueError(f"a list, each {EXAMPLES[unit]}") from None


def echo(value: Any, unit: str) -> str:
    """The value with its unit, so that it can be read back: what the desk understood."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return ", ".join(echo(item, unit) for item in value)
    if unit == "fraction":
        return f"{_plain(Decimal(value) * 100)}%"
    number = _plain(Decimal(value))
    if unit == "USD":
        return f"{number} USD"
    return number if unit in ("count", "text") else f"{number}{unit}"


def _text(value: object, unit: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError(EXAMPLES[unit])
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(EXAMPLES[unit])
    return format(value, "f") if isinstance(value, Decimal) else str(value).strip()


def _factor(unit: str, ending: str) -> Decimal:
    if unit in _TIME_MS:
        if ending == "":
            return Decimal(1)
        if ending in _TIME_MS:
            return Decimal(_TIME_MS[ending]) / _TIME_MS[unit]
    elif ending in _WRITTEN[unit]:
        return _WRITTEN[unit][ending]
    raise ValueError(EXAMPLES[unit])


def _tidy(number: Decimal) -> Decimal:
    """No exponent above zero: 1E+2 is written 100."""
    exponent = number.as_tuple().exponent
    return number.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else number


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
