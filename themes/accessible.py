"""Two themes for eyes that need another one: more contrast, or no red against green.

`contrast` holds 7:1 for every text on every ground. `safe` tells gain from loss by blue against orange, and
its levels by lightness too: the pairs stay apart under protanopia and deuteranopia (measured in the tests).
"""

from __future__ import annotations

from themes.tokens import Palette

CONTRAST = Palette(
    name="contrast",
    title="high contrast",
    dark=True,
    native=False,
    colors={
        "bg": "#000000",
        "surface": "#0a0a0a",
        "raised": "#1a1a1a",
        "sel": "#002b5c",
        "warn_surface": "#2b2200",
        "alarm_surface": "#330a0a",
        "text": "#f2f2f2",
        "strong": "#ffffff",
        "muted": "#d0d0d0",
        "stale": "#bdbdbd",
        "pos": "#5cf0a8",
        "neg": "#ffb0a8",
        "warn": "#ffd84d",
        "alarm": "#ffa3a0",
        "alarm_fill": "#a80010",
        "on_alarm": "#ffffff",
        "accent": "#8fd0ff",
        "ok_bar": "#2fbf7f",
        "warn_bar": "#ffd84d",
        "alarm_bar": "#ff6a60",
        "series": "#7fb2e6",
        "border": "#8a8a8a",
        "track": "#5a5a5a",
        "faint": "#8a8a8a",
        "mode_sim": "#b9acff",
        "mode_paper": "#5fe3ee",
        "mode_live": "#ff7ac4",
        "on_mode": "#000000",
    },
)

SAFE = Palette(
    name="safe",
    title="colour-blind safe",
    dark=True,
    native=False,
    colors={
        "bg": "#0d1016",
        "surface": "#141922",
        "raised": "#1c2330",
        "sel": "#1b2a40",
        "warn_surface": "#2a2710",
        "alarm_surface": "#33190d",
        "text": "#d5dce6",
        "strong": "#f5f8fc",
        "muted": "#98a4b5",
        "stale": "#8491a7",
        "pos": "#56b4e9",
        "neg": "#e8a33d",
        "warn": "#f0e442",
        "alarm": "#ff7f4a",
        "alarm_fill": "#b34700",
        "on_alarm": "#ffffff",
        "accent": "#b9d4ff",
        "ok_bar": "#0072b2",
        "warn_bar": "#f0e442",
        "alarm_bar": "#d55e00",
        "series": "#6b7fa3",
        "border": "#2c3543",
        "track": "#2a3240",
        "faint": "#465163",
        "mode_sim": "#9d8cf5",
        "mode_paper": "#45c4cf",
        "mode_live": "#ff5fb4",
        "on_mode": "#0d1016",
    },
)
