"""What surrounds the `:` line: help beside and below it, completion, its history, what it says afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from screens import known, typed
from screens.memory import HISTORY
from screens.picture import Picture
from screens.widgets.footer import Below
from services.protocol.grammar import complete

STANDS_S = 20
WARNS_S = 60
"""How long a word, and a refusal, stands."""


class Prompt(Picture, inherit_bindings=False):
    problem = ""
    """What is wrong with the line as it was entered."""
    wrong = ""
    """That line."""
    about = ""
    """What an `ask` field wants."""
    settings: Mapping[str, str] = MappingProxyType({})
    """Key to value and meaning, once asked for."""
    _asked = False
    """… since the line was opened."""

    _forgetful = False
    """It was told that nothing is kept."""
    _said_for = 0
    """Seconds that it stands."""

    def say(self, text: str, ink: str = "muted") -> None:
        self.said = (text, ink)
        self._said_for = 0
        if self.is_attached:
            self._draw_said()

    def _draw_said(self) -> None:
        self.draw_command()
        self.draw_dialog()  # it makes room for what is said

    def remember(self) -> None:
        """Writes down what a person has just chosen. That it cannot be is said once, after the choice."""
        problem = self._save(self.memory)
        if problem and not self._forgetful:
            self._forgetful = True
            self.call_after_refresh(self.say, problem, "*warn")

    def fade(self) -> None:
        """Called each second. What was said goes by itself: later it would be taken for the answer to
        something else. That another version answers holds as long as it does."""
        if self.said is None or self.said[0] == self.link.warning:
            return
        self._said_for += 1
        if self._said_for >= (STANDS_S if self.said[1] == "muted" else WARNS_S):
            self.said = None
            self._draw_said()

    def hush(self) -> None:
        """What was said goes at once, with the rows it lay over."""
        if self.said is not None and self.said[0] != self.link.warning:
            self.said = None
            self._draw_said()

    def keep_line(self, text: str) -> None:
        """Into the history: only what was taken, for what was refused may be anything pasted; no secret."""
        if typed.worth_keeping(text) and self.history[-1:] != [text]:
            self.history.append(text)
            del self.history[:-HISTORY]
            self.remember()

    def told_wrong(self, text: str) -> None:
        """What is wrong with the line stands below it, in the full width; the line stays to be mended."""
        self.problem = text
        self.wrong = self.field.value if self.field is not None else ""
        if self.field_mode in ("reason", "ticket"):
            self.hint = (text, "*warn")
            self.say(text, "*warn")
        self.draw_command()
        self.draw_keys()

    def line_typed(self, text: str) -> None:
        if self.field is None or self.field.value != self.wrong:
            # Not by the echo of what was typed before the line was entered.
            self.problem = ""
        if self.field_mode == ":":
            self.hint = typed.hint(text, self.desk)
            if text.lstrip(" :").startswith(("set ", "unset ")):
                self.learn_settings()
        self.draw_command()
        self.draw_keys()

    def under(self) -> Below | None:
        if self.field is None or self.field_mode not in (":", "ask"):
            return None
        if self.problem:
            return Below(self.problem, "*warn")
        if self.field_mode == "ask":
            return Below(self.about) if self.about else None
        return typed.below(self.field.value, self.settings, self.complete(self.field.value))

    def learn_settings(self) -> None:
        """Asks the engine what its settings are; a read-only console asks nothing and offers defaults."""
        if not self._asked:
            self._asked = True
            self.run_worker(self._learn(), name="settings", group="settings", exit_on_error=False)

    async def _learn(self) -> None:
        running: dict[str, str] = {}
        if not self.link.read_only and self.link.state == "connected":
            answer = await self.link.send("settings", {})
            result = answer.result if isinstance(answer.result, dict) else {}
            running = {str(key): str(value) for key, value in (result.get("parameters") or {}).items()}
        self.settings = await asyncio.to_thread(known.settings, running)
        self.draw_keys()

    def own_line(self, word: str, rest: str) -> bool:
        """A line for the console itself, nothing of which reaches the engine. True = the field may close."""
        raise NotImplementedError  # the floor above knows the actions

    def complete(self, text: str) -> Sequence[str]:
        offers = complete(text, lambda takes: typed.candidates(takes, self.desk, self.strip, self.settings))
        return (*offers, *typed.own(text))
