"""What a screen needs of the engine: the newest views, a word when they change, a way to send commands.

The screens know this protocol and nothing of sockets. `console/link.py` implements it; tests use a stand-in.
Everything here runs on the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct

LinkState = Literal["starting", "connected", "reconnecting", "closed"]
"""`starting`: no engine has answered yet. `closed`: it said good-bye, nothing more will come."""

LINK = "link"
"""The topic name of a change of the connection itself (state or text)."""


class Answer(Struct, frozen=True, kw_only=True):
    """The one answer to a command. `text` is ready for a person: cause and remedy when not `ok`."""

    ok: bool
    text: str
    result: object | None = None
    exit: int = 0


class Link(Protocol):
    @property
    def read_only(self) -> bool:
        """This console sends nothing, halt included."""

    @property
    def state(self) -> LinkState: ...

    @property
    def text(self) -> str:
        """What the connection is doing, for a person: `engine starting`, `reconnecting, try 2`."""

    @property
    def warning(self) -> str:
        """What is wrong between this console and its engine although they are connected: other versions.

        Empty = nothing.
        """

    def silence(self) -> float:
        """Wall seconds since the engine was last heard; 0 before it first answered."""

    def age(self, topic: str) -> float:
        """Wall seconds since the newest view of a watched topic came, or since it was asked for when none
        has; the engine sends each at least once a second. 0 = nobody asked for it.
        """

    def standing(self) -> float:
        """Wall seconds in which the desk's own time has not moved, though its views came. 0 = none came."""

    def view(self, topic: str) -> object | None:
        """The newest view of a topic (`StripView` for strip, `DeskView` for desk); None = none came yet."""

    def listen(self, changed: Callable[[str], None]) -> Callable[[], None]:
        """Calls `changed(topic)` at each new view, and `changed("link")` when state or text change.

        Returns the function that ends it.
        """

    def watch(self, topics: tuple[str, ...], hz: float) -> None:
        """Which views to send, and how often at most. Replaces what was watched before."""

    def send(
        self, name: str, args: Mapping[str, str], progress: Callable[[str], None] | None = None
    ) -> Coroutine[Any, Any, Answer]:
        """One command, names and args as in `services.protocol.grammar`: on the wire when this returns.

        What is awaited is the answer. Never raises: trouble is an answer.
        """

    def unheard(self, name: str) -> str:
        """What a person can do whose command is not answered, as the end of a sentence; may be empty."""

    def start(self) -> None:
        """Begins to connect; called once, after the first frame is painted."""

    async def close(self) -> None:
        """Leaves the engine running and ends the connection."""
