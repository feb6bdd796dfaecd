"""One pair in the hands of a test: put it into any state, tell it any news, look at every action.

Its world has no round figures: the short leg is 20 000 in a coin worth 0.9 USD (18 000 a unit, lot 0.001,
least order 45 USD), the long leg 21 000 in one worth 1.1 USD (23 100 a unit, lot 0.002, least order 50 USD).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from services.domain.enums import OrderState, PairState, Purpose
from services.domain.orders import OrderRequest
from services.execution.actions import Actions, Arm, CancelOrder, Disarm, Escalate, Place
from services.execution.entries import OrderEntry
from services.execution.ids import IdCounter
from services.execution.pair_state import OrderMemo, Pair
from services.execution.pair_work import Work
from services.execution.pairs import PairMachine
from services.settings.parameters import Execution, Settings
from tests.execution.builders import BTC_A, BTC_B, INSTRUMENTS, MS, START, USDC_B, USDT_A, Book

D = Decimal
DWELL = 400 * MS
MAKER = Settings(exec=Execution(entry_style="maker", exit_style="maker"))
ODD = {
    **INSTRUMENTS,
    BTC_A: msgspec.structs.replace(INSTRUMENTS[BTC_A], min_notional=D(45)),
    BTC_B: msgspec.structs.replace(INSTRUMENTS[BTC_B], min_notional=D(50)),
    USDC_B: msgspec.structs.replace(INSTRUMENTS[USDC_B], size_increment=D(10), min_size=D(10)),
}


@dataclass
class Coins(Book):
    """Prices in coins that are worth what a test says; None: the quote coin's worth is not known."""

    mids: dict[str, Decimal | None] = field(
        default_factory=lambda: {BTC_A: D(20_000), BTC_B: D(21_000), USDT_A: D("1.002"), USDC_B: D("0.998")}
    )
    worth: dict[str, Decimal | None] = field(default_factory=lambda: {BTC_A: D("0.9"), BTC_B: D("1.1")})

    def usd(self, instrument: str) -> Decimal | None:
        return self.worth.get(instrument, D(1))


@dataclass
class Hand:
    settings: Settings = field(default_factory=Settings)
    prices: Coins = field(default_factory=Coins)
    now: int = START
    kind: str = "hedge"
    target: str = "0.4"
    long_target: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machine = PairMachine(self.settings, ODD, IdCounter("abc123"))
        names = (BTC_A, BTC_B) if self.kind == "hedge" else (USDT_A, USDC_B)
        pair, _, why = self.machine.plan(
            strategy="s", kind=self.kind, short=names[0], long=names[1], short_quantity=D(self.target),
            long_quantity=D(self.long_target or self.target), capital=D(100_000), origin="strategy:s",
            reason="spread", now=self.now, **self.more,
        )  # fmt: skip
        assert pair is not None, why
        self.pair: Pair = pair

    def put(self, state: PairState, short: str = "0", long: str = "0", **facts: Any) -> Hand:
        """The pair as it would be after a life that the test does not care about."""
        self.pair.state, self.pair.state_ts = state, self.now
        for leg, size in zip(self.pair.legs, (short, long), strict=True):
            leg.size = leg.bought = D(size)
            leg.entry_cost = leg.size * 20_500
        for name, value in facts.items():
            assert hasattr(self.pair, name), name
            setattr(self.pair, name, value)
        return self

    def work(self) -> Work:
        return Work(self.settings, ODD, self.machine._ids, self.now, self.prices, self.machine.state.failures)

    def memo(self, name: str, leg: int, *, increasing: bool = True, **facts: Any) -> OrderMemo:
        """An order of the pair, out and not settled."""
        memo = OrderMemo(leg, increasing, D(facts.pop("quantity", "0.1")), state=OrderState.SUBMITTED)
        for key, value in facts.items():
            assert hasattr(memo, key), key
            setattr(memo, key, value)
        self.pair.orders[name] = memo
        return memo

    def news(
        self, order: OrderRequest, state: OrderState, filled: str = "0", price: str = "20000", **facts: Any
    ) -> Actions:
        """The whole of an order's entry as the table would hold it."""
        entry = OrderEntry(request=order, venue="alpha", created=self.now, changed=self.now)
        entry.state, entry.filled, entry.sent = state, D(filled), self.now
        entry.cost = entry.filled * D(price)
        for key, value in facts.items():
            setattr(entry, key, value)
        return self.machine.on_order(entry, self.now, self.prices)

    def tick(self, ns: int = 0) -> Actions:
        self.now += ns
        return self.machine.on_timer(self.pair.id, self.now, self.prices)

    @property
    def id(self) -> str:
        return self.pair.id


def orders(actions: Actions) -> list[OrderRequest]:
    return [action.order for action in actions if isinstance(action, Place)]


def due(actions: Actions) -> int | None:
    """When the pair's timer was set to; 0 = taken away, None = not touched."""
    found: int | None = None
    for action in actions:
        match action:
            case Arm():
                found = action.due
            case Disarm():
                found = 0
            case _:
                continue
    return found


def pages(actions: Actions) -> list[tuple[str, bool]]:
    return [(action.text, action.reducing) for action in actions if isinstance(action, Escalate)]


def cancels(actions: Actions) -> list[str]:
    return [action.client_order_id for action in actions if isinstance(action, CancelOrder)]


PROTECTIVE = [purpose for purpose in Purpose if purpose.protective]
