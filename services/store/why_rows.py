"""Reading one row of the journal as a link of a reason chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from msgspec.structs import replace

from services.domain.effects import Cancel, Decision, Effect, QueryOrder, Record, SaveIntent, Send
from services.domain.enums import OrderState, Side
from services.domain.money import BPS, ZERO
from services.domain.orders import OrderRequest
from services.domain.records import FillRecord, OrderRecord
from services.store.replay import JournalRow
from services.views.why import WhyFill, WhyStep

Found = tuple[JournalRow, Effect]


def last(rows: Sequence[Found], fits: Callable[[Decision], bool]) -> tuple[WhyStep, ...]:
    """The last decision that fits, if any."""
    for row, effect in reversed(rows):
        if isinstance(effect, Decision) and fits(effect):
            return (step(row, effect),)
    return ()


def named(effect: Effect) -> tuple[str, ...]:
    """What a row points at beside the order and its pair: a flatten, the causes of the trading state."""
    if not isinstance(effect, Decision):
        return ()
    found = [effect.figures["flatten"]] if "flatten" in effect.figures else []
    if effect.kind == "unwind":
        found += [name for name in effect.figures.get("causes", "").split(", ") if name]
    return tuple(found)


def about(effect: Effect, name: str) -> bool:
    match effect:
        case Decision():
            return effect.subject == name or effect.figures.get("order") == name
        case SaveIntent():
            return any(order.client_order_id == name for order in effect.orders)
        case Send():
            return effect.order.client_order_id == name
        case Cancel() | QueryOrder():
            return effect.client_order_id == name
        case Record(row=OrderRecord() as order):
            return order.client_order_id == name
        case _:
            return False


def requests(mine: Sequence[Found], name: str) -> Iterable[OrderRequest]:
    for _, effect in mine:
        if isinstance(effect, Send):
            yield effect.order
        elif isinstance(effect, SaveIntent):
            yield from (order for order in effect.orders if order.client_order_id == name)


def decision_of(mine: Sequence[Found], kind: str) -> WhyStep | None:
    """The last one of its kind."""
    for row, effect in reversed(mine):
        if isinstance(effect, Decision) and effect.kind == kind:
            return step(row, effect)
    return None


def gate_of(mine: Sequence[Found]) -> WhyStep | None:
    """The gate's answer; a reducing order's with the figures that refuse nothing, which follow it."""
    gate, beside = decision_of(mine, "gate"), decision_of(mine, "beside")
    if gate is None or beside is None:
        return gate
    return replace(gate, figures={**gate.figures, **beside.figures})


def steps_of(mine: Sequence[Found], kinds: tuple[str, ...]) -> tuple[WhyStep, ...]:
    return tuple(
        step(row, effect) for row, effect in mine if isinstance(effect, Decision) and effect.kind in kinds
    )


def step(row: JournalRow, decision: Decision) -> WhyStep:
    text = decision.text
    if decision.kind == "command":  # its subject is the command's name, its text the arguments
        text = f"{decision.subject} {text}".rstrip()
    return WhyStep(row=row.seq, ts=row.ts, kind=decision.kind, text=text, figures=dict(decision.figures))


def effect_of(mine: Sequence[Found], kind: type[SaveIntent] | type[Send]) -> WhyStep | None:
    for row, effect in mine:
        if isinstance(effect, kind):
            text = f"intent {effect.seq}" if isinstance(effect, SaveIntent) else "handed to the venue"
            return WhyStep(
                row=row.seq, ts=row.ts, kind="intent" if isinstance(effect, SaveIntent) else "sent", text=text
            )
    return None


_SAID = ("denied", "rejected", "in doubt", "anomaly", "backstop")


def answers_of(mine: Sequence[Found], name: str) -> tuple[WhyStep, ...]:
    """States after the send, our cancels and questions, refusals; a state that is said again is left out."""
    steps: list[WhyStep] = []
    before: tuple[object, ...] = ()
    for row, effect in mine:
        match effect:
            case Decision() if effect.kind in _SAID:
                steps.append(step(row, effect))
            case Cancel():
                steps.append(WhyStep(row=row.seq, ts=row.ts, kind="cancel", text="cancel asked"))
            case QueryOrder():
                steps.append(WhyStep(row=row.seq, ts=row.ts, kind="query", text="asked what became of it"))
            case Record(row=OrderRecord() as order):
                now = (order.state, order.filled, order.venue_order_id)
                if order.state in (OrderState.INITIALIZED, OrderState.SUBMITTED) or now == before:
                    continue
                before = now
                figures = {"filled": str(order.filled), "venue_order_id": order.venue_order_id}
                if order.avg_price is not None:
                    figures["avg_price"] = f"{order.avg_price:.10g}"
                steps.append(
                    WhyStep(row=row.seq, ts=row.ts, kind=order.state.value, text=order.text, figures=figures)
                )
            case _:
                pass
    return tuple(steps)


def fill_of(fill: FillRecord, request: OrderRequest | None) -> WhyFill:
    mid = request.decided_mid if request is not None else None
    slippage: Decimal | None = None
    if mid is not None and mid > ZERO:
        paid = fill.price - mid if fill.side is Side.BUY else mid - fill.price
        slippage = (paid / mid / BPS).quantize(Decimal("0.01"))
    return WhyFill(
        ts=fill.ts,
        trade_id=fill.trade_id,
        size=fill.size,
        price=fill.price,
        fee=fill.fee,
        fee_coin=fill.fee_coin,
        slippage_bps=slippage,
        pnl=fill.pnl,
    )
