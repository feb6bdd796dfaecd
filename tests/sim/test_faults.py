"""Every kind of fault does what it says, ends when it is set to 0, and never touches the books by itself."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from services.domain.effects import SetFault
from services.domain.enums import FaultKind, OrderState, TimeInForce
from services.domain.events import (
    AccountReport,
    Event,
    MarketFrame,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
    VenueLink,
)
from services.domain.orders import OrderRequest
from services.domain.venue_events import RequestFailed
from services.protocol.options import FAULT_KINDS
from services.venues.sim.faults import MAX_SKEW_NS
from tests.sim.builders import BTC, NS, Sim, order

ORDER_WORDS = (OrderAccepted, OrderCanceled, OrderFilled, OrderRejected, OrderUnknown)


class Bad(Sim):
    """An exchange asked through its doors, with one fault set on alpha."""

    def fault(self, kind: FaultKind, chance: str = "1") -> None:
        self.exchange.set_fault(SetFault(kind=kind, venue="alpha", chance=Decimal(chance)))

    def tell(self, request: OrderRequest, wait_s: float = 5) -> list[Event]:
        """The words on orders that came within `wait_s`."""
        seen = len(self.queue.events)
        self.exchange.doors["alpha"].submit(self.queue.now, request)
        self.until(self.queue.now + int(wait_s * NS))
        return [e for e in self.queue.events[seen:] if isinstance(e, ORDER_WORDS)]

    def ask(self, wait_s: float = 5) -> list[Event]:
        seen = len(self.queue.events)
        self.exchange.doors["alpha"].read_account(self.queue.now, "r1", 0)
        self.until(self.queue.now + int(wait_s * NS))
        return [e for e in self.queue.events[seen:] if isinstance(e, AccountReport | RequestFailed)]

    def held(self) -> Decimal:
        return self.exchange.venues["alpha"].state.account.size(BTC)

    def frames(self, seconds: float) -> list[MarketFrame]:
        events = self.until(self.queue.now + int(seconds * NS))
        return [e for e in events if isinstance(e, MarketFrame) and e.venue == "alpha"]


@pytest.fixture
def bad() -> Bad:
    sim = Bad()
    sim.until(sim.queue.now + 30 * NS)
    return sim


def buy(name: str = "a" * 20, quantity: str = "0.5", tif: TimeInForce = TimeInForce.IOC) -> OrderRequest:
    return order("buy", quantity, "30000", tif=tif.value, cid=name)


def kinds(events: list[Event]) -> list[str]:
    return [type(e).__name__ for e in events]


def test_the_shell_names_every_kind() -> None:
    assert tuple(kind.value for kind in FaultKind) == FAULT_KINDS


def test_without_a_fault_the_doors_hand_everything_through_and_draw_nothing(bad: Bad) -> None:
    before = bad.exchange.faults("alpha").draw.getstate()
    assert kinds(bad.tell(buy())) == ["OrderAccepted", "OrderFilled"]
    assert kinds(bad.ask()) == ["AccountReport"]
    bad.fault(FaultKind.DROP)
    bad.fault(FaultKind.DROP, "0")
    assert kinds(bad.tell(buy("b" * 20))) == ["OrderAccepted", "OrderFilled"]
    assert bad.exchange.faults("alpha").draw.getstate() == before


def test_latency_makes_answers_late_and_keeps_their_order(bad: Bad) -> None:
    start = bad.queue.now
    bad.fault(FaultKind.LATENCY)
    words = bad.tell(buy(), 10)
    assert kinds(words) == ["OrderAccepted", "OrderFilled"]
    assert words[0].ts - start > 150_000_000
    assert words[0].ts <= words[1].ts


def test_a_timeout_is_acted_on_and_never_answered(bad: Bad) -> None:
    bad.fault(FaultKind.TIMEOUT)
    words = bad.tell(buy())
    assert bad.held() == Decimal("0.5")
    assert "OrderAccepted" not in kinds(words)
    assert [e.reason for e in words if isinstance(e, OrderUnknown)] == ["no answer"]
    (answer,) = bad.ask()
    assert isinstance(answer, RequestFailed)
    assert (answer.what, answer.reason) == ("read", "no answer")


def test_a_drop_loses_commands_answers_and_frames_in_silence(bad: Bad) -> None:
    bad.fault(FaultKind.DROP)
    assert bad.tell(buy()) == []
    assert bad.held() == 0
    assert bad.frames(30) == []
    bad.fault(FaultKind.DROP, "0")
    first = bad.frames(30)[0]
    listed = {i.id for i in bad.exchange.venues["alpha"].instruments()}
    assert {q.instrument for q in first.quotes} == listed, "asked for anew, it is complete"


def test_everything_comes_twice(bad: Bad) -> None:
    bad.fault(FaultKind.DUPLICATE)
    words = bad.tell(buy())
    assert sorted(kinds(words)) == ["OrderAccepted"] * 2 + ["OrderFilled"] * 2
    assert len({e.trade_id for e in words if isinstance(e, OrderFilled)}) == 1
    counts = [f.seq for f in bad.frames(60)]
    assert len(set(counts)) < len(counts)


def test_answers_overtake_each_other(bad: Bad) -> None:
    bad.fault(FaultKind.REORDER)
    turned = 0
    for number in range(12):
        words = bad.tell(buy(f"{number:020d}", "0.01"))
        assert sorted(kinds(words)) == ["OrderAccepted", "OrderFilled"]
        turned += kinds(words)[0] == "OrderFilled"
    assert turned > 0
    counts = [f.seq for f in bad.frames(120)]
    assert counts != sorted(counts)


def test_a_broken_frame_has_another_count_and_impossible_numbers(bad: Bad) -> None:
    bad.fault(FaultKind.CHECKSUM)
    last, *frames = bad.frames(30)
    marks = [row.mark for frame in frames for row in frame.marks]
    assert marks
    assert all(not 0 < mark < 1e12 for mark in marks)
    assert frames[0].seq != last.seq + 1, "the first was under way already"
    assert any(not 0 < row.index < 1e12 for frame in frames for row in frame.indexes)


def test_429_is_a_definite_no_and_a_failed_question(bad: Bad) -> None:
    bad.fault(FaultKind.THROTTLED)
    (no,) = bad.tell(buy())
    assert isinstance(no, OrderRejected)
    assert no.reason.startswith("429")
    assert bad.held() == 0
    (failed,) = bad.ask()
    assert isinstance(failed, RequestFailed)
    assert failed.reason == "429"


def test_half_of_what_5xx_says_is_done(bad: Bad) -> None:
    bad.fault(FaultKind.SERVER_ERROR)
    for number in range(20):
        words = bad.tell(buy(f"{number:020d}", "0.01"))
        assert [e.reason for e in words if isinstance(e, OrderUnknown)] == ["500: internal error"]
    assert Decimal(0) < bad.held() < Decimal("0.2")


def test_the_clock_jumps_and_a_stamp_stays_what_it_was(bad: Bad) -> None:
    bad.fault(FaultKind.SKEW)
    offsets = {f.ts_event - f.ts for f in bad.frames(300)}
    assert any(abs(each) > 250_000_000 for each in offsets)
    assert all(abs(each) <= MAX_SKEW_NS + 50_000_000 for each in offsets)
    fill = next(e for e in bad.tell(buy()) if isinstance(e, OrderFilled))
    bad.fault(FaultKind.SKEW, "0")
    (report,) = bad.ask()
    assert isinstance(report, AccountReport)
    assert [f.ts_event for f in report.fills] == [fill.ts_event]
    assert abs(report.ts_event - report.ts) < 50_000_000, "the clock is right again"


def test_an_immediate_order_meets_a_part(bad: Bad) -> None:
    bad.fault(FaultKind.PARTIAL)
    held = [Decimal(0)]
    for number in range(4):
        assert kinds(bad.tell(buy(f"{number:020d}")))[-1] == "OrderCanceled"
        held.append(bad.held())
    parts = [after - before for before, after in pairwise(held)]
    assert all(0 <= part < Decimal("0.5") for part in parts)
    assert any(parts), "a part, not nothing"


def test_a_half_open_line_is_silent_both_ways_until_it_is_given_up(bad: Bad) -> None:
    bad.fault(FaultKind.HALF_OPEN)
    bad.frames(3)
    assert bad.tell(buy(), 1) == []
    assert bad.held() == 0
    bad.fault(FaultKind.HALF_OPEN, "0")
    events = bad.until(bad.queue.now + NS)
    assert [e.up for e in events if isinstance(e, VenueLink)] == [False, True]
    assert kinds(bad.tell(buy("b" * 20))) == ["OrderAccepted", "OrderFilled"]


def test_a_reject_is_definite(bad: Bad) -> None:
    bad.fault(FaultKind.REJECT)
    assert kinds(bad.tell(buy())) == ["OrderRejected"]
    assert bad.held() == 0


def test_adl_takes_a_part_and_survives_a_crash(tmp_path: Path) -> None:
    sim = Bad(folder=tmp_path)
    sim.until(sim.queue.now + 30 * NS)
    sim.fault(FaultKind.PARTIAL)
    sim.tell(buy(quantity="0.9"))
    sim.fault(FaultKind.PARTIAL, "0")
    sim.tell(buy("b" * 20))
    before = sim.held()
    sim.fault(FaultKind.ADL)
    sim.frames(6)
    assert Decimal(0) < sim.held() < before
    again = Bad(folder=tmp_path, resume_at=sim.queue.now)
    assert again.exchange.books("alpha").positions == sim.exchange.books("alpha").positions
    assert again.exchange.books("alpha").balances == sim.exchange.books("alpha").balances


def test_an_outage_says_so_and_ends(bad: Bad) -> None:
    bad.fault(FaultKind.OUTAGE)
    events = bad.until(bad.queue.now + 20 * NS)
    assert [e.up for e in events if isinstance(e, VenueLink)][:1] == [False]
    bad.fault(FaultKind.OUTAGE, "0")
    events = bad.until(bad.queue.now + 20 * NS)
    assert [e.up for e in events if isinstance(e, VenueLink)][-1:] == [True]
    assert kinds(bad.tell(buy())) == ["OrderAccepted", "OrderFilled"]


def test_a_query_finds_what_a_mute_order_did(bad: Bad) -> None:
    bad.fault(FaultKind.TIMEOUT)
    bad.tell(buy())
    bad.fault(FaultKind.TIMEOUT, "0")
    seen = len(bad.queue.events)
    bad.exchange.doors["alpha"].query(bad.queue.now, BTC, "a" * 20)
    bad.until(bad.queue.now + NS)
    (report,) = [e for e in bad.queue.events[seen:] if isinstance(e, OrderReport)]
    assert report.state is OrderState.FILLED
    assert sum(fill.quantity for fill in report.fills) == Decimal("0.5")
