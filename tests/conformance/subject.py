"""What a case of the conformance suite asks of a venue, whoever it is (DESIGN 6).

A venue under test is a door (`VirtualVenue`), what it tells, a clock that can be let run, and the means to
make its line misbehave. What a venue cannot do, or what nobody can provoke on it, is declared as missing in
its `Entry`: no case is skipped in silence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from services.domain.enums import OrderType, Purpose, Side, TimeInForce
from services.domain.events import (
    AccountReport,
    Event,
    MarketFrame,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    QuoteRow,
)
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.venues.port import VirtualVenue

E = TypeVar("E", bound=Event)
D = Decimal
NS = 1_000_000_000


class Can(StrEnum):
    """What a case needs: of the venue, or of whoever stands behind it in the test."""

    ORDERS = "orders"
    REDUCE_ONLY = "reduce only"
    CONDITIONAL = "conditional orders"
    DEAD_MAN = "dead-man's switch"
    SPARES = "the switch is known to spare conditional orders"
    FUNDING = "funding settled"
    TRUTH = "its own books can be read"
    MOVES = "its market moves"
    LOSE_REPLY = "the reply to an order can be lost"
    FAIL_QUESTIONS = "questions can be made to fail"
    CUT = "the line can be cut"
    UNHEARD = "orders are filled while its line is cut"
    DUPLICATE = "private words can come twice"
    REORDER = "private words can be overtaken"


class Subject(ABC):
    """A venue under test. Times are ns of the venue's market."""

    name: str
    door: VirtualVenue
    perp: str
    """The perpetual to trade, the account flat in it at first; a spot pair where a venue has nothing else."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, Event]] = []
        """Everything told, with the market time at which it came."""
        self._named = 0

    # What the harness of a venue brings.

    @abstractmethod
    def now(self) -> int: ...

    @abstractmethod
    async def until(self, found: Callable[[], Any], what: str) -> None:
        """Let time run until `found` holds. Raises AssertionError after a while, naming `what`."""

    @abstractmethod
    async def elapse(self, seconds: float) -> None:
        """Let market time pass, whatever happens."""

    # Not abstract: a harness brings only those whose `Can` its entry declares, and a case runs only where
    # all that it needs is declared. Reaching one of these is an entry that promises too much.

    def truth(self) -> AccountReport:
        raise NotImplementedError

    def mark(self) -> Decimal:
        raise NotImplementedError

    async def lose_reply(self) -> None:
        """The reply to the next order is lost; the order is not."""
        raise NotImplementedError

    async def fail_questions(self, *, on: bool) -> None:
        raise NotImplementedError

    async def cut(self) -> None:
        raise NotImplementedError

    async def mend(self) -> None:
        raise NotImplementedError

    async def say_twice(self, *, on: bool) -> None:
        raise NotImplementedError

    async def overtake(self, *, on: bool) -> None:
        raise NotImplementedError

    # What all of them have.

    @property
    def events(self) -> list[Event]:
        return [event for _, event in self.heard]

    def of(self, kind: type[E], **facts: object) -> list[E]:
        return [
            each
            for _, each in self.heard
            if isinstance(each, kind) and all(getattr(each, name) == value for name, value in facts.items())
        ]

    async def first(self, kind: type[E], **facts: object) -> E:
        await self.until(lambda: self.of(kind, **facts), f"{kind.__name__} {facts}")
        return self.of(kind, **facts)[0]

    def held(self, report: AccountReport) -> Decimal:
        """Signed size of what was traded, as a read of the account tells it."""
        return sum((row.size for row in report.positions if row.instrument == self.perp), D(0))

    def fee_coin(self, side: Side) -> str:
        """What the venue takes a taker's fee in."""
        return self.spec().settle

    def spec(self) -> Instrument:
        return next(each for each in self.door.instruments() if each.id == self.perp)

    def quote(self) -> QuoteRow | None:
        """The last quote told of the perpetual; None = none, or not to be trusted."""
        for _, event in reversed(self.heard):
            if isinstance(event, MarketFrame):
                for row in event.quotes:
                    if row.instrument == self.perp:
                        return row if row.bid > 0 and row.ask > 0 else None
        return None

    async def quoted(self) -> QuoteRow:
        await self.until(self.quote, "a quote")
        row = self.quote()
        assert row is not None
        return row

    def order(
        self, side: Side, size: Decimal | None = None, price: Decimal | None = None, **more: Any
    ) -> OrderRequest:
        """A request of its own client id; without a size a small one, without a price by market."""
        self._named += 1
        return OrderRequest(
            client_order_id=more.pop("client_order_id", f"{self._named:020d}"),
            instrument=self.perp,
            side=side,
            quantity=self.spec().min_size * 10 if size is None else size,
            price=price,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            purpose=Purpose.TICKET,
            origin="operator",
            **more,
        )

    async def price(self, side: Side, factor: str) -> Decimal:
        """The best price of the other side times `factor`, on the grid."""
        row = await self.quoted()
        best = row.ask if side is Side.BUY else row.bid
        return self.spec().round_price(side, self.spec().price_of(best) * D(factor))

    async def take(self, side: Side, size: Decimal | None = None, **more: Any) -> OrderRequest:
        """An immediate order that is filled at once."""
        request = self.order(
            side, size, await self.price(side, "1.02" if side is Side.BUY else "0.98"),
            tif=TimeInForce.IOC, **more,
        )  # fmt: skip
        self.door.submit(self.now(), request)
        await self.until(lambda: self.filled(request) == request.quantity, "the fill of an immediate order")
        return request

    async def rest_near(self, side: Side) -> OrderRequest:
        """A post-only order so near to the market that it will soon be met."""
        for _ in range(20):
            row = await self.quoted()
            best = row.bid if side is Side.BUY else row.ask
            request = self.order(side, None, self.spec().price_of(best), post_only=True)
            self.door.submit(self.now(), request)
            if await self._stands(request):
                return request
        raise AssertionError("the market always met it at once")

    async def _stands(self, request: OrderRequest) -> bool:
        kinds = (OrderAccepted, OrderRejected)
        name = request.client_order_id
        await self.until(
            lambda: any(self.of(kind, client_order_id=name) for kind in kinds), "a word on a resting order"
        )
        return bool(self.of(OrderAccepted, client_order_id=name))

    async def settle(self) -> None:
        """Let time pass until just after the perpetual's next funding instant, as the venue tells it."""
        await self.until(self._next_funding, "the next funding instant")
        due = self._next_funding()
        assert due is not None
        await self.elapse(max(0, due - self.now()) / NS + 5)

    def _next_funding(self) -> int | None:
        for _, event in reversed(self.heard):
            for row in event.rates if isinstance(event, MarketFrame) else ():
                if row.instrument == self.perp and row.next_ts is not None and row.next_ts > self.now():
                    return row.next_ts
        return None

    def fills(self, request: OrderRequest) -> dict[str, OrderFilled]:
        """By trade id: a fill told twice is one fill."""
        return {fill.trade_id: fill for fill in self.of(OrderFilled, client_order_id=request.client_order_id)}

    def filled(self, request: OrderRequest) -> Decimal:
        return sum((fill.quantity for fill in self.fills(request).values()), D(0))

    async def read(self, since: int = 0) -> AccountReport:
        """A fresh read of the account, asked again while it fails."""
        self._named += 1
        name = f"read-{self._named}"
        self.door.read_account(self.now(), name, since)
        return await self.first(AccountReport, request=name)


Case = Callable[[Subject], Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A venue of the suite."""

    name: str
    opened: Callable[[], AbstractAsyncContextManager[Subject]]
    can: frozenset[Can]
    cases: int
    """How many cases it passes: held against what the suite chooses for it."""
    without: frozenset[Can] = frozenset()
    """What it cannot do, or nobody can provoke on it: by name, none left unsaid."""


_CASES: list[tuple[str, Case, frozenset[Can]]] = []


def case(*needs: Can) -> Callable[[Case], Case]:
    """Register a case and what it needs."""

    def register(made: Case) -> Case:
        _CASES.append((getattr(made, "__name__", "case"), made, frozenset(needs)))
        return made

    return register


def cases() -> list[tuple[str, Case, frozenset[Can]]]:
    return list(_CASES)


def chosen(entry: Entry) -> list[tuple[str, Case]]:
    """The cases that a venue's capabilities allow."""
    return [(name, made) for name, made, needs in _CASES if needs <= entry.can]
