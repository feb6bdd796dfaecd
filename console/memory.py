"""`STATE/console.json`: what the consoles of this profile remember. Losing it costs nothing but a habit.

Several consoles may have one folder. Each writes what its own person has changed over what lies there now, so
none takes back what another has chosen meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from screens.memory import HISTORY, Memory
from services.settings.layout import StateLayout

NAME = "console.json"
TRIES, PAUSE_S = 20, 0.001
"""How long another console that writes is waited for: a key waits behind it."""

V = TypeVar("V")


class Kept:
    """The file as one console sees it. `memory` is the console's own, changed in place and then saved."""

    def __init__(self, layout: StateLayout) -> None:
        self._file = layout.root / NAME
        self.memory = self._read() or Memory()
        self._before = _copy(self.memory)
        """As of the last save: what differs from it was chosen here."""

    def save(self, memory: Memory) -> None:
        """In one step, so that another console reads no half of it. A disk that is full changes nothing."""
        fresh = self._file.with_name(f"{NAME}.{os.getpid()}")
        with contextlib.suppress(OSError), _alone(self._file.parent):
            merged = merge(self._before, memory, self._read())
            fresh.write_bytes(msgspec.json.format(msgspec.json.encode(merged), indent=1))
            fresh.chmod(0o600)
            fresh.replace(self._file)
            self._before = _copy(memory)

    def _read(self) -> Memory | None:
        """None when there is nothing that can be read."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Memory)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None


def merge(before: Memory, mine: Memory, theirs: Memory | None) -> Memory:
    """What was changed here since `before`, over what lies there; all of `mine` when nothing does."""
    if theirs is None:
        return mine
    return Memory(
        hidden=_changed(before.hidden, mine.hidden, theirs.hidden),
        sorts=_changed(before.sorts, mine.sorts, theirs.sorts),
        told=list(dict.fromkeys([*theirs.told, *mine.told])),
        theme=mine.theme if mine.theme != before.theme else theirs.theme,
        history=[*theirs.history, *_added(before.history, mine.history)][-HISTORY:],
    )


def _changed(before: Mapping[str, V], mine: Mapping[str, V], theirs: Mapping[str, V]) -> dict[str, V]:
    return dict(theirs) | {key: value for key, value in mine.items() if before.get(key) != value}


def _added(before: list[str], mine: list[str]) -> list[str]:
    """Lines that came behind those of before, of which the oldest may have gone meanwhile."""
    kept = min(len(before), len(mine))
    while before[len(before) - kept :] != mine[:kept]:
        kept -= 1
    return mine[kept:]


def _copy(memory: Memory) -> Memory:
    """Its lists are the console's own and go on changing."""
    return msgspec.json.decode(msgspec.json.encode(memory), type=Memory)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While no other console writes, as far as it can be waited for. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for _ in range(TRIES):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(PAUSE_S)
        yield
    finally:
        os.close(descriptor)
