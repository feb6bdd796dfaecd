"""Edges of the joint distance: where a direction may be passed over, and where not (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.domain.instrument import MarginTier
from services.portfolio.attribution import Parts
from services.portfolio.distance import Sheet, _clear_at, _tier_of, first_crossing, joint_distance
from tests.portfolio.builders import FLAT_TIER, TIERS, account, d, perp, position

PAR: dict[str, Decimal | None] = {"USD": d(1)}
STEEP = (
    MarginTier(cap=d(21_000), initial=d("0.10"), maintenance=d("0.03")),
    MarginTier(cap=d(22_000), initial=d("0.10"), maintenance=d(2)),
    MarginTier(cap=None, initial=d("0.10"), maintenance=d("0.03")),
)
"""Between 21 000 and 22 000 USD twice the notional is asked for: the brackets are not joined."""
STEPS = (*TIERS[:1], MarginTier(cap=None, initial=d("0.10"), maintenance=d("0.05"), cum=d(5_000)))


@pytest.mark.parametrize("order", [1, -1])
def test_a_direction_is_gone_through_whole_where_brackets_are_not_joined(order: int) -> None:
    """A long that rises by a twentieth meets the steep bracket; far above it all is well again."""
    legs = [
        position(perp("BTC", tiers=STEEP), "1", "20000", "20000", PAR),
        position(perp("ETH", tiers=FLAT_TIER), "0.01", "1", "1", PAR),
    ][::order]
    found = joint_distance(account({"USD": d(10_000)}, tuple(legs), indexes=PAR))
    assert found is not None
    assert abs(found - d("0.05")) < d("0.001")


def test_a_distance_of_the_whole_is_no_end_of_the_search() -> None:
    """Both fall: level at a fall of all. One falls and one rises: liquidated at less than a third."""
    legs = (
        position(perp("BTC", tiers=FLAT_TIER), "2", "10000", "10000", PAR),
        position(perp("ETH", tiers=FLAT_TIER), "-1", "10000", "10000", PAR),
    )
    found = joint_distance(account({"USD": d(10_000)}, legs, indexes=PAR))
    # 10 000 - 30 000 x = 0.03 (20 000 (1 - x) + 10 000 (1 + x))
    assert found is not None
    assert abs(found - d(9_100) / d(29_700)) < d("1e-12")


SHEETS = {
    "a long on dollars": (
        Sheet([(d(1), d(10_000), {"USD": d(10_000)}), (d("0.9"), d(0), {"BTC": d(40_000), "T": d(-40_000)})],
              [("BTC", d(40_000), FLAT_TIER)], True),
        {"BTC": d(-1)},
    ),
    "a short that gains a bracket on its way": (
        Sheet([(d(1), d(60_000), {"BTC": d(-200_000)})], [("BTC", d(200_000), STEPS)], True),
        {"BTC": d(1)},
    ),
    "a coin of half weight that pays for a loss": (
        Sheet([(d("0.5"), d(50_000), {"BTC": d(50_000)}), (d("0.9"), d(-2_000), {"USDT": d(-2_000)})],
              [("BTC", d(60_000), FLAT_TIER), ("ETH", d(5_000), FLAT_TIER)], True),
        {"BTC": d(-1), "ETH": d(1)},
    ),
    "two legs in one direction, above the last step": (
        Sheet([(d(1), d(90_000), {"USD": d(90_000), "BTC": d(300_000), "ETH": d(20_000)})],
              [("BTC", d(300_000), STEPS), ("ETH", d(20_000), FLAT_TIER)], True),
        {"BTC": d(-1), "ETH": d(-1)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHEETS)
def test_it_is_clear_up_to_the_crossing_and_not_behind_it(name: str) -> None:
    """The crossing itself is found by going through the segments."""
    sheet, direction = SHEETS[name]
    crossing = first_crossing(sheet, direction, None)
    assert crossing is not None
    assert crossing > d("0.05")
    for share in ("0", "0.5", "0.999", "0.999999"):
        assert _clear_at(sheet, direction, crossing * d(share)), share
    for share in ("1", "1.000001", "1.001", "1.3"):
        assert not _clear_at(sheet, direction, crossing * d(share)), share


def test_nothing_held_is_not_clear_and_the_last_bracket_has_no_end() -> None:
    assert not _clear_at(Sheet([], [], True), {}, d(1))
    capped = (*STEPS[:1], MarginTier(cap=d(300_000), initial=d("0.1"), maintenance=d("0.05"), cum=d(5_000)))
    assert _tier_of(capped, d(250_000)) is capped[0]
    three = (*capped, MarginTier(cap=d(400_000), initial=d("0.1"), maintenance=d("0.06"), cum=d(8_000)))
    assert _tier_of(three, d(10**9)) is three[2]


def test_each_part_of_a_waterfall_has_its_sign() -> None:
    signs = {
        "price": 1, "funding": 1, "currency": 1, "adjustments": 1, "transfers": 1,
        "fees": -1, "slippage": -1, "interest": -1, "conversion": -1, "liquidation": -1,
    }  # fmt: skip
    for number, (name, sign) in enumerate(signs.items(), 2):
        parts = Parts()
        setattr(parts, name, d(number))
        assert parts.total() == sign * number, name
