"""What a flatten would close and what that would cost, before it is done: `F`, and `:flatten WHAT` for a
part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import ClassVar

from screens import format as f
from screens.dialogs import Dialog, key_line
from screens.draw.legs import told_apart
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, wrap
from screens.paint import Paint
from screens.table import Column, fit, header, row
from services.views.closing import closing, open_under
from services.views.desk import DeskView, FlattenPlan, FlattenRow
from themes import glyphs as g

NOBODY = (
    "No engine is connected, F would reach nobody. Start one, or close everything from a shell: "
    "stableconsole flatten --direct, for this profile and folder."
)


class FlattenDialog(Dialog):
    choices: ClassVar[dict[str, str]] = {"F": "flatten"}
    alarm = True

    def __init__(self, paint: Paint, clock: Callable[[], float], what: str = "") -> None:
        super().__init__(paint, clock)
        self.what = "" if what == "all" else what
        """Everything, or a symbol, an instrument, a venue, a pair."""

    @property
    def args(self) -> dict[str, str]:
        """What the command says."""
        named = self._named()
        what = named[0] if len(named) == 1 else self.what
        return {"what": what} if what else {}

    def _named(self) -> list[str]:
        return open_under(self.desk, self.what) if self.desk is not None and self.what else []

    def body(self, width: int) -> Content:
        content = Content(title=f"Flatten {f.clean(self.what) or 'everything'}?")
        lines = [Line(), *_sentence(self.what, width), Line()]
        named = self._named()
        keys: tuple[tuple[str, str], ...] = (("F", "flatten now"),)
        if self.context.lost:
            lines, keys = [Line(), *wrap(NOBODY, width, "*alarm")], ()
        elif len(named) > 1:
            text = f"{self.what} is open on several venues: name one of {', '.join(named)}, or its pair."
            lines, keys = [Line(), *wrap(f.clean(text), width, "*warn")], ()
        elif self.desk is None:
            text = "No present view from the engine: it reads each venue first and closes what it finds."
            lines += wrap(text, width, "warn")
        else:
            try:
                lines += _plan(self.desk, closing(self.desk, self.what), self.what, width)
            except ArithmeticError:
                # What is drawn must never stand between a person and flatten.
                lines += wrap("A figure of the plan is no number; flatten works without it.", width, "*alarm")
        content.rows = [Row([line]) for line in [*lines, Line()]]
        content.foot = [key_line(keys, width)]
        return content


def _sentence(what: str, width: int) -> list[Line]:
    text = "Everything below is closed by reducing orders; the desk is halted first."
    if what:
        text = "What stands below is closed by reducing orders, pairs whole; they are halted first."
    lines = wrap(text, width)
    for line in lines:
        line.spans = [Span(t, "*strong" if t in ("halted", "first.") else ink) for t, ink in line.spans]
    return lines


_FLATTEN = (
    Column("close", "Close", 13),
    Column("venue", "Venue", 5, gap=2),
    Column("order", "Order", 12, gap=2),
    Column("notional", "Notional $", 10, right=True, gap=2),
    Column("cost", "Est. cost $", 11, right=True),
    Column("slip", "Slippage", 9, right=True, gap=2),
)


def _plan(view: DeskView, plan: FlattenPlan, what: str, width: int) -> list[Line]:
    if plan.rows:
        lines = _table(view, plan, width)
    elif what:
        lines = wrap(f"Nothing open is {f.clean(what)}. Its orders are cancelled.", width, "muted")
    else:
        text = "No position is open. Orders are cancelled and each venue is read once more."
        lines = wrap(text, width, "muted")
    facts: list[tuple[str, str, str]] = []
    orders = plan.working_orders
    foreign = "" if what else ", and any foreign order"
    facts.append(("cancel", f"{orders} working order{'' if orders == 1 else 's'}{foreign}", "text"))
    if plan.equity_after is not None:
        funding = ""
        if plan.funding_per_day is not None and plan.funding_per_day > 0:
            funding = f" {g.DOT} gives up about {f.dollars(plan.funding_per_day)} a day of expected funding"
        facts.append(("after", f"equity about {f.number(plan.equity_after, 0)}{funding}", "text"))
    proof = "of these " if what else ""
    facts.append(
        (
            "proof",
            f"ends when a fresh read of each venue shows 0 orders, 0 positions {proof}".rstrip(),
            "text",
        )
    )
    facts += [("doubt", f.clean(doubt), "warn") for doubt in plan.doubts]
    lines.append(Line())
    for label, text, ink in facts:
        head = ink if label == "doubt" else "muted"
        for at, line in enumerate(wrap(text, max(1, width - 9), ink)):
            lines.append(Line([Span((label if not at else "").ljust(9), head), *line.spans]))
    return lines


def _table(view: DeskView, plan: FlattenPlan, width: int) -> list[Line]:
    increments = {p.instrument: p.size_increment for p in view.positions}
    cells = [_cells(each, increments.get(each.instrument, each.quantity)) for each in plan.rows]
    count = len(plan.rows)
    total: dict[str, Sequence[Spans]] = {
        "close": ((Span(f"{count} position{'' if count == 1 else 's'}", "muted"),),),
        "notional": ((_money(plan.notional, 0, "*strong"),),),
        "cost": ((_money(plan.cost, 1, "*neg"),),),
    }
    layout = fit(_FLATTEN, [*cells, total], width, ("slip", "venue", "notional"))
    lines = [] if layout.wrapped else [header(layout)]
    if not layout.shows("venue"):
        legs = [(each.instrument.rpartition(".")[0] or each.instrument, each.venue) for each in plan.rows]
        for at, name in told_apart(legs).items():
            cells[at] = cells[at] | {"close": (name,)}
    for one in [*cells, total]:
        lines += row(layout, one)
    if plan.fees is not None and plan.slippage is not None:
        parts = f"of which fees {f.number(abs(plan.fees), 1)}, slippage {f.number(abs(plan.slippage), 1)}"
        lines += wrap(parts, width, "muted")
    return lines


def _cells(one: FlattenRow, increment: Decimal) -> dict[str, Sequence[Spans]]:
    slip = f.UNKNOWN if one.slippage_bps is None else f"{f.number(one.slippage_bps, 1)} bps"
    size = f.on_grid(one.quantity, increment)
    return {
        "close": ((Span(f.clean(one.instrument.rpartition(".")[0] or one.instrument), "strong"),),),
        "venue": ((Span(f.clean(one.venue), "text"),),),
        "order": ((Span(f"{one.side:<4} ", "muted"), Span(size, "text")),),
        "notional": ((_money(one.notional, 0, "text"),),),
        "cost": ((_money(one.cost, 1, "text"),),),
        "slip": ((Span(slip, "muted"),),),
    }


def _money(value: Decimal | None, places: int, ink: str) -> Span:
    return Span(f.UNKNOWN, "warn") if value is None else Span(f.number(value, places), ink)
