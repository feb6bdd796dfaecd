"""The gate's first answer stands for the second question only where it would come again digit by digit."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.desk import asked, submit
from services.desk.asked import Asked
from services.desk.core import DeskCore
from services.domain.effects import Effect
from services.domain.events import Event
from services.domain.orders import OrderRequest
from services.drive.machine import VirtualMachine
from services.drive.ports import NullKeeper
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.portfolio.inputs import AccountInput, PositionInput
from services.risk.context import AccountFacts, GateContext, MarketFacts, OpenOrder
from services.settings.layout import StateLayout
from services.store.journal import ChainRow, JournalWriter
from services.venues.sim.facts import NS
from services.venues.sim.world import make_world
from tests.lockstep.sides import brisk

SECONDS = 150


class Chain(NullKeeper):
    """The journal of a run, as hashes."""

    def __init__(self) -> None:
        self.rows: list[ChainRow] = []
        self.journal = JournalWriter(self.rows.append)
        self.ts = 0

    def input(self, event: Event) -> None:
        self.ts = max(self.ts, event.ts)
        self.journal.input(event)

    def effect(self, effect: Effect) -> None:
        self.journal.decision(effect, self.ts)


def journal(tmp_path: Path) -> list[bytes]:
    """Pairs open, are hedged slice by slice and close again."""
    session = Session(StateLayout(tmp_path), make_world("funding-harvest", 7), brisk(), "test", durable=False)
    session.open(SessionNote(pid="1", speed="max", state_dir=""))
    chain = Chain()
    session.keeper = chain
    machine = VirtualMachine(
        session.desk, dict(session.exchange.venues), session.exchange, session.queue, chain
    )
    session.first_events()
    machine.run_until(session.queue.now + SECONDS * NS)
    chain.journal.seal()
    assert session.desk.state.counters.fills > 8
    return [row.hash for row in chain.rows]


def test_the_journal_is_the_same_when_every_question_is_asked_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = {True: 0, False: 0}
    judge = asked.same

    def counted(*args: object) -> bool:
        found = judge(*args)  # type: ignore[arg-type]
        taken[found] += 1
        return found

    monkeypatch.setattr(asked, "same", counted)
    kept = journal(tmp_path)
    monkeypatch.setattr(submit, "ask", _afresh)
    assert journal(tmp_path) == kept
    assert taken[True] > 5


def _afresh(core: DeskCore, order: OrderRequest, _before: Asked | None = None) -> Asked:
    return asked.ask(core, order)


def test_the_same_figure_with_other_places_is_another_text() -> None:
    one, other = Decimal("1.0"), Decimal("1.00")
    assert asked.alike(one, Decimal("1.0"))
    assert one == other
    assert not asked.alike(one, other)
    assert not asked.alike(one, None)
    order = OrderRequest(
        client_order_id="a", instrument="X.v", side="buy", quantity=one, price=one, purpose="exit", origin="o"
    )
    assert asked.same_order(order, replace(order, quantity=Decimal("1.0")))
    assert not asked.same_order(order, replace(order, quantity=other))
    assert not asked.same_order(order, replace(order, attempt=1))


def test_every_field_of_the_question_is_compared() -> None:
    """A new one has to be taken into `same`, and then into this list."""
    assert set(GateContext.__struct_fields__) == {
        "now", "settings", "instruments", "accounts", "account_facts", "markets", "working", "trading_state",
        "state_text", "depeg_levels", "usage", "disabled", "owners", "alone", "claimed", "unproven",
        "halts_venue",
    }  # fmt: skip
    assert set(AccountInput.__struct_fields__) == {
        "venue", "balances", "weights_total", "weights_initial", "indexes", "positions", "leverage_settings",
        "marks", "balances_known",
    }  # fmt: skip
    assert set(PositionInput.__struct_fields__) == {
        "instrument", "size", "entry", "mark", "quote_usd", "settle_usd",
    }  # fmt: skip
    assert set(AccountFacts.__struct_fields__) == {
        "balances_fresh", "balance_age_ns", "connected", "settled", "clock_offset_ms",
    }  # fmt: skip
    assert set(MarketFacts.__struct_fields__) == {
        "mark", "bid", "ask", "quote_usd", "settle_usd", "quote_fresh", "mark_fresh", "quote_age_ns",
        "mark_age_ns", "close_only",
    }  # fmt: skip
    assert set(OpenOrder.__struct_fields__) == {
        "client_order_id", "instrument", "side", "leaves", "price", "reduce_only", "purpose", "origin",
        "pair", "stage",
    }  # fmt: skip
