"""Keys that came in one piece of input with the one before: out of a text that a terminal types, or of a line
that brings keys in lumps; or right behind such a text. None of them is an answer by itself.

The clock alone cannot tell: on a busy machine the keys of a piece are answered as far apart as a hand's.
"""

from __future__ import annotations

from textual import events

_MARK = "along"


def mark(event: events.Key) -> None:
    vars(event)[_MARK] = True


def is_along(event: events.Key) -> bool:
    return _MARK in vars(event)


def again(event: events.Key) -> events.Key:
    """The same key once more, for whoever it is for now."""
    made = events.Key(event.key, event.character)
    if is_along(event):
        mark(made)
    return made
