"""Properties of SEMANTICS 3, each named after its sentence."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.domain.enums import OrderType, Purpose, Severity, Side, TradingState
from services.domain.orders import OrderRequest
from services.portfolio.distance import joint_distance
from services.portfolio.exposure import coin_exposure
from services.portfolio.hypothetical import with_fills
from services.portfolio.inputs import AccountInput
from services.portfolio.margin import account_margin
from services.risk.causes import CauseBook
from services.risk.context import AccountFacts, GateContext, OpenOrder, Stage, Usage
from services.risk.gate import check_hedge, check_order, check_pair
from services.settings.parameters import Settings
from tests.risk.builders import PRICES, D, account, context, market, order, position, resting, world

WORLD = world()
PERPS = [spec for spec in WORLD.values() if spec.is_perp]
LIMITS = Settings().gate

sides = st.sampled_from([Side.BUY, Side.SELL])
steps = st.tuples(
    st.sampled_from([spec.id for spec in PERPS]),
    sides,
    st.integers(1, 30),  # thousands of USD
    st.integers(-150, 150),  # bps of the mark
    st.sampled_from(["fill", "part", "work", "cancel"]),
)


def _request(name: str, side: Side, thousands: int, bps: int, number: int, **changes: Any) -> OrderRequest:
    spec = WORLD[name]
    mark = PRICES[spec.underlying]
    price = spec.round_price(side, mark * (D(1) + D(bps) / 10_000))
    quantity = spec.round_size(D(thousands) * 1000 / mark)
    return order(name, side, quantity, price, client_order_id=f"n{number}", **changes)


def _limits_hold(accounts: dict[str, AccountInput]) -> None:
    """Every value limit, measured with the portfolio room's own figures."""
    margins = {venue: account_margin(held) for venue, held in accounts.items()}
    total = sum((m.collateral or D(0)) for m in margins.values())
    by_symbol: dict[str, Decimal] = {}
    for venue, margin in margins.items():
        assert margin.collateral is not None
        assert margin.leverage is not None
        assert margin.leverage < LIMITS.portfolio_leverage
        assert margin.usage is not None
        assert margin.usage < LIMITS.max_margin_usage
        assert margin.initial_usage is not None
        assert margin.initial_usage < LIMITS.max_initial_usage
        distance = joint_distance(accounts[venue])
        assert distance is None or distance >= LIMITS.min_joint_distance
        for symbol, notional in margin.symbol_notional.items():
            by_symbol[symbol] = by_symbol.get(symbol, D(0)) + notional
            row = LIMITS.limits.get(symbol, LIMITS.default_limit)
            assert notional / margin.collateral < row.max_leverage
        for coin in ("USDT", "USDC", "BUSD"):
            made = coin_exposure(accounts[venue], coin).by_positions
            assert made is not None
            assert abs(made) < LIMITS.max_coin_exposure * margin.collateral
    assert sum((m.notional or D(0)) for m in margins.values()) / total < LIMITS.portfolio_leverage
    for symbol, notional in by_symbol.items():
        assert notional < LIMITS.limits.get(symbol, LIMITS.default_limit).max_position


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=3, max_size=14))
def test_no_sequence_of_accepted_orders_exceeds_a_limit_at_unchanged_prices_and_counted_costs(
    sequence: list[tuple[str, Side, int, int, str]],
) -> None:
    accounts = {
        venue: account(venue, marks={s.id: PRICES[s.underlying] for s in PERPS})
        for venue in ("alpha", "beta")
    }
    working: list[OpenOrder] = []
    for number, (name, side, thousands, bps, fate) in enumerate(sequence):
        request = _request(name, side, thousands, bps, number, purpose=Purpose.TICKET, origin="operator")
        ctx = context(*accounts.values(), working=tuple(working))
        answer = check_order(ctx, request)
        if not answer.allowed or answer.reducing:
            continue
        assert request.price is not None
        spec = WORLD[name]
        filled = {"fill": request.quantity, "part": spec.round_size(request.quantity / 2)}.get(fate, D(0))
        if filled > 0:
            accounts[spec.venue] = with_fills(accounts[spec.venue], [(spec, side, filled, request.price)])
        if fate in ("part", "work") and request.quantity > filled:
            working.append(resting(name, side, request.quantity - filled, request.price))
        _limits_hold(accounts)
    for row in working:  # and whatever still works fills in the end
        spec = WORLD[row.instrument]
        assert row.price is not None
        accounts[spec.venue] = with_fills(accounts[spec.venue], [(spec, row.side, row.leaves, row.price)])
        _limits_hold(accounts)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["BTC", "ETH"]),
            st.sampled_from(
                [("USDT.alpha", "USDT.beta"), ("USDC.beta", "USDT.alpha"), ("USDT.alpha", "USDC.alpha")]
            ),
            st.integers(2, 25),  # thousands of USD a leg
            st.sampled_from(["both", "reversed", "first only", "reserved"]),
        ),
        min_size=2,
        max_size=6,
    )
)
def test_no_sequence_of_admitted_pairs_exceeds_a_limit_reversals_included(
    sequence: list[tuple[str, tuple[str, str], int, str]],
) -> None:
    marks = {s.id: PRICES[s.underlying] for s in PERPS}
    accounts = {venue: account(venue, marks=marks) for venue in ("alpha", "beta")}
    working: list[OpenOrder] = []

    def fill(request: OrderRequest, side: Side) -> None:
        spec = WORLD[request.instrument]
        price = PRICES[spec.underlying]
        accounts[spec.venue] = with_fills(accounts[spec.venue], [(spec, side, request.quantity, price)])
        _limits_hold(accounts)

    for number, (underlying, coins, thousands, fate) in enumerate(sequence):
        names = [f"{underlying}-{coin.replace('.', '-PERP.')}" for coin in coins]
        pair = f"P-{number}"
        short = _request(names[0], Side.SELL, thousands, 0, 10 * number, pair=pair, leg=1, origin="operator")
        long = _request(
            names[1], Side.BUY, thousands, 0, 10 * number + 1, pair=pair, leg=2, origin="operator"
        )
        if not check_pair(context(*accounts.values(), working=tuple(working)), (short, long)).allowed:
            continue
        if fate == "reserved":
            working += [
                resting(leg.instrument, leg.side, leg.quantity, pair=pair, stage=Stage.RESERVED)
                for leg in (short, long)
            ]
            continue
        fill(short, Side.SELL)
        if fate == "reversed":
            fill(short, Side.BUY)
        if fate == "both":
            fill(long, Side.BUY)
    for row in working:
        spec = WORLD[row.instrument]
        price = PRICES[spec.underlying]
        accounts[spec.venue] = with_fills(accounts[spec.venue], [(spec, row.side, row.leaves, price)])
        _limits_hold(accounts)


def test_the_sequences_reach_the_limits() -> None:
    """The property above is not empty: large buys are accepted until a named limit refuses one."""
    accounts = {
        venue: account(venue, marks={s.id: PRICES[s.underlying] for s in PERPS})
        for venue in ("alpha", "beta")
    }
    accepted, refused = 0, []
    for number in range(12):
        request = _request("BTC-USDT-PERP.alpha", Side.BUY, 5, 0, number)
        answer = check_order(context(*accounts.values()), request)
        if answer.allowed:
            accepted += 1
            accounts["alpha"] = with_fills(
                accounts["alpha"], [(WORLD[request.instrument], Side.BUY, request.quantity, D(20_000))]
            )
        else:
            refused.append(answer.binding)
    assert accepted == 4
    assert set(refused) == {"coin exposure"}


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([TradingState.REDUCING, TradingState.HALTED, None]),
    st.sampled_from(list(Purpose)),
    st.booleans(),
    sides,
    st.integers(1, 40),
    st.sampled_from([D(0), D("0.7"), D("-0.7")]),
    st.sampled_from(["strategy:funding_arb", "operator", "desk"]),
)
def test_outside_active_no_order_that_could_increase_a_position_is_sent(
    state: TradingState | None,
    purpose: Purpose,
    reduce_only: bool,
    side: Side,
    tenths: int,
    held: Decimal,
    origin: str,
) -> None:
    name = "BTC-USDT-PERP.alpha"
    positions = (position(WORLD[name], held),) if held else ()
    ctx = context(account("alpha", *positions), account("beta"), trading_state=state)
    request = order(
        name,
        side,
        D(tenths) / 10,
        purpose=purpose,
        reduce_only=reduce_only,
        origin=origin,
        pair="P-01",
        leg=1,
    )
    for answer in (check_order(ctx, request), check_hedge(ctx, request)):
        if answer.allowed:
            after = held + side.sign * answer.quantity
            assert abs(after) < abs(held)
            assert after * held >= 0
    pair = check_pair(
        ctx, (order(name, Side.SELL), order("BTC-USDT-PERP.beta", Side.BUY, client_order_id="c2"))
    )
    assert not pair.allowed
    assert pair.quantity == 0


def _spoiled(ctx: GateContext, what: int, how: Any) -> GateContext:
    """The context with one input replaced by None, NaN, something negative, stale or missing."""
    name, venue = "BTC-USDT-PERP.alpha", "alpha"
    held = ctx.accounts[venue]
    bad = {"none": None, "nan": D("NaN"), "negative": D(-1)}[how]
    spoil_market = {0: "mark", 1: "bid", 2: "ask", 3: "quote_usd", 4: "settle_usd"}
    if what in spoil_market:
        facts = msgspec.structs.replace(ctx.markets[name], **{spoil_market[what]: bad})
        return replace(ctx, markets={**ctx.markets, name: facts})
    if what in (5, 6):
        flag = {5: "quote_fresh", 6: "mark_fresh"}[what]
        return replace(
            ctx, markets={**ctx.markets, name: msgspec.structs.replace(ctx.markets[name], **{flag: False})}
        )
    if what == 7:
        return replace(ctx, markets={key: value for key, value in ctx.markets.items() if key != name})
    if what == 8:
        indexes = {**held.indexes, "USDT": bad}
        return replace(ctx, accounts={**ctx.accounts, venue: msgspec.structs.replace(held, indexes=indexes)})
    if what == 9:
        weights = {**held.weights_total, "USDT": bad}
        return replace(
            ctx, accounts={**ctx.accounts, venue: msgspec.structs.replace(held, weights_total=weights)}
        )
    if what == 10:
        weights = {**held.weights_initial, "USDC": bad}
        return replace(
            ctx, accounts={**ctx.accounts, venue: msgspec.structs.replace(held, weights_initial=weights)}
        )
    if what == 11:
        balances = {**held.balances, "USDT": D("NaN") if bad is None else bad}
        return replace(
            ctx, accounts={**ctx.accounts, venue: msgspec.structs.replace(held, balances=balances)}
        )
    if what == 12:
        return replace(ctx, accounts={key: value for key, value in ctx.accounts.items() if key != venue})
    if what == 13:
        return replace(ctx, account_facts={**ctx.account_facts, venue: AccountFacts()})
    if what == 14:
        return replace(ctx, depeg_levels={})
    if what == 15:
        return replace(ctx, trading_state=None)
    if what == 16:
        spec = msgspec.structs.replace(ctx.instruments[name], taker_fee=None if bad == D(-1) else bad)
        return replace(ctx, instruments={**ctx.instruments, name: spec})
    if what == 17:
        spec = msgspec.structs.replace(ctx.instruments[name], tiers=None)
        fixed = tuple(
            msgspec.structs.replace(p, instrument=spec) if p.instrument.id == name else p
            for p in held.positions
        )
        return replace(
            ctx,
            instruments={**ctx.instruments, name: spec},
            accounts={**ctx.accounts, venue: msgspec.structs.replace(held, positions=fixed)},
        )
    if what == 18:
        fixed = tuple(msgspec.structs.replace(p, mark=bad) for p in held.positions)
        return replace(ctx, accounts={**ctx.accounts, venue: msgspec.structs.replace(held, positions=fixed)})
    if what == 19:
        return replace(ctx, usage=Usage(last_second=-1 if how == "negative" else 99))
    if what in (20, 21):
        field = {20: "size", 21: "entry"}[what]
        nan = D("NaN")
        fixed = tuple(msgspec.structs.replace(p, **{field: nan}) for p in held.positions)
        return replace(ctx, accounts={**ctx.accounts, venue: msgspec.structs.replace(held, positions=fixed)})
    return replace(ctx, instruments={key: value for key, value in ctx.instruments.items() if key != name})


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 22),
    st.sampled_from(["none", "nan", "negative"]),
    sides,
    st.integers(1, 60),
    st.integers(-300, 300),
    st.sampled_from(list(Purpose)),
    st.booleans(),
    st.sampled_from(list(TradingState)),
    st.sampled_from([D(0), D("0.9"), D("-0.9"), D("2.4")]),
)
def test_replacing_any_input_by_none_nan_negative_stale_or_missing_never_allows_what_was_denied(
    what: int,
    how: str,
    side: Side,
    tenths: int,
    bps: int,
    purpose: Purpose,
    reduce_only: bool,
    state: TradingState,
    held: Decimal,
) -> None:
    name = "BTC-USDT-PERP.alpha"
    positions = (position(WORLD[name], held),) if held else ()
    ctx = context(account("alpha", *positions), account("beta"), trading_state=state)
    price = WORLD[name].round_price(side, D(20_000) * (D(1) + D(bps) / 10_000))
    request = order(
        name,
        side,
        D(tenths) / 10,
        price,
        purpose=purpose,
        reduce_only=reduce_only,
        origin="operator",
        pair="P-01",
    )
    spoiled = _spoiled(ctx, what, how)
    sound, doubtful = check_order(ctx, request), check_order(spoiled, request)
    assert doubtful.quantity <= sound.quantity
    assert sound.allowed or not doubtful.allowed
    other = order("BTC-USDT-PERP.beta", side.opposite, D(tenths) / 10, client_order_id="c2", pair="P-01")
    pair = (msgspec.structs.replace(request, purpose=Purpose.ENTRY, reduce_only=False), other)
    assert check_pair(ctx, pair).allowed or not check_pair(spoiled, pair).allowed


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([("quantity", D("NaN")), ("quantity", D(-1)), ("quantity", D(0)), ("price", None),
                     ("price", D("NaN")), ("price", D(-20_000)), ("price", D("Infinity"))]),
    st.sampled_from([Purpose.ENTRY, Purpose.TICKET, Purpose.HEDGE, Purpose.EXIT, Purpose.FLATTEN]),
)  # fmt: skip
def test_an_order_of_nonsense_figures_is_denied_and_never_raises(
    spoil: tuple[str, Decimal | None], purpose: Purpose
) -> None:
    ctx = context(account("alpha", position(WORLD["BTC-USDT-PERP.alpha"], "-1")), account("beta"))
    request = msgspec.structs.replace(order(purpose=purpose, pair="P-01"), **{spoil[0]: spoil[1]})
    for answer in (check_order(ctx, request), check_hedge(ctx, request)):
        assert not answer.allowed
        assert answer.refusal


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.sampled_from(list(Stage)), st.booleans()), max_size=5),
    st.integers(1, 40),
    st.integers(1, 40),
    st.booleans(),
)
def test_two_reducing_orders_never_flip_a_position(
    before: list[tuple[int, Stage, bool]], first: int, second: int, flag: bool
) -> None:
    """Whatever is already on the way, asked twice, with or without a reduce-only flag at the venue."""
    spec = msgspec.structs.replace(WORLD["BTC-USDT-PERP.alpha"], reduce_only_supported=flag)
    instruments = {**WORLD, spec.id: spec}
    held = D(2)
    working: list[OpenOrder] = []
    for number, (tenths, stage, _) in enumerate(before):
        ctx = context(account("alpha", position(spec, held)), instruments=instruments, working=tuple(working))
        ask = order(spec.id, Side.SELL, D(tenths) / 10, purpose=Purpose.EXIT, client_order_id=f"b{number}")
        answer = check_order(ctx, ask)
        if answer.allowed and stage is not Stage.RESERVED:
            working.append(
                resting(
                    spec.id,
                    Side.SELL,
                    answer.quantity,
                    client_order_id=f"b{number}",
                    stage=stage,
                    reduce_only=flag,
                )
            )
    for number, tenths in enumerate((first, second)):
        ctx = context(account("alpha", position(spec, held)), instruments=instruments, working=tuple(working))
        ask = order(spec.id, Side.SELL, D(tenths) / 10, purpose=Purpose.STOP, client_order_id=f"s{number}")
        answer = check_order(ctx, ask)
        if answer.allowed:
            assert answer.reduce_only is flag
            working.append(resting(spec.id, Side.SELL, answer.quantity, client_order_id=f"s{number}"))
    assert sum(row.leaves for row in working) <= held


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(list(TradingState)),
    st.sampled_from([D("0.001"), D("3"), D("-3"), D("50")]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 8),
    st.sampled_from([None, D("20000"), D("26000")]),
)
def test_flatten_is_always_accepted(
    state: TradingState, held: Decimal, fresh: bool, known: bool, attempt: int, mark: Decimal | None
) -> None:
    """Halted, stale, over every limit, without balances, throttled: as long as a book or a mark was seen."""
    name = "BTC-USDT-PERP.alpha"
    spec = WORLD[name]
    facts = market(spec, mark=mark, mark_fresh=fresh, quote_fresh=fresh, quote_usd=D(1) if fresh else None)
    side = Side.SELL if held > 0 else Side.BUY
    bands = Settings().exec.flatten_bands
    band = bands[min(max(attempt, 1), len(bands)) - 1]
    price = spec.round_price(side, D(20_000) * (D(1) - side.sign * D("-0.0001") * band))
    ctx = context(
        account("alpha", position(spec, held), balances_known=known, balances={"USD": D(-5)}),
        markets={name: facts},
        account_facts={},
        depeg_levels={},
        usage=Usage(last_second=99, last_minute=999, repeats=99),
        disabled={"operator": "throttle"},
        trading_state=state,
    )
    answer = check_order(
        ctx, order(name, side, abs(held), price, purpose=Purpose.FLATTEN, attempt=attempt, origin="desk")
    )
    assert answer.allowed, answer.refusal
    assert answer.quantity == abs(held)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from(["all", "venue:alpha", "coin:USDC", "strategy:x", "pair:P-01"]),
            st.sampled_from(list(TradingState)),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_adding_a_cause_never_improves_the_state(added: list[tuple[str, str, TradingState, bool]]) -> None:
    book = CauseBook()
    everything: dict[str, Any] = {"venue": "alpha", "strategy": "x", "coins": ("USDC",), "pair": "P-01"}
    before = (book.overall().rank, book.worst().rank, book.state_for(**everything).rank)
    for now, (name, scope, state, latched) in enumerate(added):
        book.raise_(name, scope, Severity.WARNING, state, "x", now, latched=latched)
        after = (book.overall().rank, book.worst().rank, book.state_for(**everything).rank)
        assert all(late >= early for late, early in zip(after, before, strict=True))
        before = after


def test_market_orders_have_no_worst_fill_and_are_no_entries() -> None:
    """Bug E16: an entry is a limit with a bound, never a market order."""
    answer = check_order(context(), order(type=OrderType.MARKET))
    assert "price collar" in [check.name for check in answer.failed]
