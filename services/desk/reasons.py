"""What the journal keeps beside a decision, so that `why` can tell the whole chain of an order."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from services.desk import gatekeeping
from services.desk.core import DeskCore
from services.domain.orders import OrderRequest
from services.risk.context import Check, GateAnswer
from services.risk.gate import beside

BESIDE = "beside"
"""Kind of the row with a reducing order's figures that refuse nothing."""


def say_allowed(core: DeskCore, order: OrderRequest, answer: GateAnswer) -> None:
    """The gate has let an order through. Of one that waits for its intent it is said behind that."""
    core.decide(
        "gate",
        order.client_order_id,
        f"{order.purpose.value} {order.side.value} {order.quantity:,f} {order.instrument}: allowed",
        {"because": order.reason, **links(core, order), "price": order.price, **gate_figures(answer)},
    )


def say_durable(core: DeskCore, order: OrderRequest, seq: int, answer: GateAnswer) -> None:
    """Its intent is on disk, and the gate has let it through again. Said behind its `Send`."""
    text = f"intent {seq} is on disk; the gate again: allowed"
    core.decide("durable", order.client_order_id, text, gate_figures(answer))


def say_beside(core: DeskCore, order: OrderRequest) -> None:
    """The limits after a reducing order, for the journal: they refuse nothing, and it does not wait."""
    limits = beside(gatekeeping.order_context(core, order), order)
    text = "the limits after it, which refuse no reducing order"
    core.decide(BESIDE, order.client_order_id, text, figures_of(limits))


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
