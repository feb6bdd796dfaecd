"""Two strategies, an operator and late fills at once: reservations hold, no limit is passed together.

At the desk itself, at unchanged prices: strategies propose pairs, a person gives tickets, intents become
durable in any order, fills come late and in any order, in parts, at the orders' own limits. After every step
the account *after its worst fill*, reckoned here from the ledger and everything that may still fill, is
inside every limit. Two engines on one account: the second ends with status 6 (tests/e2e/test_bad_input and
tests/drive/test_lock); a second holder of the account appears as foreign orders and positions, which
count (tests/desk/test_foreign).
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.desk import gatekeeping
from services.desk.desk import Desk
from services.domain.effects import SaveIntent, Send
from services.domain.enums import PairState, Purpose, Side, TimeInForce
from services.domain.events import Command, IntentDurable, OrderAccepted, OrderFilled
from services.domain.money import DESK_CONTEXT, ZERO
from services.domain.orders import OrderRequest
from services.portfolio.exposure import coin_exposure
from services.portfolio.hypothetical import Fill, with_fills
from services.portfolio.inputs import AccountInput
from services.portfolio.margin import account_margin
from services.settings.parameters import Gate, InstrumentLimit, Settings, StrategySettings
from services.strategies.base import OpenPair
from tests.safety.moments import moments

D = Decimal
MS = 1_000_000
STRATEGIES = ("funding_arb", "second")
ROW = InstrumentLimit(max_position=D(21_000), max_leverage=D(5))
TIGHT = Settings(
    strategies={name: StrategySettings(kind="funding_arb") for name in STRATEGIES},
    gate=msgspec.structs.replace(
        Gate(),
        default_limit=ROW,
        limits={},
        max_coin_exposure=D("0.35"),
        orders_per_second=50,
        max_open_orders_symbol=30,
    ),
)
"""So tight that one pair or one large ticket nearly fills it: whoever comes second must be cut or refused."""
PERPS = ("BTC-USDT-PERP", "BTC-USDC-PERP", "ETH-USDT-PERP")
VENUES = ("alpha", "beta")


@dataclass
class Stage:
    """A desk, and what its venues have not said yet."""

    desk: Desk
    now: int
    intents: list[int] = field(default_factory=list)
    sent: dict[str, Decimal] = field(default_factory=dict)
    """Order -> what of it is not filled yet."""
    increasing: int = 0
    trades: int = 0

    def take(self, effects: tuple[object, ...]) -> None:
        for effect in effects:
            if isinstance(effect, SaveIntent) and not effect.orders[0].purpose.protective:
                self.intents.append(effect.seq)
            elif isinstance(effect, Send):
                assert effect.order.client_order_id not in self.sent, "sent twice"
                self.sent[effect.order.client_order_id] = effect.order.quantity
                self.increasing += not effect.order.reduce_only

    def tick(self) -> int:
        self.now += 20 * MS
        return self.now

    # -- what can happen ---------------------------------------------------------------------------------

    def propose(self, strategy: int, short: int, long: int) -> None:
        """Straight to the admission, as the strategy's own proposal would go."""
        name, core = STRATEGIES[strategy], self.desk.core
        legs = f"{PERPS[short]}.{VENUES[strategy]}", f"{PERPS[long]}.{VENUES[1 - strategy]}"
        intent = OpenPair(
            short=legs[0],
            long=legs[1],
            group="BTC",
            kind="hedge",
            strength=D(1),
            stop_distance=D("0.01"),
            spread=D(6),
            gross=D(200),
            costs=D(22),
            net_edge=D(70),
            break_even_h=D(5),
            reason="together",
        )
        core.out = []
        self.desk.strategies.admission.open(name, core.state.strategies[name], intent)
        self.take(tuple(core.out))

    def ticket(self, perp: int, venue: int, side: Side, thousands: int) -> None:
        """A person's order, through the one door."""
        core = self.desk.core
        spec = core.instruments[f"{PERPS[perp]}.{VENUES[venue]}"]
        mark = core.picture.last_mark(spec.id)
        assert mark is not None
        price = spec.round_price(side, mark * (1 + D("0.004") * side.sign))
        order = OrderRequest(
            client_order_id=core.ids.draw(Purpose.TICKET),
            instrument=spec.id,
            side=side,
            quantity=spec.round_size(D(thousands) * 1000 / mark),
            price=price,
            tif=TimeInForce.GTC,
            purpose=Purpose.TICKET,
            origin="operator",
        )
        core.out = []
        self.desk.submit.place(order)
        self.take(tuple(core.out))

    def durable(self, which: int) -> None:
        if self.intents:
            seq = self.intents.pop(which % len(self.intents))
            self.take(self.desk.handle(IntentDurable(seq=seq, ts=self.tick())))

    def fill(self, which: int, part: bool) -> None:
        """Late, in any order, at the order's own limit: the worst that can happen to it."""
        waiting = [name for name, left in self.sent.items() if left > ZERO]
        if not waiting:
            return
        name = waiting[which % len(waiting)]
        entry = self.desk.core.orders.get(name)
        assert entry is not None
        order, spec = entry.request, self.desk.core.instruments[entry.request.instrument]
        quantity = self.sent[name]
        if part:
            quantity = max(spec.round_size(quantity / 2), spec.size_increment)
        self.sent[name] -= quantity
        self.trades += 1
        now = self.tick()
        price = order.price
        assert price is not None
        accepted = OrderAccepted(entry.venue, name, f"v{name}", now, now)
        self.take(self.desk.handle(accepted))
        self.take(
            self.desk.handle(
                OrderFilled(
                    venue=entry.venue,
                    instrument=order.instrument,
                    client_order_id=name,
                    venue_order_id=f"v{name}",
                    trade_id=f"t{self.trades}",
                    side=order.side,
                    quantity=quantity,
                    price=price,
                    fee=quantity * price * (spec.taker_fee or ZERO),
                    fee_coin=spec.settle,
                    ts_event=now,
                    ts=now,
                )
            )
        )

    def halt(self) -> None:
        now = self.tick()
        self.take(
            self.desk.handle(Command(id=f"h{now}", name="halt", args={"reason": "x"}, origin="t", ts=now))
        )

    # -- the judge ---------------------------------------------------------------------------------------

    def may_fill(self) -> list[Fill]:
        """Orders in every stage, and the unsent rest of pairs, each at its worst price."""
        core = self.desk.core
        found: list[Fill] = []
        leaves: dict[tuple[str, str], Decimal] = {}
        for entry in core.orders.open_orders():
            order = entry.request
            if order.reduce_only or entry.leaves <= ZERO:
                continue
            spec = core.instruments[order.instrument]
            assert order.price is not None
            found.append((spec, order.side, entry.leaves, order.price))
            if order.pair is not None:
                key = (order.pair, order.instrument)
                leaves[key] = leaves.get(key, ZERO) + entry.leaves
        for pair in core.pairs.live():
            if pair.state not in (PairState.PLANNED, PairState.OPENING):
                continue
            for leg in pair.legs:
                rest = leg.target - leg.size - leaves.get((pair.id, leg.instrument), ZERO)
                mid = core.picture.mid(leg.instrument)
                if rest > ZERO and mid is not None:
                    found.append((core.instruments[leg.instrument], leg.side, rest, mid))
        return found

    def check(self) -> None:
        """Every way for each instrument to fill: all its buys, or all its sells, against the limits."""
        with decimal.localcontext(DESK_CONTEXT):
            accounts = gatekeeping.accounts(self.desk.core)
            fills = self.may_fill()
            for sides in product(Side, repeat=len(PERPS)):
                chosen = dict(zip(PERPS, sides, strict=True))
                after = {
                    venue: with_fills(
                        account,
                        [row for row in fills if row[0].venue == venue and row[1] is chosen[row[0].symbol]],
                    )
                    for venue, account in accounts.items()
                }
                _inside(after)


def _inside(accounts: dict[str, AccountInput]) -> None:
    gate = TIGHT.gate
    total: dict[str, Decimal] = {}
    for venue, account in accounts.items():
        margin = account_margin(account)
        assert margin.collateral is not None
        assert margin.leverage is not None
        assert margin.leverage < gate.portfolio_leverage, venue
        assert margin.initial_usage is not None
        assert margin.initial_usage < gate.max_initial_usage, venue
        assert margin.usage is not None
        assert margin.usage < gate.max_margin_usage, venue
        for symbol, notional in margin.symbol_notional.items():
            total[symbol] = total.get(symbol, ZERO) + notional
        for coin in ("USDT", "USDC"):
            made = coin_exposure(account, coin).by_positions
            assert made is not None
            assert abs(made) < gate.max_coin_exposure * margin.collateral, (venue, coin)
    for symbol, notional in total.items():
        assert notional < ROW.max_position, symbol


def stage() -> Stage:
    moment = moments()["flat, market"]
    desk = moment.desk(TIGHT)
    for slot in desk.core.state.strategies.values():
        slot.paused = True  # proposals come from the test, straight to the admission
    desk.handle(moment.event)
    return Stage(desk, desk.state.now)


steps = st.one_of(
    st.tuples(st.just("propose"), st.integers(0, 1), st.integers(0, 1), st.integers(0, 1)),
    st.tuples(
        st.just("ticket"), st.integers(0, 2), st.integers(0, 1), st.sampled_from(Side), st.integers(1, 22)
    ),
    st.tuples(st.just("durable"), st.integers(0, 5)),
    st.tuples(st.just("durable"), st.integers(0, 5)),
    st.tuples(st.just("fill"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("fill"), st.integers(0, 5), st.booleans()),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(steps, min_size=4, max_size=14), st.integers(0, 20))
def test_no_limit_is_passed_together_and_a_halt_ends_it(script: list[tuple[object, ...]], halts: int) -> None:
    """Bug D4: each sees the others' reservations, in whatever order things become true."""
    scene = stage()
    for number, (what, *how) in enumerate(script):
        if number == halts:
            scene.halt()
            scene.increasing = 0
        getattr(scene, str(what))(*how)
        scene.check()
        assert number < halts or scene.increasing == 0, "a halted desk has sent what could increase"


def test_two_strategies_in_the_same_event_do_not_both_get_the_room() -> None:
    """The first pair takes most of the symbol's limit; the second is cut to what is left, or refused."""
    scene = stage()
    scene.propose(0, 0, 0)
    alone = [pair.short.target for pair in scene.desk.core.pairs.live()]
    assert len(alone) == 1
    scene.propose(1, 0, 0)
    slot = scene.desk.core.state.strategies["second"]
    assert len(scene.desk.core.pairs.live()) == 1
    assert slot.last_reason
    scene.check()


def test_a_ticket_between_intent_and_send_takes_no_room_that_is_reserved() -> None:
    """The first ticket's intent is not durable yet; the second one, which would fit alone, is refused."""
    scene = stage()
    scene.ticket(0, 0, Side.BUY, 14)
    assert len(scene.intents) == 1
    scene.ticket(0, 1, Side.BUY, 14)
    assert len(scene.intents) == 1
    assert "position notional" in scene.desk.state.denied[-1].text
    scene.durable(0)
    assert list(scene.sent.values()) == [scene.desk.core.orders.open_orders()[0].request.quantity]
    scene.ticket(0, 1, Side.BUY, 14)
    scene.fill(0, part=True)
    scene.ticket(0, 1, Side.BUY, 14)
    scene.fill(0, part=False)
    scene.ticket(0, 1, Side.BUY, 14)
    assert scene.increasing == 1  # beside it only the backstop of what was filled
    scene.ticket(0, 1, Side.BUY, 5)
    scene.durable(0)
    assert scene.increasing == 2
    scene.check()


def test_the_operator_and_a_strategy_in_one_event_keep_inside_together() -> None:
    scene = stage()
    scene.ticket(0, 0, Side.SELL, 12)
    scene.propose(0, 0, 0)
    scene.check()
    for _ in range(4):
        scene.durable(0)
        scene.check()
        scene.fill(0, part=False)
        scene.check()
    assert scene.trades >= 2


def test_the_scripts_reach_pairs_tickets_fills_and_refusals() -> None:
    """The property above is not empty."""
    scene = stage()
    scene.propose(0, 0, 0)
    for _ in range(12):
        scene.durable(0)
        scene.fill(0, part=False)
        scene.ticket(1, 0, Side.BUY, 5)
        scene.ticket(0, 1, Side.BUY, 12)
        scene.check()
    assert scene.trades >= 6
    assert any(held.size for held in scene.desk.core.ledger.account("alpha").positions.values())
    assert scene.desk.state.denied
    assert any("position notional" in note.text for note in scene.desk.state.denied)
