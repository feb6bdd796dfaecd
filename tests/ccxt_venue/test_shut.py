"""A key that the venue refuses is refused every order: then nothing that adds risk leaves for a while."""

from __future__ import annotations

import pytest

from services.domain.enums import Purpose
from services.domain.events import OrderRejected
from services.venues.ccxt_venue.relisting import Relisting
from services.venues.ccxt_venue.venue import CcxtVenue
from services.venues.shut import SHUT_NS, Shut
from tests.ccxt_venue.okx import OkxExchange
from tests.ccxt_venue.test_venue import NAME, order, trading
from tests.wire.server import encoded

NO_KEY = encoded(401, {}, b'{"code":"50111","msg":"Invalid OK_ACCESS_KEY","data":[]}')
LATE = encoded(401, {}, b'{"code":"50102","msg":"Timestamp request expired","data":[]}')


def names(server: OkxExchange) -> list[str]:
    return [query["clOrdId"] for name, query, _ in server.asked if name == server.order_path]


async def fees(venue: CcxtVenue) -> list[object]:
    """As the next look at the list tells them."""
    lists = Relisting(
        "okx", venue._door, venue._listed, venue._learn, spot=False,
        tell=lambda event: None, say=lambda text: None, wall=lambda: 1,
    )  # fmt: skip
    await lists.look()
    return [spec.taker_fee for spec in venue.instruments()]


@pytest.mark.parametrize("shut", [True, False])
async def test_a_refused_key_is_sent_no_second_entry_and_goes_on_closing(shut: bool) -> None:
    server = OkxExchange()
    server.replies[server.order_path] = lambda query: NO_KEY if shut else LATE
    async with trading(server) as (venue, heard):
        venue.submit(0, order(server))
        await heard.until(OrderRejected)
        known = await fees(venue)
        assert (known == [None]) is shut, "no other venue's leg is begun for a hedge that is refused here"
        for name, more in (("b" * 20, {}), ("c" * 20, {"purpose": Purpose.EXIT, "reduce_only": True})):
            venue.submit(0, order(server, client_order_id=name, **more))
            last = await heard.until(OrderRejected, lambda event, name=name: event.client_order_id == name)
            assert last.reason.startswith("denied: the venue refuses: ") is (shut and not more), last
        assert names(server) == [NAME, *([] if shut else ["b" * 20]), "c" * 20]
        assert venue._trading is not None
        later = venue._trading.shut._clock() + SHUT_NS
        venue._trading.shut._clock = lambda: later
        assert None not in await fees(venue), "it is tried again"


def test_it_lasts_a_quarter_of_an_hour() -> None:
    now = 0
    shut = Shut(lambda text: None, lambda: now)
    shut.close("no")
    now = 900 * 10**9 - 1
    assert shut.why
    now += 1
    assert not shut.why


def test_it_is_told_once_and_lasts_from_the_last_refusal_on() -> None:
    said: list[str] = []
    now = 1
    shut = Shut(said.append, lambda: now)
    assert shut.why == ""
    shut.close("no")
    now += SHUT_NS - 1
    assert shut.why == "the venue refuses: no"
    shut.close("still no")
    now += SHUT_NS - 1
    assert shut.why == "the venue refuses: still no"
    assert said == ["no new risk for 15 min: no"]
    now += 1
    assert shut.why == ""
    shut.close("no")
    assert len(said) == 2
