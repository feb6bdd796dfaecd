"""What a theme is: one set of meaning-carrying tokens. Screens name tokens, never colours.

Every text token holds 4.5:1 on each ground it may stand on (`tests/console/test_palette.py` measures it);
bars and edges hold 3:1; border, track and faint only decorate.
"""

from __future__ import annotations

from msgspec import Struct, field

TEXT_TOKENS = ("text", "strong", "muted", "stale", "pos", "neg", "warn", "alarm", "accent")
"""Tokens that carry words or figures."""

BAR_TOKENS = ("ok_bar", "warn_bar", "alarm_bar", "series")

TEXT_GROUNDS = ("bg", "surface", "raised", "sel", "warn_surface", "alarm_surface")


class Palette(Struct, frozen=True):
    """`colors` maps tokens to `#rrggbb`, or in native palettes to names of the terminal's own colours."""

    name: str
    title: str
    dark: bool
    native: bool
    """The terminal's sixteen colours (or none at all) instead of RGB: no surfaces, reverse video selects."""
    colors: dict[str, str] = field(default_factory=dict)
    bold: frozenset[str] = frozenset()
    """Tokens that are bold by themselves here."""
    reverse: frozenset[str] = frozenset()
    """Grounds shown by reverse video."""


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two `#rrggbb` colours, 1 to 21."""

    def luminance(color: str) -> float:
        parts = []
        for at in (1, 3, 5):
            value = int(color[at : at + 2], 16) / 255
            parts.append(value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4)
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mixed(color: str, into: str, share: float) -> str:
    """`color` with `share` of `into` in it."""
    out = "#"
    for at in (1, 3, 5):
        a, b = int(color[at : at + 2], 16), int(into[at : at + 2], 16)
        out += f"{round(a + (b - a) * share):02x}"
    return out
