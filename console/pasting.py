"""What is pasted is text, whatever stands in it.

A terminal brackets a paste, and most take control characters out of it; tmux's own buffers and some
terminals do not. The library reads an escape inside the brackets as the beginning of a key and types the rest
of it: `F` among the letters of a coloured log line was the key of flatten.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable

from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.message import Message

from screens import along

_BEGIN, _END = "\x1b[200~", "\x1b[201~"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""All but the tabulator and the ends of lines."""
SPLIT_S = 0.02
"""What comes so soon behind a text is the rest of it: a terminal hands it over some kilobytes at a time."""


class Plain:
    """What the terminal sends, chunk by chunk, without the control characters of what is pasted."""

    def __init__(self) -> None:
        self._pasting = False
        self._held = ""
        """Inside a paste: what may be the beginning of its end."""
        self._passed = ""
        """Outside: the last of what was passed on, for a bracket that comes in two chunks."""

    def __call__(self, data: str) -> str:
        out: list[str] = []
        while data or self._held:
            if not self._pasting:
                seen = self._passed + data
                at = seen.find(_BEGIN)
                cut = len(data) if at < 0 else at + len(_BEGIN) - len(self._passed)
                out.append(data[:cut])
                self._pasting, self._passed = at >= 0, "" if at >= 0 else seen[-len(_BEGIN) + 1 :]
                data = data[cut:]
                continue
            text, end, data = (self._held + data).partition(_END)
            self._held, self._pasting = "" if end else _begun(text), not end
            out.append(_CONTROL.sub("", text[: len(text) - len(self._held)]) + end)
            if not end:
                break
        return "".join(out)


def _begun(text: str) -> str:
    """As much of the closing bracket as stands at the end of the text."""
    return next((_END[:size] for size in range(len(_END) - 1, 0, -1) if text.endswith(_END[:size])), "")


class PlainParser(XTermParser):
    def __init__(self, debug: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(debug)
        self._plain = Plain()
        self._clock = clock
        self._text_at = -math.inf
        """When the last piece came that was more than one key."""

    def feed(self, data: str) -> Iterable[Message]:
        clean = self._plain(data)
        # Nothing at all would be the end of the input to it.
        return self._marked(super().feed(clean)) if clean or not data else ()

    def _marked(self, heard: Iterable[Message]) -> Iterable[Message]:
        """Without brackets a paste is keys, and so is what stands behind a closing one in its own text; that
        they come in one piece tells them from a hand's. A long one comes in several, with no time between."""
        now = self._clock()
        behind = now - self._text_at < SPLIT_S
        for message in heard:
            if isinstance(message, (events.Key, events.Paste)):
                if behind and isinstance(message, events.Key):
                    along.mark(message)
                if behind or isinstance(message, events.Paste):
                    self._text_at = now
                behind = True
            yield message


def read_pastes_as_text() -> None:
    """The driver makes its own parser, and offers no other place to give it one."""
    vars(linux_driver)["XTermParser"] = PlainParser
