"""`STATE/console.json`: what the consoles of this profile remember. Losing it costs nothing but a habit."""

from __future__ import annotations

import contextlib
import os

import msgspec

from screens.memory import Memory
from services.settings.layout import StateLayout

NAME = "console.json"


def load(layout: StateLayout) -> Memory:
    """Defaults when there is nothing that can be read."""
    try:
        return msgspec.json.decode((layout.root / NAME).read_bytes(), type=Memory)
    except (OSError, msgspec.MsgspecError):
        return Memory()


def save(layout: StateLayout, memory: Memory) -> None:
    """In one step, so that another console never reads half of it. A disk that is full changes nothing."""
    target = layout.root / NAME
    fresh = target.with_name(f"{NAME}.{os.getpid()}")
    with contextlib.suppress(OSError):
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(memory), indent=1))
        fresh.chmod(0o600)
        fresh.replace(target)
