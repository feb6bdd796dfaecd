"""Every figure of the gate against a second reckoning (`oracle.py`), in worlds where no coin is a dollar."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.domain.enums import Side
from services.domain.instrument import Instrument
from services.domain.money import DESK_CONTEXT
from services.portfolio.inputs import AccountInput, PositionInput
from services.risk.context import GateContext, MarketFacts, OpenOrder, Stage
from services.risk.gate import check_order, check_pair, limit_board
from services.settings.parameters import Gate, InstrumentLimit, Settings
from tests.risk.builders import FINE, D, context, market, order, perp, resting
from tests.risk.oracle import Book, Row, figures, limit_of

MARKS = {
    "BTC": D("20137.4"),
    "ETH": D("1487.3"),
    "USDT": D("0.9871"),
    "USDC": D("1.0032"),
    "BUSD": D("0.9714"),
}
INDEX = {
    "alpha": {"USDT": D("0.9876"), "USDC": D("1.0041"), "BUSD": D("0.9712")},
    "beta": {"USDT": D("0.9921"), "USDC": D("0.9973"), "BUSD": D("0.9688")},
}
VENUES = ("alpha", "beta")
GATE = msgspec.structs.replace(
    Gate(),
    limits={
        "BTC-USDT-PERP": InstrumentLimit(max_position=D(70_000), max_leverage=D("1.7")),
        "ETH-USDC-PERP.beta": InstrumentLimit(max_position=D(9_000), max_leverage=D("0.4")),
    },
    default_limit=InstrumentLimit(max_position=D(40_000), max_leverage=D("1.1")),
    max_venue_share=D("0.55"),
    max_margin_usage=D("0.45"),
)
SETTINGS = Settings(gate=GATE)


def specs() -> dict[str, Instrument]:
    """Perps that settle in their quote, one that settles in another coin, and stablecoins in dollars."""
    found = [
        perp(f"{coin}-{quote}-PERP", venue, coin, quote)
        for venue in VENUES
        for coin in ("BTC", "ETH")
        for quote in ("USDT", "USDC")
    ]
    found += [perp(f"{coin}-PERP", venue, coin, "USD") for venue in VENUES for coin in ("USDT", "USDC")]
    found += [perp("BTC-USDT-MIX", venue, "BTC", "USDT", settle="USDC") for venue in VENUES]
    return {spec.id: spec for spec in found}


SPECS = specs()
NAMES = sorted(SPECS)

held_rows = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.integers(-9, 9).filter(bool), st.integers(-3, 3)), max_size=5
)
open_rows = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(Side),
        st.integers(1, 6),
        st.one_of(st.none(), st.integers(-150, 150)),
        st.booleans(),
    ),
    max_size=6,
)
asked_rows = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(Side), st.integers(1, 40), st.integers(-150, 150)
)
coins = st.fixed_dictionaries(
    {
        "USD": st.integers(6, 30),
        "USDT": st.integers(-2, 30),
        "USDC": st.integers(-2, 30),
        "BUSD": st.integers(-1, 9),
    }
)


@pytest.fixture(autouse=True)
def _desk_arithmetic() -> Iterator[None]:
    with decimal.localcontext(DESK_CONTEXT):
        yield


def quantity(spec: Instrument, thousands: int) -> Decimal:
    return spec.round_size(D(thousands) * 1000 / MARKS[spec.underlying])


def limit_price(spec: Instrument, side: Side, bps: int) -> Decimal:
    return spec.round_price(side, MARKS[spec.underlying] * (1 + D(bps) / 10_000))


def worlds(
    positions: dict[str, tuple[int, int]],
    working: list[tuple[str, Side, int, int | None, bool]],
    wallets: dict[str, dict[str, int]],
) -> tuple[GateContext, list[Book]]:
    """The same world twice: as the gate has it, and as plain books."""
    weights = {"USD": D(1), "USDT": D("0.975"), "USDC": D("0.97"), "BUSD": D("0.9")}
    initial = {"USD": D(1), "USDT": D("0.95"), "USDC": D("0.94"), "BUSD": D("0.85")}
    rows: list[OpenOrder] = []
    books, accounts = [], {}
    for number, (name, side, thousands, bps, reduces) in enumerate(working):
        spec = SPECS[name]
        price = None if bps is None else limit_price(spec, side, bps)
        row = resting(
            name, side, quantity(spec, thousands), price, reduce_only=reduces, client_order_id=f"w{number}"
        )
        rows.append(msgspec.structs.replace(row, price=price))
    for venue in VENUES:
        balances = {coin: D(amount) * 1000 + D("0.37") for coin, amount in wallets[venue].items()}
        held: dict[str, tuple[Instrument, Decimal, Decimal]] = {}
        inputs = []
        for name, (thousands, moved) in positions.items():
            spec = SPECS[name]
            if spec.venue != venue:
                continue
            size = quantity(spec, abs(thousands)) * (1 if thousands > 0 else -1)
            mark = MARKS[spec.underlying]
            entry = spec.round_price(Side.BUY, mark * (1 + D(moved) / 100))
            held[name] = (spec, size, entry)
            usd = {"USD": D(1), **INDEX[venue]}
            inputs.append(PositionInput(spec, size, entry, mark, usd[spec.quote], usd[spec.settle]))
        accounts[venue] = AccountInput(
            venue=venue,
            balances=balances,
            weights_total=dict(weights),
            weights_initial=dict(initial),
            indexes={"USD": D(1), **INDEX[venue]},
            positions=tuple(inputs),
        )
        books.append(
            Book(
                venue,
                balances,
                weights,
                initial,
                INDEX[venue],
                held,
                {name: MARKS[spec.underlying] for name, spec in SPECS.items() if spec.venue == venue},
                tuple(
                    Row(SPECS[row.instrument], row.side, row.leaves, row.price, row.reduce_only)
                    for row in rows
                    if SPECS[row.instrument].venue == venue
                ),
            )
        )
    ctx = context(
        *accounts.values(),
        instruments=SPECS,
        settings=SETTINGS,
        working=tuple(rows),
        markets={name: facts(spec) for name, spec in SPECS.items()},
        account_facts=dict.fromkeys(VENUES, FINE),
    )
    return ctx, books


def facts(spec: Instrument) -> MarketFacts:
    usd = {"USD": D(1), **INDEX[spec.venue]}
    mark = MARKS[spec.underlying]
    return market(spec, mark=mark, bid=mark, ask=mark, quote_usd=usd[spec.quote], settle_usd=usd[spec.settle])


def close(mine: Decimal | None, theirs: Decimal | None) -> bool:
    if mine is None or theirs is None:
        return mine is theirs
    return abs(mine - theirs) <= D("1e-20") * max(1, abs(theirs))


def agree(answer: dict[str, object], expected: dict[str, Decimal | None]) -> None:
    found = {
        f"{check.name} {check.subject}": check  # type: ignore[attr-defined]
        for check in answer["checks"]  # type: ignore[attr-defined]
        if f"{check.name} {check.subject}".split(" ")[0] in STARTS
    }
    own_rows = {key for key in found if key.endswith(("PERP.beta", "PERP.alpha", "MIX.alpha", "MIX.beta"))}
    assert set(found) - own_rows == set(expected)
    for key, value in expected.items():
        check = found[key]
        assert close(check.value, value), (key, check.value, value)
        limit, above = limit_of(key, GATE, SETTINGS.ladder.no_new_risk)
        assert check.limit == limit, key
        if value is not None:
            inside = check.value < limit if above else check.value >= limit
            room = limit - check.value if above else check.value - limit
            assert check.passed is (inside or key.startswith("venue share")), key
            assert check.warns is (key.startswith("venue share") and not inside), key
            assert check.head_room == room, key


STARTS = ("position", "portfolio", "initial", "margin", "liquidation", "symbol", "coin", "minimum", "venue")


@settings(max_examples=60, deadline=None)
@given(held_rows, open_rows, asked_rows, st.fixed_dictionaries(dict.fromkeys(VENUES, coins)))
def test_every_figure_of_an_order_agrees_with_the_second_reckoning(
    positions: dict[str, tuple[int, int]],
    working: list[tuple[str, Side, int, int | None, bool]],
    asked: tuple[str, Side, int, int],
    wallets: dict[str, dict[str, int]],
) -> None:
    ctx, books = worlds(positions, working, wallets)
    name, side, thousands, bps = asked
    spec = SPECS[name]
    request = order(
        name, side, quantity(spec, thousands), limit_price(spec, side, bps), client_order_id="asked"
    )
    row = Row(spec, side, request.quantity, request.price)
    after = [
        Book(**{**vars_of(book), "rows": (*book.rows, row)}) if book.venue == spec.venue else book
        for book in books
    ]
    if any(book.collateral(w) <= 0 for book in after for w in (book.weights, book.weights_initial)):
        return
    expected = figures(after, spec.venue, (spec.symbol,), GATE)
    answer = check_order(ctx, request)
    checks = [check for check in answer.checks if check.name != "minimum notional"]
    agree({"checks": checks}, expected)
    notional = request.quantity * max(request.price or D(0), MARKS[spec.underlying]) * after_usd(spec)
    (own,) = [check for check in answer.checks if check.name == "order notional"]
    assert (own.value, own.passed) == (notional, notional < GATE.max_order_notional)


def after_usd(spec: Instrument) -> Decimal:
    return {"USD": D(1), **INDEX[spec.venue]}[spec.quote]


def vars_of(book: Book) -> dict[str, object]:
    return {name: getattr(book, name) for name in Book.__dataclass_fields__}


@settings(max_examples=30, deadline=None)
@given(held_rows, open_rows, st.integers(1, 30), st.fixed_dictionaries(dict.fromkeys(VENUES, coins)))
def test_every_figure_of_a_pair_agrees_and_a_reversal_is_paid_for(
    positions: dict[str, tuple[int, int]],
    working: list[tuple[str, Side, int, int | None, bool]],
    thousands: int,
    wallets: dict[str, dict[str, int]],
) -> None:
    """Both legs on one venue; what of the pair is reserved already is not counted twice."""
    ctx, books = worlds(positions, working, wallets)
    short, long = SPECS["BTC-USDT-PERP.alpha"], SPECS["BTC-USDC-PERP.alpha"]
    low, high = limit_price(short, Side.SELL, -20), limit_price(long, Side.BUY, 20)
    legs = (
        order(short.id, Side.SELL, quantity(short, thousands), low, pair="P-01"),
        order(long.id, Side.BUY, quantity(long, thousands), high, pair="P-01", client_order_id="c2"),
    )
    own = resting(short.id, Side.SELL, "0.2", D(20_000), stage=Stage.RESERVED, pair="P-01")
    ctx = context(
        *ctx.accounts.values(),
        instruments=SPECS,
        settings=SETTINGS,
        working=(*ctx.working, own),
        markets=ctx.markets,
        account_facts=ctx.account_facts,
    )
    rows = tuple(Row(SPECS[leg.instrument], leg.side, leg.quantity, leg.price, trips=2) for leg in legs)
    after = [
        Book(**{**vars_of(book), "rows": (*book.rows, *rows)}) if book.venue == "alpha" else book
        for book in books
    ]
    if any(book.collateral(w) <= 0 for book in after for w in (book.weights, book.weights_initial)):
        return
    expected = figures(after, "alpha", (short.symbol, long.symbol), GATE)
    agree({"checks": [c for c in check_pair(ctx, legs).checks if c.name != "minimum notional"]}, expected)


def test_rows_of_one_venue_bind_its_own_position_and_leverage() -> None:
    """A limit row may name an instrument: then it holds there, beside the symbol's own."""
    wallets = {venue: dict.fromkeys(("USD", "USDT", "USDC", "BUSD"), 12) for venue in VENUES}
    positions = {"BTC-USDC-PERP.beta": (1, 0), "ETH-USDC-PERP.beta": (5, 0), "ETH-USDC-PERP.alpha": (7, 0)}
    ctx, books = worlds(positions, [], wallets)
    spec = SPECS["ETH-USDC-PERP.beta"]
    answer = check_order(ctx, order(spec.id, Side.BUY, quantity(spec, 3), limit_price(spec, Side.BUY, 0)))
    own = {check.name: check for check in answer.checks if check.subject == spec.id}
    beta = Book(
        **{
            **vars_of(books[1]),
            "rows": (Row(spec, Side.BUY, quantity(spec, 3), limit_price(spec, Side.BUY, 0)),),
        }
    )
    assert own["position notional"].value == beta.notional(spec.id)
    assert own["position notional"].limit == D(9_000)
    assert close(own["symbol leverage"].value, beta.notional(spec.id) / beta.collateral(beta.weights))
    assert own["symbol leverage"].limit == D("0.4")
    other = check_order(ctx, order("BTC-USDT-PERP.beta", Side.BUY, "0.1", "20000"))
    assert [check.name for check in other.checks if check.subject == spec.id] == ["symbol leverage"]


def test_a_distance_and_an_equity_at_their_limits_pass_and_a_share_at_its_limit_warns() -> None:
    wallets = {venue: dict.fromkeys(("USD", "USDT", "USDC", "BUSD"), 2) for venue in VENUES}
    ctx, _ = worlds({"BTC-USDC-PERP.alpha": (9, 0), "ETH-USDC-PERP.alpha": (9, 0)}, [], wallets)
    request = order("BTC-USDC-PERP.alpha", Side.BUY, "0.1", "20137.4")
    found = {f"{check.name} {check.subject}": check for check in check_order(ctx, request).checks}
    distance, equity = found["liquidation distance alpha"].value, found["minimum equity alpha"].value
    share = found["venue share alpha"].value
    assert distance is not None
    assert equity is not None
    assert share is not None
    for change, at, key in (
        ("min_joint_distance", distance, "liquidation distance alpha"),
        ("min_equity", equity, "minimum equity alpha"),
        ("max_venue_share", share, "venue share alpha"),
    ):
        for limit, inside in ((at, True), (at + D("1e-9"), False)):
            gate = msgspec.structs.replace(GATE, **{change: limit})
            answer = check_order(replace(ctx, settings=Settings(gate=gate)), request)
            (check,) = [each for each in answer.checks if f"{each.name} {each.subject}" == key]
            assert (check.warns if change == "max_venue_share" else check.passed) is inside, key


def test_the_board_with_nothing_asked_counts_what_may_fill_on_every_account() -> None:
    wallets = {venue: dict.fromkeys(("USD", "USDT", "USDC", "BUSD"), 12) for venue in VENUES}
    working = [
        ("BTC-USDT-PERP.alpha", Side.BUY, 3, 40, False),
        ("ETH-USDC-PERP.beta", Side.SELL, 2, None, False),
    ]
    ctx, books = worlds({"BTC-USDC-PERP.beta": (-4, 1)}, working, wallets)
    board = {f"{check.name} {check.subject}": check for check in limit_board(ctx)}
    for venue in VENUES:
        expected = figures(books, venue, (), GATE)
        for key, value in expected.items():
            assert close(board[key].value, value), key
    assert board["open orders all"].value == 2
    assert board["open orders all"].head_room == GATE.max_open_orders - 2
    assert board["order rate per second"].passed
