"""Themes: chosen on the real screen, kept for the next start; a person's own are checked by file and key."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from console.app import StableConsole, make_app
from screens.memory import Memory
from screens.theme_dialog import ThemeDialog
from screens.ui import Terminal, UiSettings, terminal
from tests.console.fixtures import quiet_desk, quiet_strip
from tests.console.stub import StubLink
from tests.console.test_keys import open_desk
from themes.palette import CONTRAST, CYCLE, PALETTES, SAFE, TEXT_GROUNDS, TEXT_TOKENS, contrast
from themes.user import ThemeError, load, names

BLINDNESS = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.01182, 0.04294, 0.968881),
    ),
}
"""Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB."""


def _linear(color: str) -> tuple[float, float, float]:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return r, g, b


def _lab(rgb: tuple[float, ...]) -> tuple[float, float, float]:
    r, g, b = (max(0.0, part) for part in rgb)
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def apart(one: str, other: str, eye: str) -> float:
    """CIE 1976 difference of two colours as that eye sees them."""
    labs = []
    for color in (one, other):
        linear = _linear(color)
        seen = tuple(sum(w * part for w, part in zip(row, linear, strict=True)) for row in BLINDNESS[eye])
        labs.append(_lab(seen))
    return float(sum((a - b) ** 2 for a, b in zip(*labs, strict=True)) ** 0.5)


@pytest.mark.parametrize("eye", BLINDNESS)
@pytest.mark.parametrize(
    "tokens", [("pos", "neg"), ("text", "warn", "alarm"), ("ok_bar", "warn_bar", "alarm_bar")]
)
def test_the_safe_theme_keeps_meanings_apart_for_every_eye(eye: str, tokens: tuple[str, ...]) -> None:
    for one, other in combinations(tokens, 2):
        assert apart(SAFE.colors[one], SAFE.colors[other], eye) >= 25, (one, other)


def test_high_contrast_holds_seven_to_one_everywhere() -> None:
    for token in TEXT_TOKENS:
        for ground in TEXT_GROUNDS:
            assert contrast(CONTRAST.colors[token], CONTRAST.colors[ground]) >= 7, (token, ground)


async def test_t_shows_each_theme_on_the_real_screen_and_n_goes_back() -> None:
    async with open_desk() as d:
        await d.press("t")
        seen = []
        for _ in CYCLE:
            seen.append(d.app.palette.name)
            assert d.app.desk.paint.palette is d.app.palette
            assert d.app.desk.panes["positions"].paint.palette is d.app.palette
            assert not d.app.desk.panes["positions"].dimmed
            await d.press("down")
        assert tuple(seen) == CYCLE
        await d.press("down", "n")
        assert d.app.palette.name == "dark"
        assert d.app.desk.dialog is None
        assert d.app.desk.memory.theme == ""


async def test_enter_keeps_the_theme_for_the_next_start() -> None:
    kept: list[Memory] = []
    found = Terminal(fps=10, remote=False, ascii=False, palette="dark")
    app = make_app(StubLink(quiet_strip(), quiet_desk()), found=found, memory=Memory(), save=kept.append)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t", "t", "enter")
        await pilot.pause()
    assert kept[-1].theme == "light"
    assert make_app(StubLink(), found=found, memory=kept[-1]).palette.name == "light"
    named = UiSettings(theme="contrast")
    told = Terminal(fps=10, remote=False, ascii=False, palette="contrast")
    assert make_app(StubLink(), named, found=told, memory=kept[-1]).palette.name == "contrast"


async def test_what_the_engine_has_just_read_holds_at_once() -> None:
    """A console that starts its engine once showed by what the last one had read: a key that was moved did
    nothing until the next start."""
    looked: list[UiSettings] = []

    def look(ui: UiSettings) -> Terminal:
        looked.append(ui)
        return terminal(ui, {}, "truecolor", utf8=True)

    link = StubLink(quiet_strip(), quiet_desk())
    app = StableConsole(link, UiSettings(), look(UiSettings()), lambda: 0.0, look=look)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.look_anew(UiSettings())
        assert len(looked) == 1, "the same settings"
        app.look_anew(UiSettings(theme="light", ascii=True, fps=2, keymap={"halt": "z"}, title=False))
        await pilot.pause()
        desk = app.desk
        assert (app.palette.name, desk.paint.palette.name, desk.terminal.fps) == ("light", "light", 2)
        assert desk.paint.ascii_only
        assert desk.titled is None
        assert desk.key_bar.lines[0].plain.strip().startswith("z halt")
        await pilot.press("H")
        assert link.sent == []
        await pilot.press("z")
        await pilot.pause()
        assert link.sent == [("halt", {})]


async def test_h_halts_while_a_theme_is_chosen() -> None:
    async with open_desk() as d:
        await d.press("t", "H")
        assert d.link.sent == [("halt", {})]


async def test_the_theme_line_takes_a_name_and_names_what_is_wrong() -> None:
    async with open_desk() as d:
        await d.press("colon", "=theme light", "enter")
        assert d.app.palette.name == "light"
        await d.press("colon", "=theme nowhere", "enter")
        assert "expected a file, or one of: auto, dark, light, contrast" in d.app.desk.said[0]
        assert d.app.palette.name == "light"


@pytest.mark.parametrize(
    ("palette", "colors", "says"), [("plain", "", "no colour"), ("sixteen", "standard", "sixteen")]
)
async def test_a_terminal_with_few_colours_has_one_theme_and_says_so(
    palette: str, colors: str, says: str
) -> None:
    found = Terminal(fps=10, remote=False, ascii=False, palette=palette, colors=colors)
    app = make_app(StubLink(quiet_strip(), quiet_desk()), found=found)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        await pilot.pause()
        assert app.desk.dialog is None
        assert app.palette.name == palette
        assert app.desk.said is not None
        assert says in app.desk.said[0]


def test_sixteen_colours_are_never_guessed_at() -> None:
    assert terminal(UiSettings(theme="dark"), {}, "standard", utf8=True).palette == "sixteen"
    assert terminal(UiSettings(theme="dark"), {"NO_COLOR": ""}, "truecolor", utf8=True).palette == "plain"


def test_a_theme_of_ones_own_starts_from_ours(tmp_path: Path) -> None:
    (tmp_path / "night.toml").write_text('title = "my night"\n[colors]\naccent = "#FFCC00"\n')
    (tmp_path / "dark.toml").write_text("")
    made = load(tmp_path, "night")
    assert (made.name, made.title, made.colors["accent"]) == ("night", "my night", "#ffcc00")
    assert made.colors["bg"] == PALETTES["dark"].colors["bg"]
    assert names(tmp_path) == ["night"]
    assert names(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('colour = "red"', "colour: expected one of: base, title, colors"),
        ('base = "sixteen"', 'base = "sixteen": expected one of: dark, light'),
        ('[colors]\nackcent = "#ffffff"', "colors.ackcent: expected one of: accent,"),
        ('[colors]\naccent = "red"', 'colors.accent = "red": expected a colour such as #6fb3ff'),
        ("[colors]\naccent = 5", 'colors.accent = "5": expected a colour'),
        ('[colors]\nalarm = "#101010"', 'colors.alarm = "#101010": expected at least 3:1 against bg'),
        (
            '[colors]\non_alarm = "#c4313a"',
            'colors.on_alarm = "#c4313a": expected at least 3:1 against alarm_fill',
        ),
        ('title = ""', "title"),
        ("colors = 4", 'colors = "4": expected a table'),
        ("= 4", "the file: expected valid TOML"),
    ],
)
def test_a_wrong_theme_is_one_line_with_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ThemeError) as caught:
        load(tmp_path, "mine")
    assert str(caught.value).startswith(f"{tmp_path}/mine.toml: {says}")
    assert "\n" not in str(caught.value)


async def test_a_theme_that_cannot_be_used_leaves_the_console_usable_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[colors]\naccent = "red"')
    ui = UiSettings(theme="mine", folder=str(tmp_path))
    found = Terminal(fps=10, remote=False, ascii=False, palette="mine")
    link = StubLink(quiet_strip(), quiet_desk())
    app = make_app(link, ui, found=found)
    async with app.run_test(size=(200, 60)) as pilot:
        assert app.palette.name == "dark"
        assert app.desk.said is not None
        expected = 'mine.toml: colors.accent = "red": expected a colour such as #6fb3ff'
        assert app.desk.said[0] == expected, "without the folder: 80 columns show 76 cells of it"
        await pilot.press("H")
        assert link.sent == [("halt", {})]
        await pilot.press("t", "up")
        await pilot.pause()
        assert app.palette.name == "dark", "what cannot be shown is not shown"
        assert isinstance(app.desk.dialog, ThemeDialog)
        app.desk.draw_dialog()
        told = " ".join(line.plain.strip("│ ") for line in app.desk.dialog.lines)
        assert expected in " ".join(told.split())
