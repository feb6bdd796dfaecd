"""A venue is heard before it is read: the first read is where the books begin, whatever was booked till then.

Found by seed 42,002,911 of the arena: a venue answered no question for half a minute, what somebody bought
there was booked beside a position that nobody had told of, and a flatten closed what there was of both. The
read named no position, ours stood, and a person was asked about three thousandths of a coin.
"""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import Side
from services.domain.events import (
    AccountReport,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderReport,
)
from services.domain.records import FillRecord
from tests.desk.world import Answers, DeskWorld, S, quick

ETH = "ETH-USDT-PERP.beta"


def opened(world: DeskWorld) -> bool:
    return world.desk.state.venues["beta"].opened


def hold_back(world: DeskWorld, seconds: float) -> None:
    """Beta's reads come so much later than they were made."""

    def later(due: int, event: Event) -> Answers:
        mine = isinstance(event, AccountReport) and event.venue == "beta"
        return ((due + int(seconds * S) if mine else due, event),)

    world.wire.hook = later


def opens_and_agrees(world: DeskWorld) -> None:
    world.until(opened, 60)
    world.books_agree()
    world.run(35)
    world.books_agree()
    assert [name for name, *_ in world.causes() if name == "reconcile"] == []


def test_what_was_booked_before_the_first_read_and_is_not_in_it_is_gone() -> None:
    """Sold while nobody listened, bought back while somebody did: flat, by the venue's word."""
    world = DeskWorld(settings=quick())
    unheard = [True]

    def hook(due: int, event: Event) -> Answers:
        mine = getattr(event, "venue", "") == "beta"
        lost = isinstance(event, AccountReport) or (isinstance(event, OrderFilled) and unheard[0])
        return () if mine and lost else ((due, event),)

    world.wire.hook = hook
    world.run(1)
    world.foreign(ETH, Side.SELL, "0.5")
    unheard[0] = False
    world.foreign(ETH, Side.BUY, "0.5")
    world.run(5)
    assert world.desk.core.ledger.size(world.desk.core.instruments[ETH]) == Decimal("0.5")
    assert world.position(ETH) == 0
    hold_back(world, 0)
    opens_and_agrees(world)


def test_what_our_own_order_has_traded_unheard_is_counted_and_has_its_row() -> None:
    """A flatten of what only the stream has told of; then beta is silent but for its first read."""
    world = DeskWorld(settings=quick())
    deaf: list[type[Event]] = [AccountReport]

    def hook(due: int, event: Event) -> Answers:
        return () if getattr(event, "venue", "") == "beta" and type(event) in deaf else ((due, event),)

    world.wire.hook = hook
    world.run(1)
    world.foreign(ETH, Side.BUY, "0.5")
    world.run(3)
    deaf += [OrderFilled, OrderAccepted, OrderCanceled, OrderReport]
    identity = world.command("flatten")
    world.until(lambda w: world.position(ETH) == 0, 60)
    deaf.remove(AccountReport)
    opens_and_agrees(world)
    rows = [row for row in world.keeper.rows if isinstance(row, FillRecord) and row.client_order_id]
    assert [row.size for row in rows] == [Decimal("0.5")]
    assert world.done[identity].exit == 0
    assert world.desk.core.orders.open_orders() == ()


def test_a_fill_that_is_newer_than_the_first_read_comes_on_top_of_it() -> None:
    world = DeskWorld(settings=quick())
    hold_back(world, 8)
    world.until(lambda w: w.desk.state.venue("beta").back_ts is not None)
    world.foreign(ETH, Side.BUY, "0.2")
    world.run(4)
    world.foreign(ETH, Side.BUY, "0.5")
    world.foreign(ETH, Side.SELL, "0.1")
    opens_and_agrees(world)
    assert world.position(ETH) == Decimal("0.6")


def test_a_transfer_heard_while_the_first_read_was_made_leaves_the_books_to_the_next() -> None:
    """Nobody can say whether it is in the balances that were read."""
    world = DeskWorld(settings=quick())
    hold_back(world, 8)
    world.run(4)
    world.exchange.venues["beta"].transfer(world.now, "USDT", Decimal(400))
    world.until(lambda w: bool(w.decisions("not opened")), 60)
    assert not opened(world)
    hold_back(world, 0)
    opens_and_agrees(world)
