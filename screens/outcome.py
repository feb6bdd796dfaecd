"""What came of a command, in one line for the row above the keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from screens import format as f
from screens.link import Answer
from services.views.orders import OrderRow

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


def became(order: OrderRow, rests: bool) -> tuple[str, str] | None:
    """What came of an order by hand, and its ink; None = it is under way. `rests`: standing in the book is
    an end of it, too."""
    what, asked = f"{order.side} {f.clean(order.instrument)}", f.on_grid(order.quantity, order.size_increment)
    limit = "" if order.price is None else f.on_grid(order.price, order.price_increment)
    part = f"filled {f.on_grid(order.filled, order.size_increment)} of {asked}"
    if order.avg_price is not None:
        part += f" at {f.on_grid(order.avg_price, order.price_increment)}"
    if order.live:
        if not rests or order.doubt or order.state not in ("accepted", "partially_filled"):
            return None
        stands = f"{part}, the rest rests" if order.filled else f"{asked} rests"
        return f"{what}: {stands} at {limit}; 3 shows it", "muted"
    if order.filled >= order.quantity:
        return f"{what}: {part}", "muted"
    why = f"{order.state.replace('_', ' ')}{f': {f.clean(order.text)}' if order.text else ''}"
    bound = f" inside {limit}" if limit else ""
    if order.filled:
        return f"{what}: {part}, nothing more{bound} ({why})", "*warn"
    return f"{what}: nothing of {asked} filled{bound} ({why})", "*warn"


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
