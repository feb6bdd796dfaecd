"""The last decisions, commands, refusals and orders, for the Journal screen. It hears effects as they are
carried out and decides nothing.

The journal on disk is the truth and goes back further: `stableconsole why ORDER` and `audit export` read it.
At a start the newest rows of the store's journal are read once, so that a restart does not hide its cause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace

from services.domain.effects import Cancel, Decision, Effect, QueryOrder, Record, Send
from services.domain.records import FillRecord, OrderRecord
from services.store.replay import JournalReader
from services.views.journal import KINDS, JournalRowView, JournalView

KEPT = 4_000
"""Rows."""
READ = 2_000
"""Decisions of the journal that are read at a start, however many inputs came behind them."""
SHOWN = 150
"""Rows of one look; what is older is found by kind, by name, or in the journal itself."""
CHAIN = 120

_REFUSED = ("denied", "rejected", "refused")


class Chronicle:
    def __init__(self) -> None:
        self._rows: deque[JournalRowView] = deque(maxlen=KEPT)
        self._pairs: dict[str, str] = {}
        """Pair of the orders that were heard of, the newest last."""
        self.count = 0

    def hear(self, effect: Effect, ts: int) -> None:
        """An effect at the time of its event; what is no row of this screen is passed over."""
        found = self._row(effect, ts)
        if found is not None:
            self._rows.append(found)

    def fill(self, rows: Iterable[tuple[int, Effect]]) -> None:
        """(time, effect) of the store's journal, oldest first."""
        for ts, effect in rows:
            self.hear(effect, ts)

    def view(self, argument: str, now: int) -> JournalView | None:
        """None = the argument names no kind."""
        kind, _, name = argument.partition("/")
        kind = kind or KINDS[0]
        if kind not in KINDS:
            return None
        rows = [row for row in self._rows if kind in (KINDS[0], row.group)]
        return JournalView(
            ts=self._rows[-1].ts if self._rows else now,
            kind=kind,
            rows=tuple(replace(row, figures={}) for row in reversed(rows[-SHOWN:])),
            heard=len(rows),
            name=name,
            chain=tuple(self._chain(name))[-CHAIN:] if name else (),
        )

    def _chain(self, name: str) -> Iterator[JournalRowView]:
        """Rows about the name, and about the pair of an order of that name."""
        names = {name, self._pairs.get(name, name)}
        return (row for row in self._rows if not names.isdisjoint(row.about))

    def _row(self, effect: Effect, ts: int) -> JournalRowView | None:
        match effect:
            case Decision():
                group = _group(effect)
                return self._made(ts, group, effect.kind, effect.subject, effect.text, dict(effect.figures))
            case Send(order=order):
                if order.pair:
                    self._pairs[order.client_order_id] = order.pair
                    if len(self._pairs) > KEPT:
                        del self._pairs[next(iter(self._pairs))]
                price = "market" if order.price is None else f"{order.price:,f}"
                text = f"{order.side.value} {order.quantity:,f} {order.instrument} at {price}: {order.reason}"
                return self._made(ts, "orders", "sent", order.client_order_id, text, {})
            case Cancel(client_order_id=order_id, instrument=instrument):
                return self._made(ts, "orders", "cancel asked", order_id, instrument, {})
            case QueryOrder(client_order_id=order_id, instrument=instrument):
                return self._made(ts, "orders", "asked after", order_id, instrument, {})
            case Record(row=OrderRecord() as row):
                figures = {"filled": f"{row.filled:f}"}
                if row.avg_price is not None:
                    figures["avg price"] = f"{row.avg_price:.10g}"
                group = "refused" if row.state.value.lower() in _REFUSED else "orders"
                text = row.text or row.instrument
                return self._made(ts, group, row.state.value.lower(), row.client_order_id, text, figures)
            case Record(row=FillRecord() as row):
                text = f"{row.side.value} {row.size:,f} {row.instrument} at {row.price:,f}"
                figures = {"fee": f"{row.fee:f} {row.fee_coin}", "trade": row.trade_id}
                return self._made(ts, "orders", "fill", row.client_order_id or row.trade_id, text, figures)
            case _:
                return None

    def _made(
        self, ts: int, group: str, kind: str, subject: str, text: str, figures: dict[str, str]
    ) -> JournalRowView:
        self.count += 1
        about = dict.fromkeys((subject, figures.get("order", ""), figures.get("pair", "")))
        about |= dict.fromkeys(self._pairs.get(name, "") for name in tuple(about))
        return JournalRowView(
            seq=self.count,
            ts=ts,
            group=group,
            kind=kind,
            subject=subject,
            text=text,
            figures=figures,
            about=tuple(name for name in about if name),
        )


def _group(decision: Decision) -> str:
    if decision.kind == "command":
        return "commands"
    return "refused" if decision.kind in _REFUSED else "decisions"


def recent(path: Path) -> list[tuple[int, Effect]]:
    """(time, effect) of the newest decisions in a store's journal, oldest first. Raises StoreError."""
    with closing(JournalReader(path)) as journal:
        rows = journal.mentioning((b'"',), after=journal.before_newest(READ))
        return [(row.ts, row.effect()) for row in rows]
