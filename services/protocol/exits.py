"""Exit statuses of the program and of commands over the socket (CONSOLE): one closed list."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    """One line on stderr says what and what to do."""
    USAGE = 2
    """Wrong usage or invalid configuration."""
    NO_ENGINE = 3
    """No engine is running for this profile."""
    REFUSED = 4
    """By a risk check or the trading state, named."""
    LEFT_OPEN = 5
    """Flatten ended with something left, listed."""
    HELD = 6
    """Another engine holds this profile or account, named."""
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        return _MEANING[self]


_MEANING = {
    Exit.DONE: "done",
    Exit.FAILED: "failed; one line on stderr says what and what to do",
    Exit.USAGE: "wrong usage or invalid configuration",
    Exit.NO_ENGINE: "no engine is running for this profile",
    Exit.REFUSED: "refused by a risk check or the trading state (named)",
    Exit.LEFT_OPEN: "flatten ended with something left (listed)",
    Exit.HELD: "another engine holds this profile or account (named)",
    Exit.INTERRUPTED: "interrupted",
}


def as_exit(status: int) -> Exit:
    """A peer's number as one of ours; a number this version does not know is a failure."""
    try:
        return Exit(status)
    except ValueError:
        return Exit.FAILED
