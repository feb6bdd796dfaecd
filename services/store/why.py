"""`why ORDER`: the reason chain of an order, from the strategy's figures to its fills. Read-only, with or
without a running engine.

Every link is a decision row of the journal, which is never dropped and never pruned: what the strategy saw,
each bound of the size, each check of the gate, intent, send, what became of it, each fill. Blocks of inputs
are not needed. A link that is not there is named as a hole, never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec.structs import replace

from services.domain.effects import Decision, SaveIntent, Send
from services.domain.enums import OrderState, PairState, Purpose
from services.domain.money import ZERO
from services.domain.records import OrderRecord, PairRecord
from services.store.journal import DECISION
from services.store.reader import StoreReader
from services.store.replay import JournalReader
from services.store.why_rows import (
    Found,
    about,
    answers_of,
    decision_of,
    effect_of,
    fill_of,
    gate_of,
    last,
    named,
    requests,
    step,
    steps_of,
)
from services.views.why import WhyOrder, WhyPair, WhyStep, WhyView

_OUTSIDE = ("close", "unwind", "leg missing", "stop", "margin ladder")
"""Decisions about a pair that come from outside its machine."""
_LEAVING = (PairState.UNWINDING.value, PairState.CLOSING.value)
_BEHIND = ("command", "cause")
"""What lies behind a decision of the same turn."""
_MARGIN_NS = 3_600 * 10**9
_NAMED = 5


class Unknown(Exception):
    """No order and no pair of this name, or more than one; the text says which."""


def why(path: Path, asked: str) -> WhyView:
    """`asked`: a client order id or the end of one, a venue order id, or a pair id.

    Raises StoreError when there is no store to read, Unknown when it is nobody's or not unique.
    """
    store, journal = StoreReader(path), JournalReader(path)
    try:
        return _Chains(path, store, journal).tell(asked.strip())
    finally:
        store.close()
        journal.close()


class _Chains:
    def __init__(self, path: Path, store: StoreReader, journal: JournalReader) -> None:
        self.store = store
        self.journal = journal
        self.path = path

    def tell(self, asked: str) -> WhyView:
        records = self._resolve(asked)
        pair = self.store.pair(asked if not records else records[0].pair or "")
        if not records and pair is not None:
            records = self.store.orders_of(pair.id)
        narrow = self._window(records, pair)
        view = self._view(asked, records, pair, *narrow)
        if any(order.holes for order in view.orders):
            # It may lie outside the time that the tables speak of: look everywhere before calling it a hole.
            view = self._view(asked, records, pair, 0, None)
        return view

    def _resolve(self, asked: str) -> list[OrderRecord]:
        """The order meant; empty when a pair is."""
        if not asked:
            raise Unknown("why needs an order or a pair")
        exact = self.store.order(asked)
        if exact is not None:
            return [exact]
        found = self.store.orders_at_venue(asked)
        if not found and self.store.pair(asked) is not None:
            return []
        found = found or self.store.orders_ending(asked)
        if not found:
            raise Unknown(f"no order and no pair {asked!r} in this store; see orders, pairs{self._aside()}")
        if len(found) > 1:
            names = ", ".join(record.client_order_id for record in found[:_NAMED])
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            raise Unknown(f"{asked!r} fits {len(found)} orders: {names}{more}")
        return found

    def _aside(self) -> str:
        """A store that was set aside has taken its orders' reasons with it."""
        found = sorted(each.name for each in self.path.parent.glob(f"{self.path.name}.corrupt-*"))
        return f"; it may be in {', '.join(found)}, set aside damaged" if found else ""

    def _window(self, records: Sequence[OrderRecord], pair: PairRecord | None) -> tuple[int, int | None]:
        """Rows in which the chain most likely lies, by the tables' times with an hour on either side."""
        times = [record.ts for record in records]
        if pair is not None:
            times += [ts for ts in (pair.opened_ts, pair.closed_ts, pair.ts) if ts is not None]
        if not times:
            return 0, None
        return self.journal.row_at(min(times) - _MARGIN_NS), self.journal.row_at(max(times) + _MARGIN_NS)

    def _view(
        self,
        asked: str,
        records: Sequence[OrderRecord],
        pair: PairRecord | None,
        after: int,
        upto: int | None,
    ) -> WhyView:
        names = [record.client_order_id for record in records]
        if pair is not None:
            names.append(pair.id)
        rows = self._rows(names, after, upto)
        more = sorted({name for _, effect in rows for name in named(effect)})
        rows = sorted(
            {row.seq: (row, effect) for row, effect in (*rows, *self._rows(more, after, upto))}.values(),
            key=lambda found: found[0].seq,
        )
        whole = None if pair is None else _pair(pair, rows)
        orders = [self._order(record, whole, rows) for record in records]
        orders.sort(key=lambda order: order.gate.row if order.gate is not None else 0)
        return WhyView(asked=asked, pair=whole, orders=tuple(orders))

    def _rows(self, names: Iterable[str], after: int, upto: int | None) -> list[Found]:
        words = [json.dumps(name, ensure_ascii=False).encode() for name in names]
        if not words:
            return []
        return [(row, row.effect()) for row in self.journal.mentioning(words, after, upto)]

    def _order(self, record: OrderRecord, pair: WhyPair | None, rows: Sequence[Found]) -> WhyOrder:
        name = record.client_order_id
        mine = [(row, effect) for row, effect in rows if about(effect, name)]
        request = next(iter(requests(mine, name)), None)
        gate = gate_of(mine)
        flatten = gate.figures.get("flatten") if gate is not None else None
        reason = request.reason if request is not None else record.text
        purpose = Purpose(record.purpose)
        answers = answers_of(mine, name)
        asked = gate or next(iter(answers), None)
        end = self.journal.turn_end(asked.row) if asked is not None else None
        causes: tuple[WhyStep, ...] = ()
        if request is not None and request.trigger is not None and gate is not None:
            # It rests for as long as something stands alone: no decision of its own, it follows the books.
            causes = (WhyStep(row=gate.row, ts=gate.ts, kind="backstop", text=reason),)
        elif purpose not in _OPENING:
            causes = _causes(record, reason, flatten, gate, rows, end)
        if causes:
            causes = (*self._behind(causes[-1], known=causes), *causes)
        elif purpose is Purpose.TICKET and (gate or answers):
            causes = self._behind(gate or answers[0], kinds=("command",))
        # Ours again out of what a venue told: who sent it has died before it wrote anything down.
        causes = causes or steps_of(mine, ("found",))
        fills = tuple(fill_of(fill, request) for fill in reversed(self.store.fills(name)))
        told = WhyOrder(
            client_order_id=name,
            venue_order_id=record.venue_order_id,
            instrument=record.instrument,
            side=record.side.value,
            quantity=record.quantity,
            price=record.price,
            filled=record.filled,
            avg_price=record.avg_price,
            state=record.state.value,
            purpose=record.purpose,
            origin=record.origin,
            pair=record.pair,
            flatten=flatten,
            reason=reason,
            decided_mid=request.decided_mid if request is not None else None,
            causes=causes,
            gate=gate,
            intent=effect_of(mine, SaveIntent),
            durable=decision_of(mine, "durable"),
            sent=effect_of(mine, Send),
            answers=tuple(self._whose(step) if step.kind == "cancel" else step for step in answers),
            fills=fills,
            holes=(),
        )
        return _with_holes(told, record, pair)

    def _behind(
        self, own: WhyStep, *, known: tuple[WhyStep, ...] = (), kinds: tuple[str, ...] = _BEHIND
    ) -> tuple[WhyStep, ...]:
        """The command or the cause of the trading state that came in the same turn, before a decision."""
        seen = [each.row for each in known]
        found = []
        for row in self.journal.rows(after=self.journal.turn_start(own.row), upto=own.row):
            effect = row.effect() if row.kind == DECISION else None
            if isinstance(effect, Decision) and effect.kind in kinds and row.seq not in seen:
                found.append(step(row, effect))
        return tuple(found)

    def _whose(self, cancel: WhyStep) -> WhyStep:
        """A cancel says by whose word it was asked, where that came in the same turn."""
        words = "; ".join(f"{each.kind} {each.text}" for each in self._behind(cancel))
        return replace(cancel, text=f"{cancel.text}: {words}") if words else cancel


_OPENING = (Purpose.ENTRY, Purpose.HEDGE, Purpose.TICKET)
_UNSENT = (OrderState.INITIALIZED, OrderState.DENIED)
_OPEN = (OrderState.SUBMITTED, OrderState.IN_DOUBT, OrderState.PENDING_CANCEL)


def _with_holes(order: WhyOrder, record: OrderRecord, pair: WhyPair | None) -> WhyOrder:
    """Name every link that should be there and is not."""
    purpose = Purpose(order.purpose)
    holes: list[str] = []
    if purpose in (Purpose.ENTRY, Purpose.HEDGE):
        parts = (None,) * 3 if pair is None else (pair.evaluation, pair.sizing, pair.gate)
        holes += [
            name
            for name, part in zip(("evaluation", "sizing", "pair gate"), parts, strict=True)
            if part is None
        ]
    elif purpose not in _OPENING and not order.causes:
        holes.append("cause")
    refused = record.state is OrderState.DENIED and order.sent is None
    if order.gate is None and not refused:
        holes.append("gate")
    if order.sent is None and record.state not in _UNSENT:
        holes.append("sent")
    if order.sent is not None:
        if order.intent is None:
            holes.append("intent")
        if order.durable is None and not purpose.protective:
            holes.append("durable")
    if not order.answers and record.state not in (*_OPEN, OrderState.INITIALIZED):
        holes.append("answer")
    filled = sum((fill.size for fill in order.fills), ZERO)
    if filled != record.filled:
        holes.append(f"fills: {filled} of {record.filled}")
    return replace(order, holes=tuple(holes))


def _pair(record: PairRecord, rows: Sequence[Found]) -> WhyPair:
    mine = [
        (row, effect) for row, effect in rows if isinstance(effect, Decision) and effect.subject == record.id
    ]
    return WhyPair(
        id=record.id,
        strategy=record.strategy,
        kind=record.kind,
        state=record.state.value,
        short=record.short,
        long=record.long,
        reason=record.reason,
        evaluation=decision_of(mine, "evaluate"),
        sizing=decision_of(mine, "size"),
        gate=decision_of(mine, "gate"),
        opened=decision_of(mine, "open"),
        states=steps_of(mine, ("pair",)),
        causes=steps_of(mine, _OUTSIDE),
    )


def _causes(
    record: OrderRecord,
    reason: str,
    flatten: str | None,
    gate: WhyStep | None,
    rows: Sequence[Found],
    end: int | None,
) -> tuple[WhyStep, ...]:
    """What made an order that takes risk off: the decision whose words it carries, and what lies behind that.

    Only rows up to the end of the order's own turn count: a pair says its new state after its orders.
    """
    before = [found for found in rows if end is None or found[0].seq <= end]
    if flatten is not None:
        return last(before, lambda d: d.kind == "flatten" and d.subject == flatten)
    if record.pair is None:
        if gate is None or not reason:
            return ()
        return (WhyStep(row=gate.row, ts=gate.ts, kind="stop", text=reason),)
    # One that the gate denied was never written down: its record has the gate's words, not its own.
    denied = record.state is OrderState.DENIED
    own = last(
        before,
        lambda d: d.subject == record.pair and d.kind in _OUTSIDE and (denied or reason in (d.text, d.kind)),
    )
    if not own or denied:
        state = last(
            before,
            lambda d: (
                d.subject == record.pair
                and d.kind == "pair"
                and (denied or d.text == reason)
                and d.figures.get("state") in _LEAVING
            ),
        )
        if not own or (state and state[0].row > own[0].row):
            return state
    behind: list[WhyStep] = []
    for name in own[0].figures.get("causes", "").split(", "):
        behind.extend(_cause(before, name))
    return (*behind, *own)


def _cause(rows: Sequence[Found], name: str) -> tuple[WhyStep, ...]:
    """The cause of the trading state of that name, as it was raised."""
    return last(rows, lambda d: d.kind == "cause" and d.subject == name)
