"""What came of a command, said in one line."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from screens.agreeing import WAITS_S
from screens.link import Answer
from screens.outcome import became, said
from tests.console.fixtures import quiet_desk, quiet_strip
from tests.console.order_fixtures import WORKING, busy_orders, order
from tests.console.test_keys import open_desk


@pytest.mark.parametrize(
    ("name", "args", "answer", "text"),
    [
        ("halt", {}, Answer(ok=True, text="halted, 3 orders cancelled"), "halted, 3 orders cancelled"),
        (
            "halt",
            {},
            Answer(ok=True, text="", result={"trading_state": "HALTED", "cancelled": ["a"], "pending": []}),
            "halt: the desk is HALTED, 1 order cancelled",
        ),
        ("ack", {"key": "depeg:BUSD"}, Answer(ok=True, text=""), "ack depeg:BUSD"),
        (
            "set",
            {"key": "breaker.daily", "value": "0.5%", "reason": "why"},
            Answer(ok=True, text=""),
            "set breaker.daily 0.5%",
        ),
        (
            "fault",
            {"kind": "outage", "venue": "alpha", "chance": "1"},
            Answer(ok=True, text=""),
            "fault outage alpha 1",
        ),
        (
            "limit",
            {"symbol": "USDT-PERP", "key": "max_position", "value": "50000USD"},
            Answer(ok=True, text=""),
            "limit USDT-PERP max_position 50000USD",
        ),
        (
            "flatten",
            {},
            Answer(
                ok=True,
                text="",
                result={
                    "flat": True,
                    "orders_left": [],
                    "positions_left": [],
                    "fresh_read_ts": 1_677_680_784_000_000_000,
                },
            ),
            "flat: 0 orders, 0 positions, read 14:26:24",
        ),
        (
            "flatten",
            {},
            Answer(ok=False, text="", result={"flat": False, "orders_left": [1], "positions_left": [1, 2]}),
            "flatten: 3 left open; positions lists them",
        ),
        ("stop", {}, Answer(ok=False, text="no\x1b[31m answer"), "no?[31m answer"),
    ],
)
def test_the_answer_in_words(name: str, args: dict[str, str], answer: Answer, text: str) -> None:
    assert said(name, args, answer) == text


KEPT = {"kept": ["alpha USDT 30000"]}
FLAT = Answer(ok=True, text="", result={"flat": True, "orders_left": [], "positions_left": []} | KEPT)
SAID = "flat: 0 orders, 0 positions"


@pytest.mark.parametrize("word", ["NAKED", "HEDGED"])
@pytest.mark.parametrize("come", [True, False])
async def test_flat_is_not_said_beside_a_bar_that_says_other(word: str, come: bool) -> None:
    """The view that agrees has `come` and waits for its frame, or is still on its way."""
    naked = Decimal(9_000) if word == "NAKED" else Decimal(0)
    flat = quiet_strip(positions_open=0, pairs_open=0)
    async with open_desk(quiet_strip(naked_notional=naked), quiet_desk()) as d:
        d.link.answers["flatten"] = FLAT
        await d.press("F")
        if come:
            d.link.views["strip"] = flat
        await d.press("F")
        assert f" {word} " in d.text
        assert SAID not in d.text
        d.link.put(strip=flat)
        await d.pilot.pause(0.2)
        assert f" {word} " not in d.text
        assert SAID not in d.text, "its positions stand there still"
        d.link.put(desk=quiet_desk(positions=(), pairs=()))
        await d.pilot.pause(0.2)
        assert "No positions" in d.text
        assert SAID in d.text


async def test_flat_is_said_in_any_case_before_long() -> None:
    async with open_desk(quiet_strip(naked_notional=None), quiet_desk()) as d:
        d.link.answers["flatten"] = FLAT
        await d.press("F", "F")
        assert SAID not in d.text
        d.clock.now += WAITS_S
        d.app.desk._each_second()
        await d.pilot.pause()
        assert SAID in d.text


@pytest.mark.parametrize(
    ("filled", "state", "more", "rests", "text"),
    [
        ("2", "filled", {}, False, "filled 2.000 of 2.000 at 1,700.5"),
        (
            "0.5", "canceled", {}, True,
            "filled 0.500 of 2.000 at 1,700.5, nothing more inside 1,701.0 (canceled)",
        ),
        ("0", "expired", {}, False, "nothing of 2.000 filled inside 1,701.0 (expired)"),
        (
            "0", "rejected", {"text": "post only would cross"}, True,
            "nothing of 2.000 filled inside 1,701.0 (rejected: post only would cross)",
        ),
        ("0", "accepted", {"live": True}, False, None),
        ("0", "submitted", {"live": True}, True, None),
        ("0", "accepted", {"live": True, "doubt": True}, True, None),
        ("0", "accepted", {"live": True}, True, "2.000 rests at 1,701.0; 3 shows it"),
    ],
)  # fmt: skip
def test_what_came_of_an_order_by_hand(
    filled: str, state: str, more: dict[str, Any], rests: bool, text: str | None
) -> None:
    fields = {"filled": Decimal(filled), "text": "", "live": False, "doubt": False} | more
    fields["avg_price"] = Decimal("1700.5") if fields["filled"] else None
    row = order("x", "ETH-USDC-PERP.beta", "buy", "2", "1701", state, **fields)
    found = became(row, rests)
    assert (None if found is None else found[0].partition(": ")[2]) == text
    if found is not None:
        assert (found[1] == "muted") is (state in ("filled", "accepted")), (
            "what did not come off is a warning"
        )


async def test_the_end_of_an_order_by_hand_is_said_on_every_screen() -> None:
    """Whoever typed it read `on its way` and nothing more: the end stood on screen 3 alone."""
    view = busy_orders()
    mine = next(row for row in view.working if row.id == WORKING)
    async with open_desk() as d:
        desk = d.app.desk
        desk.heard("buy", {}, Answer(ok=True, text="on its way", result={"order": WORKING, "rests": False}))
        assert "orders" in d.link.watched
        d.link.put(orders=view)
        await d.pilot.pause(0.2)
        assert desk.said is not None
        assert desk.said[0].endswith("on its way")
        ended = replace(mine, live=False, state="canceled", filled=Decimal(0))
        d.link.put(orders=replace(view, working=(), recent=(ended,)))
        await d.pilot.pause(0.2)
        assert desk.said[0].startswith("▲ ")
        assert "nothing of " in desk.said[0]
        assert "orders" not in d.link.watched, "asked for no longer"
