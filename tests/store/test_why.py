"""`why`: every order that a desk ever sent has a reason chain without a hole, from the journal alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.domain.enums import OrderState, Side
from services.domain.events import Command
from services.domain.orders import OrderRequest
from services.drive.machine import VirtualMachine
from services.drive.session import Session
from services.settings.funding import Funding
from services.settings.parameters import Freshness, Settings, StrategySettings
from services.store.reader import StoreReader
from services.store.replay import export
from services.store.why import Unknown, why
from services.views.why import WhyOrder
from tests.desk.world import foreign_order
from tests.drive.engines import engine

S = 1_000_000_000
QUICK = Freshness(self_clear_s=1)


class Run:
    """A session on disk, driven to its end by one story."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.session: Session
        self.machine: VirtualMachine
        self.session, self.machine = engine(folder, settings)
        self.number = 0

    def until(self, met: Callable[[], bool], limit_s: float = 600) -> None:
        end = self.machine.queue.now + int(limit_s * S)
        while not met():
            self.machine.settle_commits()
            due = self.machine.queue.next_due()
            assert due is not None
            assert due <= end, "not met in time"
            self.machine.step()

    def go(self, seconds: float) -> None:
        self.machine.run_until(self.machine.queue.now + int(seconds * S))

    def say(self, name: str, **args: str) -> None:
        self.number += 1
        now = self.machine.queue.now
        self.machine.feed(Command(id=f"c{self.number}", name=name, args=args, origin="test", ts=now))

    def states(self) -> list[str]:
        return [pair.state.value for pair in self.session.desk.core.pairs.live()]

    def held(self) -> int:
        return sum(
            1
            for account in self.session.desk.core.ledger.state.accounts.values()
            for position in account.positions.values()
            if position.size
        )

    def foreign(self, instrument: str, side: Side, quantity: str) -> None:
        venue = self.session.exchange.venues[instrument.rpartition(".")[2]]
        spec = self.session.desk.core.instruments[instrument]
        limit = spec.round_price(side, venue.floor.mark(instrument) * (1 + Decimal("0.01") * side.sign))
        order: OrderRequest = replace(
            foreign_order(instrument), side=side, quantity=Decimal(quantity), price=limit
        )
        venue.floor.place(self.session.exchange.now, order)


def opened_and_closed_by_the_strategy(folder: Path) -> Run:
    funding = Funding(max_hold_h=Decimal("0.02"), flip_exit=Decimal(-5))
    strategies = {"funding_arb": StrategySettings(kind="funding_arb", funding=funding)}
    run = Run(folder, Settings(fresh=QUICK, strategies=strategies))
    run.until(lambda: run.states() == ["hedged"])
    run.until(lambda: run.held() == 0)
    run.go(2)
    return run


def halted_while_opening(folder: Path) -> Run:
    run = Run(folder, Settings(fresh=QUICK))
    run.until(lambda: run.states() == ["opening"] and run.held() >= 1)
    run.say("halt", reason="look")
    run.until(lambda: run.states() in ([], ["hedged"]))
    run.go(2)
    return run


def flattened_with_a_foreign_position(folder: Path) -> Run:
    run = Run(folder, Settings(fresh=QUICK))
    run.until(lambda: run.states() == ["hedged"])
    run.foreign("ETH-USDT-PERP.beta", Side.BUY, "0.5")
    run.go(2)
    run.say("flatten")
    run.until(lambda: run.held() == 0 and not run.session.desk.core.flattens.running(), 90)
    return run


def a_leg_went_missing_and_a_pair_was_closed_by_hand(folder: Path) -> Run:
    run = Run(folder, Settings(fresh=QUICK))
    run.until(lambda: run.states() == ["hedged"])
    (pair,) = run.session.desk.core.pairs.live()
    run.foreign(pair.short.instrument, Side.BUY, "0.05")
    run.until(lambda: run.held() == 0, 60)
    run.go(2)
    return run


Story = tuple[str, Path, list[WhyOrder]]

STORIES = {
    "strategy": opened_and_closed_by_the_strategy,
    "halt": halted_while_opening,
    "flatten": flattened_with_a_foreign_position,
    "missing": a_leg_went_missing_and_a_pair_was_closed_by_hand,
}
EXPECTED = {
    "strategy": {"entry", "hedge", "exit"},
    "halt": {"entry", "unwind"},
    "flatten": {"entry", "hedge", "flatten"},
    "missing": {"entry", "hedge", "unwind"},
}


@pytest.fixture(scope="module", params=list(STORIES))
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    name = str(request.param)
    folder = tmp_path_factory.mktemp(name)
    run = STORIES[name](folder)
    assert run.session.close()
    store = run.session.layout.store
    return name, store, orders_of(store)


def orders_of(store: Path) -> list[WhyOrder]:
    reader = StoreReader(store)
    try:
        names = [record.client_order_id for record in reader.orders(limit=10_000)]
    finally:
        reader.close()
    return [why(store, name).orders[0] for name in names]


def test_every_order_of_a_run_has_a_chain_without_a_hole(story: Story) -> None:
    name, _, told = story
    assert len(told) >= 3
    assert {order.purpose for order in told} >= EXPECTED[name]
    assert [(order.client_order_id, order.holes) for order in told if order.holes] == []
    for order in told:
        assert order.gate is not None or order.state == "denied"
        if order.sent is not None:
            assert order.intent is not None
            assert order.gate is not None
            assert order.gate.figures["because"] == order.reason
            assert any(" of " in figure for figure in order.gate.figures.values()), "limits with their values"
        if order.durable is not None and order.intent is not None and order.sent is not None:
            assert order.gate is not None
            # Words about an order stand behind what it waits for, in the same turn.
            assert order.intent.row < order.gate.row < order.sent.row < order.durable.row
            assert order.gate.ts == order.intent.ts
            assert order.durable.ts == order.sent.ts
        if order.filled:
            assert sum(fill.size for fill in order.fills) == order.filled
            assert all(fill.slippage_bps is not None for fill in order.fills)


def test_the_pairs_part_says_what_the_strategy_saw_and_what_bound_the_size(story: Story) -> None:
    _, store, told = story
    view = why(store, next(order.pair for order in told if order.pair) or "")
    assert view.pair is not None
    assert view.pair.evaluation is not None
    assert {"spread", "net_edge", "costs", "break_even_h", "verdict"} <= view.pair.evaluation.figures.keys()
    assert view.pair.sizing is not None
    binding = view.pair.sizing.figures["binding"]
    assert binding in view.pair.sizing.figures, "the binding bound stands among the bounds"
    bounds = view.pair.sizing.figures
    known = {k: Decimal(v) for k, v in bounds.items() if k not in ("binding", "quantity", "notional")}
    assert known[binding] == min(known.values())
    assert view.pair.gate is not None
    assert len(view.orders) >= 2
    rows = [order.gate.row for order in view.orders if order.gate is not None]
    assert rows == sorted(rows), "oldest first"


def test_protective_orders_name_the_cause_that_made_them(story: Story) -> None:
    name, _, told = story
    made = [order for order in told if order.purpose not in ("entry", "hedge")]
    assert made
    said = {step.kind: step.text for order in made for step in order.causes}
    assert {
        "strategy": said.get("close") == "max hold",
        "halt": said.get("cause") == "look" and said.get("command") == "halt look",
        "flatten": "flatten everything" in said.get("flatten", ""),
        "missing": said.get("leg missing") == "leg missing: foreign fill",
    }[name], said


def test_an_order_is_found_by_its_end_and_by_the_venues_id(story: Story) -> None:
    _, store, told = story
    first = next(order for order in told if order.venue_order_id)
    assert why(store, first.client_order_id[-9:]).orders[0] == first
    assert why(store, first.venue_order_id).orders[0].client_order_id == first.client_order_id


def test_what_is_nobodys_or_not_unique_is_said(story: Story) -> None:
    _, store, _ = story
    with pytest.raises(Unknown, match="no order and no pair 'nonsense'"):
        why(store, "nonsense")
    with pytest.raises(Unknown, match=r"fits \d+ orders"):
        why(store, "001")
    with pytest.raises(Unknown, match="needs an order"):
        why(store, "  ")


def test_the_export_holds_every_row_that_a_chain_names(story: Story) -> None:
    _, store, told = story
    lines = {line["seq"]: line for line in map(json.loads, export(store))}
    rows = 0
    for order in told:
        steps = [order.gate, order.intent, order.durable, order.sent, *order.causes, *order.answers]
        for step in steps:
            if step is not None:
                rows += 1
                assert lines[step.row]["kind"] == "decision"
                assert lines[step.row]["content"] is not None
        fills = [
            line["content"]["row"]
            for line in lines.values()
            if line["kind"] == "decision"
            and line["content"].get("type") == "record"
            and line["content"]["row"].get("type") == "fill"
            and line["content"]["row"]["client_order_id"] == order.client_order_id
        ]
        assert [fill["trade_id"] for fill in fills] == [fill.trade_id for fill in order.fills]
    assert rows > 10


def test_pruned_blocks_and_gaps_leave_every_chain_whole(story: Story, tmp_path: Path) -> None:
    """Inputs may be pruned or lost; decisions are what a chain rests on."""
    _, store, _ = story
    copy = tmp_path / "store.sqlite"
    copy.write_bytes(store.read_bytes())
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE journal SET payload = NULL WHERE kind = 'block'")
        connection.execute("UPDATE journal SET kind = 'gap' WHERE kind = 'block' AND seq % 3 = 0")
    connection.close()
    assert [order.holes for order in orders_of(copy) if order.holes] == []


def test_a_link_that_is_gone_is_named_as_a_hole(story: Story, tmp_path: Path) -> None:
    _, store, told = story
    sent = next(order for order in told if order.sent is not None and order.durable is not None)
    assert sent.gate is not None
    assert sent.durable is not None
    copy = tmp_path / "store.sqlite"
    copy.write_bytes(store.read_bytes())
    with sqlite3.connect(copy) as connection:
        connection.execute("DELETE FROM journal WHERE seq IN (?, ?)", (sent.gate.row, sent.durable.row))
    connection.close()
    assert set(why(copy, sent.client_order_id).orders[0].holes) == {"gate", "durable"}


def test_a_denied_order_says_which_checks_denied_it(tmp_path: Path) -> None:
    run = Run(tmp_path, Settings(fresh=QUICK))
    run.until(lambda: run.states() == ["opening"] and run.held() >= 1)
    # Between two slices the limit goes: the next entry is refused by name.
    run.say("limit", symbol="BTC-USDT-PERP", key="max_position", value="100", reason="test")
    run.until(lambda: run.states() != ["opening"])
    run.go(5)
    assert run.session.close()
    told = orders_of(run.session.layout.store)
    denied = [order for order in told if order.state == OrderState.DENIED.value]
    assert denied
    for order in denied:
        (step,) = [step for step in order.answers if step.kind == "denied" and "order" in step.figures]
        assert "position notional BTC-USDT-PERP" in step.figures
    assert [order.holes for order in told if order.holes] == []
