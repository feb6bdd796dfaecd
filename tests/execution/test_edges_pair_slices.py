"""The size of a slice and what stands before a pair, in a world without round figures (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import PairState, Side
from services.execution.pair_moves import slice_quantity, thin_leg
from services.execution.pair_plan import question, refusal, targets
from services.execution.pair_state import LONG, SHORT, LegPolicy
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, BTC_B, INSTRUMENTS, USDC_B, USDT_A, perp
from tests.execution.hand import ODD, Coins, Hand

D = Decimal


class Sided(Coins):
    """Depth by side: (instrument, side)."""

    def depth(self, instrument: str, side: Side) -> Decimal | None:
        found = {
            (BTC_A, Side.SELL): D(3), (BTC_A, Side.BUY): D("0.05"),
            (BTC_B, Side.BUY): D(2), (BTC_B, Side.SELL): D("0.03"),
        }  # fmt: skip
        return self.depths.get(instrument, found[instrument, side])


def test_the_thin_leg_is_that_of_less_dollars_on_the_side_we_take() -> None:
    hand = Hand(prices=Sided(depths={}))
    assert thin_leg(hand.work(), hand.pair, closing=False) == LONG, "46 200 against 54 000"
    assert thin_leg(hand.work(), hand.pair, closing=True) == LONG, "693 against 900"
    hand.prices.depths[BTC_A] = D("0.038")
    assert thin_leg(hand.work(), hand.pair, closing=True) == SHORT
    hand.prices.depths.update({BTC_A: D("2.31"), BTC_B: D("1.8")})
    assert thin_leg(hand.work(), hand.pair, closing=False) == SHORT, "as much on both"
    for name, number in ((BTC_A, SHORT), (BTC_B, LONG)):
        for wrong in ("depth", "worth", "mid"):
            blind = Hand(prices=Sided(depths={}))
            if wrong == "depth":
                blind.prices.depths[name] = None
            elif wrong == "worth":
                blind.prices.worth[name] = None
            else:
                blind.prices.mids[name], blind.prices.lasts[name] = None, D(20_000)
            assert thin_leg(blind.work(), blind.pair, closing=False) == number


@pytest.mark.parametrize(
    ("facts", "remaining", "closing", "protective", "quantity"),
    [
        ({}, "0.4", False, False, "0.276"),
        ({"slice_notional": D(4000)}, "0.4", False, False, "0.220"),
        ({"naked_bound": D(3000)}, "0.4", False, False, "0.166"),
        ({}, "0.4", True, False, "0.027"),
        ({}, "0.1", True, False, "0.027"),
        ({}, "0.2", False, False, "0.200"),
        ({}, "0.278", False, False, "0.138"),
        ({}, "0.280", False, False, "0.276"),
        ({"naked_bound": D(50)}, "0.4", False, False, None),
        ({"naked_bound": D(50)}, "0.4", True, True, "0.004"),
        ({"naked_bound": D(50)}, "0.007", True, True, "0.007"),
        ({"naked_bound": D(50)}, "0.008", True, True, "0.004"),
        ({"naked_bound": D(0)}, "0.4", True, True, "0.004"),
    ],
)
def test_a_slice_of_the_short_leg(
    facts: dict[str, Decimal], remaining: str, closing: bool, protective: bool, quantity: str | None
) -> None:
    """At 18 000 and 30 bps: 5 000 USD are 0.2769. Going out, its own lot and the thin book 0.0275 of the
    other leg hold; a rest below 0.004 is avoided by halving."""
    prices = Sided(depths={BTC_B: D("0.0275")} if closing else {})
    hand = Hand(prices=prices).put(PairState.OPENING, "0.4", "0.4", **facts)
    found = slice_quantity(
        hand.work(), hand.pair, hand.pair.short, D(remaining), D("0.004"), D(30),
        protective=protective, closing=closing,
    )  # fmt: skip
    assert found == (None if quantity is None else D(quantity))


def test_a_slice_by_the_book_of_either_leg_and_without_figures() -> None:
    def slice_of(hand: Hand, number: int, **more: bool) -> Decimal | None:
        ways = {"protective": False, "closing": False, **more}
        leg = hand.pair.leg(number)
        return slice_quantity(hand.work(), hand.pair, leg, D(400), D(10), D(30), **ways)

    peg = Hand(kind="peg", target="700", long_target="350")
    peg.prices.depths.update({USDT_A: D(155), USDC_B: D(100_000)})
    assert [slice_of(peg, number) for number in (SHORT, LONG)] == [155, 70]
    peg.prices.depths.update({USDT_A: None, USDC_B: D(55)})
    assert [slice_of(peg, number) for number in (SHORT, LONG)] == [110, 50]
    peg.prices.depths.update({USDT_A: D(3), USDC_B: D(55)})
    assert [slice_of(peg, number) for number in (SHORT, LONG)] == [None, None]
    assert [slice_of(peg, number, closing=True) for number in (SHORT, LONG)] == [10, 10]
    peg.prices.worth[USDT_A] = None
    assert slice_of(peg, SHORT) is None
    assert slice_of(peg, SHORT, protective=True) == 400


# -- before a pair exists --


def test_targets_from_the_least_order_on() -> None:
    first, second = perp(BTC_A, "BTC", "USDT", "1", "0.1"), perp(BTC_B, "BTC", "USDC", "1", "0.1")
    big = msgspec.structs.replace(first, min_size=D("0.3"))
    fine = msgspec.structs.replace(first, min_size=D("0.01"))
    for one, two, least_size in (
        (first, second, "0.1"),
        (big, second, "0.3"),
        (second, big, "0.3"),
        (fine, fine, "0.1"),
    ):
        assert targets("hedge", one, two, D(least_size), D(least_size)) == (D(least_size),) * 2
        assert targets("hedge", one, two, D(least_size) - D("0.1"), D(9)) is None
        assert targets("peg", one, two, D(least_size) - D("0.1"), D(9)) is None or one.min_size < D("0.3")
    assert targets("peg", second, big, D(9), D("0.29")) is None


def test_a_pair_is_refused_for_the_other_side_of_a_live_leg_alone() -> None:
    live = (Hand().pair,)

    def why(short: str, long: str) -> str:
        return refusal(live, INSTRUMENTS, "hedge", short, long, D(1), LegPolicy.PROCEED)

    assert why(BTC_A, BTC_B) == why(BTC_A, USDC_B) == why(USDT_A, BTC_B) == why(USDT_A, USDC_B) == ""
    assert why(USDT_A, BTC_A) == f"pair P-01 holds {BTC_A} on the other side"
    assert why(BTC_B, USDT_A) == f"pair P-01 holds {BTC_B} on the other side"


@pytest.mark.parametrize(
    ("kind", "collar", "bands", "bps"),
    [
        ("hedge", "0.02", ("10", "20", "50"), 50),
        ("hedge", "0.008", ("10", "20", "50"), 40),
        ("hedge", "0.5", ("10", "70"), 70),
        ("peg", "0.004", ("10", "20", "50"), 20),
    ],
)
def test_the_question_to_the_gate_stays_at_half_the_collar(
    kind: str, collar: str, bands: tuple[str, ...], bps: int
) -> None:
    settings = Settings()
    field = "price_collar_pegged" if kind == "peg" else "price_collar"
    settings = msgspec.structs.replace(
        settings,
        gate=msgspec.structs.replace(settings.gate, **{field: D(collar)}),
        exec=msgspec.structs.replace(settings.exec, hedge_bands=tuple(D(each) for each in bands)),
    )
    hand = Hand(kind=kind, target="400", settings=settings)
    mids = {leg.number: hand.prices.mids[leg.instrument] for leg in hand.pair.legs}
    for leg in hand.pair.legs:
        mid = mids[leg.number]
        assert mid is not None
        order = question(hand.pair, leg, ODD, settings, hand.prices)
        assert order is not None
        assert order.price == ODD[leg.instrument].round_price(
            leg.side, mid * (1 + leg.side.sign * D(bps) / 10_000)
        )
        assert order.quantity == leg.target
    hand.prices.mids[hand.pair.long.instrument] = None
    assert hand.machine.admission(hand.id, hand.prices) is None
    hand.prices.mids[hand.pair.short.instrument] = None
    assert hand.machine.admission(hand.id, hand.prices) is None
