"""The ladder's hand, edge by edge: who is judged, what is said, what is cut and how (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from services.alerts.rules import rule_for
from services.desk import gatekeeping, ladder
from services.desk.core import SECOND
from services.desk.desk import Desk
from services.domain.effects import Decision
from services.domain.enums import OrderType, PairState, Purpose, Side, TimeInForce, TradingState
from services.domain.orders import OrderRequest
from services.execution.actions import Actions
from services.execution.pair_state import Pair
from services.portfolio.margin import Margin, account_margin
from services.portfolio.top_up import TopUp

D = Decimal
S = PairState
PERP = "BTC-USDT-PERP.alpha"
COIN = "USDT/USD.alpha"
NEVER = D(9)
"""A distance that is beyond every level."""


class Hand:
    """Stands for the submitter: prices that a test gives, and what would have been sent."""

    def __init__(self) -> None:
        self.prices = self
        self.placed: list[OrderRequest] = []
        self.mids: dict[str, Decimal] = {}
        self.lasts: dict[str, Decimal] = {}
        self.usds: dict[str, Decimal] = {}

    def mid(self, instrument: str) -> Decimal | None:
        return self.mids.get(instrument)

    def last(self, instrument: str) -> Decimal | None:
        return self.lasts.get(instrument)

    def usd(self, instrument: str) -> Decimal | None:
        return self.usds.get(instrument)

    def run(self, actions: Actions) -> None:
        assert actions == ()

    def place(self, order: OrderRequest) -> None:
        self.placed.append(order)


class Climber:
    """A look of the ladder at accounts whose margins and distances the test gives."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.core, self.hand = desk.core, Hand()
        self.books = gatekeeping.accounts(desk.core)
        self.margins = {name: account_margin(book) for name, book in self.books.items()}
        self.distances: dict[str, Decimal | None] = {}
        self.measured: list[tuple[str, Decimal]] = []
        self.cut: list[tuple[str, Decimal]] = []
        venues = {id(book): name for name, book in self.books.items()}

        def distance(book: Any, near: Decimal) -> Decimal | None:
            self.measured.append((venues[id(book)], near))
            return self.distances.get(venues[id(book)], NEVER)

        def reduce(_machine: object, pair: str, share: Decimal, *_: object) -> Actions:
            self.cut.append((pair, share))
            return ()

        monkeypatch.setattr(ladder, "joint_distance", distance)
        monkeypatch.setattr(type(desk.core.pairs), "request_reduce", reduce)

    def look(self, **facts: Margin) -> list[Decision]:
        self.core.out = []
        self.cut.clear()
        self.hand.placed.clear()
        ladder.climb(self.core, self.hand, self.books, self.margins | facts)  # type: ignore[arg-type]
        return [each for each in self.core.out if isinstance(each, Decision)]

    def alpha(self, usage: str | None, **facts: Any) -> Margin:
        found = None if usage is None else D(usage)
        return replace(self.margins["alpha"], usage=found, **facts)

    def alerts(self) -> dict[str, str]:
        return {each.key: each.do for each in self.core.alerts.open()}

    def states(self) -> set[tuple[str, TradingState]]:
        found = self.core.causes.causes()
        return {(each.scope, each.state) for each in found if each.name == ladder.LADDER}

    @property
    def pair(self) -> Pair:
        return self.core.pairs.live()[0]


@pytest.fixture
def climber(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Climber:
    return Climber(desk, monkeypatch)


def test_who_holds_nothing_is_left_alone_and_the_next_account_is_judged(climber: Climber) -> None:
    beta = replace(climber.margins["beta"], usage=D("0.7"))
    climber.core.state.ladder.steps.clear()
    climber.look(alpha=climber.alpha("0.7", anything_open=False), beta=beta)
    assert [name for name, _ in climber.measured] == ["beta"]
    assert set(climber.core.state.ladder.steps) == {"beta"}
    assert climber.states() == {("account:beta", TradingState.REDUCING)}


def test_who_has_closed_everything_is_judged_once_more_and_goes_down(climber: Climber) -> None:
    climber.look(alpha=climber.alpha("0.9"))
    assert climber.core.state.ladder.steps["alpha"] == "cut"
    climber.measured.clear()
    climber.look(alpha=climber.alpha("0.9", anything_open=False))
    assert climber.core.state.ladder.steps["alpha"] == "calm"
    assert "alpha" not in [name for name, _ in climber.measured]
    (cause,) = [each for each in climber.core.causes.causes() if each.name == ladder.LADDER]
    assert not cause.holds


@pytest.mark.parametrize(("alert", "reducing"), [("0.15", "0.08"), ("0.05", "0.08")])
def test_a_distance_is_measured_as_far_as_either_level(climber: Climber, alert: str, reducing: str) -> None:
    settings = climber.core.settings
    gate = replace(settings.gate, min_joint_distance=D(alert), reducing_joint_distance=D(reducing))
    climber.core.bind(replace(settings, gate=gate))
    climber.look()
    assert {near for _, near in climber.measured} == {max(D(alert), D(reducing))}


@pytest.mark.parametrize(
    ("collateral", "usage", "share"),
    [
        (D(0), None, D(1)),
        (D(-1), None, D(1)),
        (D("0.5"), "0.1", None),
        (None, None, None),
        (None, "0.1", None),
    ],
)
def test_collateral_that_is_gone_takes_everything_and_one_that_is_not_known_nothing(
    climber: Climber, collateral: Decimal | None, usage: str | None, share: Decimal | None
) -> None:
    climber.look(alpha=climber.alpha(usage, collateral=collateral))
    assert climber.cut == ([] if share is None else [(climber.pair.id, share)])


def test_near_a_liquidation_or_without_a_figure_one_alert_and_never_both(climber: Climber) -> None:
    near, unknown = "liquidation distance:alpha", "liquidation unknown:alpha"
    do = "add collateral on alpha or reduce"
    climber.distances["alpha"] = D("0.14")
    climber.look(alpha=climber.alpha("0.1"))
    assert climber.alerts() == {near: do}
    climber.look(alpha=climber.alpha(None))
    assert climber.alerts() == {unknown: rule_for(unknown).do}, "nobody is to bring money"
    climber.look(alpha=climber.alpha("0.1"))
    assert climber.alerts() == {near: do}
    climber.distances["alpha"] = D("0.15")
    climber.look(alpha=climber.alpha("0.1"))
    assert climber.alerts() == {}
    climber.look(alpha=climber.alpha(None))
    climber.look(alpha=climber.alpha("0.1"))
    assert climber.alerts() == {}


def test_a_call_of_the_venue_is_watched_at_every_look(
    climber: Climber, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[str] = []
    monkeypatch.setattr(ladder.margin_call, "watch", lambda core, venue, margin: watched.append(venue))
    climber.look(beta=replace(climber.margins["beta"], anything_open=False))
    assert watched == list(climber.margins)


@pytest.mark.parametrize(
    ("usage", "move", "do"),
    [
        (None, None, None),
        ("0.4999", None, None),
        ("0.5", None, rule_for("margin usage:alpha").do),
        ("0.5", TopUp(D(1200), "USDT", "beta", "alpha", True),
         "transfer 1,200 USDT from beta to alpha, yourself"),
        ("0.5", TopUp(D(7), "USDT", "beta", "alpha", False),
         "transfer 7 USDT from beta to alpha, yourself; that alone is not enough"),
        ("0.5", TopUp(D(3400), "", "", "alpha", True),
         "bring 3,400 USD of collateral to alpha from outside: no other account can spare it"),
    ],
)  # fmt: skip
def test_from_the_first_rung_on_what_to_bring_is_said(
    climber: Climber, monkeypatch: pytest.MonkeyPatch, usage: str | None, move: TopUp | None, do: str | None
) -> None:
    asked: list[Any] = []

    def needed(*args: Any) -> TopUp | None:
        asked.append((args[0], args[3]))
        return move

    monkeypatch.setattr(ladder.top_up, "needed", needed)
    climber.look(alpha=climber.alpha("0.55"))
    assert "margin usage:alpha" in climber.alerts()
    asked.clear()
    climber.look(alpha=climber.alpha(usage))
    assert climber.alerts().get("margin usage:alpha") == do
    assert asked == ([] if do is None else [("alpha", D("0.50"))])


# ---- a wave


def other(climber: Climber, *venues: str) -> Pair:
    """A second pair, with its legs there."""
    first = climber.pair
    names = [f"ETH-USDT-PERP.{venues[0]}", f"ETH-USDC-PERP.{venues[-1]}"]
    legs = [replace(leg, instrument=name) for leg, name in zip(first.legs, names, strict=True)]
    second = replace(first, id="P-77", short=legs[0], long=legs[1])
    climber.core.pairs.adopt(second)
    return second


@pytest.mark.parametrize(
    ("venues", "cut"), [(("alpha",), True), (("beta", "alpha"), True), (("beta",), False)]
)
def test_a_wave_takes_every_pair_with_a_leg_there_and_no_other(
    climber: Climber, venues: tuple[str, ...], cut: bool
) -> None:
    second = other(climber, *venues)
    said = climber.look(alpha=climber.alpha("0.9"))
    share = 1 - D("0.6") / D("0.9") + D("0.02")
    taken = [climber.pair.id, second.id] if cut else [climber.pair.id]
    assert climber.cut == [(name, share) for name in taken]
    assert [each.subject for each in said if each.kind == ladder.LADDER] == ["alpha", *taken]
    assert climber.core.state.ladder.waves == {"alpha": climber.core.now}


@pytest.mark.parametrize(
    ("state", "facts", "busy"),
    [
        (S.HEDGED, {}, False),
        (S.HEDGED, {"close_purpose": Purpose.STOP}, False),
        (S.OPENING, {}, False),
        (S.UNWINDING, {}, True),
        (S.CLOSING, {"close_purpose": Purpose.STOP}, True),
        (S.CLOSING, {"close_purpose": Purpose.EXIT}, False),
        (S.FROZEN, {"resume": S.UNWINDING}, False),
        (S.FROZEN, {"resume": S.CLOSING, "close_purpose": Purpose.STOP}, False),
        (S.IN_DOUBT, {"resume": S.UNWINDING}, True),
        (S.IN_DOUBT, {"resume": S.CLOSING, "close_purpose": Purpose.STOP}, True),
        (S.IN_DOUBT, {"resume": S.CLOSING, "close_purpose": Purpose.EXIT}, False),
        (S.IN_DOUBT, {"resume": S.HEDGED}, False),
    ],
)
def test_what_is_on_its_way_to_less_is_not_cut_again(
    climber: Climber, state: PairState, facts: dict[str, Any], busy: bool
) -> None:
    pair = climber.pair
    pair.state = state
    for name, value in facts.items():
        setattr(pair, name, value)
    climber.look(alpha=climber.alpha("0.9"))
    assert [name for name, _ in climber.cut] == ([] if busy else [pair.id])


@pytest.mark.parametrize(
    ("begun_s", "working", "waits"),
    [(None, True, False), (14.999, True, True), (15, True, False), (14.999, False, False)],
)
def test_a_stuck_pair_holds_the_next_wave_up_for_fifteen_seconds(
    climber: Climber, begun_s: float | None, working: bool, waits: bool
) -> None:
    second = other(climber, "alpha")
    if working:
        second.state = S.UNWINDING
    core = climber.core
    begun = {} if begun_s is None else {"alpha": core.now - int(begun_s * SECOND)}
    core.state.ladder.waves = dict(begun)
    climber.look(alpha=climber.alpha("0.9"))
    names = [climber.pair.id] if working else [climber.pair.id, second.id]
    assert [name for name, _ in climber.cut] == ([] if waits else names)
    assert core.state.ladder.waves == (begun if waits else {"alpha": core.now})


def test_under_the_target_the_wave_ends_and_the_tries_of_that_account_are_forgotten(climber: Climber) -> None:
    state = climber.core.state.ladder
    state.tries = {PERP: 2, "BTC-USDT-PERP.beta": 3}
    climber.look(alpha=climber.alpha("0.1"))
    assert state.tries == {PERP: 2, "BTC-USDT-PERP.beta": 3}, "no wave was under way"
    state.waves = {"alpha": climber.core.now}
    climber.look(alpha=climber.alpha("0.1"))
    assert state.waves == {}
    assert state.tries == {"BTC-USDT-PERP.beta": 3}


# ---- an unpaired position


def alone(
    climber: Climber, instrument: str, size: str, mid: str | None = "100", usd: str | None = "1"
) -> None:
    state, hand = climber.core.state, climber.hand
    state.unpaired[instrument], state.unpaired_entry[instrument] = D(size), D(100)
    for kept, given in ((hand.mids, mid), (hand.usds, usd)):
        if given is not None:
            kept[instrument] = D(given)


@pytest.mark.parametrize(
    ("size", "usage", "quantity"),
    [
        ("3", "0.9", "1.060"),  # 3 x (1 - 0.6 / 0.9 + 0.02), up to the lot
        ("-3", "0.9", "1.060"),
        ("3", "0.8", "0.810"),
        ("0.1", "0.8", "0.050"),  # 5 USD at the least
        ("0.12", "0.9", "0.050"),
        ("0.09", "0.9", "0.090"),  # what would be left could not be closed
        ("0.049", "0.9", None),  # dust
    ],
)
def test_a_share_of_it_up_to_the_lot_and_at_least_what_the_venue_takes(
    climber: Climber, size: str, usage: str, quantity: str | None
) -> None:
    alone(climber, PERP, size)
    climber.look(alpha=climber.alpha(usage))
    if quantity is None:
        assert climber.hand.placed == []
        assert climber.core.state.ladder.tries == {}
        return
    (order,) = climber.hand.placed
    assert order.quantity == D(quantity)
    assert order.side is (Side.SELL if D(size) > 0 else Side.BUY)
    assert order.price == (D("99.8") if D(size) > 0 else D("100.2"))
    assert (order.type, order.tif, order.purpose) == (OrderType.LIMIT, TimeInForce.IOC, Purpose.STOP)
    assert order.reduce_only
    assert order.client_order_id.endswith("s0001"), "a stop's, of no leg, the first"
    assert (order.origin, order.attempt, order.decided_mid) == ("desk", 1, D(100))
    assert climber.core.state.ladder.tries == {PERP: 1}


def test_collateral_that_is_gone_takes_all_of_it(climber: Climber) -> None:
    alone(climber, PERP, "3.001")
    climber.look(alpha=climber.alpha(None, collateral=D(0)))
    assert [each.quantity for each in climber.hand.placed] == [D("3.001")]


def test_what_stands_at_another_account_is_left_and_one_without_a_price_holds_up_no_other(
    climber: Climber,
) -> None:
    alone(climber, "BTC-USDT-PERP.beta", "3")
    alone(climber, PERP, "3", mid=None)
    alone(climber, "ETH-USDT-PERP.alpha", "3")
    climber.look(alpha=climber.alpha("0.9"))
    assert [each.instrument for each in climber.hand.placed] == ["ETH-USDT-PERP.alpha"]
    climber.hand.lasts[PERP] = D(90)
    climber.look(alpha=climber.alpha("0.9"))
    first, _ = climber.hand.placed
    assert first.instrument == PERP
    assert first.price == D("89.9"), "from the last price that was good"
    assert first.decided_mid is None


def test_without_a_price_in_dollars_the_least_is_a_lot(climber: Climber) -> None:
    alone(climber, PERP, "0.003", usd=None)
    climber.look(alpha=climber.alpha("0.8"))
    assert [each.quantity for each in climber.hand.placed] == [D("0.001")]
    instruments = dict(climber.core.instruments)
    instruments[PERP] = replace(instruments[PERP], min_size=D("0.002"))
    climber.core.instruments = instruments
    climber.look(alpha=climber.alpha("0.8"))
    assert [each.quantity for each in climber.hand.placed] == [D("0.003")], (
        "less than its least would be left"
    )
    alone(climber, COIN, "1", usd=None)
    climber.look(alpha=climber.alpha("0.8"))
    assert [each.quantity for each in climber.hand.placed if each.instrument == COIN] == [D(1)]


def test_a_venue_that_spares_what_reduces_its_least_notional_takes_less(climber: Climber) -> None:
    instruments = dict(climber.core.instruments)
    instruments[PERP] = replace(instruments[PERP], reduces_any_notional=True)
    climber.core.instruments = instruments
    alone(climber, PERP, "0.01")
    climber.look(alpha=climber.alpha("0.8"))
    assert [each.quantity for each in climber.hand.placed] == [D("0.003")]


def test_a_wave_is_no_more_than_the_venue_takes_in_one_order(climber: Climber) -> None:
    instruments = dict(climber.core.instruments)
    instruments[PERP] = replace(instruments[PERP], max_size=D("0.5"))
    climber.core.instruments = instruments
    alone(climber, PERP, "3")
    climber.look(alpha=climber.alpha("0.9"))
    assert [each.quantity for each in climber.hand.placed] == [D("0.5")]


@pytest.mark.parametrize("allowed", [False, True])
def test_each_wave_takes_the_next_band_and_a_market_order_behind_all_where_it_may(
    climber: Climber, allowed: bool
) -> None:
    core = climber.core
    core.bind(replace(core.settings, exec=replace(core.settings.exec, allow_market=allowed)))
    alone(climber, PERP, "3")
    prices = []
    for number in range(1, 7):
        climber.look(alpha=climber.alpha("0.9"))
        (order,) = climber.hand.placed
        assert order.attempt == number
        assert (order.type is OrderType.MARKET) is (order.price is None)
        prices.append(order.price)
    assert prices[:5] == [D("99.8"), D("99.5"), D(99), D(98), D(95)]
    assert prices[5] == (None if allowed else D(95))


def test_one_whose_stop_has_begun_is_the_stops(climber: Climber) -> None:
    core = climber.core
    alone(climber, PERP, "3")
    core.stops.on_position(PERP, D(3), D(100), D(100), core.now)
    stop = core.stops.get(PERP)
    assert stop is not None
    climber.look(alpha=climber.alpha("0.9"))
    assert len(climber.hand.placed) == 1
    stop.triggered = core.now
    climber.look(alpha=climber.alpha("0.9"))
    assert climber.hand.placed == []
