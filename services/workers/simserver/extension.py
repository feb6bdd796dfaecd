"""What the real exchange never had, marked by its path: lock-step, dead-man's switch, own books, faults."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from services.domain.enums import FaultKind
from services.domain.events import MarketFrame
from services.domain.venue_events import RequestFailed
from services.workers.simserver import orders, shown
from services.workers.simserver.auth import Refused
from services.workers.simserver.house import NS
from services.workers.simserver.question import Question


def advance(q: Question) -> str:
    """Lock-step: move the market's time on by so many ns, or to the next moment of anything."""
    if not q.house.lockstep:
        raise Refused(400, "Invalid parameter: the time of this server moves by itself")
    body, now = orders.body_of(q.body), q.house.now
    if "until" in body:
        base, far = 0, body["until"]
    elif "ns" in body:
        base, far = now, body["ns"]
    else:
        base, far = 0, q.house.next_due() or now
    if not isinstance(far, int) or not now <= base + far <= now + 86_400 * NS:
        raise Refused(400, "Invalid parameter: at most a day at a time, and never back")
    q.house.advance(base + far)
    return shown.iso(q.house.now)


def step(q: Question) -> Any:
    """Lock-step, word by word: time moves to the next thing that this account is told, or to `until`.

    The answer says what it was and how much of it is under way to the client, who waits for all of that
    before it goes on: frames handed to its streams, requests that still wait for the exchange.
    """
    if not q.house.lockstep:
        raise Refused(400, "Invalid parameter: the time of this server moves by itself")
    until = orders.body_of(q.body).get("until")
    if not isinstance(until, int) or not 0 <= until - q.house.now <= 86_400 * NS:
        raise Refused(400, "Invalid parameter until")
    told = q.house.step(q.seat, until)
    return {
        "now": q.house.now,
        "world": q.house.digest,
        "next": q.seat.queue.next_due(),
        "told": "" if told is None else type(told).__name__,
        "venue": getattr(told, "venue", ""),
        "shown": _shown(told) if isinstance(told, MarketFrame) else None,
        "frames": q.seat.said,
        "waiting": q.seat.waiting(),
    }


def _shown(frame: MarketFrame) -> Any:
    """What of the market has changed, beside the books, which the streams tell."""
    return {
        "marks": bool(frame.marks),
        "coins": bool(frame.indexes),
        "rates": sorted({row.instrument.rpartition(".")[0] for row in frame.rates}),
    }


async def dead_man(q: Question) -> Any:
    body = orders.body_of(q.body)
    timeout = body.get("timeoutMs")
    if not isinstance(timeout, int) or not 0 <= timeout <= 600_000:
        raise Refused(400, "Invalid parameter timeoutMs")
    word = await q.seat.dead_man(q.venue, timeout)
    if isinstance(word, RequestFailed):
        raise orders.refusal(word.reason)
    due = None if word.fires_at is None else shown.iso(word.fires_at)
    return {"armed": word.armed, "firesAt": due, "fired": word.fired}


def books(q: Question) -> Any:
    """The simulator's own books of the account, for comparisons."""
    report = q.seat.exchange.books(q.venue)
    return {
        "balances": {row.coin: row.total for row in report.balances},
        "positions": {row.instrument: row.size for row in report.positions},
        "orders": [row.venue_order_id for row in report.orders],
        "fills": [row.trade_id for row in report.fills],
        "payments": [row.payment_id for row in report.payments],
        "ts": q.house.now,
    }


def fault(q: Question) -> str:
    body = orders.body_of(q.body)
    try:
        kind = FaultKind(str(body.get("kind")))
        chance = Decimal(str(body.get("chance")))
    except (ValueError, InvalidOperation):
        raise Refused(400, "Invalid parameter kind or chance") from None
    if kind is FaultKind.SLOW_FSYNC:
        raise Refused(400, "The disk is the engine's own")
    if not (chance.is_finite() and 0 <= chance <= 1):
        raise Refused(400, "Invalid parameter chance")
    q.house.set_fault(kind, q.venue, chance)
    return f"{kind.value}@{q.venue}={chance}"
