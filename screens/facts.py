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
_LONG = re.compile(r"(?<![\w.-])-?\d+\.\d{3,}(?![\w.-])")
"""Numbers with more decimals than money has; not the digits of a name."""


def name(told: str) -> str:
    """`max pair fraction` and `repeat throttle funding_arb`: a strategy keeps its own name."""
    words, named, whose = f.clean(told).partition("strategy:")
    return f"{words.replace('_', ' ')}{whose}" if named else words.replace("_", " ")


def value(told: str, text: str) -> str:
    """`told`: the figure's name."""
    if text in _WORDS:
        return _WORDS[text]
    shown = _LONG.sub(_short, f.clean(text))
    if _OF.fullmatch(text) or _MEASURED.search(told):
        shown = _PLAIN.sub(lambda found: f"{Decimal(found[0]):,f}", shown)
    return shown


def _short(found: re.Match[str]) -> str:
    """Five digits that count, and of what is larger the cents."""
    number = Decimal(found[0])
    return f.number(number, max(2, min(12, 4 - number.adjusted()))) if number else "0"
