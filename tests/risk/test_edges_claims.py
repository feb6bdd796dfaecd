"""Edges of what pairs claim, of the other leg and of figures after a start (docs/mutants.md)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.domain.enums import Purpose, Side
from services.portfolio.inputs import PositionInput
from services.risk.admission import other_leg_checks
from services.risk.breaker import Breaker
from services.risk.coins import collateral_coins
from services.risk.context import FOREIGN, OpenOrder, Stage
from services.risk.depeg import DepegMonitor
from services.risk.gate import check_order, check_reserved
from services.risk.reducing import beside_pairs, reducible
from services.settings.parameters import Breaker as BreakerParams
from services.settings.parameters import Depeg
from tests.risk.builders import NOW, SECOND, D, account, context, market, order, position, resting, world
from tests.risk.test_depeg import sources

WORLD = world()
BTC, BTC_B, ETH = "BTC-USDT-PERP.alpha", "BTC-USDT-PERP.beta", "ETH-USDT-PERP.alpha"
DAY = 86_400 * SECOND


# -- the leg that will hedge a slice --


def waits(instrument: str, **changes: Any) -> OpenOrder:
    return resting(instrument, Side.BUY, "0.2", **{"stage": Stage.RESERVED, "pair": "P-01", **changes})


ROWS = (
    waits(BTC_B, stage=Stage.WORKING), waits(BTC_B, pair="P-02"), waits(BTC),
    waits("GONE-PERP.beta", price="1"),
)  # fmt: skip
"""None of them is the other leg's reservation."""


@pytest.mark.parametrize(
    ("changes", "rows", "subjects"),
    [
        ({"pair": "P-01"}, (*ROWS, waits(BTC_B)), {BTC_B}),
        ({"pair": "P-01"}, ROWS, set()),
        ({"pair": "P-01", "purpose": Purpose.EXIT}, (waits(BTC_B),), set()),
        ({"pair": None}, (waits(BTC_B, pair=None),), set()),
    ],
)
def test_only_the_reservation_of_the_other_leg_of_an_entry_is_looked_at(
    changes: dict[str, Any], rows: tuple[OpenOrder, ...], subjects: set[str]
) -> None:
    asked = order(BTC, Side.SELL, "0.1", leg=1, **changes)
    checks = other_leg_checks(context(), asked, rows)
    assert {check.subject for check in checks if check.name in ("instrument", "data fresh")} == subjects
    assert bool(checks) is bool(subjects)


# -- an order by hand, and a pair's leg --


@pytest.mark.parametrize(
    ("row", "conflict"),
    [
        ({}, True),
        ({"origin": FOREIGN}, False),
        ({"purpose": Purpose.EXIT}, False),
        ({"instrument": ETH}, False),
        ({"side": Side.BUY}, False),
    ],
)
def test_no_slice_goes_out_against_an_order_by_hand(row: dict[str, Any], conflict: bool) -> None:
    by_hand = resting(BTC, Side.SELL, "0.1", "21000", origin="operator", purpose=Purpose.TICKET)
    beside = resting(ETH, Side.BUY, "0.1", "1400", origin="operator", purpose=Purpose.TICKET)
    rows = (beside, msgspec.structs.replace(by_hand, **row))
    answer = check_order(context(working=rows), order(BTC, Side.BUY, "0.1", pair="P-01", leg=2))
    assert ("strategy conflict" in {check.name for check in answer.failed}) is conflict
    alone = check_order(context(working=rows), order(BTC, Side.BUY, "0.1"))
    assert "strategy conflict" not in {check.name for check in alone.failed}, "no pair's"


@pytest.mark.parametrize(
    ("changes", "claimed"),
    [
        ({"purpose": Purpose.ENTRY, "origin": "operator", "side": Side.SELL}, {BTC: D("0.2")}),
        ({"purpose": Purpose.TICKET, "origin": "operator", "side": Side.SELL}, {}),
        ({"purpose": Purpose.TICKET, "origin": "operator", "side": Side.BUY}, {BTC: D("0.2")}),
    ],
)
def test_a_claim_stands_against_tickets_alone_and_on_the_other_side_alone(
    changes: dict[str, Any], claimed: dict[str, Any]
) -> None:
    answer = check_order(context(claimed=claimed), order(BTC, quantity="0.1", **changes))
    assert "strategy conflict" not in {check.name for check in answer.failed}


@pytest.mark.parametrize(
    ("purpose", "side", "left"),
    [
        (Purpose.TICKET, Side.SELL, "0.3"),
        (Purpose.TICKET, Side.BUY, "0.5"),
        (Purpose.EXIT, Side.SELL, "0.5"),
        (Purpose.STOP, Side.SELL, "0.5"),
    ],
)
def test_what_a_pair_holds_is_kept_from_tickets_alone(purpose: Purpose, side: Side, left: str) -> None:
    ctx = context(claimed={BTC: D("0.2")})
    assert beside_pairs(ctx, order(BTC, side, "0.5", purpose=purpose), D("0.5")) == D(left)


@pytest.mark.parametrize(
    ("claimed", "leaves", "changes", "room"),
    [
        ("0.3", ("0.4",), {}, "0.3"),
        ("0.3", ("0.1", "0.3"), {}, "0.3"),
        ("0.3", ("0.1",), {}, "0.4"),
        ("0", ("0.4",), {}, "0.1"),
        ("-0.3", ("0.4",), {}, "0.1"),
        ("0.6", ("0.4",), {}, "0.5"),
        ("0.3", ("0.4",), {"reduce_only": False}, "0.1"),
        ("0.3", ("0.4",), {"purpose": Purpose.EXIT}, "0.1"),
    ],
)
def test_a_ticket_that_only_closes_takes_the_room_of_what_stands_beside_the_pairs(
    claimed: str, leaves: tuple[str, ...], changes: dict[str, Any], room: str
) -> None:
    facts = {"origin": "operator", "purpose": Purpose.TICKET, "reduce_only": True, **changes}
    rows = tuple(resting(BTC, Side.SELL, each, "21000", **facts) for each in leaves)
    held = account("alpha", position(WORLD[BTC], "0.5"))
    ctx = context(held, account("beta"), working=rows, claimed={BTC: D(claimed)})
    assert reducible(ctx, BTC, Side.SELL) == D(room)
    unclaimed = D("0.5") - sum(D(each) for each in leaves)
    assert reducible(replace(ctx, claimed={}), BTC, Side.SELL) == unclaimed
    spec = msgspec.structs.replace(WORLD[BTC], reduce_only_supported=False)
    without = replace(ctx, instruments={**ctx.instruments, BTC: spec})
    assert reducible(without, BTC, Side.SELL) == unclaimed


def test_nothing_reduces_what_is_not_proven_but_an_order_that_waits_for_its_trigger() -> None:
    held = account("alpha", position(WORLD[BTC], "0.2"))
    ctx = context(held, account("beta"), unproven={BTC: "not read yet"})
    cut = order(BTC, Side.SELL, "0.1", purpose=Purpose.FLATTEN, reduce_only=True, attempt=1)
    answer = check_order(ctx, cut)
    assert (answer.allowed, answer.quantity) == (False, 0)
    assert "not read yet" in answer.refusal
    assert check_order(replace(ctx, unproven={ETH: "not read yet"}), cut).allowed
    assert check_order(ctx, msgspec.structs.replace(cut, trigger=D(19_000), price=D(18_000))).quantity == D(
        "0.1"
    )


# -- figures --


def test_a_gain_that_is_unknown_once_stays_unknown_whatever_else_the_coin_has_won() -> None:
    unknown = msgspec.structs.replace(position(WORLD[BTC], "0.1"), mark=None)
    known = PositionInput(WORLD[ETH], D(1), D(1500), D(1500), D(1), D(1))
    held = account("alpha", unknown, known, balances={"USD": D(50_000), "USDT": D(0)})
    assert "USDT" in collateral_coins(held, D("0.1"))


def test_a_lift_below_the_level_is_forgotten_at_once() -> None:
    """Blocked, resumed for another reason, then 300 bps: that is new."""
    monitor = DepegMonitor(Depeg(block_s=0, reduce_s=0))
    monitor.update("USDC", sources("0.985", "0.985", "0.985"), NOW)
    assert monitor.level("USDC") == "block"
    monitor.lift("USDC")
    monitor.update("USDC", sources("0.96", "0.96", "0.96"), NOW + SECOND)
    assert monitor.reduces("USDC")


def test_only_the_first_value_after_a_start_is_no_day_s_start() -> None:
    subject = Breaker(BreakerParams(), 15, None)
    ends = (NOW // DAY + 1) * DAY
    subject.restarted()
    for now, value in ((ends - 20 * SECOND, "1"), (ends - 10 * SECOND, "1"), (ends + SECOND, "0.9")):
        subject.on_equity(D(value), stale=False, anything_open=True, now=now)
    assert subject.state.day_start == D("0.9"), "the day began with it"


@pytest.mark.parametrize(
    ("held", "quantity", "price", "unproven", "check", "words"),
    [
        ("1", "0.4", "19900", "", "provably reducing", ""),
        ("1", "0.4", "19900", "not read yet", "provably reducing", "not provably reducing: not read yet"),
        ("0.0004", "0.001", "19900", "", "provably reducing", f"dust: 0.0004 left on {BTC}, less than a lot"),
        ("0", "1", "19900", "", "provably reducing", f"does not reduce: nothing left to take off on {BTC}"),
        ("1", "0.4", "19900", "", "outer band", ""),
        ("1", "0.4", "19000", "", "outer band", "price 19,000 is 5.00% from mark or book, outer band 2.00%"),
    ],
)
def test_a_reducing_order_that_is_refused_hears_why_and_one_that_passes_nothing(
    held: str, quantity: str, price: str, unproven: str, check: str, words: str
) -> None:
    facts = {BTC: market(WORLD[BTC], bid=None, ask=None)}
    accounts = account("alpha", position(WORLD[BTC], held)), account("beta")
    ctx = context(*accounts, markets=facts, unproven={BTC: unproven} if unproven else {})
    answer = check_order(ctx, order(BTC, Side.SELL, quantity, price, purpose=Purpose.EXIT))
    (found,) = [each for each in answer.checks if each.name == check]
    assert (found.text, found.passed) == (words, words == "")


def test_a_price_that_cannot_be_compared_is_refused_in_words() -> None:
    nothing = {BTC: market(WORLD[BTC], mark=None, bid=None, ask=None)}
    ctx = context(account("alpha", position(WORLD[BTC], "1")), account("beta"), markets=nothing)
    answer = check_order(ctx, order(BTC, Side.SELL, "0.4", "19900", purpose=Purpose.EXIT))
    (found,) = [each for each in answer.checks if each.name == "outer band"]
    assert found.text == f"neither mark nor book was ever seen on {BTC}"
    answer = check_order(ctx, replace(order(BTC, Side.SELL, "0.4", purpose=Purpose.EXIT), price=None))
    (found,) = [each for each in answer.checks if each.name == "outer band"]
    assert found.text == f"no limit price on {BTC}"


@pytest.mark.parametrize(("quantity", "words"), [("0.1", ""), ("0.1005", f"{BTC_B} off its grid")])
def test_a_hedge_hears_of_its_grid_when_it_is_off_it(quantity: str, words: str) -> None:
    ctx = context(working=(resting(BTC_B, Side.BUY, "0.2", stage=Stage.RESERVED, pair="P-01"),))
    ask = order(BTC_B, Side.BUY, quantity, "20000", purpose=Purpose.HEDGE, pair="P-01", leg=2)
    answer = check_reserved(ctx, ask)
    assert answer is not None
    (found,) = [each for each in answer.checks if each.name == "instrument"]
    assert (found.text, found.passed) == (words, words == "")


def test_a_stop_rests_on_a_leg_not_read_yet_and_hears_nothing_of_it() -> None:
    """The venue trims it to what is left when it fires."""
    ctx = context(
        account("alpha", position(WORLD[BTC], "1")), account("beta"), unproven={BTC: "not read yet"}
    )
    stop = order(BTC, Side.SELL, "0.4", "13500", purpose=Purpose.STOP, trigger=D(15_000))
    (found,) = [each for each in check_order(ctx, stop).checks if each.name == "provably reducing"]
    assert (found.text, found.passed) == ("", True)
