"""The reconcile dialog: opened by its alert or `:reconcile`, accepts what was shown and nothing else."""

from __future__ import annotations

from msgspec.structs import replace

from screens.reconcile_dialog import ReconcileDialog
from tests.console.differing import COIN, LEG, SMALL, differing_desk
from tests.console.fixtures import quiet_desk
from tests.console.test_keys import open_desk


async def test_enter_on_the_alert_opens_the_lines_and_a_accepts_exactly_them() -> None:
    async with open_desk(desk=differing_desk(LEG, COIN, SMALL)) as d:
        d.app.desk.go_to("alerts")
        await d.press("home", "enter")
        assert isinstance(d.app.desk.dialog, ReconcileDialog)
        assert "Our books against the venues" in d.text
        assert "499.87" in d.text
        assert "adopted by itself" in d.text
        await d.press("A")
        assert d.link.sent == [("reconcile accept", {"ids": f"{LEG.id} {COIN.id}"})]
        assert d.app.desk.dialog is None


async def test_the_command_asks_for_a_read_and_opens_the_lines() -> None:
    async with open_desk(desk=differing_desk()) as d:
        await d.press("colon", "=reconcile", "enter")
        assert d.link.sent == [("reconcile", {})]
        assert isinstance(d.app.desk.dialog, ReconcileDialog)
        await d.press("r")
        assert d.link.sent == [("reconcile", {}), ("reconcile", {})]
        assert d.app.desk.dialog is not None
        await d.press("n")
        assert d.app.desk.dialog is None
        assert len(d.link.sent) == 2


async def test_a_silent_venue_is_not_said_to_agree() -> None:
    silent = quiet_desk()
    fresh = tuple(replace(one, stale=False) for one in silent.risk.accounts)
    heard = replace(silent, risk=replace(silent.risk, accounts=fresh))
    for shown, agrees in ((heard, True), (silent, False)):
        async with open_desk(desk=shown) as d:
            await d.press("colon", "=reconcile", "enter")
            assert ("our books are the venues'" in d.text) is agrees
            assert ("what stands on gamma is not fresh" in d.text) is not agrees


async def test_a_line_that_has_just_changed_is_not_accepted_under_the_finger() -> None:
    async with open_desk(desk=differing_desk(LEG)) as d:
        await d.press("colon", "=reconcile", "enter")
        d.link.put(desk=differing_desk(LEG, COIN))
        await d.pilot.pause(0.15)
        assert "499.87" in d.text
        await d.press("A", after=0.3)
        assert [name for name, _ in d.link.sent] == ["reconcile"]
        await d.press("A", after=1.0)
        assert d.link.sent[-1] == ("reconcile accept", {"ids": f"{LEG.id} {COIN.id}"})


async def test_halt_works_in_the_dialog_even_while_accepting_waits() -> None:
    async with open_desk(desk=differing_desk(LEG)) as d:
        await d.press("colon", "=reconcile", "enter")
        d.link.put(desk=differing_desk(COIN))
        await d.pilot.pause(0.15)
        await d.press("H", after=0.3)
        assert d.link.sent[-1] == ("halt", {})


async def test_nothing_shown_is_nothing_accepted() -> None:
    async with open_desk(desk=quiet_desk()) as d:
        await d.press("colon", "=reconcile accept", "enter")
        assert d.link.sent == []
        assert "nothing to accept" in d.text
        await d.press("colon", "=reconcile", "enter", "A")
        assert d.link.sent == [("reconcile", {})]
        assert "No difference is known" in d.text


async def test_typed_accept_names_the_lines_on_the_screen() -> None:
    async with open_desk(desk=differing_desk(LEG, SMALL)) as d:
        await d.press("colon", "=reconcile accept", "enter")
        assert d.link.sent == [("reconcile accept", {"ids": LEG.id})]
