"""What counts as an answered request, and what is said of a venue that answers badly (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.desk import error_rate
from services.desk.core import MINUTE, SECOND
from services.desk.desk import Desk
from services.domain.effects import Decision
from services.domain.enums import Purpose, Side
from services.domain.events import (
    AccountReport,
    CancelRejected,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
)
from services.domain.orders import OrderRequest
from services.domain.venue_events import DeadManReport

NAME, PERP = "abc123000000001t0000", "BTC-USDT-PERP.alpha"


def counted(desk: Desk, event: Event) -> bool:
    """One more request of alpha's that ended well."""
    windows = desk.core.venue_errors.state.venues
    before = len(windows["alpha"].asked) if "alpha" in windows else 0
    error_rate.on_answer(desk.core, event)
    return "alpha" in windows and len(windows["alpha"].asked) == before + 1


def order(desk: Desk) -> None:
    core = desk.core
    core.orders.add(
        OrderRequest(
            client_order_id=NAME, instrument=PERP, side=Side.BUY, quantity=Decimal(1), price=Decimal(10),
            purpose=Purpose.TICKET, origin="operator",
        ),
        core.now,
    )  # fmt: skip
    core.orders.sent(NAME, core.now)


def canceled(desk: Desk) -> OrderCanceled:
    return OrderCanceled("alpha", NAME, "canceled", Decimal(0), desk.core.now, desk.core.now)


@pytest.mark.parametrize(
    ("asked", "ended", "counts"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_a_canceled_order_answers_the_cancel_that_was_asked_and_once(
    desk: Desk, asked: bool, ended: bool, counts: bool
) -> None:
    order(desk)
    core = desk.core
    if asked:
        core.orders.cancel_sent(NAME, core.now)
    if ended:
        core.orders.apply(canceled(desk), core.now)
    assert counted(desk, canceled(desk)) is counts


def test_of_an_order_that_nobody_knows_nothing_was_asked(desk: Desk) -> None:
    assert not counted(desk, canceled(desk))


def test_answers_to_questions_count_and_what_is_told_unasked_does_not(desk: Desk) -> None:
    now = desk.core.now
    read = AccountReport(
        venue="alpha", request="r", balances=(), positions=(), orders=(), ts_event=now, ts=now
    )
    switch = DeadManReport(venue="alpha", armed=True, fires_at=None, fired=False, ts_event=now, ts=now)
    assert counted(desk, read)
    assert counted(desk, switch)
    assert counted(desk, CancelRejected("alpha", NAME, "gone", now, now))
    assert not counted(desk, OrderAccepted("alpha", NAME, "7", now, now))
    fill = OrderFilled(
        venue="alpha", instrument=PERP, client_order_id=NAME, venue_order_id="7", trade_id="t",
        side=Side.BUY, quantity=Decimal(1), price=Decimal(10), fee=Decimal(0), fee_coin="USDT",
        ts_event=now, ts=now,
    )  # fmt: skip
    assert not counted(desk, fill)


def test_each_change_is_decided_and_the_alert_goes_with_the_last(desk: Desk) -> None:
    core = desk.core
    window, start = core.venue_errors, core.now

    def told() -> list[str]:
        return [each.text for each in core.out if isinstance(each, Decision) and each.kind == "venue errors"]

    core.out = []
    error_rate.note(core, None)
    assert told() == []
    for number in range(window.LEAST):
        error_rate.note(core, window.request("alpha", False, start + number))
    assert len(told()) == 1
    assert core.alerts.is_open("venue errors:alpha")
    later = start + 2 * MINUTE
    for number in range(window.CLEAR_S + 2):
        error_rate.note(core, window.request("alpha", True, later + number * SECOND))
    assert len(told()) == 2
    assert not core.alerts.is_open("venue errors:alpha")
