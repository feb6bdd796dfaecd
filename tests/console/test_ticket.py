"""The order ticket: asked while typed, sent by its own key alone, and by no answer to another line."""

from __future__ import annotations

from typing import Any

import msgspec

from screens.ink import Line, Span
from screens.link import Answer
from screens.paint import Paint
from screens.ticket import TicketDialog, fitted
from services.protocol.frames import to_json
from services.views.ticket import BoundView, CheckView, TicketView
from tests.console.fixtures import d
from tests.console.test_keys import Desk, open_desk
from themes.palette import DARK

BTC = "BTC-USDT-PERP.alpha"


def answer(**more: Any) -> Answer:
    fields: dict[str, Any] = {
        "ts": 1,
        "instrument": BTC,
        "side": "buy",
        "quantity": d("0.050"),
        "price": d("67251.1"),
        "stated": False,
        "rests": False,
        "notional": d("3359.20"),
        "fee": d("1.68"),
        "from_mid_bps": d("10.0"),
        "allowed": True,
        "quantity_allowed": d("0.050"),
        "reducing": False,
        "refusal": "",
        "failed": (),
        "bounds": (
            BoundView(name="coin exposure USDT alpha", notional=d("4100"), used=d("0.8193")),
            BoundView(name="order notional", notional=d("25000"), used=d("0.1344")),
        ),
        "sizing": (
            BoundView(name="risk budget at the stop", notional=d("11560"), used=d("0.29")),
            BoundView(name=f"book of {BTC}", notional=d("149757"), used=d("0.022")),
        ),
        "binding": "coin exposure",
        "price_increment": d("0.1"),
        "size_increment": d("0.001"),
    }
    view = TicketView(**(fields | more))
    return Answer(ok=True, text="", result=msgspec.json.decode(to_json(view)))


def denied() -> Answer:
    check = CheckView(
        name="order notional",
        subject="",
        value=d("67184"),
        limit=d("25000"),
        unit="usd",
        passed=False,
        text="",
    )
    return answer(
        allowed=False, quantity=d("1"), quantity_allowed=d("0"), notional=d("67184"), failed=(check,),
        refusal="order notional 67,184 > 25,000", fee=None,
    )  # fmt: skip


async def opened(d: Desk, said: Answer, text: str) -> TicketDialog:
    d.link.answers["preview"] = said
    await d.press("o", f"={text}")
    await d.pilot.pause(0.3)
    dialog = d.app.desk.dialog
    assert isinstance(dialog, TicketDialog)
    return dialog


def sent(d: Desk) -> list[tuple[str, dict[str, str]]]:
    return [each for each in d.link.sent if each[0] != "preview"]


async def test_the_gate_is_asked_while_one_types_and_its_bounds_are_shown() -> None:
    async with open_desk() as d:
        await opened(d, answer(), "0.05")
        assert d.link.sent[-1] == ("preview", {"side": "buy", "symbol": BTC, "size": "0.05"})
        for word in (
            "TYPING",
            "allowed",
            "$3,359",
            "at once, at 67,251.1 or better",
            "$4,100",
            "82 %",
            "sizing",
            "$11,560",
        ):
            assert word in d.text
        assert sent(d) == []


async def test_enter_and_then_s_sends_it_once() -> None:
    async with open_desk() as d:
        dialog = await opened(d, answer(), "0.05 @ 67000 post")
        await d.press("enter")
        assert dialog.armed
        assert sent(d) == []
        assert "S  send" in d.text
        await d.press("S")
        assert sent(d) == [("buy", {"symbol": BTC, "size": "0.05", "terms": "@ 67000 post"})]
        assert d.app.desk.dialog is None


async def test_letters_are_text_until_enter_and_esc_leaves_without_a_word() -> None:
    async with open_desk() as d:
        await opened(d, answer(), "0.05")
        await d.press("S", "H", "F")
        assert sent(d) == []
        await d.press("escape")
        assert d.app.desk.dialog is None
        assert sent(d) == []


async def test_what_the_gate_denies_cannot_be_sent() -> None:
    async with open_desk() as d:
        dialog = await opened(d, denied(), "1")
        await d.press("enter")
        assert not dialog.armed
        assert "denied: order notional 67,184 > 25,000" in d.text
        assert "fee unknown" in d.text
        await d.press("escape")
        assert sent(d) == []


async def test_an_answer_to_another_line_counts_for_nothing() -> None:
    async with open_desk() as d:
        dialog = await opened(d, answer(), "0.05")
        d.link.answers["preview"] = denied()
        dialog.typed(f"buy {BTC} 9")
        assert not dialog.allowed
        dialog.heard(f"buy {BTC} 0.05", answer())
        assert not dialog.allowed
        await d.press("enter")
        assert not dialog.armed


async def test_an_allowed_order_that_becomes_denied_is_not_sent() -> None:
    async with open_desk() as d:
        dialog = await opened(d, answer(), "0.05")
        await d.press("enter")
        d.says(dialog, denied())
        d.app.desk.draw_dialog()
        await d.press("S")
        assert sent(d) == []
        assert d.app.desk.dialog is dialog


async def test_e_goes_back_to_the_line_and_n_leaves() -> None:
    async with open_desk() as d:
        dialog = await opened(d, answer(), "0.05")
        await d.press("enter", "e")
        assert d.app.desk.field is not None
        assert d.app.desk.field.value == f"buy {BTC} 0.05"
        assert not dialog.armed
        await d.press("enter", "n")
        assert d.app.desk.dialog is None
        assert sent(d) == []


async def test_a_typed_order_opens_the_ticket_and_sends_nothing_by_itself() -> None:
    async with open_desk() as d:
        d.link.answers["preview"] = answer()
        await d.press("colon", f"=sell {BTC} 0.05 reduce", "enter")
        await d.pilot.pause(0.2)
        assert isinstance(d.app.desk.dialog, TicketDialog)
        assert sent(d) == []
        await d.press("enter", "S")
        assert sent(d) == [("sell", {"symbol": BTC, "size": "0.05", "terms": "reduce"})]


async def test_what_the_engine_cannot_understand_is_said_in_the_ticket() -> None:
    async with open_desk() as d:
        await opened(
            d, Answer(ok=False, text="0.0001 is less than one lot of BTC-USDT-PERP", exit=2), "0.0001"
        )
        assert "less than one lot" in d.text


async def test_a_read_only_console_has_no_ticket() -> None:
    async with open_desk(read_only=True) as d:
        await d.press("o")
        assert d.app.desk.dialog is None
        assert d.link.sent == []
        assert "read-only" in d.text


async def test_the_line_says_what_a_flatten_would_close() -> None:
    async with open_desk() as d:
        await d.press("colon", "=flatten ETH-USDC-PERP")
        assert "closes 0.85 ETH-USDC-PERP on beta, about −$1" in d.text
        await d.press("escape", "colon", "=flatten P-07")
        assert "closes 2 positions, about −$32" in d.text


def test_a_figure_that_is_no_number_makes_no_ticket_pass() -> None:
    dialog = TicketDialog(Paint(DARK), lambda: 0.0, f"buy {BTC} 1")
    dialog.heard(dialog.text, Answer(ok=True, text="", result={"allowed": True, "quantity": "much"}))
    assert not dialog.allowed
    assert "cannot be read" in dialog.trouble


def test_on_a_small_terminal_a_denied_ticket_still_shows_the_tightest_of_both_bounds() -> None:
    """With a long refusal the sizing stood below the last line, and no key went there."""
    room = [f"symbol leverage {BTC.replace('.', ' ')} {at}" for at in range(6)]
    said = answer(
        allowed=False,
        refusal="trading state HALTED: halted by hand; a pair holds the other side: close it, not a leg",
        bounds=tuple(BoundView(name=name, notional=d("4100"), used=d("0.8")) for name in room),
        sizing=tuple(BoundView(name=f"sizing {at}", notional=d("1"), used=d("0.1")) for at in range(3)),
    )
    dialog = TicketDialog(Paint(DARK), lambda: 0.0, f"buy {BTC} 0.05")
    dialog.heard(dialog.text, said)
    dialog.draw(80, 18)
    lines = [line.plain for line in dialog.lines]
    assert len(lines) == 18
    text = "\n".join(lines)
    assert "of 1" not in lines[0], "nothing is scrolled away"
    assert "symbol leverage 0" in text or "symbol leverage alpha 0" in text
    assert "sizing 0" in text
    assert "…" not in text


def checks(*names: str) -> tuple[CheckView, ...]:
    return tuple(
        CheckView(
            name=name,
            subject="alpha",
            value=d("9"),
            limit=d("5"),
            unit="x",
            passed=False,
            text=f"{name} 9 of 5",
        )
        for name in names
    )


def test_each_reason_of_a_denial_has_its_line_and_of_many_the_last_keep_their_names() -> None:
    dialog = TicketDialog(Paint(DARK), lambda: 0.0, f"buy {BTC} 1")
    names = ("leverage", "usage", "exposure", "notional", "distance")
    for count, said in (
        (2, ["and usage 9 of 5"]),
        (5, ["and exposure 9 of 5", "and 2 more: notional alpha, distance"]),
    ):
        refused = answer(allowed=False, refusal="all of them; in one", failed=checks(*names[:count]))
        dialog.heard(dialog.text, refused)
        dialog.draw(80, 22)
        text = "\n".join(line.plain for line in dialog.lines)
        for words in ("denied: leverage 9 of 5", *said, "does nothing: this cannot be sent"):
            assert words in text
        assert "all of them" not in text
    dialog.text = "buy"
    dialog.draw(80, 22)
    assert "enter waits for the whole line" in "\n".join(line.plain for line in dialog.lines)


def test_parts_whose_least_does_not_fit_give_way_from_the_end_and_leave_no_head_alone() -> None:
    """An answer in the command line takes a row of the dialog: its last line stood below its end."""
    parts = [
        ([Line([Span(f"{name} {at}", "text")]) for at in range(4)], least)
        for name, least in (("a", 4), ("b", 1), ("c", 2))
    ]
    for rows in range(12):
        lines = [line.plain for line in fitted(parts, rows)]
        assert len(lines) <= rows
        assert sum(line.startswith("c") for line in lines) != 1
    assert [line.plain for line in fitted(parts, 6)] == ["a 0", "a 1", "a 2", "a 3", "b 0", "b 1"]
