"""The margin ladder through the whole desk: usage comes under 0.60 and nothing is naked on the way."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk import gatekeeping, ladder
from services.domain.enums import PairState, Purpose, Side, TradingState
from services.portfolio.margin import account_margin
from services.settings.parameters import Ladder
from tests.desk.world import DeskWorld, on_leg, quick, swallow, thin

D = Decimal
PERP = "ETH-USDT-PERP.alpha"


def hedged() -> DeskWorld:
    return DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])


def usage(w: DeskWorld, venue: str = "alpha") -> Decimal:
    found = account_margin(gatekeeping.accounts(w.desk.core)[venue]).usage
    assert found is not None
    return found


def tighten(w: DeskWorld, over: str = "1.1") -> Ladder:
    """Rungs so low that the present usage stands above the last one by this factor; the steps keep their
    proportions (0.50, 0.60, 0.80, down to 0.60)."""
    cut = usage(w) / D(over)
    rungs = Ladder(no_new_risk=cut * 5 / 8, reducing=cut * 3 / 4, cut=cut, cut_to=cut * 3 / 4)
    w.desk.core.bind(replace(w.desk.core.settings, ladder=rungs))
    return rungs


def naked_over_its_bound(w: DeskWorld) -> list[Decimal]:
    return [pair.naked.worst for pair in w.desk.core.pairs.live() if pair.naked.worst > pair.naked_bound]


@pytest.mark.parametrize("over", ["1.02", "1.3", "3"])
def test_every_pair_is_cut_in_step_until_usage_is_under_its_target(over: str) -> None:
    w = hedged()
    before = w.positions()
    rungs = tighten(w, over)
    w.until(lambda each: usage(each) < rungs.cut_to, 60)
    w.run(10)
    assert w.pair_states() == [PairState.HEDGED], "smaller, not gone"
    after = w.positions()
    assert set(after) == set(before)
    assert all(abs(after[name]) < abs(before[name]) for name in before)
    kept = rungs.cut_to / (rungs.cut * D(over))
    for name in before:
        assert abs(after[name]) > abs(before[name]) * kept * D("0.9"), "cut more than was asked"
    assert all(abs(size) < D("0.002") for size in w.naked().values())
    assert naked_over_its_bound(w) == []
    assert not any(each.increasing for each in w.sent if each.order.purpose is Purpose.STOP)
    w.books_agree()


def test_between_the_rungs_it_reduces_but_cuts_nothing() -> None:
    w = hedged()
    before, now = w.positions(), usage(w)
    rungs = Ladder(no_new_risk=now / 2, reducing=now / D("1.05"), cut=now * D("1.3"), cut_to=now / D("1.05"))
    w.desk.core.bind(replace(w.desk.core.settings, ladder=rungs))
    w.run(10)
    assert ("margin ladder", "account:alpha", TradingState.REDUCING, False) in w.causes()
    assert w.positions() == before
    w.desk.core.bind(replace(w.desk.core.settings, ladder=Ladder()))
    w.run(10)
    assert all(name != "margin ladder" for name, *_ in w.causes()), "clears by itself"


def test_from_the_first_rung_on_the_transfer_to_make_is_shown_and_nobody_makes_it() -> None:
    """PARAMETERS, situations: the losing side of a pair over two venues runs low on margin."""
    w = hedged()
    w.foreign(PERP, Side.BUY, "8")
    w.run(5)
    core, now = w.desk.core, usage(w)
    rungs = Ladder(no_new_risk=now / D("1.1"), reducing=now * 2, cut=now * 3, cut_to=now * 2)
    core.bind(replace(core.settings, ladder=rungs))
    before = dict(core.ledger.account("beta").balances)
    w.run(10)
    (alert,) = [each for each in core.alerts.open() if each.key == "margin usage:alpha"]
    assert alert.do.startswith("transfer "), alert.do
    assert " from beta to alpha, yourself" in alert.do
    assert all(name != "margin ladder" for name, *_ in w.causes())
    assert core.ledger.account("beta").balances == before
    core.bind(replace(core.settings, ladder=Ladder()))
    w.run(10)
    assert not [each for each in core.alerts.open() if each.key.startswith("margin usage")]


def test_it_cuts_while_halted() -> None:
    w = hedged()
    assert w.answer("halt", reason="test").ok
    rungs = tighten(w)
    w.until(lambda each: usage(each) < rungs.cut_to, 60)
    w.run(5)
    assert w.pair_states() == [PairState.HEDGED]


def test_collateral_that_is_gone_cuts_everything() -> None:
    w = hedged()
    account = w.exchange.venues["alpha"].state.account
    for coin in list(account.balances):
        account.add(coin, -account.balances[coin])
    w.until(lambda each: any(name == "reconcile" for name, *_ in each.causes()), 60)
    assert w.answer("reconcile accept").ok
    w.until(lambda each: not each.positions(), 120)
    assert naked_over_its_bound(w) == []


def test_unpaired_positions_are_cut_too_and_foreign_ones_are_not() -> None:
    w = hedged()
    w.foreign(PERP, Side.BUY, "8")
    w.run(5)
    rungs = tighten(w, "1.2")
    foreign = w.positions()[PERP]
    w.run(60)
    assert w.positions()[PERP] == foreign, "not ours"
    w = hedged()
    w.foreign(PERP, Side.BUY, "8")
    w.run(5)
    core = w.desk.core
    core.state.unpaired[PERP], core.state.unpaired_entry[PERP] = D(8), core.picture.mark(PERP) or D(0)
    rungs = tighten(w, "1.2")
    pairs = {name: size for name, size in w.positions().items() if name != PERP}
    w.until(lambda each: usage(each) < rungs.cut_to, 60)
    w.run(5)
    assert D(4) < w.positions()[PERP] < D(6)
    assert core.state.unpaired[PERP] == w.positions()[PERP]
    assert all(abs(w.positions()[name]) > abs(size) / 2 for name, size in pairs.items())
    assert naked_over_its_bound(w) == []


def test_a_stuck_pair_holds_the_others_up_only_for_a_while() -> None:
    """The first cut is lost on its way: nothing is cut twice, and the next wave comes."""
    w = hedged()
    lost: list[str] = []

    def lose_one(world: DeskWorld, order: object) -> object:
        if not lost:
            lost.append("x")
            return swallow(world, order)  # type: ignore[arg-type]
        return order

    w.on_submit = lose_one  # type: ignore[assignment]
    rungs = tighten(w)
    w.until(lambda each: usage(each) < rungs.cut_to, 120)
    w.run(ladder.WAVE_S)
    assert all(abs(size) < D("0.002") for size in w.naked().values())
    w.books_agree()


def test_a_thin_book_is_cut_through_slice_by_slice() -> None:
    w = hedged()
    w.on_submit = on_leg(1, thin("0.5"))
    rungs = tighten(w)
    w.until(lambda each: usage(each) < rungs.cut_to, 120)
    w.run(5)
    assert naked_over_its_bound(w) == []
    assert all(abs(size) < D("0.002") for size in w.naked().values())
