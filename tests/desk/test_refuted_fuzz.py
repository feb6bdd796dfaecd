"""Odd but legal events, in any order, at desks in every stage: no exception, and no new risk outside ACTIVE.

An exception out of `handle` ends the engine, so nothing that a venue, a timer or a person can say may raise.
The instruments and venues that the desk does not know, impossible prices, empty books and figures that are no
numbers are all among what is said.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.desk.desk import Desk
from services.domain.effects import Effect, ReadAccount, Send, SetTimer
from services.domain.enums import OrderState, PairState, RateKind, Side, TradingState
from services.domain.events import (
    AccountReport,
    BalanceRow,
    CancelRejected,
    Command,
    Event,
    FundingSettled,
    IndexRow,
    IntentDurable,
    LatchHealth,
    MarketFrame,
    MarkRow,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
    PositionRow,
    QuoteRow,
    RateRow,
    StopRequested,
    StoreHealth,
    StrategyOverrun,
    Timer,
    TransferBooked,
    VenueLink,
    WorkingRow,
)
from services.domain.machine_events import LoopStall
from tests.desk.world import MS, DeskWorld, S, quick

D = Decimal
KNOWN = (
    "BTC-USDT-PERP.alpha",
    "BTC-USDC-PERP.alpha",
    "BTC-USDT-PERP.beta",
    "ETH-USDC-PERP.beta",
    "USDT-PERP.alpha",
    "USDC/USD.alpha",
)
STAGES = ("opening", "hedged", "closing", "halted", "flattening", "unread")


@cache
def stage(name: str) -> tuple[Any, Any, bytes]:
    """(settings, instruments, state) of a desk at this stage of its life."""
    world = DeskWorld(settings=quick())
    if name == "opening":
        world.until(lambda w: PairState.OPENING in w.pair_states() and w.pair().opened_ts is not None)  # type: ignore[union-attr]
    elif name != "unread":
        world.until(lambda w: PairState.HEDGED in w.pair_states())
    if name == "closing":
        pair = world.pair()
        assert pair is not None
        world.answer("pair close", id=pair.id)
        world.run(0.1)
    elif name == "halted":
        world.answer("halt", reason="test")
    elif name == "flattening":
        world.command("flatten")
        world.run(0.05)
    return world.settings, dict(world.desk.core.instruments), world.desk.export()


venues = st.sampled_from(("alpha", "alpha", "beta", "gamma"))
names = st.sampled_from((*KNOWN, *KNOWN, "DOGE-PERP.alpha", "BTC-USDT-PERP.gamma", "odd"))
coins = st.sampled_from(("USD", "USDT", "USDC", "BUSD", "BTC", "DOGE"))
floats = st.sampled_from((0.0, -1.0, 1e-9, 0.97, 1.0, 22_000.0, 25_000.0, 1e15, float("nan"), float("inf")))
sizes = st.sampled_from((D(0), D("0.001"), D("0.5"), D(-1), D("2.5"), D(10_000), D("1e12")))
prices = st.sampled_from((D(0), D("0.0001"), D(1), D("23000.1"), D("1e9"), D(-5)))
amounts = st.sampled_from((D(0), D("-0.01"), D(3), D(-70_000), D("1e9")))
rates = st.sampled_from((D(0), D("0.0001"), D("-0.01"), D("0.2"), D(5), D("NaN")))
spans = st.sampled_from((0, 1, 20 * MS, 400 * MS, S, 11 * S, 65 * S, 3_700 * S, 90_000 * S))
sides = st.sampled_from(tuple(Side))
KINDS = (
    "frame", "frame", "frame", "good", "good", "fill", "own", "own", "own", "report", "report", "answer",
    "funding", "transfer", "timer", "timer", "durable", "command", "store", "link", "stall", "stop",
)  # fmt: skip


class Thrower:
    """Makes events that fit the desk as it stands."""

    def __init__(self, desk: Desk, data: st.DataObject) -> None:
        self.desk = desk
        self.data = data
        self.now = desk.state.now
        self.reads: list[ReadAccount] = []
        self.timers: list[str] = list(desk.state.timers)
        self.number = 0

    def draw(self, what: st.SearchStrategy[Any]) -> Any:
        return self.data.draw(what)

    def heard(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, ReadAccount):
                self.reads.append(effect)
            elif isinstance(effect, SetTimer):
                self.timers.append(effect.name)

    def fill(self, client_order_id: str, instrument: str, side: Side, quantity: Decimal) -> OrderFilled:
        self.number += 1
        return OrderFilled(
            venue=instrument.rpartition(".")[2] or "alpha",
            instrument=instrument,
            client_order_id=client_order_id,
            venue_order_id="v1",
            trade_id=f"t{self.draw(st.integers(0, self.number))}",
            side=side,
            quantity=abs(quantity) or D("0.001"),
            price=abs(self.draw(prices)) or D("0.5"),
            fee=self.draw(amounts) / 1000,
            fee_coin=self.draw(coins),
            liquidation=self.draw(st.booleans()),
            ts_event=self.now - self.draw(st.sampled_from((0, 5 * S))),
            ts=self.now,
        )

    def own_order(self) -> Event:
        """A word on an order of ours, or on one that nobody knows."""
        entries = self.desk.core.orders.open_orders()
        if not entries or self.draw(st.integers(0, 9)) == 0:
            order, instrument, side = "zzzzzz000000000e1001", self.draw(names), Side.BUY
            venue, quantity = self.draw(venues), D(1)
        else:
            entry = self.draw(st.sampled_from(entries))
            order, instrument, side = entry.id, entry.request.instrument, entry.request.side
            venue, quantity = entry.venue, entry.request.quantity
        part = self.draw(st.sampled_from((quantity, quantity, quantity / 2, quantity * 2)))
        match self.draw(st.sampled_from(("acc", "rej", "can", "cr", "fill", "fill", "unk", "rep"))):
            case "acc":
                return OrderAccepted(venue, order, "v1", self.now, self.now)
            case "rej":
                return OrderRejected(venue, order, "no", self.now, self.now)
            case "can":
                filled = self.draw(st.sampled_from((D(0), part)))
                return OrderCanceled(venue, order, "gone", filled, self.now, self.now)
            case "cr":
                return CancelRejected(venue, order, "gone already", self.now, self.now)
            case "fill":
                return self.fill(order, instrument, side, part)
            case "unk":
                return OrderUnknown(venue, order, "timeout", self.now)
            case _:
                return OrderReport(
                    venue=venue,
                    client_order_id=order,
                    found=self.draw(st.booleans()),
                    state=self.draw(st.sampled_from((None, *OrderState))),
                    filled=self.draw(st.sampled_from((D(0), part))),
                    ts_event=self.now,
                    ts=self.now,
                )

    def report(self, venue: str, request: str) -> AccountReport:
        account = self.desk.core.ledger.state.accounts.get(venue)
        balances = {} if account is None else dict(account.balances)
        positions = {} if account is None else {n: h.size for n, h in account.positions.items() if h.size}
        if self.draw(st.booleans()):
            balances[self.draw(coins)] = self.draw(amounts)
        if self.draw(st.booleans()):
            positions[self.draw(names)] = self.draw(sizes)
        orders: tuple[WorkingRow, ...] = ()
        if self.draw(st.booleans()):
            row = WorkingRow("", "v9", self.draw(names), self.draw(sides), D(1), D(0), D(1), False)
            orders = (row,)
        fills = (self.fill("", self.draw(names), self.draw(sides), self.draw(sizes)),)
        weight = self.draw(st.sampled_from((D(1), None)))
        return AccountReport(
            venue=venue,
            request=request,
            balances=tuple(BalanceRow(coin, total, weight, D("0.9")) for coin, total in balances.items()),
            positions=tuple(PositionRow(n, s, D(1), None) for n, s in positions.items()),
            orders=orders,
            fills=fills if self.draw(st.integers(0, 3)) == 0 else (),
            ts_event=self.now,
            ts=self.now,
        )  # fmt: skip

    def frame(self, *, good: bool) -> MarketFrame:
        venue = self.draw(st.sampled_from(("alpha", "beta"))) if good else self.draw(venues)
        feed = self.desk.state.picture.feeds.get(venue)
        seq = 1 if feed is None or feed.seq is None else feed.seq + 1
        if good and feed is not None:
            return MarketFrame(
                venue, self.now, self.now, seq,
                quotes=tuple(row for row, _ in feed.quotes.values()),
                marks=tuple(row for row, _ in feed.marks.values()),
                indexes=tuple(IndexRow(coin, value) for coin, (value, _) in feed.indexes.items()),
            )  # fmt: skip
        name, one, two = self.draw(names), self.draw(floats), self.draw(floats)
        interval = self.draw(st.sampled_from((None, D(0), D(8), D(1), D(-1))))
        next_ts = self.draw(st.sampled_from((None, 0, self.now + 3_600 * S)))
        kind = self.draw(st.sampled_from(tuple(RateKind)))
        return MarketFrame(
            venue, self.now, self.now, self.draw(st.sampled_from((seq, seq + 3, 0))),
            quotes=(QuoteRow(name, one, one, two, two, one, two),),
            marks=(MarkRow(name, one, two),),
            rates=(RateRow(name, self.draw(rates), interval, kind, self.now, next_ts),),
            indexes=(IndexRow(self.draw(coins), two),),
        )  # fmt: skip

    def command(self) -> Command:
        pairs = [pair.id for pair in self.desk.core.pairs.live()]
        what = self.draw(st.sampled_from(("", "alpha", "BTC-USDT-PERP.beta", "nonsense", *pairs)))
        name, args = self.draw(
            st.sampled_from(
                (
                    ("halt", {}),
                    ("resume", {"reason": "r", "override": ""}),
                    ("resume", {"reason": "r", "override": "breaker daily", "rebase": "daily"}),
                    ("flatten", {"what": what}),
                    ("pause", {"name": "funding_arb"}),
                    ("enable", {"name": "funding_arb", "reason": "r"}),
                    ("pair close", {"id": what}),
                    ("reconcile accept", {}),
                    ("set", {"key": "gate.portfolio_leverage", "value": "4"}),
                    ("ack", {"key": what}),
                )
            )
        )
        self.number += 1
        return Command(f"f{self.number}", name, args, "test", self.now)

    def event(self) -> Event:
        self.now += self.draw(spans)
        match self.draw(st.sampled_from(KINDS)):
            case "frame":
                return self.frame(good=False)
            case "good":
                return self.frame(good=True)
            case "fill":
                return self.fill("", self.draw(names), self.draw(sides), self.draw(sizes))
            case "own":
                return self.own_order()
            case "report":
                return self.report(self.draw(venues), "unasked")
            case "answer" if self.reads:
                read = self.reads.pop(0)
                return self.report(read.venue, read.request)
            case "funding":
                self.number += 1
                return FundingSettled(
                    venue=self.draw(venues),
                    payment_id=f"p{self.number}",
                    instrument=self.draw(names),
                    size=self.draw(sizes),
                    price=self.draw(prices),
                    rate=self.draw(rates),
                    amount=self.draw(amounts),
                    coin=self.draw(coins),
                    ts_event=self.now,
                    ts=self.now,
                )
            case "transfer":
                self.number += 1
                transfer = f"x{self.number}"
                return TransferBooked(
                    self.draw(venues), transfer, self.draw(coins), self.draw(amounts), self.now, self.now
                )
            case "timer" if self.timers:
                return Timer(self.draw(st.sampled_from(sorted(set(self.timers)))), self.now)
            case "durable":
                waiting = [int(each) for each in self.desk.state.intents]
                return IntentDurable(self.draw(st.sampled_from((*waiting, 1, 999_999))), self.now)
            case "command":
                return self.command()
            case "store":
                return StoreHealth(self.draw(st.booleans()), "disk full", self.now)
            case "link":
                return VenueLink(self.draw(venues), self.now, self.draw(st.booleans()))
            case "stall":
                odd: tuple[Event, ...] = (LoopStall(3_000, self.now), LatchHealth(False, "full", self.now))
                found: Event = self.draw(st.sampled_from((*odd, StrategyOverrun("funding_arb", self.now))))
                return found
            case "stop":
                return StopRequested("test", self.now + 10 * S, self.now)
            case _:
                return Timer("risk", self.now)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # A case is told by its events as they came: shrinking forty of them takes minutes.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(st.sampled_from(STAGES), st.integers(10, 40), st.data())
def test_no_legal_event_raises_and_nothing_increases_risk_outside_active(
    name: str, count: int, data: st.DataObject
) -> None:
    profile, instruments, blob = stage(name)
    desk = Desk(profile, instruments, Desk.restore(blob))
    thrower = Thrower(desk, data)
    for _ in range(count):
        event = thrower.event()
        before = desk.core.causes.overall()
        effects = desk.handle(event)
        thrower.heard(effects)
        for effect in effects:
            if isinstance(effect, Send) and before is not TradingState.ACTIVE:
                after = desk.core.causes.overall()
                assert effect.order.reduce_only or after is TradingState.ACTIVE, (event, effect.order)
    assert msgspec.msgpack.encode(Desk.restore(desk.export())) == desk.export()
