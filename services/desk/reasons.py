"""What the journal keeps beside a decision, so that `why` can tell the whole chain of an order."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from services.desk.core import DeskCore
from services.domain.orders import OrderRequest
from services.risk.context import Check, GateAnswer

BESIDE = "beside"
"""Kind of the row with a reducing order's figures that refuse nothing."""


def links(core: DeskCore, order: OrderRequest) -> dict[str, object]:
    """What an order belongs to, where its own fields do not say it: the flatten that closes with it."""
    for run in core.flattens.running():
        target = run.targets.get(order.instrument)
        mine = target is not None and target.order == order.client_order_id
        if mine or (order.pair in run.pairs and order.purpose.protective):
            return {"flatten": run.id}
    return {}


def gate_figures(answer: GateAnswer) -> dict[str, object]:
    """Every figure of the gate for the journal, those that refuse nothing included (SEMANTICS 3)."""
    figures: dict[str, object] = {"binding": answer.binding, "head_room": _short(answer.head_room)}
    figures.update(figures_of(answer.checks))
    return figures


def figures_of(checks: Iterable[Check]) -> dict[str, object]:
    figures: dict[str, object] = {}
    for check in checks:
        name = f"{check.name} {check.subject}".strip()
        if check.limit is not None:
            value = "none" if check.value is None and check.passed else _short(check.value)
            figures[name] = f"{value} of {_short(check.limit)}"
        elif not check.passed:
            figures[name] = check.text
    return figures


def _short(value: Decimal | None) -> str:
    """Ten digits say enough in a journal of reasons; the books keep all of them."""
    return "unknown" if value is None else f"{value:.10g}"
