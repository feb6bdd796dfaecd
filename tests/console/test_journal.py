"""The Journal screen by its keys: which rows and whose chain are asked of the engine."""

from __future__ import annotations

import msgspec
import pytest

from screens.draw import journal as drawing
from screens.draw.context import Context
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


def test_rows_go_by_age_kind_or_subject_and_what_is_hidden_is() -> None:
    view = quiet_journal()

    def keys(sort: str) -> list[str]:
        return [row.key for row in drawing.rows(view, 120, Context(now=0, sort=sort)).rows]

    own = [str(one.seq) for one in view.rows]
    assert keys("") == own
    assert keys("oldest") == sorted(own, key=int)
    kinds = {str(one.seq): one.kind for one in view.rows}
    assert [kinds[key] for key in keys("what")] == sorted(kinds.values())
    of = {str(one.seq): one.subject for one in view.rows}
    assert [of[key] for key in keys("of")] == sorted(of.values())
    head = drawing.rows(view, 120, Context(now=0, hidden=frozenset({"time"}))).head[0].plain
    assert "UTC" not in head
    assert "Why" in head


def test_what_a_chain_shows_can_be_read_and_orders_go_by_their_end() -> None:
    figures = {
        "initial usage alpha": "377995.9990101488749999999999999997",
        "price collar": "0.005007984669 of 0.02",
        "order notional": "5000 of 25000",
        "repeat throttle strategy:funding_arb": "1 of 5",
        "max_pair_fraction": "12124.62",
        "trade": "4711000",
        "avg price": "23477.1",
        "tiny": "0.00000123456789",
        "clean": "10.25",
        "when": "2023-03-01",
        "latched": "False",
    }
    named = {"subject": "gt0z5g00000000ch2005", "figures": figures}
    row = msgspec.structs.replace(quiet_journal().rows[0], **named)
    text = "\n".join(line.plain for line in drawing.figures(row, 300))
    for said in ("377,996.00", "0.005008 of 0.02", "0.0000012346", "10.25", "2023-03-01", "latched no"):
        assert said in text, text
    for said in (
        "notional 5,000 of 25,000",
        "throttle funding_arb 1 of 5",
        "max pair fraction",
        "4711000",
        "23,477.1",
    ):
        assert said in text, text
    view = msgspec.structs.replace(quiet_journal(), rows=(row,))
    shown = drawing.rows(view, 76, Context(now=0, needle="gt0z5g")).rows
    text = "\n".join(line.plain for each in shown for line in each.lines)
    assert " 00ch2005 " in text, "the filter knows the whole id"
    assert "gt0z5g" not in text
    flat = msgspec.structs.replace(
        row, text="alpha: zero orders, zero positions at 1677709614565090848; kept"
    )
    told = drawing.drawer(msgspec.structs.replace(view, rows=(flat,)), str(flat.seq), 200)
    assert "zero positions at 1 Mar 22:26 UTC; kept" in "\n".join(line.plain for line in told)


def test_no_figure_bears_the_zeros_that_a_venue_pads_its_numbers_with() -> None:
    """`0.50000000 of 0.60` and `at 60,000.00000000`, as Binance writes them."""
    figures = {
        "order quantity": "0.50000000 of 0.0010000",
        "venue share": "0.50000 of 0.60",
        "filled": "1.00000000",
        "room": "-0.05010000",
        "order notional": "30000.000000 of 25000.5",
        "fee": "0.00000000 USDT",
        "version": "0.10.0",
    }
    text = "sell 0.50000000 BTCUSDT.binance at 60,000.00000000: fee 12.50 of 1.2.300, -0.1200"
    row = msgspec.structs.replace(quiet_journal().rows[0], figures=figures, text=text, subject="x")
    view = msgspec.structs.replace(quiet_journal(), rows=(row,), chain=(row,), name="x")
    chain = [
        " ".join(line.plain.split()) for line in drawing.chain(view, "x", 300, Context(now=0)).rows[0].lines
    ]
    assert chain[1] == "sell 0.5 BTCUSDT.binance at 60,000: fee 12.50 of 1.2.300, −0.12"
    assert chain[2:] == [
        "order quantity 0.5 of 0.001 venue share 0.5 of 0.6 filled 1 room −0.0501 "
        "order notional 30,000.00 of 25,000.5 fee 0 USDT version 0.10.0"
    ]
    assert view.chain[0].figures == figures, "what is kept is as it was"


@pytest.mark.parametrize(
    ("name", "whole"), [("P-12", "stableconsole why P-12"), ("halt", "stableconsole audit export")]
)
def test_what_is_not_kept_here_is_named_where_it_can_be_had(name: str, whole: str) -> None:
    """`why halt` answered that there is no such order."""
    view = msgspec.structs.replace(quiet_journal(), name=name, chain=())
    shown = drawing.chain(view, name, 200, Context(now=0)).rows
    assert shown[0].lines[0].plain.endswith(whole)
