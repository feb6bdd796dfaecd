"""The reason chain of `why` as lines for people, from the documented JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.plain import clock, figure, word
from screens import facts

Row = Mapping[str, Any]
REBUILT = "rebuilt"
"""The strategy of a pair that a desk has made out of what the venues hold."""
_SIZED = ("binding", "quantity", "notional")


def why(answer: Row) -> str:
    """The pair's part first, then the order's, or one line for each order of a pair."""
    lines: list[str] = []
    pair, orders = answer.get("pair"), _rows(answer, "orders")
    if isinstance(pair, Mapping):
        lines += _pair(pair)
    if len(orders) == 1 and answer.get("asked") != _get(pair, "id"):
        lines += _order(orders[0])
    else:
        lines += [_short(order) for order in orders]
    return "\n".join(lines)


def _pair(pair: Row) -> list[str]:
    lines = [
        f"pair {word(pair.get('id'))}: {word(pair.get('strategy'))}, short {word(pair.get('short'))}, "
        f"long {word(pair.get('long'))}, {word(pair.get('state'))}"
    ]
    lines += _step("saw", pair.get("evaluation"))
    lines += _sizing(pair.get("sizing"), made_again=pair.get("strategy") == REBUILT)
    lines += _step("gate, both legs", pair.get("gate"))
    for step in _rows(pair, "causes"):
        lines += _step(f"decided: {word(step.get('kind'))}", step)
    lines += [
        f"  {clock(step.get('ts'))}  {word(_get(step.get('figures'), 'state'))}: {_said(step.get('text'))}"
        for step in _rows(pair, "states")
    ]
    return lines


def _order(order: Row) -> list[str]:
    lines = [
        f"order {word(order.get('client_order_id'))} ({word(order.get('venue_order_id'))}): "
        f"{word(order.get('purpose'))} {word(order.get('side'))} {figure(order.get('quantity'))} "
        f"{word(order.get('instrument'))} at {figure(order.get('price'))}, {word(order.get('state'))}",
        f"  for {word(order.get('origin'))}: {_said(order.get('reason'))}",
    ]
    for step in _rows(order, "causes"):
        lines += _step(f"because of {word(step.get('kind'))}", step)
    for label, key in (("gate", "gate"), ("intent", "intent"), ("durable", "durable"), ("sent", "sent")):
        lines += _step(label, order.get(key))
    for step in _rows(order, "answers"):
        lines += _step(word(step.get("kind")), step)
    for fill in _rows(order, "fills"):
        slippage = fill.get("slippage_bps")
        lines.append(
            f"  {clock(fill.get('ts'))}  fill {figure(fill.get('size'))} at {figure(fill.get('price'))}, "
            f"fee {figure(fill.get('fee'))} {word(fill.get('fee_coin'))}, "
            f"slippage {figure(slippage, 2, sign=True)} bps of mid {figure(order.get('decided_mid'))}"
        )
    holes = order.get("holes")
    if isinstance(holes, list) and holes:
        lines.append(f"  NOT IN THE JOURNAL: {', '.join(word(hole) for hole in holes)}")
    return lines


def _short(order: Row) -> str:
    return (
        f"  {word(order.get('client_order_id'))}  {word(order.get('purpose'))} {word(order.get('side'))} "
        f"{figure(order.get('filled'))} of {figure(order.get('quantity'))} {word(order.get('instrument'))}, "
        f"{word(order.get('state'))}: {_said(order.get('reason'))}"
    )


def _sizing(step: object, *, made_again: bool) -> list[str]:
    """The bounds, the binding one marked."""
    if made_again:
        return ["  sized by what the venues hold: made again after its store was lost"]
    if not isinstance(step, Mapping):
        return ["  sizing: not in the journal"]
    figures = step.get("figures")
    found = figures if isinstance(figures, Mapping) else {}
    binding = found.get("binding")
    lines = [f"  sized {figure(found.get('quantity'))}, bound by {word(binding)}"]
    for name, usd in found.items():
        if name not in _SIZED:
            lines.append(f"    {'▸' if name == binding else ' '} {name}: {figure(usd, 0)} USD")
    return lines


def _step(label: str, step: object) -> list[str]:
    if not isinstance(step, Mapping):
        return []
    lines = [f"  {clock(step.get('ts'))}  {label}: {_said(step.get('text'))}"]
    figures = step.get("figures")
    if isinstance(figures, Mapping):
        lines += _figures(
            [
                f"{facts.name(word(name))} {facts.value(word(name), word(value))}"
                for name, value in figures.items()
                if value != ""
            ]
        )
    return lines


def _said(text: object) -> str:
    return facts.sentence(word(text))


def _figures(parts: Sequence[str], width: int = 100) -> list[str]:
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) + 3 <= width:
            lines[-1] += f" · {part}"
        else:
            lines.append(f"      {part}")
    return lines


def _rows(answer: object, key: str) -> list[Row]:
    rows = _get(answer, key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _get(answer: object, key: str) -> Any:
    return answer.get(key) if isinstance(answer, Mapping) else None
