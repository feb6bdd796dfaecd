"""Properties of the exchange's books: nothing appears, nothing vanishes, nobody jumps the line."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import OrderType, Side, TimeInForce
from services.domain.events import OrderCanceled, OrderFilled
from services.venues.sim.accounts import AccountBooks, Holding, fee_of, funding_amount, margin_of
from services.venues.sim.book import Book, SimOrder, allocate
from services.venues.sim.facts import perp
from services.venues.sim.source import Cell
from tests.sim.builders import BTC, Sim, order

D = Decimal
PERP = perp("alpha", "BTC-USDT-PERP", "BTC", "USDT")
sides = st.sampled_from([Side.BUY, Side.SELL])
lots = st.integers(1, 4_000)
ticks = st.integers(230_000, 240_000)
sizes = st.integers(-9_999, 9_999).map(lambda n: D(n) / 1000)
prices = ticks.map(lambda n: D(n) / 10)


def make_book(fair: float = 23_500.0) -> Book:
    cell = Cell.of(PERP)
    cell.fair = cell.index = fair
    cell.mark_ticks = round(fair * 10)
    cell.dress(0.5, 250_000.0, 1.0)
    return Book(cell)


def resting(number: int, side: Side, price: int, quantity: int) -> SimOrder:
    return SimOrder(
        f"c{number}", f"o{number}", PERP.id, side, quantity, quantity, price, OrderType.LIMIT,
        TimeInForce.GTC, False, False, 0, number,
    )  # fmt: skip


@given(st.lists(st.tuples(sides, ticks, lots), max_size=30))
@settings(max_examples=80, deadline=None)
def test_the_book_is_never_crossed(wishes: list[tuple[Side, int, int]]) -> None:
    book = make_book()
    for number, (side, price, quantity) in enumerate(wishes):
        if book.meets_own(side, price):
            continue
        taken = sum(n for _, n in book.take(side, price, quantity))
        if taken < quantity:
            book.rest(resting(number, side, price, quantity - taken))
        bid, _, ask, *_ = book.top()
        assert bid < ask


@given(st.lists(st.tuples(sides, ticks, lots), min_size=1, max_size=20))
@settings(max_examples=80, deadline=None)
def test_no_more_is_taken_of_a_level_than_stood_there(wishes: list[tuple[Side, int, int]]) -> None:
    book = make_book()
    stood = {True: dict(book.levels(True)), False: dict(book.levels(False))}
    taken: dict[tuple[bool, int], int] = {}
    for side, limit, quantity in wishes:
        took = book.take(side, limit, quantity)
        assert sum(n for _, n in took) <= quantity
        for price, n in took:
            assert price <= limit if side is Side.BUY else price >= limit
            key = (side is Side.BUY, price)
            taken[key] = taken.get(key, 0) + n
    for (asks, price), n in taken.items():
        assert n <= stood[asks][price]


@given(st.lists(st.tuples(ticks, lots), min_size=1, max_size=20), st.integers(0, 20_000), sides)
@settings(max_examples=80, deadline=None)
def test_a_better_price_goes_first_then_the_earlier_order(
    wishes: list[tuple[int, int]], flow: int, side: Side
) -> None:
    book = make_book()
    for number, (price, quantity) in enumerate(wishes):
        book.rest(resting(number, side, price, quantity))
    line = book.bids if side is Side.BUY else book.asks
    shared = {o.number: n for o, n in allocate(line, flow)}
    assert sum(shared.values()) == min(flow, sum(q for _, q in wishes))
    for first, second in pairwise(line):
        assert first.ticks is not None
        assert second.ticks is not None
        better = first.ticks > second.ticks if side is Side.BUY else first.ticks < second.ticks
        assert better or (first.ticks == second.ticks and first.number < second.number)
        if shared.get(second.number):
            assert shared[first.number] == first.leaves


@given(sizes, prices, st.integers(-3000, 3000).map(lambda n: D(n).scaleb(-8)))
@settings(max_examples=80)
def test_funding_of_a_long_and_a_short_sums_to_zero(size: Decimal, price: Decimal, rate: Decimal) -> None:
    # Half-even rounding is symmetric, so it holds after rounding too.
    assert funding_amount(size, price, rate) + funding_amount(-size, price, rate) == 0


@given(st.lists(st.tuples(sides, lots.map(lambda n: D(n) / 1000), prices), min_size=1, max_size=25), prices)
@settings(max_examples=80)
def test_equity_changes_by_price_and_fees_alone(
    trades: list[tuple[Side, Decimal, Decimal]], mark: Decimal
) -> None:
    books = AccountBooks(balances={"USDT": D(1_000_000)})
    cash = size = fees = D(0)
    for side, quantity, price in trades:
        fee = fee_of(PERP, quantity, price, maker=False)
        books.trade(PERP, side, quantity, price, fee)
        cash -= side.sign * quantity * price
        size += side.sign * quantity
        fees += fee
    assert books.size(PERP.id) == size
    margin = margin_of(books, {PERP.id: PERP}, lambda _: mark, lambda _: D(1))
    expected = D(1_000_000) + cash + size * mark - fees
    # Each realised profit is rounded once to eight places.
    assert abs(margin.equity - expected) <= D("1e-8") * len(trades)


@given(sizes.filter(bool), prices, prices, st.integers(1, 20_000).map(lambda n: D(n) / 1000))
@settings(max_examples=80)
def test_closing_realises_what_was_unrealised(
    size: Decimal, entry: Decimal, price: Decimal, quantity: Decimal
) -> None:
    books = AccountBooks(balances={"USDT": D(0)}, holdings={PERP.id: Holding(size, entry)})
    side = Side.SELL if size > 0 else Side.BUY
    realised = books.trade(PERP, side, quantity, price, D(0))
    closed = min(abs(size), quantity).copy_sign(size)
    assert realised == closed * (price - entry)
    if quantity > abs(size):
        assert books.holdings[PERP.id].entry == price
    elif quantity < abs(size):
        assert books.holdings[PERP.id].entry == entry


actions = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 400),
        st.integers(-60, 60),
        st.sampled_from(["ioc", "gtc"]),
        st.booleans(),
    ),
    min_size=3,
    max_size=12,
)


@given(actions)
@settings(max_examples=25, deadline=None)
def test_fills_books_and_balances_tell_the_same_story(
    wishes: list[tuple[str, int, int, str, bool]],
) -> None:
    """Sizes are sums of fills, balances sums of flows, reduce-only never flips."""
    sim = Sim()
    sim.run(1)
    events = []
    for side, quantity, offset, tif, reduce_only in wishes:
        bid, ask = sim.quote()
        price = (ask if side == "buy" else bid) + offset * D("0.1")
        before = sim.exchange.venues["alpha"].state.account.size(BTC)
        new = sim.send(order(side, str(D(quantity) / 1000), price, tif=tif, reduce_only=reduce_only), 0.1)
        if reduce_only:
            after = sim.exchange.venues["alpha"].state.account.size(BTC)
            assert abs(after) <= abs(before)
            assert after * before >= 0
        events += new + sim.private(4)
    fills = [e for e in events if isinstance(e, OrderFilled)]
    books = sim.exchange.books("alpha")
    position = sum((p.size for p in books.positions), D(0))
    assert position == sum((f.side.sign * f.quantity for f in fills), D(0))
    assert len({f.trade_id for f in fills}) == len(fills) == len(books.fills)
    for placed in {f.client_order_id for f in fills}:
        last = [e.filled for e in events if isinstance(e, OrderCanceled) and e.client_order_id == placed]
        if last:
            assert last == [sum(f.quantity for f in fills if f.client_order_id == placed)]
    for resting_order in books.orders:
        assert resting_order.filled < resting_order.quantity
    margin = sim.exchange.margin("alpha")
    index = sim.exchange.venues["alpha"].floor.index
    mark = sim.exchange.venues["alpha"].floor.mark(BTC)
    flows = sum((-f.side.sign * f.quantity * f.price - f.fee for f in fills), D(0)) + position * mark
    opening = {"USD": 12_500, "USDT": 15_000, "USDC": 15_000, "BUSD": 7_500}
    expected = sum(index(coin) * amount for coin, amount in opening.items()) + index("USDT") * flows
    assert abs(margin.equity - expected) < D("1e-6")
