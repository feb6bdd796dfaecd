"""Commands on their way: sent, waited for, answered.

A command leaves before anything is drawn. A halt that was sent is no halt: until its answer is there, the
screen does not become calm again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from msgspec import Struct

from screens import format as f
from screens.draw.answers import SILENT_AFTER
from screens.link import Answer
from screens.outcome import said
from screens.prompt import Prompt
from themes import glyphs as g

SAFETY = ("halt", "flatten")
"""What is unconfirmed of these is an alarm, with what is left to do."""
NO_ENGINE = 3
"""The exit status of what found none."""


class Awaited(Struct, eq=False):
    name: str
    since: float
    """By the screen's clock: it was sent, or the engine last said how far it is."""


class Sending(Prompt, inherit_bindings=False):
    _awaited: tuple[Awaited, ...] = ()
    """Oldest first."""
    _unheard = ""
    """The newest halt or flatten that found no engine."""

    def send(self, name: str, args: Mapping[str, str], doing: str) -> None:
        """One command on its way. `doing` is shown until its answer is there."""
        if self.link.read_only:
            self.say(f"read-only console: {name} was not sent", "*warn")
            return
        # On the wire first; painting and waiting come after.
        waiting = self.sent(name, args)
        self.run_worker(
            self._hear(name, dict(args), waiting), name=name, group="commands", exit_on_error=False
        )
        self.say(doing, "muted")

    def sent(self, name: str, args: Mapping[str, str]) -> Coroutine[Any, Any, Answer]:
        """On the wire when this returns; what is awaited is the answer."""
        one = Awaited(name, self.clock())

        def goes_on(text: str) -> None:
            one.since = self.clock()
            self.say(text, "muted")

        self._awaited += (one,)
        return self._until_answered(one, self.link.send(name, args, goes_on))

    async def _until_answered(self, one: Awaited, waiting: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            return await waiting
        finally:
            self._awaited = tuple(each for each in self._awaited if each is not one)

    async def _hear(self, name: str, args: dict[str, str], waiting: Coroutine[Any, Any, Answer]) -> Answer:
        answer = await waiting
        self.heard(name, args, answer)
        return answer

    def heard(self, name: str, args: Mapping[str, str], answer: Answer) -> None:
        if name in SAFETY:
            self._unheard = name if answer.exit == NO_ENGINE else ""
        text = said(name, args, answer)
        strip = self.strip
        at = f"{f.clock(strip.ts)} " if strip is not None else ""
        if answer.ok:
            tick = "ok" if self.terminal.ascii else g.TICK
            self.say(f"{tick} {at}{text}", "muted")
        else:
            self.say(f"{g.ALARM} {text}", "*alarm" if answer.exit not in (2, 4) else "*warn")

    def _each_second(self) -> None:
        super()._each_second()
        late = unconfirmed(self._awaited, self.clock(), self.trusted, self.link.unheard)
        if late is not None:
            self.say(*late)
        elif self._unheard and self.trusted and self.strip is not None:
            # Whoever pressed the key believes in it, and this engine was not there to hear it.
            name, self._unheard = self._unheard, ""
            state = self.strip.trading_state.value
            told = f"{name} did not reach the engine that answers now, {state}"
            self.say(f"{g.ALARM} {told}: {name} again if it is still meant", "*alarm")


def unconfirmed(
    awaited: tuple[Awaited, ...], now: float, trusted: bool, remedy: Callable[[str], str]
) -> tuple[str, str] | None:
    """Text and ink of the gravest command that waits too long; None = nothing does.

    `trusted`: the engine is heard. Then only a halt is late, for it is answered in the step that hears it; a
    flatten takes its time. `remedy`: what a person can do, by command.
    """
    late = [one for one in awaited if now - one.since >= SILENT_AFTER and (one.name == "halt" or not trusted)]
    if not late:
        return None
    one = min(late, key=lambda each: (each.name not in SAFETY, each.since))
    waited = f.coarse(int(now - one.since) * 10**9)
    text = f"{g.ALARM} {one.name} is NOT CONFIRMED: no answer for {waited}{remedy(one.name)}"
    return (text, "*alarm" if one.name in SAFETY else "*warn")
