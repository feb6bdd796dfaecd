"""A venue that nothing reaches and that comes back: what is refused for want of a way is no verdict of its
own, and what stands alone there is cut as soon as there is a way again."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from services.desk.views import strip
from services.domain.enums import PairState
from services.domain.events import Event, MarketFrame, OrderFilled, OrderRejected, VenueLink
from services.domain.orders import OrderRequest
from services.execution.actions import Escalate
from services.execution.pair_state import Leg
from tests.desk.builders import META
from tests.desk.test_missing_leg import deleverage, hedged
from tests.desk.world import MS, Answers, DeskWorld, S, Sent, quick


@dataclass
class Away:
    """One leg's venue cannot be reached, and its leg stands alone: the other one was taken whole."""

    world: DeskWorld
    leg: Leg
    gone: bool = True

    @property
    def venue(self) -> str:
        return self.leg.instrument.rpartition(".")[2]

    def submit(self, world: DeskWorld, order: OrderRequest) -> OrderRequest | None:
        if not self.gone or not order.instrument.endswith(f".{self.venue}"):
            return order
        due = world.now + MS
        no = OrderRejected(self.venue, order.client_order_id, "denied: no way", due, due, unsent=True)
        world.queue.deliver(due, no)
        return None

    def hook(self, due: int, event: Event) -> Answers:
        return (
            ()
            if self.gone and isinstance(event, MarketFrame) and event.venue == self.venue
            else ((due, event),)
        )

    def link(self, *, up: bool) -> None:
        self.gone = not up
        self.world.machine.feed(VenueLink(venue=self.venue, ts=self.world.now, up=up, reason="test"))

    def refuse(self) -> None:
        link = VenueLink(venue=self.venue, ts=self.world.now, up=False, reason="key refused", refused=True)
        self.world.machine.feed(link)

    def sent(self) -> list[Sent]:
        return [each for each in self.world.sent if each.order.instrument == self.leg.instrument]


def naked_and_away(seconds: float) -> Away:
    world = hedged()
    pair = world.pair()
    assert pair is not None
    away = Away(world, pair.long)
    world.on_submit, world.wire.hook = away.submit, away.hook
    away.link(up=False)
    world.run(1)
    deleverage(world, pair.short, "1")
    world.run(seconds)
    assert pair.state is PairState.UNWINDING
    assert world.position(away.leg.instrument) == away.leg.size > 0
    return away


def test_what_has_no_way_to_a_venue_is_no_refusal_of_that_venue() -> None:
    """Five of them halted the venue's new risk until a person resumed, long after it was back."""
    away = naked_and_away(10)
    assert len(away.sent()) > 8
    assert not any(name == "rejects" for name, *_ in away.world.causes())
    assert not any(note.key.startswith("rejects:") for note in away.world.told)


def test_a_leg_alone_is_cut_as_soon_as_its_venue_is_back_and_in_the_narrowest_band() -> None:
    """It waited up to 12.8 s for its next try, and took that in the widest band: no price had refused it."""
    away = naked_and_away(40)
    world = away.world
    before = away.sent()[-1]
    assert before.order.attempt > 8
    world.run(1)
    away.link(up=True)
    back = world.now
    assert away.sent()[-1] is before, "it may be gone: first the account is read"
    world.run(0.3)
    first = away.sent()[away.sent().index(before) + 1]
    assert first.order.attempt == 1
    assert (first.ts - back) / S < 0.2
    world.until(lambda w: w.positions() == {}, 5)
    assert (world.now - back) / S < 3
    world.run(1).books_agree()


def test_what_was_closed_by_hand_meanwhile_is_not_sent_for() -> None:
    """As it is told to do: the venue refused such an order every 400 ms until the read had come."""
    away = naked_and_away(40)
    world, leg = away.world, away.leg
    world.wire.hook = lambda due, event: () if isinstance(event, OrderFilled) else away.hook(due, event)
    world.foreign(leg.instrument, leg.side.opposite, str(leg.size))
    world.run(1)
    sent = len(away.sent())
    away.link(up=True)
    world.run(5)
    assert world.positions() == {}
    assert len(away.sent()) == sent
    assert world.pair_states() == []


def test_f_is_not_promised_to_close_what_nothing_reaches() -> None:
    away = naked_and_away(4)
    steps = strip(away.world.desk.core, META).next_steps
    (step,) = [step for step in steps if "alone" in step]
    assert step.endswith(f": {away.venue} is down; it is closed when that answers, or at its own site")
    away.refuse()
    steps = strip(away.world.desk.core, META).next_steps
    (step,) = [step for step in steps if "alone" in step]
    assert step.endswith(
        f": {away.venue} is refused; it is closed once that is set right, or at its own site"
    )


def test_of_a_venue_that_is_down_nobody_is_told_again_that_it_was_not_read() -> None:
    """After half a minute that stood before what says why, and was a warning of its own."""
    world = DeskWorld(settings=quick())
    world.wire.hook = lambda due, event: () if getattr(event, "venue", "") == "beta" else ((due, event),)
    world.run(1)
    world.machine.feed(VenueLink(venue="beta", ts=world.now, up=False, reason="away since the start"))
    world.run(45)
    told = [cause for cause in world.desk.core.causes.causes() if cause.scope == "venue:beta"]
    assert [cause.name for cause in told] == ["venue down", "stale data", "unread"]
    assert not any(note.key.startswith("unread:") for note in world.told)
    world.machine.feed(VenueLink(venue="beta", ts=world.now, up=True, reason="test"))
    world.run(10)
    assert any(note.key == "unread:venue:beta" for note in world.told), "its line is up, and it is not read"


def test_of_a_doubt_that_is_over_the_latch_alone_is_left_to_do() -> None:
    """It said to look at the orders and wait, of a hedged pair: what was needed was R."""
    world = hedged()
    core, pair = world.desk.core, world.pair()
    assert pair is not None
    world.desk.submit.run((Escalate(pair.id, "in doubt for 10 s", True, "in doubt"),))
    (step,) = [step for step in strip(core, META).next_steps if step.startswith("in doubt")]
    assert step == f"in doubt (pair:{pair.id}): R and a reason"


def test_an_account_near_its_liquidation_is_told_while_the_other_one_cannot_be_valued() -> None:
    world = hedged()
    pair = world.pair()
    assert pair is not None
    away = Away(world, pair.long)
    world.on_submit, world.wire.hook = away.submit, away.hook
    away.link(up=False)
    world.run(15)
    here = pair.short.instrument.rpartition(".")[2]
    bar = strip(world.desk.core, META)
    assert (bar.liquidation_unknown, bar.liquidation_distance, bar.nearest_account) == (True, None, "")
    venue = world.exchange.venues[here]
    for coin, amount in list(venue.state.account.balances.items()):
        left = Decimal(700) if coin == "USD" else Decimal(0)
        venue.floor.move_coins(world.exchange.now, coin, left - amount)
    world.run(40)
    bar = strip(world.desk.core, META)
    assert bar.liquidation_unknown
    assert bar.liquidation_distance is not None
    assert bar.liquidation_distance < Decimal("0.08")
    assert (bar.nearest_account, bar.worst_account) == (here, here)
    assert bar.margin_usage is not None
    assert bar.margin_usage > Decimal("0.3")
