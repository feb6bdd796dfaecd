"""The Journal screen by its keys: which rows and whose chain are asked of the engine."""

from __future__ import annotations

from tests.console.journal_fixtures import quiet_journal
from tests.console.test_keys import Desk, open_desk


def asked(d: Desk) -> str:
    found = [topic for topic in d.link.watched if topic.partition(":")[0] == "journal"]
    assert len(found) == 1
    return found[0]


async def journal(d: Desk) -> None:
    d.link.views["journal:all/"] = quiet_journal()
    await d.press("7")
    d.link.put(**{asked(d): quiet_journal(name=asked(d).rpartition("/")[2])})
    await d.pilot.pause(0.3)


async def test_the_selected_rows_chain_is_asked_for_and_shown_with_its_figures() -> None:
    async with open_desk(size=(200, 60)) as d:
        await journal(d)
        assert asked(d) == "journal:all/funding_arb"
        await d.press("down", "down")
        assert asked(d) == "journal:all/P-10"
        d.link.put(**{asked(d): quiet_journal(name="P-10")})
        await d.pilot.pause(0.3)
        assert "Chain of P-10" in d.text
        assert "limit 25000" in d.text
        await d.press("end")
        d.link.put(**{asked(d): quiet_journal(name="P-09")})
        await d.pilot.pause(0.3)
        assert asked(d) == "journal:all/P-09"
        for step in ("bound by depth", "as one unit", "leg 1", "fee 20.83 USDT"):
            assert step in d.text, step
        assert d.link.sent == []


async def test_v_walks_through_the_kinds_of_rows() -> None:
    async with open_desk() as d:
        await journal(d)
        seen = []
        for _ in range(5):
            await d.press("v")
            seen.append(asked(d).partition(":")[2].partition("/")[0])
        assert seen == ["decisions", "commands", "refused", "orders", "all"]


async def test_a_row_that_comes_does_not_move_the_selection() -> None:
    async with open_desk() as d:
        await journal(d)
        await d.press("down", "down")
        key = d.app.desk.panes["rows"].cursor.key
        d.link.put(**{asked(d): quiet_journal(name="P-10")})
        await d.pilot.pause(0.3)
        assert d.app.desk.panes["rows"].cursor.key == key


async def test_the_filter_keeps_what_contains_the_text() -> None:
    async with open_desk(size=(200, 60)) as d:
        await journal(d)
        await d.press("slash", "=exposure", "enter")
        assert "BUSD exposure 81 %" in d.text
        assert "ack depeg" not in d.text
