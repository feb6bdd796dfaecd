"""Edges of what the risk room remembers: breaker, depeg clocks, causes, counters, ladder, track record.

Each was found by a change of the code that no test noticed (docs/mutants.md). The breaker's peak, day and
rolling window are reckoned a second time from the whole list of samples.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.domain.enums import Severity, TradingState
from services.market.sources import Source
from services.risk.breaker import BUCKET, DAILY, DAY, DRAWDOWN, ROLLING, UNKNOWN, Breaker
from services.risk.causes import CauseBook
from services.risk.depeg import DepegMonitor
from services.risk.kelly import TrackRecord, kelly_fraction, risk_share, track_record
from services.risk.ladder import MarginLadder
from services.risk.throttle import OrderThrottle, VenueErrors
from services.risk.trips import Trips
from services.settings.parameters import Breaker as BreakerParams
from services.settings.parameters import Depeg, Gate, Ladder, Sizing
from tests.risk.builders import NOW, SECOND, D

MINUTE, HOUR = 60 * SECOND, 3_600 * SECOND
PARAMS = BreakerParams()


# -- breaker --------------------------------------------------------------------------------------------


class Reckoned:
    """Peak, day and rolling base of SEMANTICS 9 from all samples at once."""

    def __init__(self) -> None:
        self.samples: list[tuple[int, Decimal]] = []
        self.peak = D(0)
        self.held_once = False
        self.window: list[tuple[int, Decimal]] = []
        self.day_start = D(0)

    def add(self, now: int, value: Decimal) -> dict[str, Decimal]:
        self._day(now, value)
        self.samples.append((now, value))
        span = PARAMS.peak_window_s * SECOND
        first = max((n for n, (ts, _) in enumerate(self.samples) if ts <= now - span), default=0)
        first = max(0, min(first, len(self.samples) - PARAMS.peak_samples))
        recent = self.samples[first:]
        held = min(each for _, each in recent)
        confirmed = len(recent) >= PARAMS.peak_samples and now - recent[0][0] >= span
        self.peak = max(self.peak, held) if self.held_once and confirmed else self.peak
        if not self.held_once:
            self.peak, self.held_once = held, confirmed
        if not self.window or now - self.window[-1][0] >= BUCKET:
            self.window.append((now, held))
        old = [each for ts, each in self.window if ts <= now - DAY]
        base = old[-1] if old else self.window[0][1]
        return {
            DAILY: max(D(0), 1 - value / self.day_start),
            ROLLING: max(D(0), 1 - value / base),
            DRAWDOWN: max(D(0), 1 - value / self.peak),
        }

    def _day(self, now: int, value: Decimal) -> None:
        """The first value of a day; after an absence the last one before it."""
        if self.samples and self.samples[-1][0] // DAY == now // DAY:
            return
        away = bool(self.samples) and now - self.samples[-1][0] > BUCKET
        self.day_start = self.samples[-1][1] if away else value


@pytest.mark.parametrize("seed", range(12))
def test_losses_agree_with_a_second_reckoning(seed: int) -> None:
    """Long walks through several days, with quick samples, holes and single spikes either way."""
    chance = random.Random(seed)
    wide = msgspec.structs.replace(PARAMS, daily=D(2), rolling=D(2), drawdown=D(2))
    subject, reckoned = Breaker(wide, 15), Reckoned()
    now, level = NOW + chance.randrange(86_400) * SECOND, 100
    gaps = (5, 10, 20, 29, 30, 31, 60, 61, 150, 299, 300, 301, 900, 3_600, 25_200)
    for _ in range(250):
        now += chance.choice(gaps if chance.random() < 0.3 else gaps[:9]) * SECOND
        level += chance.choice((-1, 0, 0, 1))
        value = D(level + chance.choice((0, 0, 0, 0, -7, 9)))
        expected = reckoned.add(now, value)
        subject.on_equity(value, stale=False, anything_open=True, now=now)
        assert {name: subject.loss(name) for name in expected} == expected
        assert subject.state.peak == reckoned.peak
        assert len(subject.state.window) <= DAY // BUCKET + 2


def test_an_absence_over_midnight_measures_the_day_from_the_last_value_before_it() -> None:
    """Longer away than the samples' own gap; a value that was gone is no start of a day."""
    midnight = NOW // DAY * DAY + DAY
    for before, gap, start in (
        (D("1.25"), 301, D("1.25")), (D("1.25"), 300, D(1)), (D(-1), 301, D(1)), (D(0), 301, D(1)),
    ):  # fmt: skip
        subject = Breaker(PARAMS, 15)
        subject.on_equity(before, stale=False, anything_open=True, now=midnight - SECOND)
        subject.on_equity(D(1), stale=False, anything_open=True, now=midnight + (gap - 1) * SECOND)
        assert subject.state.day_start == start
    kept = Breaker(PARAMS, 15)
    for second, value in ((0, "1"), (4_000, "0.99"), (8_000, "0.98")):
        kept.on_equity(D(value), stale=False, anything_open=True, now=midnight + second * SECOND)
    assert (kept.state.day_start, kept.state.day) == (D(1), midnight // DAY)
    lost = Breaker(PARAMS, 15)
    lost.state.day = midnight // DAY
    lost.on_equity(D(1), stale=False, anything_open=True, now=midnight + SECOND)
    assert lost.state.day_start == D(1), "a day without a start would never lose"


def tripped(value: str = "0.9") -> tuple[Breaker, int]:
    subject = Breaker(PARAMS, 15)
    now = NOW
    for _ in range(5):
        subject.on_equity(D(1), stale=False, anything_open=True, now=now)
        now += 30 * SECOND
    subject.on_equity(D(value), stale=False, anything_open=True, now=now)
    return subject, now


def see(subject: Breaker, value: str | None, now: int, **changes: Any) -> list[str]:
    figure = None if value is None else D(value)
    call = {"stale": False, "anything_open": True, "now": now, **changes}
    return [f"{event.kind} {event.name}" for event in subject.on_equity(figure, **call)]


def test_unknown_holds_whether_stale_or_not_and_so_does_a_value_that_is_gone() -> None:
    for stale in (False, True):
        subject, now = tripped("1")
        assert subject.holding() == ()
        assert subject.loss(DAILY) == 0
        see(subject, None, now + SECOND, stale=stale)
        assert subject.holding() == (UNKNOWN,)
        assert subject.loss(DAILY) is None
        assert see(subject, "1", now + 2 * SECOND) == [f"known {UNKNOWN}"]
        assert subject.holding() == ()
        assert see(subject, "1", now + 3 * SECOND) == []
    subject, now = tripped("1")
    see(subject, "0", now + SECOND)
    assert subject.holding() == (UNKNOWN,)
    assert Breaker(PARAMS, 15).holding() == ()


def test_a_number_that_is_none_is_not_taken_for_stale() -> None:
    subject, now = tripped("1")
    assert see(subject, "NaN", now + SECOND, stale=True) == []
    assert see(subject, "NaN", now + 61 * SECOND, stale=True) == [f"trip {UNKNOWN}"]


def test_the_grace_begins_anew_after_staleness_and_the_quarter_hour_does_not() -> None:
    """Unknown, then stale, then unknown again. The quarter of an hour ends with a known value alone."""
    subject, now = tripped("1")
    see(subject, None, now)
    see(subject, None, now + 30 * SECOND, stale=True)
    assert see(subject, None, now + 70 * SECOND) == []
    assert see(subject, None, now + 129 * SECOND) == []
    assert see(subject, None, now + 130 * SECOND) == [f"trip {UNKNOWN}"]
    subject, now = tripped("1")
    see(subject, None, now, stale=True)
    see(subject, None, now + 600 * SECOND)
    assert see(subject, None, now + 601 * SECOND, stale=True) == []
    assert see(subject, None, now + 899 * SECOND, stale=True) == []
    assert see(subject, None, now + 900 * SECOND, stale=True) == [f"stale latch {UNKNOWN}"]
    subject, now = tripped("1")
    see(subject, None, now, stale=True)
    said = [see(subject, None, now + 900 * SECOND), see(subject, None, now + 960 * SECOND)]
    assert said == [[f"stale latch {UNKNOWN}"], [f"trip {UNKNOWN}"]]


def test_the_stale_latch_comes_once_and_again_after_equity_was_known() -> None:
    subject, now = tripped("1")
    see(subject, None, now, stale=True)
    assert see(subject, None, now + 900 * SECOND, stale=True) == [f"stale latch {UNKNOWN}"]
    assert see(subject, None, now + 901 * SECOND, stale=True) == []
    subject.release()
    assert see(subject, None, now + 902 * SECOND, stale=True) == []
    see(subject, "1", now + 903 * SECOND)
    see(subject, None, now + 904 * SECOND, stale=True)
    assert see(subject, None, now + 1_804 * SECOND, stale=True) == [f"stale latch {UNKNOWN}"]


def test_a_release_overrides_only_what_tripped_and_still_holds() -> None:
    subject, now = tripped("0.95")
    assert set(subject.state.tripped) == {DAILY, ROLLING}
    subject.state.losses[DRAWDOWN] = D("0.5")
    subject.release()
    assert subject.state.overridden == {DAILY: D("0.05"), ROLLING: D("0.05")}
    assert see(subject, "0.95", now + SECOND) == []
    assert see(subject, "0.9251", now + 2 * SECOND) == []
    assert see(subject, "0.925", now + 3 * SECOND) == ["trip daily", "trip rolling"]
    again, later = tripped("0.95")
    again.release()
    assert see(again, "0.96", later + SECOND) == ["calm drawdown"]
    assert again.state.overridden == {}, "once under, it is armed like before"
    assert see(again, "0.95", later + 2 * SECOND) == ["trip daily", "trip rolling", "warn drawdown"]
    assert see(again, "0.94", later + 3 * SECOND) == []
    assert again.state.overridden == {}
    calm, _ = tripped("0.97")
    calm.state.tripped[DAILY] = "by hand"
    calm.release()
    assert calm.state.overridden == {}


def test_a_rebase_measures_from_the_last_value_and_says_whether_there_was_one() -> None:
    assert not Breaker(PARAMS, 15).rebase(DRAWDOWN)
    subject, now = tripped("0.95")
    subject.release()
    assert subject.rebase(DRAWDOWN) is True
    assert (subject.state.peak, [each.value for each in subject.state.recent]) == (D("0.95"), [D("0.95")])
    assert subject.rebase(DAILY) is True
    assert subject.state.overridden == {}
    assert subject.holding() == ()
    assert see(subject, "0.95", now + SECOND) == [f"calm {name}" for name in (DAILY, ROLLING, DRAWDOWN)]
    assert {name: subject.loss(name) for name in (DAILY, ROLLING, DRAWDOWN)} == dict.fromkeys(
        (DAILY, ROLLING, DRAWDOWN), D(0)
    )
    gone, now = tripped("1")
    see(gone, "-1", now + SECOND)
    assert not gone.rebase(DAILY)


def test_a_rebased_peak_stays_where_it_was_put() -> None:
    """It follows nothing down: only the very first peak does, until it was held once."""
    subject, now = tripped("0.95")
    subject.release()
    subject.rebase(DRAWDOWN)
    see(subject, "0.9", now + SECOND)
    assert subject.loss(DRAWDOWN) == 1 - D("0.9") / D("0.95")


def test_with_days_between_two_samples_the_rolling_loss_is_from_the_last_of_them() -> None:
    subject = Breaker(PARAMS, 15)
    for hours, value in ((0, "1"), (30, "0.97"), (60, "0.96")):
        see(subject, value, NOW + hours * HOUR)
    assert subject.loss(ROLLING) == 1 - D("0.96") / D("0.97")


def test_warnings_end_once_when_the_loss_has_gone_under_the_first() -> None:
    subject, now = tripped("1")
    assert see(subject, "0.97", now + SECOND) == ["warn daily", "warn rolling"]
    assert see(subject, "0.976", now + 2 * SECOND) == ["calm daily", "calm rolling"]
    assert see(subject, "0.976", now + 3 * SECOND) == []


def test_the_action_is_flatten_for_any_loss_that_is_mostly_no_currency() -> None:
    subject = Breaker(msgspec.structs.replace(PARAMS, flatten=True), 15)
    assert subject.action(D("0.5"), D("0.25")) == "flatten"
    assert subject.action(D("0.5"), D("0.26")) == "halt"


# -- depeg ----------------------------------------------------------------------------------------------


def sources(*values: str, age: int = 0) -> list[Source]:
    return [Source(f"s{number}", D(value), age) for number, value in enumerate(values)]


def run(monitor: DepegMonitor, script: list[tuple[int, list[Source]]]) -> str:
    for second, read in script:
        monitor.update("USDC", read, NOW + second * SECOND)
    return monitor.level("USDC")


def test_four_sources_count_by_the_mean_of_the_middle_two() -> None:
    monitor = DepegMonitor(Depeg())
    run(monitor, [(0, sources("0.98", "0.984", "0.994", "1"))])
    assert (monitor.deviation("USDC"), monitor.sources("USDC")) == (D(110), 4)
    assert monitor.sources("never") == 0
    assert monitor.deviation("never") is None


def test_a_source_counts_from_now_to_its_age_limit_inclusive() -> None:
    for age, counts in ((0, 1), (10 * SECOND, 1), (10 * SECOND + 1, 0), (-1, 0)):
        monitor = DepegMonitor(Depeg())
        run(monitor, [(0, sources("1", age=age))])
        assert monitor.sources("USDC") == counts
    longer = DepegMonitor(Depeg(), source_age_ns=20 * SECOND)
    run(longer, [(0, sources("1", age=20 * SECOND))])
    assert longer.sources("USDC") == 1
    shorter = DepegMonitor(Depeg(), source_age_ns=5 * SECOND)
    run(shorter, [(0, sources("1", age=10 * SECOND))])
    assert shorter.sources("USDC") == 1


def test_a_rate_without_a_dollar_runs_the_clocks_and_only_where_there_is_no_source() -> None:
    monitor = DepegMonitor(Depeg())
    for second in (0, 60):
        monitor.update("USDC", [], NOW + second * SECOND, unanchored=D("0.98"))
    assert monitor.state.coins["USDC"].levels["block"].active
    assert (monitor.level("USDC"), monitor.deviation("USDC")) == ("unknown", D(200))
    monitor.update("USDC", sources("1"), NOW + 61 * SECOND, unanchored=D("0.5"))
    assert monitor.deviation("USDC") == 0
    for bad in (D("NaN"), D(0), D(-1)):
        blind = DepegMonitor(Depeg())
        blind.update("USDC", [], NOW, unanchored=bad)
        assert blind.deviation("USDC") is None


def test_a_dip_starts_a_levels_clock_again_on_either_side() -> None:
    off, on = sources("0.985"), sources("1")
    assert run(DepegMonitor(Depeg()), [(0, off), (29, off)]) == "ok"
    assert run(DepegMonitor(Depeg()), [(0, off), (30, off)]) == "block"
    assert run(DepegMonitor(Depeg()), [(0, off), (20, on), (21, off), (45, off)]) == "ok"
    half = 30 * 60
    blocked = [(0, off), (30, off)]
    assert run(DepegMonitor(Depeg()), [*blocked, (31, on), (31 + half, on)]) == "ok"
    assert run(DepegMonitor(Depeg()), [*blocked, (31, on), (30 + half, on)]) == "block"
    again = [*blocked, (31, on), (600, off), (601, on), (31 + half, on)]
    assert run(DepegMonitor(Depeg()), again) == "block"
    gap = [*blocked, (31, on), (600, []), (601, on), (31 + half, on)]
    assert run(DepegMonitor(Depeg()), gap) == "block"
    above_half = [*blocked, (31, sources("0.9949")), (31 + half, sources("0.9949"))]
    assert run(DepegMonitor(Depeg()), above_half) == "block"
    at_half = [*blocked, (31, sources("0.995")), (31 + half, sources("0.995"))]
    assert run(DepegMonitor(Depeg()), at_half) != "block"


def test_a_coin_taken_at_par_stands_at_one_by_no_source() -> None:
    monitor = DepegMonitor(Depeg(), assume_par=("USDC",))
    run(monitor, [(0, sources("0.5"))])
    assert (monitor.level("USDC"), monitor.deviation("USDC"), monitor.sources("USDC")) == ("ok", 0, 0)


# -- causes ---------------------------------------------------------------------------------------------


def raised(book: CauseBook, **changes: Any) -> bool:
    facts = {
        "severity": Severity.WARNING, "state": TradingState.REDUCING, "text": "x", "now": NOW, **changes,
    }  # fmt: skip
    return book.raise_("a", "all", facts.pop("severity"), facts.pop("state"), facts.pop("text"),
                       facts.pop("now"), **facts)  # fmt: skip


def test_saying_a_cause_again_is_news_only_when_it_is_worse() -> None:
    for worse in (
        {"state": TradingState.HALTED},
        {"severity": Severity.ALARM},
        {"latched": True},
    ):
        book = CauseBook()
        assert raised(book)
        assert not raised(book)
        assert raised(book, **worse)
        assert not raised(book, **worse)
        assert not raised(book)


def test_a_cause_keeps_its_worst_and_its_newest_words() -> None:
    book = CauseBook()
    raised(book, conditional=True, clear_after_ns=90 * SECOND, severity=Severity.ALARM)
    raised(book, text="newer", clear_after_ns=30 * SECOND)
    (cause,) = book.causes()
    assert (cause.text, cause.clear_after_ns, cause.severity) == ("newer", 90 * SECOND, Severity.ALARM)
    raised(book, latched=True)
    assert not book.resume("why").ok
    late = CauseBook()
    raised(late, latched=True)
    raised(late, conditional=True, clear_after_ns=120 * SECOND)
    assert not late.resume("why").ok
    assert late.causes()[0].clear_after_ns == 120 * SECOND


def test_holding_good_and_bad_again() -> None:
    book = CauseBook()
    book.good("none", "all", NOW)
    book.bad("none", "all")
    assert book.causes() == ()
    raised(book)
    assert book.causes()[0].holds
    book.good("a", "all", NOW)
    book.good("a", "all", NOW + 30 * SECOND)
    assert not book.causes()[0].holds
    assert book.next_due() == NOW + 60 * SECOND
    book.bad("a", "all")
    assert book.causes()[0].holds
    assert book.next_due() is None
    assert book.tick(NOW + 600 * SECOND) == ()


def test_clearing_looks_past_what_is_latched_and_the_next_is_the_first_due() -> None:
    book = CauseBook()
    for name, latched, good in (("a", True, 0), ("b", False, None), ("c", False, 20), ("d", False, 10)):
        book.raise_(name, "all", Severity.WARNING, TradingState.REDUCING, "x", NOW, latched=latched)
        if good is not None:
            book.good(name, "all", NOW + good * SECOND)
    assert book.next_due() == NOW + 70 * SECOND
    assert [cause.name for cause in book.tick(NOW + 80 * SECOND)] == ["c", "d"]
    assert {cause.name for cause in book.causes()} == {"a", "b"}


# -- counters -------------------------------------------------------------------------------------------


def test_an_order_counts_for_a_second_and_a_minute_and_not_at_their_ends() -> None:
    throttle = OrderThrottle(Gate())
    throttle.sent(NOW, 2)
    throttle.entry("a", "X", "buy", NOW)
    for after, second, minute, repeats in (
        (SECOND - 1, 2, 2, 1), (SECOND, 0, 2, 1), (MINUTE - 1, 0, 2, 1), (MINUTE, 0, 0, 0),
    ):  # fmt: skip
        usage = throttle.usage("a", "X", "buy", NOW + after)
        assert (usage.last_second, usage.last_minute, usage.repeats) == (second, minute, repeats)
    throttle.sent(NOW + MINUTE)
    assert throttle.state.sent == [NOW + MINUTE]
    throttle.entry("a", "X", "buy", NOW + MINUTE)
    assert throttle.state.entries["a|X|buy"] == [NOW + MINUTE]


def asked(errors: VenueErrors, good: int, bad: int, now: int) -> list[bool]:
    notes = [errors.request("alpha", True, now) for _ in range(good)]
    notes += [errors.request("alpha", False, now) for _ in range(bad)]
    return [note.blocked for note in notes if note is not None]


def test_a_blocked_venue_needs_two_minutes_of_few_failures_and_silence_proves_nothing() -> None:
    errors = VenueErrors()
    assert asked(errors, 15, 5, NOW) == [True]
    assert errors.tick("alpha", NOW + MINUTE) is None
    assert errors.state.venues["alpha"].good_since is None
    at = NOW + 2 * MINUTE
    assert asked(errors, 19, 1, at) == []
    assert errors.state.venues["alpha"].good_since is None, "one in twenty is not under a twentieth"
    asked(errors, 1, 0, at)
    assert errors.state.venues["alpha"].good_since == at
    asked(errors, 0, 1, at + SECOND)
    assert errors.state.venues["alpha"].good_since is None
    start = at + 2 * MINUTE
    for second in range(0, 120, 10):
        assert asked(errors, 5, 0, start + second * SECOND) == []
    assert asked(errors, 1, 0, start + 119 * SECOND) == []
    assert asked(errors, 1, 0, start + 120 * SECOND) == [False]
    assert errors.blocked() == {}
    assert asked(errors, 0, 0, start + 121 * SECOND) == []


def test_requests_a_minute_old_no_longer_count() -> None:
    errors = VenueErrors()
    asked(errors, 0, 10, NOW)
    assert asked(errors, 0, 10, NOW + MINUTE) == []
    assert len(errors.state.venues["alpha"].asked) == len(errors.state.venues["alpha"].failed) == 10


def test_streaks_and_rejects_begin_anew_where_they_should() -> None:
    trips = Trips(PARAMS)
    for _ in range(7):
        assert trips.episode("x", D(-1)) is None
    assert trips.episode("x", D(0)) is None
    assert trips.episode("x", D("NaN")) is not None
    trips.enabled("x")
    assert trips.episode("x", D(-1)) is None
    trips.episode("x", D(1))
    for _ in range(7):
        assert trips.episode("x", D(-1)) is None
    assert trips.episode("x", D(-1)) is not None
    for number in range(4):
        assert trips.rejected("alpha", NOW + number) is None
    trips.accepted("alpha")
    for number in range(4):
        assert trips.rejected("alpha", NOW + number) is None
    assert trips.rejected("alpha", NOW) is not None
    spread = Trips(PARAMS)
    for number in range(9):
        assert spread.rejected("beta", NOW + number) is None
        spread.accepted("beta")
    assert spread.rejected("beta", NOW + 600 * SECOND) is None, "the first is ten minutes old"
    spread.accepted("beta")
    assert spread.rejected("beta", NOW + 600 * SECOND) is not None


# -- ladder ---------------------------------------------------------------------------------------------


def climb(ladder: MarginLadder, usage: str | None, distance: str | None = None, **changes: Any) -> Any:
    facts: dict[str, Any] = {"insolvent": False, "holds": True, **changes}
    return ladder.evaluate(
        "alpha",
        usage=None if usage is None else D(usage),
        distance=None if distance is None else D(distance),
        **facts,
    )


def test_the_ladders_steps_are_reached_and_left_at_their_values() -> None:
    ladder = MarginLadder(Ladder(), Gate())
    assert (climb(ladder, "0.499").step, climb(ladder, "0.5").step) == ("calm", "no new risk")
    assert climb(ladder, "0.5").changed is False
    assert climb(ladder, "0.8").changed is True
    assert climb(ladder, "0.6").step == "cut"
    assert climb(ladder, "0.5999").step == "no new risk"
    assert climb(ladder, "0.1", "0.08").step == "no new risk"
    assert climb(ladder, "0.1", "0.0799").step == "reducing"
    assert climb(ladder, "0.1", "0.15").step == "calm"
    flat = climb(ladder, None, holds=False)
    assert (flat.step, flat.near_liquidation, flat.cut_fraction) == ("calm", False, 0)
    gone = climb(ladder, "0.1", insolvent=True)
    assert (gone.step, gone.near_liquidation, gone.cut_fraction) == ("cut", True, 1)
    assert climb(MarginLadder(Ladder(), Gate()), "-0.1").step == "no new risk"
    unknown = climb(MarginLadder(Ladder(), Gate()), "0.85", "NaN")
    assert (unknown.step, unknown.cut_fraction, unknown.near_liquidation) == ("cut", 0, True)


# -- track record ---------------------------------------------------------------------------------------


def test_averages_are_means_over_known_wins_and_losses() -> None:
    from tests.safety.test_figures_spoilt import episode

    past = [episode(1, "50"), episode(2, "30"), episode(3, "-10"), episode(4, "-40"), episode(5, "0")]
    nothing = msgspec.structs.replace(episode(6, "-7"), capital_at_risk=D(0))
    free = msgspec.structs.replace(episode(7, "9"), capital_at_risk=D(0))
    found = track_record([*past, nothing, free], "x", "BTC")
    assert (found.trades, found.wins, found.losses) == (7, 2, 3)
    assert (found.average_win, found.average_loss) == (D("0.4"), D("0.25"))
    mixed = track_record([episode(1, "NaN"), episode(2, "0.5"), episode(3, "-0.5")], "x", "BTC")
    assert (mixed.trades, mixed.wins, mixed.losses, mixed.unknown) == (3, 1, 1, 1)
    assert risk_share(mixed, D(1), Sizing()).risk == 0


@pytest.mark.parametrize(("win", "loss"), [("0", "1"), ("1", "0"), ("-1", "1")])
def test_kelly_wants_positive_magnitudes(win: str, loss: str) -> None:
    with pytest.raises(ValueError, match="positive"):
        kelly_fraction(D("0.5"), D(win), D(loss))


def test_the_rules_of_the_risk_share_change_at_their_values() -> None:
    def record(trades: int, wins: int, win: str = "1", loss: str = "1") -> TrackRecord:
        return TrackRecord(
            trades=trades, wins=wins, losses=trades - wins, average_win=D(win), average_loss=D(loss)
        )

    params = Sizing()
    assert risk_share(record(29, 20), D(1), params).rule == "fallback"
    assert risk_share(record(30, 20), D(1), params).rule != "fallback"
    even = risk_share(record(40, 20), D(1), params)
    assert (even.risk, even.stopped, even.shrunk) == (0, "stopped: no edge", 0)
    poor = risk_share(record(40, 21), D("0.1"), params)
    assert poor.rule == "kelly"
    assert poor.risk == D("0.05") * 40 / 70 * D("0.1") * params.kelly_fraction
    capped = msgspec.structs.replace(params, risk_cap=poor.risk)
    assert risk_share(record(40, 21), D("0.1"), capped).rule == "risk cap"
    lost = TrackRecord(trades=5, wins=0, losses=5, average_win=None, average_loss=D(1))
    assert (risk_share(lost, D(1), params).risk, bool(risk_share(lost, D(1), params).stopped)) == (0, True)
    no_win = TrackRecord(trades=40, wins=0, losses=4, average_win=None, average_loss=D(1))
    assert risk_share(no_win, D(1), params).rule == "fallback"
