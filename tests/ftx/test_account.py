"""A read of the account is of sound figures or none."""

from __future__ import annotations

import pytest

from services.domain.events import AccountReport
from services.domain.venue_events import RequestFailed
from tests.ftx.test_clock import Elsewhere, client
from tests.simserver.served import Box
from tests.wire.server import Asked

ACCOUNT = {
    "collateral": 1, "freeCollateral": 1, "totalAccountValue": 1, "liquidating": False, "makerFee": 0,
    "takerFee": 0,
}  # fmt: skip


class Holding(Elsewhere):
    """An account with one position."""

    def __init__(self, leverage: object) -> None:
        super().__init__()
        self.leverage = leverage

    def result(self, asked: Asked) -> object:
        path = asked.target.partition("?")[0]
        if path == "/api/account":
            return {**ACCOUNT, "leverage": self.leverage}
        return [{"future": "A", "netSize": 1, "entryPrice": 2}] if path == "/api/positions" else []


@pytest.mark.parametrize("leverage", ["NaN", "Infinity", "1e999", -1, 0, 10**30])
async def test_a_leverage_that_cannot_be_fails_the_read(leverage: object) -> None:
    """The start looked at it, a later read did not: it went to the desk as it was."""
    async with client(server=Holding(leverage)) as (venue, _):
        box = venue._outbox
        assert isinstance(box, Box)
        await venue._trading.read("r", 0)
        (failed,) = box.of(RequestFailed)
        assert "leverage" in failed.reason
        assert box.of(AccountReport) == []


async def test_a_sound_one_is_told_with_the_position() -> None:
    async with client(server=Holding(10)) as (venue, _):
        box = venue._outbox
        assert isinstance(box, Box)
        await venue._trading.read("r", 0)
        (report,) = box.of(AccountReport)
        assert [(row.size, row.leverage) for row in report.positions] == [(1, 10)]
