"""A flatten that knows no pairs closes what hedges each other in step: one slice alone at most."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import Purpose
from services.domain.orders import OrderRequest
from services.execution.flatten_step import in_step
from services.settings.parameters import Pair, Settings
from tests.execution.builders import BTC_A, BTC_B, INSTRUMENTS, USDC_B, USDT_A, Answer, market
from tests.execution.test_flatten import World

D = Decimal
PRICE = D(23_000)
SLICE = Pair().slice_notional


class Noted(dict[str, Decimal]):
    """The venues' positions, looked at after each single fill: also between the two sends of one turn."""

    worst = D(0)
    """Base units of BTC alone, at any moment since the start of the flatten."""

    def __setitem__(self, name: str, size: Decimal) -> None:
        super().__setitem__(name, size)
        self.worst = max(self.worst, abs(self.get(BTC_A, D(0)) + self.get(BTC_B, D(0))))


def hedged(size: str, other: str, script: list[Answer] | None = None) -> tuple[World, Noted]:
    flat = World(market(script))
    flat.hold(BTC_A, size)
    flat.hold(BTC_B, other)
    noted = Noted(flat.market.positions)
    flat.market.positions = noted
    return flat, noted


def sent(flat: World, instrument: str) -> list[Decimal]:
    return [
        order.quantity
        for order in flat.market.placed
        if order.purpose is Purpose.FLATTEN and order.instrument == instrument
    ]


def test_both_legs_go_out_together_slice_by_slice_and_no_more_than_a_slice_stands_alone() -> None:
    flat, noted = hedged("0.522", "-0.522")
    flat.flatten()
    assert len(sent(flat, BTC_A)) == len(sent(flat, BTC_B)) == 1, "in the same turn"
    flat.run(10)
    assert flat.ended[0].flat
    assert not any(flat.market.positions.values())
    assert sum(sent(flat, BTC_A)) == sum(sent(flat, BTC_B)) == D("0.522")
    assert 0 < noted.worst * PRICE <= SLICE, "12,000 USD a leg, one slice alone"


def test_what_stands_alone_goes_first() -> None:
    flat, _ = hedged("2", "-0.5")
    flat.flatten()
    slice_size = (SLICE / PRICE).quantize(D("0.001"), "ROUND_DOWN")
    assert sent(flat, BTC_A) == [D("1.5") + slice_size]
    assert sent(flat, BTC_B) == []
    flat.run(10)
    assert flat.ended[0].flat


def test_a_side_that_cannot_be_closed_holds_the_other_up_and_is_named() -> None:
    flat, noted = hedged("1", "-1")
    send = flat.market._send

    def refused(order: OrderRequest, answer: Answer) -> None:
        send(order, Answer(kind="reject") if order.instrument == BTC_B else answer)

    flat.market._send = refused  # type: ignore[method-assign]
    flat.flatten()
    flat.run(70)
    (end,) = flat.ended
    left = {row.subject: row for row in end.left}
    assert not end.flat
    assert left[BTC_B].size == -1
    assert left[BTC_B].why.startswith("rejected: no; order "), "the next attempt is on its way"
    assert left[BTC_A].size is not None
    assert left[BTC_A].size >= 1 - SLICE / PRICE
    assert noted.worst * PRICE <= SLICE
    assert left[BTC_A].why == "waits for what hedges it"


@pytest.mark.parametrize("sign", ["", "-"])
def test_the_side_without_a_fresh_price_goes_first_and_the_other_only_after_its_fills(sign: str) -> None:
    other = "" if sign else "-"
    flat, noted = hedged(f"{sign}0.5", f"{other}0.5")
    flat.view.lasts[BTC_B], flat.view.mids[BTC_B] = flat.view.mids[BTC_B], None
    flat.flatten()
    assert (sent(flat, BTC_A), len(sent(flat, BTC_B))) == ([], 1)
    flat.run(10)
    assert flat.ended[0].flat
    assert 0 < noted.worst * PRICE <= SLICE


def test_a_dead_venue_whose_book_is_known_leaves_nothing_naked() -> None:
    flat, noted = hedged("0.5", "-0.5", [Answer(kind="swallowed")] * 20)
    flat.view.lasts[BTC_B], flat.view.mids[BTC_B] = flat.view.mids[BTC_B], None
    flat.flatten()
    flat.run(70)
    assert sent(flat, BTC_A) == []
    assert noted.worst == 0
    (end,) = flat.ended
    assert {row.subject for row in end.left} >= {BTC_A, BTC_B}


def test_one_sided_positions_and_other_underlyings_wait_for_nothing() -> None:
    flat, _ = hedged("2", "1")
    sizes = {BTC_A: D(2), BTC_B: D(1), USDT_A: D(9_000), USDC_B: D(-9_000)}
    most = in_step(sizes, {}, INSTRUMENTS, flat.view, Settings())
    assert set(most) == {USDT_A, USDC_B}, "stablecoins hedge each other as a bet on the peg"
    assert max(most.values()) <= 5_100


answers = st.lists(
    st.sampled_from(
        (
            Answer(),
            Answer(fills=()),
            Answer(fills=(D("0.4"),)),
            Answer(kind="reject"),
            Answer(kind="deny"),
            Answer(latency_ms=900),
        )
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(long=st.integers(1, 2_000), short=st.integers(1, 2_000), script=answers, seconds=st.integers(0, 3))
def test_whatever_fills_the_open_delta_is_never_more_than_a_slice_or_what_it_was(
    long: int, short: int, script: list[Answer], seconds: int
) -> None:
    flat, noted = hedged(str(D(long) / 1000), str(D(-short) / 1000), script)
    start = abs(D(long - short) / 1000)
    flat.flatten()
    flat.run(seconds)
    flat.run(60)
    assert noted.worst <= max(start, SLICE / PRICE)
    (end,) = flat.ended
    assert end.flat or all(row.why.startswith("dust") for row in end.left)
