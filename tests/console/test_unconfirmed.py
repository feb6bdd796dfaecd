"""A halt that was sent and not answered: the screen does not become calm, and says what is left to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from console.remedies import unheard
from screens.draw import strip as bar
from screens.draw.answers import answers
from screens.link import Answer, LinkState
from screens.prompt import STANDS_S, WARNS_S
from screens.sending import Awaited, unconfirmed
from services.protocol.options import RunOptions
from tests.console.fixtures import quiet_strip
from tests.console.test_keys import Desk, open_desk
from tests.console.test_layout import context


@asynccontextmanager
async def mute_desk() -> AsyncIterator[tuple[Desk, list[str]]]:
    """An engine that takes what is sent and answers nothing."""
    async with open_desk(size=(80, 24)) as d:
        sent: list[str] = []

        def send(name: str, args: Mapping[str, str], progress: object = None) -> Coroutine[Any, Any, Answer]:
            sent.append(name)
            return forever()

        d.link.send = send  # type: ignore[assignment]
        yield d, sent


async def forever() -> Answer:
    return await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("keys", "seconds", "age"), [("H", WARNS_S + 5, "1 m"), ("FF", STANDS_S + 5, "25 s")]
)
async def test_a_halt_and_a_flatten_at_a_silent_engine_never_fade(keys: str, seconds: int, age: str) -> None:
    """`halting …` once went after 20 s, and nobody had halted."""
    async with mute_desk() as (d, sent):
        desk = d.app.desk
        await d.press(*keys)
        d.link.quiet_s = 60.0
        for _ in range(seconds):
            d.clock.now += 1
            desk._each_second()
        (name,) = sent
        assert desk.said is not None
        assert desk.said[1] == "*alarm"
        assert f"{name} is NOT CONFIRMED: no answer for {age}; what is left of {name}" in desk.said[0]
        await d.press("escape")
        desk._each_second()
        await d.pilot.pause()
        assert "NOT CONFIRMED" in d.text


async def test_what_was_not_confirmed_is_answered_and_goes() -> None:
    async with open_desk(size=(80, 24)) as d:
        desk = d.app.desk
        await d.press("H")
        assert d.link.sent == [("halt", {})]
        d.clock.now += 60
        d.link.quiet_s = 60.0
        desk._each_second()
        assert desk.said is not None
        assert "halt done" in desk.said[0]


def test_only_what_is_late_is_told_and_safety_comes_first() -> None:
    def told(*awaited: tuple[str, float], trusted: bool = False) -> str | None:
        found = unconfirmed(
            tuple(Awaited(*one) for one in awaited), 100.0, trusted, lambda name: f"; {name}!"
        )
        return None if found is None else found[0].removeprefix("■ ")

    assert told() is None
    assert told(("halt", 98.0)) is None
    assert told(("resume", 50.0), ("halt", 97.0)) == "halt is NOT CONFIRMED: no answer for 3 s; halt!"
    assert told(("resume", 50.0)) == "resume is NOT CONFIRMED: no answer for 50 s; resume!"
    # An engine that is heard: a halt is answered at once, a flatten takes its time and says how far it is.
    assert told(("flatten", 50.0), trusted=True) is None
    assert told(("flatten", 50.0), ("halt", 90.0), trusted=True) is not None


def test_the_remedy_is_of_this_profile_and_folder() -> None:
    options = RunOptions(profile="live", state_dir="/tmp/a b", live=True)
    hangs, gone = (unheard("halt", options, gone=gone) for gone in (False, True))
    direct = "stableconsole flatten --direct --profile live --state-dir '/tmp/a b'"
    assert hangs.endswith(direct)
    assert "watchdog" in hangs
    assert gone.endswith(direct)
    assert "start an engine: stableconsole --live --profile live" in gone
    assert unheard("resume", options, gone=False) == ""


@pytest.mark.parametrize(
    ("state", "text", "word", "wide", "small"),
    [
        ("connected", "engine PID 7", "SILENT", "its watchdog ends it; or flatten --direct", "H: what to do"),
        ("reconnecting", "reconnecting, try 2", "SILENT", "start it anew; or flatten", "start it anew"),
        ("reconnecting", "the engine has stopped", "STOPPED", "start it anew; or flatten", "start it anew"),
    ],
)
def test_an_engine_that_hangs_is_not_to_be_started_and_one_that_stopped_is_not_silent(
    state: LinkState, text: str, word: str, wide: str, small: str
) -> None:
    found = answers(quiet_strip(), state, text, 12.0, context())
    for width, rows, said in ((220, 4, wide), (80, 3, small)):
        drawn = "\n".join(line.plain for line in bar.draw(found, width, rows))
        assert word in drawn
        assert said in drawn


async def test_a_halt_that_found_no_engine_is_told_when_one_answers_again() -> None:
    """`start an engine` stood there, and went by itself, beside an engine that ran and was not halted."""
    async with open_desk(size=(80, 24)) as d:
        desk = d.app.desk
        d.link.answers["halt"] = Answer(ok=False, text="halt was not sent: reconnecting", exit=3)
        d.link.quiet_s = 60.0
        await d.press("H")
        desk._each_second()
        assert desk.said is not None
        assert "was not sent" in desk.said[0]
        d.link.quiet_s = 0.0
        desk._each_second()
        assert desk.said == (
            "\u25a0 halt did not reach the engine that answers now, ACTIVE: halt again if it is still meant",
            "*alarm",
        )
        del d.link.answers["halt"]
        await d.press("H")
        desk._each_second()
        assert "halt done" in (desk.said or ("",))[0]
