"""What the control server needs of the engine: somewhere to put commands, somewhere to pull views from.

Both are called on the event loop's thread. The engine implements them; the server never sees the desk.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from services.domain.effects import Done
from services.protocol.frames import Cmd


class Reply(Protocol):
    """The way back to whoever asked. Safe to call when the asker is long gone."""

    def progress(self, text: str) -> None:
        """An interim word; any number of them before `done`."""

    def done(self, answer: Done) -> None:
        """The one and last answer. `answer.command` is ignored: the reply knows its command."""


class CommandSink(Protocol):
    """Takes commands at once, in the order they came; answers come later through `reply`."""

    def submit(self, command: Cmd, reply: Reply) -> None:
        """Must return at once (queue it). `name` and `args` are as `protocol.grammar` gives them."""


class ViewSource(Protocol):
    """Builds frozen views when the server pulls them. Never called for a topic nobody watches."""

    def now(self) -> int:
        """The desk's time, ns: stamped on every view."""

    def version(self, topic: str) -> int:
        """Any number that differs once the topic may show something new: a count of events will do."""

    def ready(self, topic: str) -> bool:
        """Asked before `build`, again and again until it is True: False = a step of long work was done and
        more is left. Each step is short; anything may happen between two."""

    def build(self, topic: str) -> Struct | None:
        """The view of a topic as it stands. None = this engine has no such topic."""
