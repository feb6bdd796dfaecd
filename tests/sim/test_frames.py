"""The public feed: complete first, then only what changed, without a hole."""

from __future__ import annotations

from services.domain.enums import RateKind
from services.domain.events import MarketFrame, VenueLink
from services.domain.venue_events import VenueFacts
from services.venues.sim.facts import HOUR_NS
from services.venues.sim.world import make_world
from tests.sim.builders import NS, Sim


def frames(sim: Sim, seconds: float, venue: str) -> list[MarketFrame]:
    return [e for e in sim.run(seconds) if isinstance(e, MarketFrame) and e.venue == venue]


def test_facts_and_link_come_before_a_first_complete_frame() -> None:
    sim = Sim()
    events = [e for e in sim.run(1) if getattr(e, "venue", "") == "beta"]
    facts, link, first = events[:3]
    assert isinstance(facts, VenueFacts)
    assert (facts.conditional, facts.dead_man, facts.conditional_survives_dead_man) == (True, True, True)
    assert isinstance(link, VenueLink)
    assert facts.ts == link.ts
    assert isinstance(first, MarketFrame)
    assert (len(first.quotes), len(first.marks), len(first.indexes)) == (12, 7, 5)
    predicted = [r for r in first.rates if r.kind is RateKind.PREDICTED]
    assert len(predicted) == 7


def test_thirty_days_of_settled_rates_come_with_the_first_frame_oldest_first() -> None:
    sim = Sim()
    for venue, rows in (("alpha", 90), ("beta", 720)):
        first = next(
            e for e in sim.queue.events or sim.run(1) if isinstance(e, MarketFrame) and e.venue == venue
        )
        times = [
            r.rate_ts for r in first.rates if r.instrument == f"BTC-USDT-PERP.{venue}" and r.kind == "settled"
        ]
        assert len(times) == rows
        assert times == sorted(times)
        assert times[-1] <= sim.world.start


def test_every_thirty_seconds_all_rows_are_stated_again() -> None:
    sim = Sim()
    got = frames(sim, 300, "alpha")
    full = [f.ts_event // NS for f in got if (len(f.quotes), len(f.marks), len(f.indexes)) == (12, 7, 5)]
    regular = [second for second in full if (second - full[0]) % 30 == 0]
    assert regular == [full[0] + 30 * n for n in range(10)]
    assert all(len(f.rates) >= 7 for f in got if f.ts_event // NS in regular)


def test_frames_are_consecutive_and_hold_only_changes() -> None:
    sim = Sim()
    seen: dict[str, object] = {}
    got = frames(sim, 600, "alpha")
    assert [f.seq for f in got] == list(range(1, len(got) + 1))
    for frame in got:
        for row in (*frame.quotes, *frame.marks):
            key = f"{type(row).__name__}:{row.instrument}"
            assert seen.get(key) != row or (frame.ts_event - got[0].ts_event) % (30 * NS) == 0
            seen[key] = row
    assert len(got[5].quotes) < 12


def test_frames_follow_the_worlds_step_and_every_full_hour() -> None:
    sim = Sim(make_world("calm", step_s=7))
    got = frames(sim, 3700, "alpha")
    start = sim.world.start
    offsets = [(f.ts_event - start) // NS for f in got]
    assert 3600 in offsets
    assert all(o % 7 == 0 or o == 3600 for o in offsets)
    assert all(15_000_000 <= f.ts - f.ts_event <= 25_000_000 for f in got)
    assert start % HOUR_NS == 0


def test_quotes_lie_on_the_grid_with_the_stated_spread_and_depth() -> None:
    sim = Sim()
    first = frames(sim, 1, "alpha")[0]
    for quote in first.quotes:
        mid = (quote.bid + quote.ask) / 2
        coarse = 3.1e-4 if mid < 2 else 1.2e-4
        assert 0 < quote.ask - quote.bid <= coarse * mid + 1e-9
        assert 200_000 < quote.bid_depth * mid < 300_000
        assert quote.bid_size <= quote.bid_depth
    btc = next(q for q in first.quotes if q.instrument == "BTC-USDT-PERP.alpha")
    assert btc.bid == round(btc.bid, 1)


def test_more_instruments_on_request() -> None:
    sim = Sim(make_world("calm", synthetic=20))
    names = [i.symbol for i in sim.exchange.venues["alpha"].instruments()]
    assert names[-1] == "SYN020-PERP"
    assert len(frames(sim, 1, "beta")[0].quotes) == 32
