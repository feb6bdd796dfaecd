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
from typing import Any, TypeVar, get_type_hints

import msgspec
from msgspec import Raw

from screens.memory import HISTORY, Memory
from services.settings.layout import StateLayout

NAME = "console.json"
TRIES, PAUSE_S = 20, 0.001
"""How long another console that writes is waited for: a key waits behind it."""
LEFT_S = 60.0
"""A file that is written is there for less."""

V = TypeVar("V")


class Kept:
    """The file as one console sees it. `memory` is the console's own, changed in place and then saved."""

    def __init__(self, layout: StateLayout) -> None:
        self._file = layout.root / NAME
        self.memory = _known(self._read() or {})
        self._before = _copy(self.memory)
        """As of the last save: what differs from it was chosen here."""

    def save(self, memory: Memory) -> str | None:
        """In one step, so that another console reads no half of it. Why it cannot be kept; None = it is."""
        fresh = self._file.with_name(f"{NAME}.{os.getpid()}")
        try:
            with _alone(self._file.parent):
                self._tidy()
                there = self._read()
                fresh.write_bytes(
                    msgspec.json.format(msgspec.json.encode(self._over(there, memory)), indent=1)
                )
                fresh.chmod(0o600)
                fresh.replace(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)  # half of it, where the disk is full
            return f"what you choose here is not kept: {self._file}: {error.strerror or error}"
        self._before = _copy(memory)
        return None

    def _over(self, there: Mapping[str, Raw] | None, memory: Memory) -> Mapping[str, Raw] | Memory:
        """What was changed here over what lies there; all, when nothing does.

        A field of a newer version stays as it is written.
        """
        if there is None:
            return memory
        theirs = _known(there)
        merged = merge(self._before, memory, theirs)
        new = {
            name: Raw(msgspec.json.encode(getattr(merged, name)))
            for name in Memory.__struct_fields__
            if name not in there or getattr(merged, name) != getattr(theirs, name)
        }
        return {**there, **new}

    def _read(self) -> dict[str, Raw] | None:
        """By field, as written; None when there is nothing that can be read."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Raw])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def _tidy(self) -> None:
        """What a console left that ended while it wrote. A young one may be another's that could not wait."""
        for left in self._file.parent.glob(f"{NAME}.*"):
            with contextlib.suppress(FileNotFoundError):
                if left.suffix[1:].isdecimal() and time.time() - left.stat().st_mtime > LEFT_S:
                    left.unlink()


def _known(fields: Mapping[str, Raw]) -> Memory:
    """Field by field: one that was written otherwise costs no other."""
    types = get_type_hints(Memory)
    found: dict[str, Any] = {}
    for name in Memory.__struct_fields__:
        if name in fields:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                found[name] = msgspec.json.decode(fields[name], type=types[name])
    return Memory(**found)


def merge(before: Memory, mine: Memory, theirs: Memory) -> Memory:
    """What was changed here since `before`, over what lies there."""
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
