"""Lists that come in pages: whatever the venue's page is, no row is left behind."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.ftx.test_clock import Elsewhere, client
from tests.wire.server import Asked

START = 1_650_000_000


def iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()


class Paged(Elsewhere):
    """The newest rows between the two times, `page` of them at most, newest first."""

    def __init__(self, page: int, rows: int) -> None:
        super().__init__()
        self.page = page
        self.rows = rows

    def result(self, asked: Asked) -> object:
        parts = urlsplit(asked.target)
        query = parse_qs(parts.query)
        until = float(query.get("end_time", ["inf"])[0])
        # Two of each second: an end falls between rows of one instant.
        found = [n for n in range(self.rows) if START + n // 2 <= until][::-1][: self.page]
        if "funding_rates" in asked.target:
            return [{"future": "A", "rate": 0.1, "time": iso(START + n * 3_600)} for n in self.hours(until)]
        return [{**FILL, "id": n, "time": iso(START + n // 2)} for n in found]

    def hours(self, until: float) -> list[int]:
        return [n for n in range(self.rows) if START + n * 3_600 <= until][::-1][: self.page]


FILL = {
    "market": "A", "orderId": 7, "side": "buy", "price": 1, "size": 1, "fee": 0, "feeCurrency": "USD",
    "liquidity": "taker", "type": "order",
}  # fmt: skip


@pytest.mark.parametrize(("page", "rows"), [(20, 19), (20, 45), (100, 250), (5_000, 60)])
async def test_fills_are_walked_back_until_a_page_brings_nothing_new(page: int, rows: int) -> None:
    async with client(server=Paged(page, rows)) as (venue, server):
        await venue.resync()
        found = await venue._api.fills(0)
        assert [row.id for row in found] == list(range(rows))
        assert len(server.asked) <= 1 + rows // (page - 2) + 2


async def test_settled_rates_of_a_month_come_whole_from_a_page_of_five_hundred() -> None:
    async with client(server=Paged(500, 720)) as (venue, _):
        found = await venue._api.funding_rates("A", START, START + 720 * 3_600)
        assert [row.time for row in found] == [iso(START + n * 3_600) for n in range(720)]
