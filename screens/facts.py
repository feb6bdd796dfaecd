"""What a decision rested on, as words to be read: on the Journal screen and by `stableconsole why`.

The journal and `why --json` have every digit.
"""

from __future__ import annotations

import re
from decimal import Decimal

from screens import format as f

_WORDS = {"True": "yes", "False": "no"}
_OF = re.compile(r"\S+ of [\d.]+")
"""A value and its limit, as the gate writes them: no ids are among them."""
_MEASURED = re.compile(r"price|notional|quantity|room|equity|capital|risk|size|mark|book")
"""Names of what is counted in thousands; of the others a number may be an id."""
_PLAIN = re.compile(r"(?<![\w.,])\d{4,}(\.\d{1,2})?(?![\w.,])")
_DECIMAL = re.compile(r"(?<![\w.-])-?\d+\.(\d+)(?![\w.-])")
"""Not the digits of a name."""
_PADDED = re.compile(r"(?<![\w.,:-])(\d[\d,]*)\.(\d{3,})(?![\w.-])")
"""In a sentence, and of more decimals than money has: what has fewer was rounded to them on purpose."""


def name(told: str) -> str:
    """`max pair fraction` and `repeat throttle funding_arb`: a strategy keeps its own name."""
    words, named, whose = f.clean(told).partition("strategy:")
    return f"{words.replace('_', ' ')}{whose}" if named else words.replace("_", " ")


def value(told: str, text: str) -> str:
    """`told`: the figure's name."""
    if text in _WORDS:
        return _WORDS[text]
    shown = _DECIMAL.sub(_short, f.clean(text))
    if _OF.fullmatch(text) or _MEASURED.search(told):
        shown = _PLAIN.sub(lambda found: f"{Decimal(found[0]):,f}", shown)
    return shown


def sentence(told: str) -> str:
    """Its numbers without the zeros that a venue pads its own with: `0.50000000` is 0.5."""
    return _PADDED.sub(lambda found: f"{found[1]}.{found[2]}".rstrip("0").rstrip("."), f.clean(told))


def _short(found: re.Match[str]) -> str:
    """Five digits that count without idle zeros, and of what is larger the cents."""
    number = Decimal(found[0])
    if not number:
        return "0"
    size = number.adjusted()
    if size >= _CENTS_FROM and len(found[1]) > _CENTS:
        return f.number(number, _CENTS)
    shown = f.rounded(number, max(_CENTS, min(12, 4 - size)))
    return f.number(shown, f.places_of(shown))


_CENTS, _CENTS_FROM = 2, 3
"""Decimals of money, and the power of ten from which on it is worth no more."""
