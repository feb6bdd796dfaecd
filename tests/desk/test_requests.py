"""Questions that a venue fails to answer: asked again, counted, and a cancel is never forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from services.domain.effects import ReadAccount
from services.domain.enums import OrderState, PairState, TradingState
from services.domain.events import CancelRejected, OrderRejected, OrderUnknown
from services.domain.money import ZERO
from services.domain.venue_events import RequestFailed
from services.execution.table import OrderEntry
from services.settings.parameters import Execution, Freshness, Settings
from tests.desk.world import MS, DeskWorld, Tap, quick, swallow


@dataclass
class Failing(Tap):
    """A venue that fails what `broken` names, as `how` says; the rest passes."""

    broken: list[str] = field(default_factory=list)
    how: str = "429"

    def _fails(self, now: int, what: str, subject: str) -> bool:
        if what not in self.broken:
            return False
        due = now + 40 * MS
        if self.how == "refused":
            self.world.queue.deliver(due, CancelRejected(self.name, subject, "busy", due, due))
        elif self.how != "silence":
            self.world.queue.deliver(
                due, RequestFailed(venue=self.name, what=what, subject=subject, reason=self.how, ts=due)
            )
        return True

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        if self._fails(now, "cancel", client_order_id):
            self.world.cancels.append((now, client_order_id))
        else:
            super().cancel(now, instrument, client_order_id, venue_order_id)

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        if not self._fails(now, "query", client_order_id):
            super().query(now, instrument, client_order_id)

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        if not self._fails(now, "read", request):
            super().read_account(now, request, fills_since)


def failing(world: DeskWorld, venue: str, *broken: str, how: str = "429") -> Failing:
    door = Failing(world, world.exchange.venues[venue], list(broken), how)
    world.machine.venues[venue] = door  # type: ignore[assignment]
    return door


def reads(world: DeskWorld, venue: str) -> list[int]:
    return [e.fills_since for e in world.keeper.effects if isinstance(e, ReadAccount) and e.venue == venue]


def test_a_failed_read_is_asked_again_with_back_off_and_leaves_nothing_hanging() -> None:
    world = DeskWorld(settings=quick())
    door = failing(world, "alpha", "read", how="500")
    asked: list[float] = []
    seen = 0
    while world.seconds < 40:
        world.machine.settle_commits()
        world.machine.step()
        if len(reads(world, "alpha")) > seen:
            seen = len(reads(world, "alpha"))
            asked.append(world.seconds)
    gaps = [round(later - earlier) for earlier, later in pairwise(asked)]
    # At the start and on the connect, then after 1, 2, 4, 8 and 16 s.
    assert [gap for gap in gaps if gap][:5] == [1, 2, 4, 8, 16]
    assert ("unread", "venue:alpha", TradingState.REDUCING, False) in world.causes()
    assert world.sent == [], "nothing is opened on a venue that was never read"
    door.broken = []
    world.until(lambda w: w.desk.state.venues["alpha"].report_ts is not None, 40)
    assert world.desk.state.venues["alpha"].failed_reads == 0
    assert world.desk.state.venues["alpha"].asked == ""
    world.until(lambda w: w.pair_states() == [PairState.HEDGED], 120)
    world.books_agree()


def test_a_failed_answer_to_an_older_question_does_not_close_the_present_one() -> None:
    world = DeskWorld(settings=quick()).run(20)
    book = world.desk.state.venues["alpha"]
    world.until(lambda w: bool(book.asked), 60)
    present = book.asked
    world.machine.feed(
        RequestFailed(venue="alpha", what="read", subject="alpha-0", reason="500", ts=world.now)
    )
    assert book.asked == present


def test_reads_probes_and_cancels_that_succeed_keep_a_venue_open() -> None:
    """A fifth of all requests may fail; one more is too many."""
    world = DeskWorld(settings=quick()).run(5)
    report = world.exchange.books("alpha")
    for number in range(80):
        world.machine.feed(report)
        if number % 5 == 4:
            world.machine.feed(
                RequestFailed(venue="alpha", what="query", subject="x", reason="500", ts=world.now)
            )
    assert "alpha" not in world.desk.core.venue_errors.blocked()
    for _ in range(5):
        world.machine.feed(
            RequestFailed(venue="alpha", what="query", subject="x", reason="500", ts=world.now)
        )
    assert "alpha" in world.desk.core.venue_errors.blocked()


def test_a_refused_closing_order_has_its_account_read_at_once_and_not_once_each() -> None:
    """What it was to reduce may be gone; the next read was up to half a minute away."""
    world = DeskWorld(settings=quick())
    world.until(lambda w: w.pair_states() == [PairState.HEDGED], 120)
    world.on_submit = swallow
    world.command("flatten")
    world.until(lambda w: bool(closing(w)), 20)
    venue = closing(world)[0].venue
    failing(world, venue, "read", how="silence")
    # What the flatten itself had asked is over.
    world.desk.state.venues[venue].asked = ""
    for asked in (1, 0):
        before, order = len(reads(world, venue)), closing(world)[0].id
        world.machine.feed(OrderRejected(venue, order, "nothing to reduce", world.now, world.now))
        assert len(reads(world, venue)) - before == asked, "one that is under way answers for all"
        world.until(lambda w, gone=order: any(each.id != gone for each in closing(w)), 9)


def closing(world: DeskWorld) -> list[OrderEntry]:
    """Orders that reduce and have no answer."""
    open_orders = world.desk.core.orders.open_orders()
    return [each for each in open_orders if each.request.closing and each.state is OrderState.SUBMITTED]


def resting(world: DeskWorld) -> OrderEntry | None:
    for entry in world.desk.core.orders.open_orders():
        if entry.request.post_only and entry.state is OrderState.ACCEPTED:
            return entry
    return None


def quoting() -> DeskWorld:
    """A desk whose first leg rests at the venue."""
    execution = Execution(entry_style="maker", post_only_window_s=600)
    world = DeskWorld(settings=Settings(fresh=Freshness(self_clear_s=1), exec=execution))
    return world.until(lambda w: resting(w) is not None, 60)


@pytest.mark.parametrize("how", ["429", "500", "no answer", "silence", "refused"])
def test_a_halts_cancel_is_sent_until_the_venue_says_gone(how: str) -> None:
    world = quoting()
    entry = resting(world)
    assert entry is not None
    door = failing(world, entry.venue, "cancel", how=how)
    assert world.answer("halt", reason="test").ok
    world.run(30)
    times = [at for at, name in world.cancels if name == entry.id]
    assert len(times) >= 4, f"asked {len(times)} times in 30 s"
    assert not entry.ended
    assert len(world.exchange.books(entry.venue).orders) == 1
    door.broken = []
    world.until(lambda w: entry.ended, 20)
    assert world.exchange.books(entry.venue).orders == ()
    world.run(60)
    assert all(order.increasing is False for order in world.sent if order.ts > times[0])
    assert sum(world.naked().values(), ZERO) == ZERO
    assert len([at for at, name in world.cancels if name == entry.id]) <= len(times) + 3
    world.books_agree()


def test_a_cancel_that_was_lost_before_a_restart_is_sent_again() -> None:
    world = quoting()
    entry = resting(world)
    assert entry is not None
    failing(world, entry.venue, "cancel", how="silence")
    world.answer("halt", reason="test")
    assert entry.state is OrderState.PENDING_CANCEL
    table = world.desk.core.orders
    table.restored(world.now)
    world.desk.submit.arm_probes()
    failing(world, entry.venue)
    world.until(lambda w: entry.ended, 20)
    assert world.exchange.books(entry.venue).orders == ()


def test_a_flatten_ends_flat_while_one_venue_answers_500_to_half_of_all_calls() -> None:
    world = DeskWorld(settings=quick())
    world.until(lambda w: w.pair_states() == [PairState.HEDGED], 120)
    world.machine.venues["beta"] = world.exchange.doors["beta"]
    world.machine.on_fault = world.exchange.set_fault
    assert world.answer("fault", kind="5xx", venue="beta", chance="0.5").ok
    identity = world.command("flatten")
    world.until(lambda w: identity in w.done, 300)
    assert world.done[identity].ok, world.done[identity].text
    assert world.positions() == {}
    told = [e for e in world.keeper.inputs if isinstance(e, RequestFailed | OrderUnknown)]
    assert {e.venue for e in told} == {"beta"}
    assert world.answer("fault", kind="5xx", venue="beta", chance="0").ok
    world.run(60)
    world.books_agree()
