"""Figures, ages, bars and sparklines as text: pure, one cell a character.

Three words are never mixed: `—` there is no such number, `unknown` there is one and we do not have it, `0`
zero.
Minus is U+2212. Nothing here ever shortens a number by cutting digits off it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from themes import glyphs

NONE = glyphs.NONE
UNKNOWN = "unknown"

_S = 1_000_000_000
_MINUTE = 60 * _S
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
_STEPS = tuple([Decimal(1).scaleb(-places) for places in range(20)])


def rounded(value: Decimal, places: int) -> Decimal:
    """Half-even to `places`; never negative zero."""
    step = _STEPS[places] if 0 <= places < len(_STEPS) else Decimal(1).scaleb(-places)
    out = _WIDE.quantize(value, step)
    return out if out else abs(out)


def number(value: Decimal, places: int) -> str:
    """`12,345.60`, with U+2212 before a negative one. Not finite: `unknown`, for no figure is one we lack."""
    if not value.is_finite():
        return UNKNOWN
    return f"{rounded(value, places):,f}".replace("-", glyphs.MINUS)


def signed(value: Decimal, places: int = 2) -> str:
    """For gain and loss: `+141.58`, `−140.40`, and zero without a sign."""
    if not value.is_finite():
        return UNKNOWN
    figure = rounded(value, places)
    return f"{figure:+,f}".replace("-", glyphs.MINUS) if figure else f"{figure:,f}"


def places_of(increment: Decimal) -> int:
    """Decimals that an increment needs: 0.1 -> 1, 0.0001 -> 4, 10 -> 0."""
    exponent = increment.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def on_grid(value: Decimal, increment: Decimal) -> str:
    """A price or size with its instrument's precision."""
    return number(value, places_of(increment))


def percent(fraction: Decimal, places: int = 1) -> str:
    """`23.0 %` of 0.23."""
    return f"{number(fraction * 100, places)} %"


def signed_percent(fraction: Decimal, places: int = 2) -> str:
    return f"{signed(fraction * 100, places)} %"


def times(value: Decimal, places: int = 2) -> str:
    """Leverage: `1.84×`. Infinite leverage (C at or below zero) is `∞×`."""
    if value.is_infinite():
        return f"∞{glyphs.TIMES}"
    return f"{number(value, places)}{glyphs.TIMES}"


def limit_times(value: Decimal) -> str:
    """A leverage limit without idle decimals: `5×`, `2.5×`."""
    return f"{number(value, places_of(value) if value.is_finite() else 0)}{glyphs.TIMES}"


def dollars(value: Decimal, places: int = 0, sign: bool = False) -> str:
    """`$1,204`, `−$96`; with `sign` `+$12,665`."""
    if not value.is_finite():
        return UNKNOWN
    figure = rounded(abs(value), places)
    mark = (glyphs.MINUS if value < 0 else "+" if sign else "") if figure else ""
    return f"{mark}${figure:,f}"


def short_dollars(value: Decimal, sign: bool = False) -> str:
    """For 16-cell places: `$950`, `+$12.7k`, `$1.2m`. Rounded, never cut."""
    size = abs(value)
    for limit, unit, suffix in ((Decimal(999_950), 1_000_000, "m"), (Decimal("999.5"), 1_000, "k")):
        if size >= limit:
            return dollars(value / unit, 1, sign) + suffix
    return dollars(value, 0, sign)


def money_choices(value: Decimal, places: int = 2, sign: bool = True) -> tuple[str, ...]:
    """The same money from wide to narrow: cents go first, and only from a thousand on."""
    write = signed if sign else number
    full = write(value, places)
    if value.is_finite() and abs(value) >= 1000 and places:
        return (full, write(value, 0))
    return (full,)


def gain_ink(value: Decimal | None, places: int = 2) -> str:
    """The colour of money with a sign: what shows as zero, or is not known, has none."""
    if value is None or not value.is_finite() or not rounded(value, places):
        return "muted"
    return "pos" if value > 0 else "neg"


def age(ns: int | None, remote: bool = False) -> str:
    """`0.4 s`, `47 s`, `4 m 12 s`, `38 m`, `2 h`, `9 d`; over ssh everything under a second is `<1 s`."""
    if ns is None:
        return NONE
    ns = max(0, ns)
    if ns < _S and remote:
        return "<1 s"
    if ns < 9_950_000_000:
        if remote or ns >= 9_500_000_000:
            return f"{ns // _S} s"
        return f"{ns / _S:.1f} s"
    if ns < _MINUTE:
        return f"{ns // _S} s"
    if ns < 10 * _MINUTE:
        return f"{ns // _MINUTE} m {ns % _MINUTE // _S} s"
    return coarse(ns)


def coarse(ns: int) -> str:
    """One unit: `47 s`, `38 m`, `31 h`, `9 d`. For held times and the age of alerts."""
    ns = max(0, ns)
    if ns < _MINUTE:
        return f"{ns // _S} s"
    if ns < _HOUR:
        return f"{ns // _MINUTE} m"
    if ns < 2 * _DAY:
        return f"{ns // _HOUR} h"
    return f"{ns // _DAY} d"


def age_ms(ms: int | None, remote: bool = False) -> str:
    return age(None if ms is None else ms * 1_000_000, remote)


def seconds(value: Decimal) -> str:
    """A running clock: `0.8 s`, `16.8 s`, from a minute on `1 m 12 s`."""
    if value < 60:
        return f"{number(value, 1)} s"
    return age(int(value * _S))


def until(ns: int | None) -> str:
    """Time to an event: `57 m`, `1 h 57 m`, `40 s`; passed is `due`."""
    if ns is None:
        return NONE
    if ns <= 0:
        return "due"
    if ns < _MINUTE:
        return f"{max(1, ns // _S)} s"
    if ns < _HOUR:
        return f"{ns // _MINUTE} m"
    return f"{ns // _HOUR} h {ns % _HOUR // _MINUTE} m"


def hours(value: Decimal | None, places: int = 1) -> str:
    """`23.3 h`; a year and more is `> 1 y`, for it is never reached."""
    if value is None:
        return NONE
    if value >= 8760:
        return "> 1 y"
    return f"{number(value, places)} h"


def interval(value: Decimal | None) -> str:
    """A funding interval: `8 h`; an unknown one is `?`, never a guess."""
    return glyphs.UNKNOWN if value is None else f"{number(value, places_of(value))} h"


def clock(ts: int) -> str:
    """`14:02:37`, UTC."""
    of_day = ts // _S % 86_400
    return f"{of_day // 3600:02d}:{of_day // 60 % 60:02d}:{of_day % 60:02d}"


def minute(ts: int) -> str:
    """`14:02`, UTC."""
    return clock(ts)[:5]


def when(ts: int, now: int, today: Callable[[int], str] = clock) -> str:
    """An instant beside the clock of the top row: `14:02:37` of its day, `10 Mar 14:02` of another one."""
    return today(ts) if same_day(ts, now) else f"{date(ts)} {minute(ts)}"


def same_day(ts: int, now: int) -> bool:
    return ts // _DAY == now // _DAY


def date(ts: int) -> str:
    """`11 Mar`, UTC. Civil-from-days, for `datetime` would be one more import before the first frame."""
    days = ts // _DAY + 719_468
    era = days // 146_097
    of_era = days - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return f"{day} {_MONTHS[month - 1]}"


def bar(share: Decimal | None, width: int) -> tuple[str, str]:
    """(filled, track) of a bar `width` cells long, in half steps; anything above zero shows half a cell."""
    if share is None or not share.is_finite() or share <= 0:
        return "", glyphs.BAR_TRACK * width
    halves = min(2 * width, max(1, int((share * 2 * width).to_integral_value(rounding=ROUND_HALF_EVEN))))
    full, half = divmod(halves, 2)
    fill = glyphs.BAR_FULL * full + glyphs.BAR_HALF * half
    return fill, glyphs.BAR_TRACK * (width - len(fill))


def spark(values: Sequence[float], width: int) -> str:
    """The last `width` values on their own scale, oldest first; no value, no sign: dashes."""
    shown = [value for value in values if math.isfinite(value)][-width:]
    if not shown:
        return "╌" * width
    low, high = min(0.0, *shown), max(shown)
    span = high - low
    if span <= 0:
        return (glyphs.SPARK[0] * len(shown)).rjust(width)
    return "".join(glyphs.SPARK[min(7, int((v - low) / span * 7.999))] for v in shown).rjust(width)


def clean(text: str) -> str:
    """Text from outside, safe to draw: no control characters, every character one cell wide. Its figures are
    written as the screens write theirs: a true minus, a percentage with a space."""
    if "-" in text or "%" in text:
        text = _FIGURES.sub(lambda found: glyphs.MINUS if found[0] == "-" else " %", text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_one_cell(char) for char in text)


_FIGURES = re.compile(r"(?<![\w.%)-])-(?=\.?\d)|(?<=\d)%")
"""A minus before a figure, but not the hyphen of a name, a date or a span; a percent sign that touches."""


def _one_cell(char: str) -> str:
    if char in ("\n", "\t", "\r"):
        return " "
    if unicodedata.category(char)[0] in "CM" or unicodedata.east_asian_width(char) in "WF":
        return "?"
    return char


SCOPE = re.compile(r" \((?:account|venue|coin|pair|strategy|instrument):([^)]*)\)")


def scoped(text: str) -> str:
    """`depeg USDC (account:alpha)` is `depeg USDC alpha` to a person."""
    return SCOPE.sub(r" \1", text)


def cut(text: str, width: int) -> str:
    """A reason or an alert's text in `width` cells. A number at the edge goes as a whole, never in half."""
    if len(text) <= width:
        return text
    if width <= 0:
        return ""
    head = text[: width - 1]
    if text[width - 1] != " " and head and head[-1] != " ":
        start = head.rfind(" ") + 1
        end = text.find(" ", width - 1)
        word = text[start : end if end >= 0 else len(text)]
        if any(char.isdigit() for char in word):
            head = head[:start]
    head = head.rstrip(" ·,<>(")
    while head and (head[-1].isdigit() or head[-1] in ".,"):
        head = head[: head.rfind(" ") + 1].rstrip(" ·,<>(")
    return head + glyphs.ELLIPSIS
