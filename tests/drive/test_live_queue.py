"""The live queue: frames are joined, never made younger; private events are all kept, in order."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.domain.enums import RateKind
from services.domain.events import IndexRow, MarketFrame, MarkRow, OrderAccepted, QuoteRow, RateRow, VenueLink
from services.drive.live_queue import PRIVATE_MOST, LiveQueue, join
from services.drive.queue import Kind


def quote(name: str, bid: float) -> QuoteRow:
    return QuoteRow(name, bid, 1.0, bid + 1, 1.0, 1.0, 1.0)


def frame(ts: int, *quotes: QuoteRow, venue: str = "a", **more: object) -> MarketFrame:
    return MarketFrame(venue, ts, ts, 7, quotes, **more)  # type: ignore[arg-type]


def accepted(number: int, venue: str = "a") -> OrderAccepted:
    return OrderAccepted(venue, f"id{number}", str(number), 0, 0)


def drain(queue: LiveQueue) -> list[object]:
    out = []
    while (entry := queue.pop()) is not None:
        assert entry[2] is Kind.EVENT
        out.append(entry[3])
    return out


def test_frames_that_wait_are_joined_and_counted_anew() -> None:
    queue = LiveQueue(100)
    queue.deliver(100, frame(100, quote("x", 1.0), quote("y", 1.0)))
    queue.deliver(110, frame(110, quote("x", 2.0)))
    (joined,) = drain(queue)
    assert isinstance(joined, MarketFrame)
    assert {row.instrument: row.bid for row in joined.quotes} == {"x": 2.0, "y": 1.0}
    assert (joined.ts, joined.ts_event) == (100, 100), "y is as old as it was"
    queue.deliver(120, frame(120, quote("x", 3.0)))
    (later,) = drain(queue)
    assert isinstance(later, MarketFrame)
    assert later.seq == joined.seq + 1, "joining is no loss"
    assert queue.joined == 1


def test_nothing_is_joined_across_a_word_on_the_connection() -> None:
    queue = LiveQueue(0)
    queue.deliver(0, frame(1, quote("x", 1.0)))
    queue.deliver(0, VenueLink(venue="a", ts=2, up=False))
    queue.deliver(0, VenueLink(venue="a", ts=3, up=True))
    queue.deliver(0, frame(4, quote("x", 2.0)))
    order = [type(each).__name__ for each in drain(queue)]
    assert order == ["MarketFrame", "VenueLink", "VenueLink", "MarketFrame"]


def test_every_settled_rate_of_joined_frames_is_kept_and_the_last_prediction() -> None:
    def rate(kind: RateKind, ts: int, value: str) -> RateRow:
        return RateRow("x", Decimal(value), Decimal(8), kind, ts, None)

    first = frame(1, rates=(rate(RateKind.SETTLED, 10, "0.1"), rate(RateKind.PREDICTED, 11, "0.2")))
    second = frame(2, rates=(rate(RateKind.SETTLED, 20, "0.3"), rate(RateKind.PREDICTED, 21, "0.4")))
    joined = join(first, second)
    assert [(row.kind, row.rate) for row in joined.rates] == [
        (RateKind.SETTLED, Decimal("0.1")),
        (RateKind.PREDICTED, Decimal("0.4")),
        (RateKind.SETTLED, Decimal("0.3")),
    ]


def test_marks_and_indexes_join_by_name() -> None:
    first = frame(1, marks=(MarkRow("x", 1.0, 1.0),), indexes=(IndexRow("USDT", 1.0),))
    second = frame(2, marks=(MarkRow("x", 2.0, 2.0),), indexes=(IndexRow("USDC", 0.9),))
    joined = join(first, second)
    assert [row.mark for row in joined.marks] == [2.0]
    assert {row.coin: row.index for row in joined.indexes} == {"USDT": 1.0, "USDC": 0.9}


@given(st.lists(st.sampled_from(["fa", "fb", "pa", "pb"]), max_size=40))
def test_private_events_are_all_there_in_order_whatever_comes_between(kinds: list[str]) -> None:
    queue = LiveQueue(0)
    sent = []
    for number, kind in enumerate(kinds):
        if kind[0] == "f":
            queue.deliver(0, frame(number, quote("x", float(number)), venue=kind[1]))
        else:
            event = accepted(number, kind[1])
            sent.append(event)
            queue.deliver(0, event)
    out = drain(queue)
    assert [each for each in out if isinstance(each, OrderAccepted)] == sent
    frames = [each for each in out if isinstance(each, MarketFrame)]
    assert len(frames) == len({kind for kind in kinds if kind[0] == "f"})


def test_a_heap_of_private_events_is_told_by_venue() -> None:
    queue = LiveQueue(0)
    for number in range(PRIVATE_MOST):
        queue.deliver(0, accepted(number))
    assert queue.overfull() == ()
    queue.deliver(0, accepted(-1))
    queue.deliver(0, accepted(-1, "b"))
    assert queue.overfull() == ("a",)
    queue.pop()
    assert queue.overfull() == ()


def test_time_follows_the_wall_and_never_goes_back() -> None:
    queue = LiveQueue(1_000)
    queue.set_timer("late", 1_100)
    queue.tick(5_000)
    entry = queue.pop()
    assert entry is not None
    assert entry[0] == 1_100
    assert queue.now == 5_000
    queue.tick(4_000)
    assert queue.now == 5_000


def test_time_goes_on_behind_a_clock_that_was_set_back_and_is_caught_up_with() -> None:
    queue = LiveQueue(1_000)
    queue.set_timer("naked leg", 1_050)
    queue.tick(400)
    assert queue.now == 1_000
    queue.tick(500)
    assert queue.now == 1_050, "a time-out comes, if late"
    assert queue.next_due() == 1_050
    queue.tick(300)
    assert queue.now == 1_050, "never back"
    for wall in range(400, 2_000, 100):
        queue.tick(wall)
    assert queue.now == 1_900, "and the wall's again"
