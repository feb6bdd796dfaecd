"""Colours are measured: text 4.5:1 on every ground it may stand on, bars 3:1; ASCII keeps its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color, ColorSystem

from screens.ink import Line
from screens.paint import Paint
from themes.glyphs import to_ascii
from themes.palette import (
    BAR_TOKENS,
    CONTRAST,
    DARK,
    LIGHT,
    PALETTES,
    PLAIN,
    SAFE,
    SIXTEEN,
    TEXT_GROUNDS,
    TEXT_TOKENS,
    Palette,
    contrast,
)


@pytest.mark.parametrize("palette", [DARK, LIGHT, CONTRAST, SAFE], ids=lambda p: p.name)
@pytest.mark.parametrize("ground", TEXT_GROUNDS)
@pytest.mark.parametrize("token", TEXT_TOKENS)
def test_text_is_readable_on_every_ground(palette: Palette, token: str, ground: str) -> None:
    assert contrast(palette.colors[token], palette.colors[ground]) >= 4.5


@pytest.mark.parametrize("palette", [DARK, LIGHT, CONTRAST, SAFE], ids=lambda p: p.name)
@pytest.mark.parametrize("token", BAR_TOKENS)
def test_bars_and_edges_stand_out(palette: Palette, token: str) -> None:
    assert round(contrast(palette.colors[token], palette.colors["bg"]), 1) >= 3.0


@pytest.mark.parametrize("palette", [DARK, LIGHT, CONTRAST, SAFE], ids=lambda p: p.name)
def test_filled_words_are_readable(palette: Palette) -> None:
    assert contrast(palette.colors["on_alarm"], palette.colors["alarm_fill"]) >= 4.5
    for mode in ("mode_sim", "mode_paper", "mode_live"):
        assert contrast(palette.colors["on_mode"], palette.colors[mode]) >= 4.5


@pytest.mark.parametrize("palette", [DARK, LIGHT, CONTRAST, SAFE], ids=lambda p: p.name)
def test_words_stay_readable_on_256_colours(palette: Palette) -> None:
    def nearest(token: str) -> str:
        return Color.parse(palette.colors[token]).downgrade(ColorSystem.EIGHT_BIT).get_truecolor().hex

    for token in ("text", "strong", "muted", "pos", "warn", "alarm", "accent"):
        for ground in ("bg", "surface"):
            assert contrast(nearest(token), nearest(ground)) >= 4.5, (token, ground)


def test_all_palettes_name_the_same_tokens() -> None:
    for palette in PALETTES.values():
        assert set(palette.colors) == set(DARK.colors)


def test_sixteen_colours_select_by_reverse_video_without_colours() -> None:
    style = Paint(SIXTEEN).style("pos@sel")
    assert style.reverse
    assert style.color is not None
    assert style.color.is_default


def test_no_colour_says_halted_by_reverse_and_bold() -> None:
    style = Paint(PLAIN).style("*on_alarm@alarm_fill")
    assert style.reverse
    assert style.bold
    assert all(Paint(PLAIN).style(token).color == Color.default() for token in TEXT_TOKENS)


def test_magenta_is_used_for_live_alone() -> None:
    for palette in (DARK, LIGHT, CONTRAST, SAFE, SIXTEEN):
        live = palette.colors["mode_live"]
        assert [token for token, color in palette.colors.items() if color == live] == ["mode_live"]


@given(st.text(max_size=40), st.sampled_from(["text", "*alarm", "warn@sel", "track", "faint", "border"]))
def test_ascii_takes_as_many_cells(text: str, ink: str) -> None:
    out = to_ascii(text, ink)
    assert out.isascii()
    assert len(out) == len(text)


def test_a_triangle_is_a_direction_or_a_warning() -> None:
    assert to_ascii("▲", "pos") == "^"
    assert to_ascii("▲", "*warn@warn_surface") == "!"
    assert to_ascii("─", "border") == "-"
    assert to_ascii("─", "track") == "."


def test_the_body_behind_a_dialog_is_mixed_into_the_ground() -> None:
    paint = Paint(DARK)
    line = Line([("held", "text")])
    bright, dim = paint.strip(line, 4), paint.strip(line, 4, dim=True)
    assert bright.text == dim.text
    assert next(iter(bright)).style != next(iter(dim)).style
