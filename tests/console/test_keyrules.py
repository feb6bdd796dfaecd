"""A person's own keys: what may not be is refused with key and remedy, what may be holds everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from console import config, looks
from console.keymap import KEYS
from console.keyrules import EATEN, name, read, shown, usable
from screens.flatten_dialog import FlattenDialog
from screens.room import load
from screens.rooms import ROOMS
from screens.ui import UiSettings
from services.protocol.errors import ProductError
from services.settings.errors import SettingsError
from tests.console.rooms import ROOM_VIEWS
from tests.console.test_keys import open_desk


@pytest.mark.parametrize(
    ("keymap", "says"),
    [
        (
            {"halt": "ctrl+s"},
            'ui.keymap.halt = "ctrl+s": expected another key, a letter for example: terminals',
        ),
        ({"sort": "ctrl+b"}, "tmux takes it as its prefix"),
        ({"sort": "F5"}, "F-keys"),
        ({"sort": "shift+f5"}, "F-keys"),
        ({"theme": "escape"}, "it leaves a field"),
        ({"halt": "ctrl+o"}, "a single letter or digit"),
        ({"halt": "!"}, "a single letter or digit"),
        ({"copy": "home"}, "a single letter or digit"),
        ({"flatten": "F,home"}, "a single letter or digit"),
        (
            {"sort": "q"},
            "another key: q is quit (Detach, stop, or flatten and stop); ui.keymap.quit moves that",
        ),
        ({"sort": "H"}, "H is halt"),
        ({"sort": "x", "filter": "x"}, "x is"),
        ({"srot": "x"}, "did you mean sort?"),
        ({"palette": "x"}, "the palette stays on ctrl+p"),
        ({"sort": "nonsense"}, 'a key such as "X"'),
        ({"sort": ""}, 'a key such as "X"'),
        ({"sort": "é"}, 'a key such as "X"'),
    ],
)
def test_what_may_not_be_is_refused_with_its_remedy(keymap: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(keymap, KEYS)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_keys_may_change_places() -> None:
    assert read({"sort": "a", "ack": "s"}, KEYS) == {"sort": "a", "ack": "s"}


def test_signs_and_words_are_named_as_the_library_names_them() -> None:
    from textual.keys import _character_to_key

    for sign in "/:?!@#%&*-+=_.;<>[]{}|~^$'\"`\\()":
        assert name(sign) == _character_to_key(sign)
        assert shown(name(sign)) == sign
    assert [name(each) for each in ("X", "7", " pageup ", "Ctrl+O", "space")] == [
        "X",
        "7",
        "pageup",
        "ctrl+o",
        "space",
    ]
    assert (shown("ctrl+o"), shown("pageup,b"), shown("x")) == ("^o", "pgup", "x")


def test_none_of_our_keys_lies_where_terminals_or_tmux_eat_it() -> None:
    taken = {part for key in KEYS for part in key.keys.split(",")}
    assert not taken & set(EATEN)
    assert not [part for part in taken if part.startswith("f") and part[1:].isdigit()]
    assert {part for part in taken if "ctrl" in part} == {"ctrl+p"}
    read({}, KEYS)  # and none of ours is in the way of another


def test_a_console_leaves_out_what_cannot_be_and_says_so() -> None:
    found, problem = usable({"halt": "ctrl+s", "sort": "ctrl+o", "nothing": "x"}, KEYS)
    assert found == {"sort": "ctrl+o"}
    assert "ui.keymap.halt" in problem


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('[ui.keymap]\nsort = "H"\n', ':2: ui.keymap.sort = "H": expected another key: H is halt'),
        ('[ui]\nkeymap = { sort = "ctrl+b" }\n', ":2: ui.keymap.sort"),
        ('[ui]\nbell = "loud"\n', ':2: ui.bell = "loud": expected true or false'),
        ("[ui]\nbel = true\n", "ui.bel"),
        ('[ui]\ntheme = "mine"\n', "themes/mine.toml: theme"),
    ],
)
def test_config_check_names_file_line_and_key(tmp_path: Path, lines: str, says: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(lines)
    with pytest.raises(ProductError) as caught:
        config.check(file)
    assert says in caught.value.text
    assert str(tmp_path) in caught.value.text
    assert caught.value.exit == 2


def test_an_engine_does_not_start_with_such_a_keymap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from console import headless
    from services.protocol.options import RunOptions

    file = tmp_path / "config.toml"
    file.write_text('[ui.keymap]\nhalt = "F1"\n')
    monkeypatch.setenv("STABLECONSOLE_CONFIG", str(file))
    assert headless.run(RunOptions(state_dir=str(tmp_path / "state"), for_sim_s=1)) == 2


def test_a_good_file_is_good(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[ui]\nbell = true\ntheme = "contrast"\n[ui.keymap]\nhalt = "X"\n"row.down" = "down,j"\n')
    assert "valid" in config.check(file)
    document = config.load(file)
    assert looks.check(document).keymap == {"halt": "X", "row.down": "down,j"}


async def test_a_moved_safety_key_holds_in_dialogs_and_is_what_help_and_footer_show() -> None:
    async with open_desk(ui=UiSettings(keymap={"halt": "X", "flatten": "Z"})) as d:
        assert "X halt" in d.text
        assert "Z flatten" in d.text
        await d.press("Z", "X")
        assert isinstance(d.app.desk.dialog, FlattenDialog)
        assert d.link.sent == [("halt", {})]
        await d.press("Z")
        assert d.link.sent == [("halt", {}), ("flatten", {})]
        await d.press("H")
        assert d.link.sent[2:] == []
        await d.press("question_mark")
        assert d.app.desk.dialog is not None
        said = [row.lines[0].plain for row in d.app.desk.dialog.body(80).rows]
        assert any(line.strip().startswith("X ") and "Halt at once" in line for line in said)


async def test_the_footer_offers_what_the_focused_pane_can_do() -> None:
    async with open_desk(size=(200, 60)) as d:
        assert "p pause" in d.text.splitlines()[-1]
        await d.press("tab")
        footer = d.text.splitlines()[-1]
        assert "p pause" not in footer
        assert "s sort" in footer


async def test_the_footer_of_a_small_terminal_keeps_what_its_pane_is_about() -> None:
    async with open_desk(size=(80, 24)) as d:
        d.link.views |= ROOM_VIEWS["strategies"]() | ROOM_VIEWS["stress"]()
        await d.press("4")
        offered = []
        for _ in range(3):
            offered.append(d.text.splitlines()[-1])
            await d.press("tab")
        assert ["p pause" in offered[0], "e edit" in offered[0]] == [True, False]
        assert ["e edit" in offered[1], "x close" in offered[1]] == [True, False]
        assert ["x close" in offered[2], "e edit" in offered[2]] == [True, False]
        await d.press("8")
        assert "e shock" in d.text.splitlines()[-1]
        await d.press("tab")
        assert "e shock" not in d.text.splitlines()[-1]
        await d.press("e")
        assert "select a coin in Shocks first" in d.text, "the key itself answers"


def test_a_key_is_offered_on_panes_that_are_there() -> None:
    panes = {spec.name for entry in ROOMS for spec in load(entry).panes}
    assert {pane for key in KEYS for pane in (*key.panes, *key.leads)} <= panes
