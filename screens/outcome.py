"""What came of a command, in one line for the row above the keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from screens import format as f
from screens.link import Answer

_SUBJECT = ("name", "id", "kind", "venue", "chance", "symbol", "key", "value")
"""Of a setting also what it is now: a figure that was typed wrong is seen where one looks."""


def said(name: str, args: Mapping[str, str], answer: Answer) -> str:
    """The engine's own words where it gave some; else what its answer holds."""
    if answer.text:
        return f.clean(answer.text)
    result = answer.result if isinstance(answer.result, dict) else {}
    if name == "flatten":
        return _flat(result)
    subject = " ".join(args[key] for key in _SUBJECT if key in args)
    words = [f"{name} {subject}".strip()]
    state = result.get("trading_state")
    if isinstance(state, str):
        words.append(f"the desk is {f.clean(state)}")
    cancelled = _count(result.get("cancelled"))
    if cancelled:
        words.append(f"{cancelled} order{'' if cancelled == 1 else 's'} cancelled")
    pending = _count(result.get("pending"))
    if pending:
        words.append(f"{pending} still pending")
    return ": ".join(words[:2]) + "".join(f", {word}" for word in words[2:])


def _flat(result: Mapping[str, Any]) -> str:
    left = _count(result.get("orders_left")) + _count(result.get("positions_left"))
    if result.get("flat") is True and not left:
        read = result.get("fresh_read_ts")
        when = f", read {f.clock(read)}" if isinstance(read, int) and read else ""
        return f"flat: 0 orders, 0 positions{when}"
    return f"flatten: {left} left open; positions lists them" if left else "flatten: done"


def _count(value: object) -> int:
    """Of a list, or a number as it stands."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return len(value) if isinstance(value, list) else 0
