"""A whole desk over the simulated exchange, in memory and in virtual time, with a hand on every wire.

What the desk sends passes `on_submit`, what a venue answers passes `on_answer`: tests delay, drop, duplicate,
reorder, cut and refuse there. The exchange's own books stay the judge of what really happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec.structs import replace

from services.desk.desk import Desk
from services.domain.effects import Cancel, Decision, Done, Effect, Notify, Send, WriteLatch
from services.domain.enums import PairState, Side, TradingState
from services.domain.events import (
    AccountReport,
    Command,
    Event,
    MarketFrame,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    Timer,
)
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.domain.records import Row
from services.drive.machine import VirtualMachine
from services.drive.queue import VirtualQueue
from services.execution.pair_state import Pair
from services.settings.parameters import Freshness, Settings
from services.venues.port import Outbox
from services.venues.sim.exchange import SimExchange, build_exchange
from services.venues.sim.venue import SimVenue
from services.venues.sim.world import World, make_world
from tests import books

S = 1_000_000_000
MS = 1_000_000

Answers = Sequence[tuple[int, Event]]


def _as_it_is(due: int, event: Event) -> Answers:
    return ((due, event),)


def _take(world: DeskWorld, order: OrderRequest) -> OrderRequest | None:
    return order


@dataclass
class Sent:
    ts: int
    order: OrderRequest
    position: Decimal
    """The exchange's own position at that moment."""

    @property
    def increasing(self) -> bool:
        """Could make the position larger: not reduce-only, or on the wrong side of it."""
        return not self.order.reduce_only or self.position * self.order.side.sign >= 0


class MemoryKeeper:
    """Keeps what happened; `fail` makes every commit one that never gets through, `refuse` one that fails."""

    def __init__(self) -> None:
        self.inputs: list[Event] = []
        self.effects: list[Effect] = []
        self.rows: list[Row] = []
        self.latches: list[WriteLatch] = []
        self.latch_error: str | None = None
        self.hang = False
        self.refuse = False
        self.hanging: list[Future[None]] = []

    def input(self, event: Event) -> None:
        if not isinstance(event, MarketFrame):
            self.inputs.append(event)

    def effect(self, effect: Effect) -> None:
        self.effects.append(effect)

    def record(self, row: Row) -> None:
        self.rows.append(row)

    def commit(self) -> Future[None]:
        done: Future[None] = Future()
        if self.hang:
            self.hanging.append(done)
        elif self.refuse:
            done.set_exception(OSError("disk full"))
        else:
            done.set_result(None)
        return done

    def lend(self) -> None:
        return

    def latch(self, effect: WriteLatch) -> str | None:
        self.latches.append(effect)
        return self.latch_error

    def of(self, kind: type[Effect]) -> list[Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]


@dataclass
class Wire:
    """Stands between queue and exchange; the hook sees every answer before it is queued."""

    queue: VirtualQueue
    hook: Callable[[int, Event], Answers] = _as_it_is

    def deliver(self, due: int, event: Event) -> None:
        for at, each in self.hook(due, event):
            self.queue.deliver(at, each)

    def wake(self, due: int, token: object) -> None:
        self.queue.wake(due, token)


@dataclass
class Tap:
    """A venue as the machine calls it."""

    world: DeskWorld
    venue: SimVenue

    @property
    def name(self) -> str:
        return self.venue.name

    def instruments(self) -> tuple[object, ...]:
        return self.venue.instruments()

    def submit(self, now: int, order: OrderRequest) -> None:
        self.world.sent.append(Sent(now, order, self.world.position(order.instrument)))
        passed = self.world.on_submit(self.world, order)
        if passed is not None:
            self.venue.submit(now, passed)

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        self.world.cancels.append((now, client_order_id or venue_order_id))
        self.venue.cancel(now, instrument, client_order_id, venue_order_id)

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        self.world.queries.append((now, client_order_id))
        self.venue.query(now, instrument, client_order_id)

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        self.venue.read_account(now, request, fills_since)

    def dead_man(self, now: int, timeout_ms: int) -> None:
        self.venue.dead_man(now, timeout_ms)

    def wake(self, now: int, token: object) -> None:
        self.venue.wake(now, token)


@dataclass
class DeskWorld:
    scenario: str = "funding-harvest"
    seed: int = 7
    settings: Settings = field(default_factory=Settings)
    keeper: MemoryKeeper = field(default_factory=MemoryKeeper)
    on_submit: Callable[[DeskWorld, OrderRequest], OrderRequest | None] = _take

    def __post_init__(self) -> None:
        self.world: World = make_world(self.scenario, self.seed)
        self.queue = VirtualQueue(self.world.start)
        self.wire = Wire(self.queue)
        self.outbox: Outbox = self.wire
        self.exchange: SimExchange = build_exchange(self.world, None, self.outbox)
        self.sent: list[Sent] = []
        self.cancels: list[tuple[int, str]] = []
        self.queries: list[tuple[int, str]] = []
        self.done: dict[str, Done] = {}
        self.told: list[Notify] = []
        self.states: list[tuple[int, str, PairState]] = []
        instruments = {each.id: each for each in self.world.instruments}
        self.desk = Desk(self.settings, instruments, instance="abc123")
        self.machine = VirtualMachine(
            self.desk,
            {name: Tap(self, venue) for name, venue in self.exchange.venues.items()},  # type: ignore[misc]
            self.exchange,
            self.queue,
            self.keeper,
            on_answer=self._answer,
            on_notify=self.told.append,
        )
        self._commands = 0
        self.queue.deliver(self.world.start, Timer(name="start", ts=self.world.start))
        self.exchange.start(self.world.start)

    def _answer(self, effect: object) -> None:
        if isinstance(effect, Done):
            assert effect.command not in self.done, f"{effect.command} was answered twice"
            self.done[effect.command] = effect

    # -- time --------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.queue.now

    @property
    def seconds(self) -> float:
        return (self.queue.now - self.world.start) / S

    def run(self, seconds: float) -> DeskWorld:
        self.machine.run_until(self.now + int(seconds * S))
        return self

    def until(self, met: Callable[[DeskWorld], bool], limit_s: float = 600) -> DeskWorld:
        """Event by event until the condition holds; fails when it does not in time."""
        end = self.now + int(limit_s * S)
        while not met(self):
            self.machine.settle_commits()
            due = self.queue.next_due()
            assert due is not None, "the queue ran dry"
            assert due <= end, f"not met within {limit_s} s of the desk's time"
            self.machine.step()
        return self

    def command(self, name: str, /, **args: str) -> str:
        """Give a command now; its id, to look the answer up in `done`."""
        self._commands += 1
        identity = f"c{self._commands}"
        self.machine.feed(Command(id=identity, name=name, args=args, origin="test", ts=self.now))
        return identity

    def answer(self, name: str, /, **args: str) -> Done:
        """Give a command that is answered in the same turn."""
        return self.done[self.command(name, **args)]

    # -- looks -------------------------------------------------------------------------------------------

    def position(self, instrument: str) -> Decimal:
        """By the exchange's own books."""
        venue = self.exchange.venues[instrument.rpartition(".")[2]]
        return venue.state.account.size(instrument)

    def positions(self) -> dict[str, Decimal]:
        return {
            row.instrument: row.size
            for venue in self.exchange.venues
            for row in self.exchange.books(venue).positions
            if row.size
        }

    def naked(self) -> dict[str, Decimal]:
        """By underlying: the sum of all signed positions, by the exchange's own books."""
        found: dict[str, Decimal] = {}
        for instrument, size in self.positions().items():
            underlying = self.desk.core.instruments[instrument].underlying
            found[underlying] = found.get(underlying, ZERO) + size
        return found

    def pair(self) -> Pair | None:
        live = self.desk.core.pairs.live()
        return live[0] if live else None

    def legs(self) -> tuple[str, str]:
        """Short and long instrument of the only pair."""
        (pair,) = self.desk.core.pairs.live()
        return pair.short.instrument, pair.long.instrument

    def pair_states(self) -> list[PairState]:
        return [pair.state for pair in self.desk.core.pairs.live()]

    @property
    def trading_state(self) -> TradingState:
        return self.desk.core.causes.worst()

    def causes(self) -> list[tuple[str, str, TradingState, bool]]:
        return [(c.name, c.scope, c.state, c.latched) for c in self.desk.core.causes.causes()]

    def decisions(self, kind: str) -> list[Decision]:
        return [e for e in self.keeper.effects if isinstance(e, Decision) and e.kind == kind]

    def sends(self) -> list[Send]:
        return [e for e in self.keeper.effects if isinstance(e, Send)]

    def cancel_effects(self) -> list[Cancel]:
        return [e for e in self.keeper.effects if isinstance(e, Cancel)]

    def books_agree(self) -> None:
        """Our ledger against the exchange's books: positions and balances to the last digit."""
        for venue in self.exchange.venues:
            account = self.desk.core.ledger.account(venue)
            assert books.unlike(venue, account, self.exchange.books(venue)) == []

    # -- meddling ----------------------------------------------------------------------------------------

    def foreign(self, instrument: str, side: Side, quantity: str, price: str | None = None) -> None:
        """Somebody else trades on our account, at once and without our client id."""
        venue = self.exchange.venues[instrument.rpartition(".")[2]]
        spec = self.desk.core.instruments[instrument]
        mark = venue.floor.mark(instrument)
        limit = Decimal(price) if price is not None else spec.round_price(side.opposite, mark)
        if price is None:
            limit = spec.round_price(side, mark * (1 + Decimal("0.01") * side.sign))
        venue.floor.place(
            self.exchange.now,
            replace(foreign_order(instrument), side=side, quantity=Decimal(quantity), price=limit),
        )


def foreign_order(instrument: str) -> OrderRequest:
    from services.domain.enums import Purpose, TimeInForce

    return OrderRequest(
        client_order_id="",
        instrument=instrument,
        side=Side.BUY,
        quantity=Decimal(1),
        price=None,
        tif=TimeInForce.GTC,
        purpose=Purpose.TICKET,
        origin="foreign",
    )


# -- what a wire can do to an order -------------------------------------------------------------------------


def swallow(world: DeskWorld, order: OrderRequest) -> OrderRequest | None:
    """It never arrives, and nobody says so."""
    return None


def refuse(world: DeskWorld, order: OrderRequest) -> OrderRequest | None:
    """The venue's definite no."""
    due = world.now + 20 * MS
    venue = order.instrument.rpartition(".")[2]
    world.queue.deliver(due, OrderRejected(venue, order.client_order_id, "no", due, due))
    return None


def thin(fraction: str) -> Callable[[DeskWorld, OrderRequest], OrderRequest | None]:
    """The book holds only a part of what is asked: the rest of each order is gone."""

    def cut(world: DeskWorld, order: OrderRequest) -> OrderRequest | None:
        spec = world.desk.core.instruments[order.instrument]
        part = max(spec.round_size(order.quantity * Decimal(fraction)), spec.size_increment)
        due = world.now + 60 * MS
        if part < order.quantity:
            end = OrderCanceled(spec.venue, order.client_order_id, "remainder", part, due, due)
            world.queue.deliver(due, end)
        return replace(order, quantity=part)

    return cut


def on_leg(
    number: int, hook: Callable[[DeskWorld, OrderRequest], OrderRequest | None]
) -> Callable[[DeskWorld, OrderRequest], OrderRequest | None]:
    """The hook for orders of one leg that make it larger; everything else passes."""

    def chosen(world: DeskWorld, order: OrderRequest) -> OrderRequest | None:
        if order.leg == number and not order.reduce_only:
            return hook(world, order)
        return order

    return chosen


def late(ns: int) -> Callable[[int, Event], Answers]:
    """The answers on orders come so much later; the market's data do not."""

    def wait(due: int, event: Event) -> Answers:
        if isinstance(event, MarketFrame | AccountReport):
            return ((due, event),)
        return ((due + ns, event),)

    return wait


def twice(due: int, event: Event) -> Answers:
    """Every word on an order comes twice."""
    if isinstance(event, OrderAccepted | OrderFilled | OrderCanceled | OrderRejected):
        return ((due, event), (due + 3 * MS, event))
    return ((due, event),)


def fills_first(due: int, event: Event) -> Answers:
    """The accept is overtaken by what comes after it."""
    return ((due + 15 * MS, event),) if isinstance(event, OrderAccepted) else ((due, event),)


def quick() -> Settings:
    """The defaults, but causes clear after a second, so that a pair opens within a quarter of a minute."""
    return Settings(fresh=Freshness(self_clear_s=1))
