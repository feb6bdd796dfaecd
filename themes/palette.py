"""The themes that come with the console, as data. A person's own lie beside the configuration (`user.py`)."""

from __future__ import annotations

from themes.accessible import CONTRAST, SAFE
from themes.tokens import (
    BAR_TOKENS,
    TEXT_GROUNDS,
    TEXT_TOKENS,
    Palette,
    contrast,
    mixed,
)

__all__ = [
    "BAR_TOKENS",
    "CONTRAST",
    "CYCLE",
    "DARK",
    "LIGHT",
    "PALETTES",
    "PLAIN",
    "SAFE",
    "SIXTEEN",
    "TEXT_GROUNDS",
    "TEXT_TOKENS",
    "Palette",
    "contrast",
    "mixed",
]

DARK = Palette(
    name="dark",
    title="dark",
    dark=True,
    native=False,
    colors={
        "bg": "#0d1016",
        "surface": "#141922",
        "raised": "#1c2330",
        "sel": "#1b2a40",
        "warn_surface": "#2b2413",
        "alarm_surface": "#2c161a",
        "text": "#d5dce6",
        "strong": "#f5f8fc",
        "muted": "#98a4b5",
        "stale": "#8491a7",
        "pos": "#4cc79a",
        "neg": "#f2837a",
        "warn": "#e6b450",
        "alarm": "#ff6b66",
        "alarm_fill": "#c4313a",
        "on_alarm": "#ffffff",
        "accent": "#6fb3ff",
        "ok_bar": "#2f8f6c",
        "warn_bar": "#e6b450",
        "alarm_bar": "#e5484d",
        "series": "#47709f",
        "border": "#2c3543",
        "track": "#2a3240",
        "faint": "#465163",
        "mode_sim": "#9d8cf5",
        "mode_paper": "#45c4cf",
        "mode_live": "#ff5fb4",
        "on_mode": "#0d1016",
    },
)

LIGHT = Palette(
    name="light",
    title="light",
    dark=False,
    native=False,
    colors={
        "bg": "#eef1f5",
        "surface": "#fbfcfd",
        "raised": "#e3e8ef",
        "sel": "#dbe8fa",
        "warn_surface": "#fbf1d8",
        "alarm_surface": "#fbe4e3",
        "text": "#232b36",
        "strong": "#0a0f16",
        "muted": "#495567",
        "stale": "#5a6678",
        "pos": "#08714a",
        "neg": "#b8332a",
        "warn": "#7f5600",
        "alarm": "#b3131e",
        "alarm_fill": "#b3131e",
        "on_alarm": "#ffffff",
        "accent": "#0b5cbf",
        "ok_bar": "#1b9a6b",
        "warn_bar": "#ad7700",
        "alarm_bar": "#c9252f",
        "series": "#5f8dc6",
        "border": "#c3ccd8",
        "track": "#d5dce5",
        "faint": "#a3aebd",
        "mode_sim": "#5b45c9",
        "mode_paper": "#0a6e7a",
        "mode_live": "#c0116f",
        "on_mode": "#ffffff",
    },
)

_DEFAULT_GROUNDS = {
    "bg": "default",
    "surface": "default",
    "raised": "default",
    "sel": "default",
    "warn_surface": "default",
    "alarm_surface": "default",
}

SIXTEEN = Palette(
    name="sixteen",
    title="16 colours",
    dark=True,
    native=True,
    colors=_DEFAULT_GROUNDS
    | {
        "text": "white",
        "strong": "bright_white",
        "muted": "white",
        "stale": "bright_black",
        "pos": "bright_green",
        "neg": "bright_red",
        "warn": "bright_yellow",
        "alarm": "bright_red",
        "alarm_fill": "red",
        "on_alarm": "bright_white",
        "accent": "bright_cyan",
        "ok_bar": "green",
        "warn_bar": "bright_yellow",
        "alarm_bar": "bright_red",
        "series": "cyan",
        "border": "bright_black",
        "track": "bright_black",
        "faint": "bright_black",
        "mode_sim": "cyan",
        "mode_paper": "bright_cyan",
        "mode_live": "bright_magenta",
        "on_mode": "black",
    },
    bold=frozenset({"strong"}),
    reverse=frozenset({"sel"}),
)

PLAIN = Palette(
    name="plain",
    title="no colour",
    dark=True,
    native=True,
    colors=dict.fromkeys(DARK.colors, "default"),
    bold=frozenset({"strong", "alarm", "on_alarm", "on_mode"}),
    reverse=frozenset({"sel", "alarm_fill", "mode_sim", "mode_paper", "mode_live"}),
)

PALETTES: dict[str, Palette] = {p.name: p for p in (DARK, LIGHT, CONTRAST, SAFE, SIXTEEN, PLAIN)}
CYCLE = ("dark", "light", "contrast", "safe", "sixteen")
"""What `t` offers, before a person's own."""
