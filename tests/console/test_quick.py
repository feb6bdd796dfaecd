"""What makes a key quick: only what is seen is drawn, what stands is decoded once, a key paints at once."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import msgspec
import pytest
from msgspec import structs
from textual.geometry import Region
from textual.strip import Strip

from console.decoding import Decoding
from console.newest import Newest
from screens import at_once, frame
from screens import format as f
from screens.contents import Contents
from screens.draw import funding
from screens.frame import Cursor
from screens.widgets.grid import LineGrid
from services.protocol.frames import to_json
from services.views.desk import DeskView
from tests.console.fixtures import STATES
from tests.console.test_keys import open_desk
from tests.console.test_layout import context
from themes.palette import PALETTES

VIEWS = [view for _, view in STATES.values() if view is not None]


def long_board(count: int) -> DeskView:
    view = VIEWS[0]
    rows = [
        structs.replace(view.funding[0], short=f"A{at:02d}-USDT-PERP.alpha", rank=at + 1, spread=Decimal(at))
        for at in range(count)
    ]
    return structs.replace(view, funding=tuple(rows))


def test_of_a_long_table_only_the_rows_that_are_seen_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    lines = funding._lines

    def counted(r, *rest):  # type: ignore[no-untyped-def]
        drawn.append(funding.key_of(r))
        return lines(r, *rest)

    monkeypatch.setattr(funding, "_lines", counted)
    content, cursor = funding.draw(long_board(80), 116, context()), Cursor()
    assert not drawn
    cursor.settle(content)
    seen = frame.draw(content, cursor, 120, 20, True)
    assert 10 < len(drawn) <= 18
    assert len(content.rows) == 80
    whole = frame.draw(content, cursor, 120, 20, True)
    assert whole == seen
    assert len(drawn) <= 18, "a drawn row is kept"


def test_a_board_that_stands_is_decoded_once_and_every_view_is_as_decoded_anew() -> None:
    decoding = Decoding()
    for view in [*VIEWS, *VIEWS[::-1]]:
        raw = to_json(view)
        found = decoding.view("desk", raw)
        assert found == msgspec.json.decode(raw, type=DeskView)
        assert type(found) is DeskView
        again = decoding.view("desk", to_json(structs.replace(view, ts=view.ts + 1)))
        assert isinstance(again, DeskView)
        assert again.funding is found.funding
        assert again.ts == view.ts + 1
    with pytest.raises(msgspec.DecodeError):
        decoding.view("desk", b'{"ts":1}')
    with pytest.raises(KeyError):
        decoding.view("weather", b"{}")


def test_the_console_looks_at_views_that_way() -> None:
    newest = Newest(lambda: 0.0)
    found = []
    for view in (VIEWS[0], structs.replace(VIEWS[0], ts=VIEWS[0].ts + 1)):
        newest.put("desk", to_json(view), view.ts)
        shown = newest.view("desk")
        assert shown == view
        assert isinstance(shown, DeskView)
        found.append(shown.funding)
    assert found[0] is found[1]


async def test_a_key_paints_in_its_own_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[bool] = []
    paint = at_once.paint

    def counted(screen):  # type: ignore[no-untyped-def]
        painted.append(paint(screen))
        return painted[-1]

    async with open_desk() as d:
        await d.pilot.press("tab")
        await d.pilot.pause()
        monkeypatch.setattr("console.app.at_once.paint", counted)
        before = d.text
        await d.pilot.press("j")
        assert painted == [True]
        assert not any(pane._repaint_required for pane in d.app.desk.panes.values())
        await d.pilot.pause()
        assert d.text != before
        assert paint(d.app.desk) is False, "nothing is left"


async def test_a_new_selection_makes_no_content_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_desk() as d:
        await d.pilot.press("tab")
        await d.pilot.pause()
        desk, built = d.app.desk, []
        build = Contents.build

        def counted(self, pane, *args):  # type: ignore[no-untyped-def]
            built.append(pane)
            return build(self, pane, *args)

        monkeypatch.setattr(Contents, "build", counted)
        await d.pilot.press("j")
        await d.pilot.pause()
        assert built.count("funding") == 0, "the cursor moved over a content that is there"
        assert desk.contents.selected["funding"] == desk.panes["funding"].cursor.key


@pytest.mark.parametrize("palette", ["dark", "light", "sixteen"])
async def test_lines_go_to_the_compositor_as_they_are_and_as_textual_would_draw_them(palette: str) -> None:
    async with open_desk() as d:
        d.app._use_palette(PALETTES[palette])
        await d.pilot.pause()
        for pane in d.app.desk.panes.values():
            width, height = pane.size
            for region in (Region(0, 0, width, height), Region(3, 1, width - 9, height - 2)):
                ours, theirs = pane.render_lines(region), super(LineGrid, pane).render_lines(region)
                assert [cells(line) for line in ours] == [cells(line) for line in theirs]
            whole = pane.render_lines(Region(0, 0, width, height))
            if not PALETTES[palette].native:
                assert all(one is two for one, two in zip(whole, pane._strips, strict=True))


def cells(strip: Strip) -> list[tuple[str, object]]:
    return [(char, segment.style) for segment in strip for char in segment.text]


def test_figures_are_rounded_as_by_a_context_of_their_own() -> None:
    draw = random.Random(2)
    for _ in range(500):
        value = Decimal(draw.randint(-(10**12), 10**12)).scaleb(-draw.randint(0, 14))
        places = draw.randint(0, 8)
        with localcontext() as wide:
            wide.prec = 60
            want = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
        assert str(f.rounded(value, places)) == str(want if want else abs(want))
        text = f.number(value, places)
        assert f.signed(value, places) == (f"+{text}" if want > 0 else text)
