"""What leaves the console: a copied row, tables, pictures, the terminal's title and bell."""

from __future__ import annotations

import csv
import io
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from console.app import make_app
from screens.room import PaneSpec, kind_of, load
from screens.rooms import ROOMS, Entry
from screens.saving import csv_text, table
from screens.ui import Terminal, UiSettings
from tests.console.fixtures import calm_strip, empty_desk, halted_desk, halted_strip, quiet_desk, quiet_strip
from tests.console.rooms import ROOM_VIEWS
from tests.console.stub import StubLink
from tests.console.test_keys import open_desk

FOUND = Terminal(fps=10, remote=False, ascii=False, palette="dark")


def only(folder: Path, ending: str) -> Path:
    found = sorted(folder.glob(f"*.{ending}"))
    assert len(found) == 1, found
    return found[0]


async def test_w_writes_the_whole_table_with_every_column(tmp_path: Path) -> None:
    async with open_desk(size=(80, 24), ui=UiSettings(saves=str(tmp_path / "saved"))) as d:
        await d.press("w")
        assert d.link.sent == []
        file = only(tmp_path / "saved", "csv")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
        held = quiet_desk().positions
        assert [row["instrument"] for row in rows] == [p.instrument for p in held]
        assert [row["size"] for row in rows] == [f"{p.size:f}" for p in held]
        assert [row["stop.kind"] for row in rows] == [p.stop.kind for p in held]
        assert d.app.desk.said == (f"wrote {file}: {len(held)} rows, every column", "muted")
        await d.press("w")
        assert len(list((tmp_path / "saved").iterdir())) == 2, "nothing is written over"


async def test_a_table_is_written_as_it_is_shown_filtered_and_sorted(tmp_path: Path) -> None:
    """A word that only a column of the file holds (`short`) once wrote rows that the screen did not show."""
    async with open_desk(ui=UiSettings(saves=str(tmp_path))) as d:
        await d.press("slash", "=p-07", "enter", "s", "w")
        shown = [row.key for row in d.app.desk.panes["positions"].content.rows if row.key]
        file = only(tmp_path, "csv")
        rows = csv.DictReader(file.read_text("utf-8").splitlines())
        assert [row["instrument"] + row["pair"] for row in rows] == shown
        held = len(quiet_desk().positions)
        assert 0 < len(shown) < held
        assert f": {len(shown)} of {held} rows (only p-07), every column" in (d.app.desk.said or ("",))[0]


async def test_what_a_pane_shows_is_what_is_written() -> None:
    """Every pane that can be filtered: each of its rows is found by its key, and no other."""
    async with open_desk(size=(80, 24)) as d:
        desk = d.app.desk
        for entry in ROOMS:
            d.link.views |= ROOM_VIEWS[entry.name]()
            desk.show_room(entry.name)
            for spec in desk.room.panes:
                desk.go_to(spec.name)
                keys = [row.key for row in desk.panes[spec.name].content.rows if row.key]
                if spec.keyed is None:
                    desk.action_filter()
                    assert desk.said == (f"{spec.title} has no rows to filter", "muted")
                    continue
                assert len(table(spec, desk.views, keys)) == 1 + len(keys), spec.name
                desk.contents.needles[spec.name] = "no such thing"
                desk.draw_panes()
                left = [row.key for row in desk.panes[spec.name].content.rows if row.key]
                assert left == (["total all"] if spec.name == "metrics" else []), spec.name


@pytest.mark.parametrize("entry", ROOMS, ids=lambda entry: entry.name)
async def test_every_pane_of_every_screen_can_be_written(entry: object, tmp_path: Path) -> None:
    name, key = entry.name, entry.key  # type: ignore[attr-defined]
    async with open_desk(ui=UiSettings(saves=str(tmp_path))) as d:
        d.link.views |= ROOM_VIEWS[name]()
        await d.press(key)
        for _ in d.app.desk.room.panes:
            await d.press("w", "tab")
        written = sorted(tmp_path.glob("*.csv"))
        assert len(written) == len(d.app.desk.room.panes)
        for file in written:
            rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"))))
            assert len({len(row) for row in rows}) == 1, file
            assert rows[0] != ["text"], f"{file.name} holds what was drawn, not what is known"


@pytest.mark.parametrize("entry", ROOMS, ids=lambda entry: entry.name)
def test_of_a_table_without_rows_the_header_alone_is_written(entry: Entry) -> None:
    """The sentence that stands in an empty pane is no row; the columns are the same as with rows."""
    views = {kind_of(topic): view for topic, view in ROOM_VIEWS[entry.name]().items()}
    for pane in load(entry).panes:
        none = table(replace(pane, keyed=lambda _, row: ""), views, ())
        full = table(pane, views)
        assert len(full) > 1 or pane.name == "channels"
        assert none == full[:1]
        assert len(none[0]) > 1


async def test_before_the_first_view_no_table_is_written(tmp_path: Path) -> None:
    async with open_desk(ui=UiSettings(saves=str(tmp_path))) as d:
        d.link.views["desk"] = None
        await d.press("w")
        assert list(tmp_path.iterdir()) == []
        assert "there is no table to write" in d.text


def test_an_empty_desk_has_its_columns() -> None:
    for name, columns in (("positions", "instrument"), ("alerts", "key"), ("funding", "group")):
        full, empty = (table(PaneSpec(name, name), {"desk": view}) for view in (quiet_desk(), empty_desk()))
        assert empty == full[:1]
        assert columns in empty[0]


async def test_capital_w_saves_the_screen_as_drawing_and_as_text(tmp_path: Path) -> None:
    async with open_desk(ui=UiSettings(saves=str(tmp_path))) as d:
        shown = d.text
        await d.press("W")
        text = only(tmp_path, "txt").read_text(encoding="utf-8")
        assert [line.rstrip() for line in shown.splitlines()[:-3]] == text.splitlines()[:-3]
        drawing = only(tmp_path, "svg").read_text(encoding="utf-8")
        assert "BTC-USDT-PERP" in drawing
        assert drawing.startswith("<svg")
        links = [word for word in drawing.split() if "http" in word and "www.w3.org" not in word]
        assert all("textualize" in word for word in links), "a drawing loads nothing from anywhere"
        assert "@font-face" not in drawing


async def test_the_save_line_takes_a_file_and_never_writes_over_one(tmp_path: Path) -> None:
    async with open_desk(ui=UiSettings(saves=str(tmp_path / "saved"))) as d:
        await d.press("colon", f"=save csv {tmp_path / 'mine.csv'}", "enter")
        assert (tmp_path / "mine.csv").read_text(encoding="utf-8").startswith("instrument,symbol,")
        await d.press("colon", f"=save csv {tmp_path / 'mine.csv'}", "enter")
        assert d.app.desk.said is not None
        assert "File exists" in d.app.desk.said[0]
        await d.press("colon", "=save csv ~nobody_of_this_name/mine.csv", "enter")
        assert d.app.desk.said is not None
        assert d.app.desk.said[0].startswith("not written: ~nobody_of_this_name/mine.csv: there is no")
        await d.press("colon", "=save gif", "enter")
        assert "expected one of svg, text, csv" in d.text
        assert d.link.sent == []


def test_cells_are_exact_and_words_cannot_become_formulas() -> None:
    desk = halted_desk()
    rows = table(PaneSpec("alerts", "Alerts"), {"desk": desk})
    assert len(rows) == 1 + len(desk.alerts)
    assert csv_text([["a", "1,000"], ["b", ""]]) == 'a,"1,000"\nb,\n'
    from screens.saving import _text

    assert _text("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert _text("two\nlines") == "two lines"


async def test_the_copied_row_goes_to_the_terminals_clipboard() -> None:
    async with open_desk() as d:
        await d.press("y")
        assert d.app.clipboard.startswith("BTC-USDT-PERP alpha ▼ short 0.620")
        assert "copied: " in d.text


async def test_the_title_says_the_state_and_is_written_only_when_it_changes() -> None:
    async with open_desk(calm_strip()) as d:
        said: list[str] = []
        d.app.desk.titled, d.app.desk._entitled = said.append, ""
        d.app.desk.draw_strip()
        d.link.put(strip=calm_strip())
        await d.pilot.pause(0.2)
        d.link.put(strip=halted_strip())
        await d.pilot.pause(0.2)
        d.link.quiet_s, d.link.state = 12.0, "reconnecting"
        d.link.tell()
        await d.pilot.pause(0.2)
        alarms = halted_strip().open_alarms
        assert said == [
            "ACTIVE - stableconsole sim",
            f"! HALTED, {alarms} alarm{'s' if alarms > 1 else ''} - stableconsole sim",
            "? engine silent - stableconsole sim",
        ]


async def test_title_and_bell_are_a_persons_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    for wanted in (True, False):
        link = StubLink(calm_strip(), quiet_desk())
        app = make_app(link, UiSettings(bell=wanted, title=wanted), found=FOUND)
        rung: list[int] = []
        monkeypatch.setattr(app, "bell", lambda rung=rung: rung.append(1))
        async with app.run_test(size=(120, 40)) as pilot:
            assert (app.desk.titled is not None) is wanted
            link.put(strip=halted_strip())
            await pilot.pause(0.2)
        assert len(rung) == int(wanted)


async def test_an_alarm_that_opens_while_another_goes_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    first = replace(halted_strip(), open_alarms=1, newest_alarm_ts=5)
    link = StubLink(first, quiet_desk())
    app = make_app(link, UiSettings(bell=True), found=FOUND)
    rung: list[int] = []
    monkeypatch.setattr(app, "bell", lambda: rung.append(1))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.2)
        link.put(strip=replace(first, newest_alarm_ts=5, ts=first.ts + 1))
        await pilot.pause(0.2)
        assert rung == []
        link.put(strip=replace(first, newest_alarm_ts=9, ts=first.ts + 2))
        await pilot.pause(0.2)
    assert rung == [1]


async def test_other_versions_are_told() -> None:
    link = StubLink(quiet_strip(), quiet_desk())
    link.warning = "the engine is version 0.0.9, this console 0.1.0: stop the engine and start it again"
    app = make_app(link, found=FOUND)
    async with app.run_test(size=(200, 60)) as pilot:
        link.tell()
        await pilot.pause(0.2)
        assert app.desk.said == (link.warning, "*warn")


async def test_another_protocol_is_told_where_the_views_would_be() -> None:
    link = StubLink(None, None)
    link.warning = "the console speaks protocol 1, the engine 2: upgrade the console"
    app = make_app(link, found=FOUND)
    async with app.run_test(size=(120, 40)) as pilot:
        link.tell()
        await pilot.pause(0.2)
        shown = "\n".join(
            "".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()
        )
        assert shown.count("upgrade the console") >= 2
