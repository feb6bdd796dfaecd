"""The resume dialog: what each cause becomes, live; a line that would be refused is not sent."""

from __future__ import annotations

from screens.resume_dialog import ResumeDialog
from services.domain.enums import TradingState
from tests.console.fixtures import halted_desk, halted_strip
from tests.console.pair_fixtures import answered, resume_view
from tests.console.test_keys import Desk, open_desk


async def opened(d: Desk) -> ResumeDialog:
    d.link.answers["preview resume"] = answered(resume_view())
    await d.press("R")
    await d.pilot.pause(0.2)
    dialog = d.app.desk.dialog
    assert isinstance(dialog, ResumeDialog)
    return dialog


async def test_it_says_what_becomes_of_each_cause_and_offers_what_it_takes() -> None:
    async with open_desk(halted_strip(), halted_desk()) as d:
        dialog = await opened(d)
        assert d.link.sent[0] == ("preview resume", {})
        assert d.did == [], "it asks each second, and does nothing"
        for word in (
            "holds     breaker daily, all: daily loss 5.2 %", '--override "breaker daily"', "--rebase daily",
            "clears    halt, all", "stays     stale data, venue:beta", "refused as it stands",
        ):  # fmt: skip
            assert word in d.text, word
        field = d.app.desk.field
        assert field is not None
        await d.press("=seen --o", "tab")
        assert field.value == "seen --override"
        assert "enter waits: a switch has no name" in "\n".join(each.plain for each in dialog.body(80).foot)
        await d.press("= ", "tab")
        assert field.value == f"seen --override {halted_strip().causes[0].name}"
        # An answer to another line keeps nobody from resuming.
        dialog.typed("x")
        assert not dialog.refused
        dialog.heard("", answered(resume_view()))
        assert not dialog.refused
        dialog.heard("x", answered(resume_view(causes=(), after=TradingState.ACTIVE)))
        drawn = [line.plain for row in dialog.body(80).rows for line in row.lines]
        assert "then      ✓ ACTIVE" in drawn


async def test_it_says_what_enter_waits_for() -> None:
    """Without a reason the key did nothing, and `enter resumes` stood there; while a flatten was running it
    said to name what holds, and nothing did."""
    async with open_desk(halted_strip(), halted_desk()) as d:
        dialog = await opened(d)
        clears = resume_view(causes=resume_view().causes[1:2], after=TradingState.ACTIVE)

        def foot() -> str:
            return "\n".join(each.plain for each in dialog.body(80).foot)

        dialog.heard("", answered(clears))
        assert "enter waits: give a reason" in foot()
        await d.press("=seen")
        dialog.heard("seen", answered(clears))
        assert "enter resumes" in foot()
        running = "a flatten is still running: wait for its end"
        dialog.heard("seen", answered(resume_view(causes=clears.causes, errors=(running,))))
        assert "enter waits: not yet, see above" in foot()
        dialog.heard("seen", answered(resume_view()))
        assert "enter waits: name what holds" in foot()


async def test_tab_offers_the_switches_right_behind_the_reason() -> None:
    """`tab --override, --rebase` stood there, and the key did nothing before a blank was typed."""
    async with open_desk(halted_strip(), halted_desk()) as d:
        await opened(d)
        await d.press("=it is fine", "tab")
        assert d.app.desk.field is not None
        assert d.app.desk.field.value == "it is fine --override"


async def test_a_line_that_would_be_refused_is_not_sent_until_it_names_the_cause() -> None:
    async with open_desk(halted_strip(), halted_desk()) as d:
        await opened(d)
        await d.press("=checked both venues")
        await d.pilot.pause(0.2)
        await d.press("enter")
        assert d.did == []
        assert d.app.desk.dialog is not None
        d.link.answers["preview resume"] = answered(resume_view(named=True))
        await d.press("= --rebase daily")
        await d.pilot.pause(0.2)
        assert d.link.sent[-1] == ("preview resume", {"rebase": "daily"})
        assert "still REDUCING" in d.text
        await d.press("enter")
        assert d.did == [("resume", {"reason": "checked both venues", "rebase": "daily"})]
        assert d.app.desk.dialog is None
