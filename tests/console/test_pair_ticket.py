"""The pair ticket: asked while typed, complete in what it tells, and no pair leaves without its own key."""

from __future__ import annotations

from msgspec.structs import replace

from screens.following import FOLLOWS_S
from screens.frame import INSET
from screens.ink import Line, Span
from screens.link import Answer
from screens.paint import Paint
from screens.pair_ticket import PairTicketDialog, paged
from screens.ticket import TicketDialog
from services.domain.enums import PairState
from services.views.pair_ticket import PairTicketView
from tests.console.fixtures import quiet_desk
from tests.console.pair_fixtures import LONG, SHORT, TYPED, answered, denied_pair, pair_view, unknown_pair
from tests.console.test_keys import Desk, open_desk
from themes.palette import DARK

ARGS = {"short": SHORT, "long": LONG, "notional": "20000"}


async def opened(d: Desk, said: PairTicketView | Answer, text: str = TYPED) -> PairTicketDialog:
    d.link.answers["preview pair"] = said if isinstance(said, Answer) else answered(said)
    await d.press("O", "end", "ctrl+u", f"={text}")
    await d.pilot.pause(0.3)
    dialog = d.app.desk.dialog
    assert isinstance(dialog, PairTicketDialog)
    return dialog


def told(view: PairTicketView, width: int, height: int) -> list[str]:
    """The dialog drawn by itself."""
    dialog = PairTicketDialog(Paint(DARK), lambda: 0.0, TYPED)
    dialog.heard(TYPED, answered(view))
    dialog._rows = height - 4
    return [line.plain for each in dialog.body(width - INSET).rows for line in each.lines]


async def test_both_legs_costs_coins_stress_gate_and_bounds_are_told_while_one_types() -> None:
    async with open_desk(size=(200, 60)) as d:
        await opened(d, pair_view())
        assert d.link.sent[-1] == ("preview pair", ARGS)
        for word in (
            "TYPING", "67,184.0", "67,190.5", "0.297", "$43.68 round trip",
            "fees $39.88, slippage $3.80", "even in 155.7 h", "+2.25 bps/8h", "allowed, both legs as one",
            "would not enter: edge < 0.5× cost", "risk budget at the stop", "$22,941", "87 %", "USDC, short",
            "−19,956", "−28,946", "worst: USDT −10 %", "−4,266", "−6,261", "funding flipped 24 h",
            "initial usage, alpha", "27.0 %", "min 15.0 %",
        ):  # fmt: skip
            assert word in d.text, word
        assert d.did == []


async def test_a_line_longer_than_its_field_shows_its_end_at_once() -> None:
    """On 60 columns the ticket once opened without its amount in sight."""
    async with open_desk(size=(60, 20)) as d:
        d.link.answers["preview pair"] = answered(pair_view())
        await d.press("colon", f"={TYPED}", "enter")
        await d.pilot.pause(0.3)
        assert isinstance(d.app.desk.dialog, PairTicketDialog)
        assert next(line for line in d.text.splitlines() if "order " in line).split()[-2] == TYPED.split()[-1]


async def test_enter_and_then_s_sends_it_once() -> None:
    async with open_desk() as d:
        dialog = await opened(d, pair_view(), f"{TYPED} the spread is wide")
        await d.press("enter")
        assert dialog.armed
        assert d.did == []
        await d.press("S", after=0.05)
        assert d.did == [], "a bounced key is no answer"
        await d.press("S")
        assert d.did == [("pair open", {**ARGS, "reason": "the spread is wide"})]
        assert d.app.desk.dialog is None


async def test_no_pair_leaves_without_its_confirmation() -> None:
    async with open_desk() as d:
        await opened(d, pair_view())
        await d.press("S", "F", "H", "escape")  # letters of the field
        for leave in ("escape", "n"):
            await d.press("colon", f"={TYPED}", "enter")
            await d.pilot.pause(0.2)
            assert isinstance(d.app.desk.dialog, PairTicketDialog), "the line opens it and sends nothing"
            await d.press("enter", "enter", "e")
            assert d.did == []
            await d.press(*(("enter", "n") if leave == "n" else ("escape",)), "S", "S")
            assert d.app.desk.dialog is None
            assert d.did == []


async def test_what_is_denied_or_becomes_denied_cannot_be_sent() -> None:
    async with open_desk() as d:
        dialog = await opened(d, denied_pair())
        await d.press("enter", "S")
        assert not dialog.armed
        await d.pilot.pause(0.3)  # the S stands in the field, and the gate is asked again
        assert "denied: size: risk budget at the stop leaves 4,588 USD" in d.text
        assert "and coin exposure USDC all 52 %" in d.text
        d.says(dialog, answered(pair_view()))
        await d.press("enter")
        assert dialog.armed
        for worse in (answered(denied_pair()), Answer(ok=False, text="the engine is gone", exit=1)):
            d.says(dialog, worse)
            await d.press("S")
            assert d.did == []
        await d.press("n", "escape")
        d.link.read_only = True
        await d.press("O")
        assert d.app.desk.dialog is None
        assert "read-only" in d.text


async def test_it_takes_the_legs_of_a_funding_row_and_no_line_of_the_other_ticket() -> None:
    async with open_desk() as d:
        row = d.app.desk.desk.funding[1] if d.app.desk.desk is not None else None
        assert row is not None
        for keys, legs in (("O", ""), ("escape tab down O", f"{row.short} {row.long} ")):
            await d.press(*keys.split())
            assert d.app.desk.field is not None
            assert d.app.desk.field.value == f"pair open {legs}"
        await d.press("end", "ctrl+u", f"=buy {SHORT} 1", "enter")
        assert "pair open SHORT LONG USD" in d.text
        await d.press("escape", "o", "end", "ctrl+u", f"={TYPED}", "enter")
        assert isinstance(d.app.desk.dialog, TicketDialog)
        assert "buy or sell" in d.text
        assert d.did == []


def test_at_80x24_every_part_shows_its_first_lines() -> None:
    lines = told(pair_view(), 80, 19)
    assert len(lines) <= 15
    text = "\n".join(lines)
    for word in (
        "short", "long", "$43.68 round trip", "even in 155.7 h", "allowed", "would not enter", "risk budget",
        "USDT, long", "USDC, short", "worst: USDT −10 %", "−6,261",
    ):  # fmt: skip
        assert word in text, word


async def test_at_80x24_the_page_keys_show_the_whole_of_it_while_one_types_and_after() -> None:
    async with open_desk(size=(80, 24)) as d:
        dialog = await opened(d, pair_view())
        for word in (
            "67,184.0",
            "67,190.5",
            "allowed, both legs",
            "$43.68",
            "even in 155.7 h",
            "$22,941",
            "87 %",
        ):
            assert word in d.text, word
        assert "pgdn pgup page 1 of" in d.text
        seen = [d.text]
        for _ in range(dialog.pages - 1):
            await d.press("pagedown")
            assert "allowed, both legs as one" in d.text
            assert f"pair open {SHORT}" in d.text
            seen.append(d.text)
        last = d.text
        await d.press("pagedown")
        assert d.text == last, "there is no page behind the last"
        whole = "\n".join(seen[1:])
        for word in (
            "In and out $", "21.56", "Every", "Settles", "−$1,054", "portfolio leverage",
            "funding flipped 24 h", "USDC 2023-03", "liquidation away, beta", " min 15.0 %", "USDT, long",
        ):  # fmt: skip
            assert word in whole, word
        await d.press("enter", "pageup")
        assert dialog.armed
        assert f"page {dialog.pages - 1} of {dialog.pages}" in d.text
        assert "S  send" in d.text
        await d.press("S")
        assert d.did == [("pair open", ARGS)]


def test_a_part_that_fits_stands_on_one_page() -> None:
    lines = [Line([Span(str(at), "text")]) for at in range(20)]
    pages = paged([lines[:3], [], lines[3:6], lines[6:11], lines[11:20]], 7)
    plain = [["".join(span.text for span in line.spans) for line in page] for page in pages]
    assert plain == [
        ["0", "1", "2", "", "3", "4", "5"],
        ["6", "7", "8", "9", "10"],
        ["11", "12", "13", "14", "15", "16", "17"],
        ["18", "19"],
    ]


def test_what_is_unknown_is_called_so_and_never_nothing() -> None:
    text = "\n".join(told(unknown_pair(), 108, 50))
    assert "denied: stale" in text
    assert "and no book" in text
    assert "cost unknown" in text
    assert "spread unknown" in text
    assert text.count("unknown") >= 6
    assert "$0" not in text


async def test_what_came_of_a_pair_is_said_on_every_screen() -> None:
    """An entry without takers once ended in silence behind `P-77 is opening`."""
    view = quiet_desk()
    mine = replace(view.pairs[0], id="P-77", state=PairState.OPENING)
    for end, said in (
        ((*view.pairs, replace(mine, state=PairState.HEDGED)), "✓ P-77 is open and hedged"),
        (view.pairs, "▲ P-77 has ended, nothing of it is open: 7 tells why"),
    ):
        async with open_desk(desk=view) as d:
            desk = d.app.desk
            await d.press("3")
            answer = Answer(ok=True, text="P-77 is opening", result={"pair": "P-77"})
            desk.heard("pair open", dict(ARGS), answer)
            assert "desk" in d.link.watched
            d.link.put(desk=view)  # from before the answer
            await d.pilot.pause(0.2)
            assert desk.said is not None
            assert desk.said[0].endswith("P-77 is opening")
            d.clock.now += 2
            for pairs in ((*view.pairs, mine), end):
                d.link.put(desk=replace(view, pairs=pairs))
                await d.pilot.pause(0.2)
            assert desk.said[0] == said
            assert "desk" not in d.link.watched, "asked for no longer"
            desk.heard("pair open", dict(ARGS), answer)
            d.clock.now += FOLLOWS_S
            desk._each_second()
            assert "desk" not in d.link.watched, "it stands in Positions"
