"""Records, events and effects for the store's tests."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from services.domain.effects import Decision, Effect, SaveIntent, SetTimer, WriteLatch
from services.domain.enums import OrderState, PairState, Severity, Side, TradingState
from services.domain.events import Command, Event, MarketFrame, QuoteRow, Timer
from services.domain.records import RiskRecord
from services.store.journal import JournalWriter, SessionStarted
from services.store.migrate import open_store
from services.store.writer import StoreWriter
from tests.decimals import decimals as fixed

SECOND = 1_000_000_000
INSTANCE = "abc123"

decimals = st.one_of([fixed("-1e20", "1e20", places) for places in (0, 2, 8, 18)])
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
times = st.integers(0, 2**62)

_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    Decimal: decimals,
    Decimal | None: st.none() | decimals,
    str: texts,
    str | None: st.none() | texts,
    int: times,
    int | None: st.none() | times,
    bool: st.booleans(),
    tuple[str, ...]: st.lists(texts, max_size=3).map(tuple),
    Side: st.sampled_from(Side),
    OrderState: st.sampled_from(OrderState),
    PairState: st.sampled_from(PairState),
    Severity: st.sampled_from(Severity),
}


@cache
def records(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any row of a record type."""
    fields = {field.name: _BY_TYPE[field.type] for field in msgspec.structs.fields(kind)}
    return st.fixed_dictionaries(fields).map(lambda values: kind(**values))


def new_store(folder: Path) -> Path:
    path = folder / "store.sqlite"
    open_store(path, INSTANCE)
    return path


def frame(number: int, *, step_ns: int = SECOND // 10) -> MarketFrame:
    """The n-th frame of a small market."""
    ts = number * step_ns
    quotes = tuple(
        QuoteRow(f"C{row}-USDT-PERP.alpha", 1.0 + number, 2.0, 1.5 + number, 2.5, 30.0, 40.0)
        for row in range(4)
    )
    return MarketFrame("alpha", ts, ts, number, quotes)


def history(events: int) -> list[tuple[Event, list[Effect]]]:
    """Events and what a desk might have answered: the same for the same number, whatever the process."""
    out: list[tuple[Event, list[Effect]]] = []
    for number in range(events):
        event: Event = frame(number)
        effects: list[Effect] = []
        if number % 7 == 3:
            event = Timer(name=f"timer {number}", ts=number * SECOND // 10)
            effects.append(SetTimer(name="next", due=number + 1))
        if number % 11 == 5:
            event = Command(id=f"c{number}", name="pause", args={"what": "x"}, origin="shell:1", ts=number)
            effects.append(Decision(kind="gate", subject="s", text="refused", figures={"limit": "1.5"}))
        if number % 13 == 6:
            effects.append(SaveIntent(seq=number, orders=(), pair=None, text="open"))
        if number % 101 == 100:
            effects.append(WriteLatch(state=TradingState.HALTED, cause="operator", text="halt", ts=number))
        out.append((event, effects))
    return out


def session(ts: int = 0, state: bytes = b"") -> SessionStarted:
    return SessionStarted(
        schema=1,
        code="0.1.0",
        profile="sim",
        mode="sim",
        settings={"profile": "sim"},
        instruments=(),
        world={"scenario": "calm", "seed": 7},
        instance=INSTANCE,
        ts=ts,
        state=state,
    )


def feed(journal: JournalWriter, turns: list[tuple[Event, list[Effect]]]) -> None:
    for event, effects in turns:
        journal.input(event)
        for effect in effects:
            journal.decision(effect, event.ts)


def risk_event(number: int) -> RiskRecord:
    return RiskRecord(ts=number, kind="refused", subject="order", text=f"number {number}")


def written_store(folder: Path, events: int = 200) -> Path:
    """A store with one session and some history, closed."""
    path = new_store(folder)
    writer = StoreWriter(path, watch_slow=False)
    writer.start()
    journal = JournalWriter(writer.journal)
    journal.session(session(), {"pid": "1"})
    feed(journal, history(events))
    journal.seal()
    assert writer.close(30)
    return path
