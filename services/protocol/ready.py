"""One JSON line over a pipe: what a starting engine tells whoever spawned it (RUNTIME 1)."""

from __future__ import annotations

import contextlib
import os

import msgspec
from msgspec import Struct

from services.protocol.exits import Exit

MAX_LINE = 64 * 1024


class Ready(Struct, frozen=True, kw_only=True):
    ok: bool
    pid: int = 0
    text: str = ""
    """The one line of what is wrong."""
    exit: int = 0
    """The engine's exit status, which becomes the starter's."""


def tell_ready(descriptor: int | None, word: Ready) -> None:
    """Writes the line and closes the pipe. A starter that is gone is no trouble."""
    if descriptor is None:
        return
    with contextlib.suppress(OSError):
        os.write(descriptor, msgspec.json.encode(word) + b"\n")
    with contextlib.suppress(OSError):
        os.close(descriptor)


def parse_ready(data: bytes) -> Ready:
    """What came over the pipe until its end; no such line means that the engine fell at start."""
    try:
        return msgspec.json.decode(data.partition(b"\n")[0][:MAX_LINE], type=Ready)
    except msgspec.DecodeError:
        return Ready(ok=False, text="the engine ended before it was ready", exit=Exit.FAILED)
