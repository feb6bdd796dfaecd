"""What a flatten of a part would close: what is named whole, of other legs what the pair holds."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.views.closing import closing
from services.views.desk import DeskView
from tests.console.fixtures import d, quiet_desk


def closed(view: DeskView, what: str) -> dict[str, Decimal]:
    return {row.instrument: row.quantity for row in closing(view, what).rows}


@pytest.mark.parametrize(
    ("what", "count"),
    [
        ("", 5),
        ("all", 5),
        ("P-07", 2),
        ("USDT-PERP", 2),
        ("BTC-USDC-PERP.beta", 2),
        ("ETH-USDC-PERP", 1),
        ("x", 0),
    ],
)
def test_a_leg_takes_its_pair_and_the_sums_are_of_what_is_shown(what: str, count: int) -> None:
    plan = closing(quiet_desk(), what)
    assert len(plan.rows) == count
    assert plan.cost == sum(row.cost for row in plan.rows if row.cost is not None)
    assert plan.fees is not None
    assert plan.slippage is not None
    assert plan.cost == plan.fees + plan.slippage
    assert plan.equity is not None
    assert plan.equity_after == plan.equity + plan.cost


def test_of_a_leg_that_is_not_named_only_the_pair_goes() -> None:
    view = quiet_desk()
    twice = tuple(
        replace(row, quantity=2 * row.quantity) if row.instrument == "BTC-USDC-PERP.beta" else row
        for row in view.flatten.rows
    )
    view = replace(view, flatten=replace(view.flatten, rows=twice))
    whole = next(row for row in twice if row.instrument == "BTC-USDC-PERP.beta")
    assert closed(view, "P-07") == {"BTC-USDT-PERP.alpha": d("0.620"), "BTC-USDC-PERP.beta": d("0.620")}
    part = closing(view, "BTC-USDT-PERP.alpha").rows[1]
    assert (part.quantity, part.cost) == (whole.quantity / 2, (whole.cost or 0) / 2)
    assert closed(view, "BTC-USDC-PERP.beta")["BTC-USDC-PERP.beta"] == whole.quantity, "named: all of it"


def test_one_unknown_part_makes_the_sum_unknown() -> None:
    view = quiet_desk()
    rows = (replace(view.flatten.rows[0], cost=None, fee=None, slippage=None), *view.flatten.rows[1:])
    view = replace(view, flatten=replace(view.flatten, rows=rows))
    plan = closing(view, "P-07")
    assert (plan.cost, plan.equity_after) == (None, None)
    assert closing(view, "USDT-PERP").cost is not None


def test_a_venue_takes_all_that_lies_there_and_the_other_legs() -> None:
    found = closed(quiet_desk(), "beta")
    assert {"BTC-USDC-PERP.beta", "USDC-PERP.beta", "ETH-USDC-PERP.beta"} < set(found)
    assert len(found) == 5
    orders = closing(quiet_desk(), "ETH-USDC-PERP").working_orders
    assert orders == 2
