"""The Strategies screen by its keys: what is sent to the engine, and only after a person confirmed it."""

from __future__ import annotations

from tests.console.fixtures import quiet_desk
from tests.console.strategy_fixtures import quiet_strategies
from tests.console.test_keys import Desk, open_desk


async def strategies(d: Desk, pane: str) -> None:
    d.link.views["strategies"] = quiet_strategies()
    await d.press("4")
    d.app.desk.go_to(pane)
    await d.pilot.pause()


async def test_a_parameter_is_edited_in_place_and_sent_as_set() -> None:
    async with open_desk() as d:
        await strategies(d, "parameters")
        await d.press("down", "down", "enter")
        field = d.app.desk.field
        assert field is not None
        assert field.value == "72h"
        field.value = "48h"
        await d.press("enter")
        assert d.link.sent == [("set", {"key": "funding_arb.hold_h", "value": "48h"})]
        assert d.app.desk.field is None


async def test_a_value_that_is_none_stays_where_it_is_typed() -> None:
    """The field closed, the engine refused, and the second try `0.8bps` was the keys 0, ., 8, b, p, s."""
    async with open_desk(size=(80, 24)) as d:
        await strategies(d, "parameters")
        for row, text, said in (
            (1, "abc", "expected a rate such as 1.0bps/8h"),
            (1, "0.8", "expected a rate such as 1.0bps/8h"),
            (4, "6", "is a limit: to loosen it, give a reason after the value"),
        ):
            await d.press("home", *["down"] * row, "e")
            field = d.app.desk.field
            assert field is not None
            field.value = text
            await d.press("enter")
            assert said in d.text
            assert d.app.desk.field is field
            await d.press("escape")
        assert d.link.sent == []


async def test_the_way_to_close_is_told_whole_on_a_small_terminal() -> None:
    async with open_desk(size=(80, 24)) as d:
        await strategies(d, "pairs")
        await d.press("x")
        assert "type yes:" in d.text, "the word stands nowhere as if it had been typed"
        assert "Closes both legs in step; escape leaves it open." in d.text
        await d.press("enter")
        assert "yes closes both legs in step; escape leaves it open" in d.text
        assert d.link.sent == []


async def test_a_limit_takes_its_reason_behind_the_value() -> None:
    async with open_desk() as d:
        await strategies(d, "parameters")
        await d.press("end", "e")
        assert d.app.desk.field is not None
        d.app.desk.field.value = "6 more room after the deposit"
        await d.press("enter")
        assert d.link.sent == [
            (
                "set",
                {"key": "funding_arb.max_pairs", "value": "6", "reason": "more room after the deposit"},
            )
        ]


async def test_a_unit_is_no_reason_for_a_looser_limit() -> None:
    async with open_desk(size=(80, 24)) as d:
        await strategies(d, "parameters")
        await d.press("end", "e")
        assert d.app.desk.field is not None
        d.app.desk.field.value = "6 x"
        await d.press("enter")
        assert d.app.desk.field is not None
        assert d.link.sent == []


async def test_an_unchanged_or_empty_value_sends_nothing() -> None:
    async with open_desk() as d:
        await strategies(d, "parameters")
        await d.press("down", "down", "e", "enter")
        assert "72h already" in d.text
        await d.press("e")
        assert d.app.desk.field is not None
        d.app.desk.field.value = " "
        await d.press("enter")
        assert "a value with its unit" in d.text
        await d.press("escape")
        assert d.link.sent == []


async def test_u_takes_an_override_back_and_says_when_there_is_none() -> None:
    async with open_desk() as d:
        await strategies(d, "parameters")
        await d.press("u")
        assert "is as the profile has it" in d.text
        assert d.link.sent == []
        await d.press("down", "u")
        assert d.link.sent == [("unset", {"key": "funding_arb.min_spread"})]


async def test_a_pair_is_closed_only_after_yes() -> None:
    async with open_desk() as d:
        await strategies(d, "pairs")
        await d.press("x")
        assert d.app.desk.field is not None
        await d.press("enter")
        assert d.link.sent == []
        await d.press("=yes", "enter")
        assert [name for name, _ in d.link.sent] == ["pair close"]
        assert d.link.sent[0][1]["id"] == quiet_strategies().pairs[0].id


async def test_p_pauses_the_selected_strategy() -> None:
    async with open_desk() as d:
        await strategies(d, "running")
        await d.press("p")
        d.link.put(desk=quiet_desk())
        await d.pilot.pause(0.3)
        assert d.link.sent == [("pause", {"name": "funding_arb"})]


async def test_the_parameters_are_those_of_the_selected_strategy() -> None:
    async with open_desk() as d:
        await strategies(d, "running")
        assert "min_spread" in d.text
        await d.press("down")
        assert "Parameters of cross_exchange" in d.text
        assert "min_spread" not in d.text
