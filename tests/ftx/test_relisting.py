"""The list of markets while an engine runs: what closes is told and takes no other along, terms hold."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from services.domain.events import AccountReport, MarketFrame, VenueLink
from services.domain.instrument import Instrument, MarginTier
from services.domain.venue_events import InstrumentsListed, MarginCalled
from services.venues.ftx import parse, relisting
from services.venues.relisting import Missing, newly, relisted
from services.venues.wire.errors import WireError
from services.workers.simserver import account as served_account
from services.workers.simserver import shown
from tests.ftx.test_ears import Heard, book_data
from tests.ftx.test_parse import account, future, market
from tests.simserver.served import Box, connected, serving

D = Decimal
PERP, OTHER = "USDT-PERP", "BTC-PERP"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, object]]:
    """What the server says otherwise, by market; `account` of the account."""
    otherwise: dict[str, dict[str, object]] = {}

    def bent(of: Any, name: str) -> None:
        plain = getattr(of, name)

        def row(*args: Any, **more: Any) -> Any:
            found = plain(*args, **more)
            return {**found, **otherwise.get(found.get("name", "account"), {})}

        monkeypatch.setattr(of, name, row)

    bent(shown, "market")
    bent(shown, "future")
    bent(served_account, "account")
    return otherwise


def told(box: Box) -> list[tuple[str, int | None, Decimal | None]]:
    return [
        (spec.symbol, spec.delisting_ts, spec.taker_fee)
        for event in box.of(InstrumentsListed)
        if isinstance(event, InstrumentsListed)
        for spec in event.instruments
    ]


async def test_a_market_that_closes_is_heard_of_at_the_next_marks_and_its_silence_takes_no_other_along(
    said: dict[str, dict[str, object]],
) -> None:
    async with serving() as (_, server), connected(server, symbols=(PERP, OTHER)) as (venue, box):
        said[PERP] = {"closeOnly": True}
        await box.until(lambda _: told(box), "the end of a market that takes closing orders alone")
        ((name, end, fee),) = told(box)
        assert name == PERP
        assert end is not None
        assert fee is not None
        assert venue._ears is not None
        assert venue._stream is not None
        assert venue._ears.off == set(), "what can still be closed is still watched"
        await venue.relist()
        assert len(told(box)) == 1, "it has ended once"
        # Nobody trades it now, and no word of it comes: a connection is up without it.
        said[PERP] = {"enabled": False}
        await venue.relist()
        assert venue._ears.off == {PERP}
        assert venue._ears.top(PERP) is None
        at = len(box.events)
        venue._stream.renew()
        await box.until(lambda events: any(isinstance(each, VenueLink) and each.up for each in events[at:]))

        def quoted(name: str) -> bool:
            frames = [each for each in box.events[at:] if isinstance(each, MarketFrame)]
            rows = [row for frame in frames for row in frame.quotes]
            return any(row.instrument == f"{name}.alpha" and row.bid for row in rows)

        await box.until(lambda _: quoted(OTHER), "a quote of the other market")
        assert not quoted(PERP)
        # It comes back: told, and subscribed anew.
        del said[PERP]
        await venue.relist()
        assert told(box)[-1][:2] == (PERP, None)
        await box.until(lambda _: quoted(PERP), "its quote")


async def test_a_row_that_cannot_be_read_is_left_out_by_name_and_keeps_nobody_from_starting(
    said: dict[str, dict[str, object]], caplog: pytest.LogCaptureFixture
) -> None:
    """A profile that names no markets once did not start for one odd row of hundreds."""
    odd = (PERP, "ETH-PERP", "BTC/USD")
    said[PERP], said["ETH-PERP"] = {"priceIncrement": "NaN"}, {"imfFactor": []}
    said["BTC/USD"] = {"sizeIncrement": "-1"}
    async with serving() as (_, server):
        async with connected(server) as (venue, box):
            names = {spec.symbol for spec in venue.instruments()}
            assert OTHER in names
            assert not names.intersection(odd)
            texts = [text for text in caplog.messages if "left out" in text]
            assert [sum(name in text for text in texts) for name in odd] == [1, 1, 1]

            def marked(_: object) -> bool:
                frames = [each for each in box.of(MarketFrame) if isinstance(each, MarketFrame)]
                return any(row.instrument == f"{OTHER}.alpha" for each in frames for row in each.marks)

            await box.until(marked, "a mark of the other market")
        with pytest.raises(WireError, match=rf"lists no open market {PERP} \(.+\)$"):
            async with connected(server, symbols=(OTHER, PERP)):
                raise AssertionError("it started")


async def test_a_row_that_cannot_be_read_later_keeps_out_what_is_new_and_closes_nothing(
    said: dict[str, dict[str, object]],
) -> None:
    async with serving() as (_, server), connected(server, symbols=(PERP, OTHER)) as (venue, _):
        plain = venue.instruments()
        for odd in ({"priceIncrement": None}, {"priceIncrement": None, "name": 7}):
            said[PERP] = odd
            for _ in range(3):
                await venue.relist()
                by_name = {spec.symbol: spec for spec in venue.instruments()}
                assert by_name[OTHER] in plain
                assert (by_name[PERP].taker_fee, by_name[PERP].delisting_ts) == (None, None)
            said.clear()
            await venue.relist()
            assert venue.instruments() == plain


async def test_an_account_or_a_whole_list_that_cannot_be_read_refuses_the_start(
    said: dict[str, dict[str, object]],
) -> None:
    async with serving() as (_, server):
        async with connected(server) as (venue, _):
            names = [spec.symbol for spec in venue.instruments()]
        said["account"] = {"takerFee": "NaN"}
        with pytest.raises(ValueError, match="takerFee"):
            async with connected(server):
                raise AssertionError("it started")
        said.clear()
        said.update({name: {"priceIncrement": None} for name in names})
        with pytest.raises(WireError, match="cannot be read"):
            async with connected(server):
                raise AssertionError("it started")


async def test_fees_leverage_and_brackets_are_taken_over_and_unknown_ones_keep_out_what_is_new(
    said: dict[str, dict[str, object]],
) -> None:
    async with serving() as (_, server), connected(server, symbols=(PERP,)) as (venue, box):
        (plain,) = venue.instruments()
        dear: dict[str, object] = {"cap": None, "initial": D("0.5"), "maintenance": D("0.4"), "cum": D(0)}
        said["account"], said[PERP] = {"takerFee": D("0.002")}, {"marginTiers": [dear]}
        await venue.relist()
        (spec,) = venue.instruments()
        assert (spec.taker_fee, spec.maker_fee) == (D("0.002"), plain.maker_fee)
        assert spec.tiers == (MarginTier(cap=None, initial=D("0.5"), maintenance=D("0.4")),)
        # Without `whole` the account is not asked; where only makers are let in nothing can be hedged.
        said["account"], said[PERP] = {}, {"postOnly": True}
        await venue.relist(whole=False)
        assert [fee for _, _, fee in told(box)] == [D("0.002"), None]
        said[PERP] = {}
        await venue.relist()
        assert venue.instruments() == (plain,)
        for odd, of in (
            ({"marginTiers": [{**dear, "initial": D(-1)}]}, PERP),
            ({"leverage": D(0)}, "account"),
        ):
            said[of] = odd  # type: ignore[assignment]
            await venue.relist()
            unknown = replace(plain, taker_fee=None, maker_fee=None if of == "account" else plain.maker_fee)
            assert venue.instruments() == (unknown,), "what cannot be read closes nothing"
            said[of] = {}


def test_margin_by_size_follows_the_mark_and_is_never_left_too_low() -> None:
    def tiers(mark: str) -> tuple[MarginTier, ...] | None:
        row = future(f', "mark": {mark}, "imfFactor": 0.002')
        before = {PERP: parse.instrument_of("ftx", market(), future(', "imfFactor": 0.002'), account())}
        listed = relisting.look("ftx", before, [market()], [row], account(), 7, print)[PERP]
        assert isinstance(listed, Instrument)
        return listed.tiers

    same = tiers("1.0002")
    assert tiers("1.05") == same, "a little better is left as it was"
    cheaper, dearer = tiers("2"), tiers("0.999")
    assert same is not None
    assert cheaper is not None
    assert dearer is not None
    assert cheaper[0].initial < same[0].initial < dearer[0].initial


def test_what_has_gone_is_off_and_what_cannot_be_read_has_not() -> None:
    spec = parse.instrument_of("ftx", market(), future(), account())
    heard: list[str] = []

    def look(markets: list[Any], futures: list[Any]) -> object:
        found = relisting.look("ftx", {PERP: spec}, markets, futures, account(), 7, heard.append)
        assert relisting.off_of(found, {PERP}) == (set() if found[PERP] == spec or heard else {PERP})
        assert relisting.off_of(found, ()) == ({PERP} if found[PERP] is Missing.CLOSED else set())
        return found[PERP]

    assert look([market()], [future()]) == spec
    for markets, futures in (([], [future()]), ([market()], [])):
        assert look(markets, futures) is Missing.ABSENT
    for more, less in ((', "restricted": true', ""), ("", ', "expired": true')):
        assert look([market(more)], [future(less)]) is Missing.CLOSED
    assert look([market(', "priceIncrement": 0')], [future()]) is Missing.UNCLEAR
    assert len(heard) == 1
    assert relisted({PERP: spec}, {PERP: Missing.ABSENT}, 9) == {PERP: replace(spec, taker_fee=None)}
    assert relisted({PERP: spec}, {PERP: Missing.ABSENT}, 9, {PERP})[PERP].delisting_ts == 9
    assert newly(frozenset({"A"}), relisting.others({}, [market()], [future()])).endswith(PERP)
    assert newly(frozenset({PERP}), relisting.others({}, [market()], [future()])) == ""


def test_brackets_that_are_unknown_leave_the_last_ones_and_no_fee_to_enter_by() -> None:
    spec = parse.instrument_of("ftx", market(), future(), account())
    lost = relisted({PERP: spec}, {PERP: replace(spec, tiers=None)}, 9)[PERP]
    assert (lost.tiers, lost.taker_fee) == (spec.tiers, None)
    assert relisted({PERP: lost}, {PERP: replace(spec, tiers=None)}, 10) == {}
    assert relisted({PERP: lost}, {PERP: spec}, 11) == {PERP: spec}
    smaller = replace(spec, max_size=D(5))
    assert relisted({PERP: spec}, {PERP: smaller}, 12) == {PERP: smaller}


def test_a_market_that_the_venue_does_not_know_is_dropped_and_the_others_are_ready_without_it() -> None:
    heard = Heard(["A", "B"])
    for frame in heard.greeting:
        if frame["market"] == "A":
            heard.hear(type="subscribed", channel=frame["channel"], market="A")
    assert not heard.ears.ready()
    heard.hear(type="error", code=404, msg="No such market: B")
    assert heard.ears.ready()
    heard.now += 59
    heard.hear(type="update", channel="ticker", market="A", data={"time": 1650000000.5, "bid": None})
    heard.hear(type="update", channel="ticker", market="B", data={"time": 1650000000.5, "bid": None})
    heard.hear(type="partial", channel="orderbook", market="A", data=book_data([[99.0, 2.0]], [[101.0, 3.0]]))
    heard.hear(type="update", channel="orderbook", market="B", data=book_data([[99.0, 2.0]], []))
    assert heard.ears.silent(heard.now) is None
    assert heard.ears.refused == 0, "what is still on its way is no fault"
    heard.hear(type="update", channel="ticker", market="A", data={"time": 1650000000.5, "bid": None})
    assert heard.ears.silent(heard.now) is None
    heard.now += 59
    assert heard.ears.silent(heard.now) is None, "B is not waited for"
    assert {json.loads(text)["market"] for text in heard.ears.greeting()} == {"A"}
    assert heard.ears.unknown == {"B"}


async def test_a_market_that_the_stream_refuses_and_the_list_names_costs_no_connection_at_each_look() -> None:
    async with serving() as (_, server), connected(server, symbols=(PERP, OTHER)) as (venue, box):
        await box.first(VenueLink, up=True)
        assert venue._ears is not None
        venue._ears.heard(json.dumps({"type": "error", "code": 404, "msg": f"No such market: {PERP}"}))
        for _ in range(3):
            await venue.relist(whole=False)
        assert venue._ears.off == {PERP}
        await venue.relist()
        assert venue._ears.off == set(), "once an hour it is tried again"
        await box.first(VenueLink, up=False)


async def test_an_account_that_is_being_liquidated_is_a_call_for_margin(
    said: dict[str, dict[str, object]],
) -> None:
    async with serving() as (_, server), connected(server, symbols=(PERP,)) as (venue, box):
        venue.read_account(0, "before", 0)
        await box.first(AccountReport, request="before")
        assert box.of(MarginCalled) == []
        said["account"] = {"liquidating": True}
        venue.read_account(0, "then", 0)
        await box.first(MarginCalled, venue="alpha")
        await box.first(AccountReport, request="then")


def test_what_was_dropped_may_be_confirmed_behind_its_end_and_keeps_no_other_waiting() -> None:
    heard = Heard(["A", "B"])
    heard.confirm_all()
    heard.ears.doubt("B")
    heard.ears.drop("B")
    for word in ("unsubscribed", "subscribed"):
        heard.hear(type=word, channel="orderbook", market="B")
    assert heard.ears.ready()
    heard.hear(type="unsubscribed", channel="orderbook", market="A")
    assert not heard.ears.ready()


@pytest.mark.parametrize(
    "odd",
    [
        {"takerFee": D("-0.9")},
        {"makerFee": D("0.5")},
        {"leverage": D(10**15)},
        {"leverage": D("NaN")},
    ],
)
def test_an_absurd_figure_of_the_account_is_unknown_and_closes_nothing(odd: dict[str, Decimal]) -> None:
    spec = parse.instrument_of("ftx", market(), future(), account())
    found = relisting.look("ftx", {PERP: spec}, [market()], [future()], replace(account(), **odd), 7, print)
    assert relisted({PERP: spec}, found, 9) == {PERP: replace(spec, maker_fee=None, taker_fee=None)}


@pytest.mark.parametrize(
    "rows",
    [
        "[]",
        '[{"cap": null, "initial": 0.01, "maintenance": 0.02, "cum": 0}]',
        '[{"cap": null, "initial": 1.5, "maintenance": 0.02, "cum": 0}]',
        '[{"cap": 9, "initial": 0.1, "maintenance": 0.02, "cum": 0}'
        ', {"cap": 9, "initial": 0.2, "maintenance": 0.1, "cum": 0}]',
        '[{"cap": null, "initial": 0.1, "maintenance": 0.02, "cum": 0}'
        ', {"cap": 9, "initial": 0.2, "maintenance": 0.1, "cum": 0}]',
    ],
)
def test_a_margin_table_that_is_none_lets_nothing_new_in(rows: str) -> None:
    spec = parse.instrument_of("ftx", market(), future(), account())
    odd = future(f', "marginTiers": {rows}')
    found = relisting.look("ftx", {PERP: spec}, [market()], [odd], account(), 7, print)
    assert found == {PERP: Missing.UNCLEAR}
