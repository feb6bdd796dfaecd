"""The only readings of the wall clock outside the venues: the core never takes one (RUNTIME 2)."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def wall_ns() -> int:
    """Nanoseconds since the epoch, UTC."""
    return time.time_ns()


def wall_text() -> str:
    """Now, ISO 8601 UTC, whole seconds: for lock files and logs."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
