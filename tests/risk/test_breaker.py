"""The circuit breaker of SEMANTICS 9 and rows H of the bug table."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import Severity
from services.risk.breaker import Breaker, BreakerEvent, BreakerState
from services.risk.trips import Trips, TripState
from services.settings.parameters import Breaker as BreakerParams
from tests.risk.builders import NOW, SECOND, D

DAY = 86_400 * SECOND
HOUR = 3_600 * SECOND


def breaker(state: BreakerState | None = None, **changes: object) -> Breaker:
    return Breaker(msgspec.structs.replace(BreakerParams(), **changes), 15, state)


def see(
    subject: Breaker, value: str | None, now: int, *, stale: bool = False, anything_open: bool = True
) -> list[str]:
    figure = None if value is None else D(value)
    events = subject.on_equity(figure, stale=stale, anything_open=anything_open, now=now)
    return [f"{event.kind} {event.name}" for event in events]


def calm(subject: Breaker, start: int = NOW, value: str = "1") -> int:
    for number in range(5):
        assert see(subject, value, start + number * 30 * SECOND) == []
    return start + 150 * SECOND


def test_daily_trips_at_five_per_cent_and_warns_at_half_and_four_fifths() -> None:
    subject = breaker(rolling=D("0.5"))
    now = calm(subject)
    assert see(subject, "0.976", now) == []
    assert see(subject, "0.975", now + SECOND) == ["warn daily"]
    assert see(subject, "0.97", now + 2 * SECOND) == []
    assert see(subject, "0.96", now + 3 * SECOND) == ["warn daily"]
    assert see(subject, "0.95", now + 4 * SECOND) == ["trip daily", "warn drawdown"]
    assert subject.holding() == ("daily",)


def test_rolling_sees_a_loss_across_midnight() -> None:
    """3 % before midnight and 3 % after: neither day loses 5 %, the 24 hours do."""
    subject = breaker()
    calm(subject, NOW + 20 * HOUR)
    said: list[str] = []
    for number in range(2, 60):
        value = "0.97" if number < 24 else "0.968" if number < 40 else "0.945"
        said += see(subject, value, NOW + 20 * HOUR + number * 600 * SECOND)
    assert "trip rolling" in said
    assert "trip daily" not in said


def test_rolling_forgets_after_a_day() -> None:
    subject = breaker(daily=D("0.9"), drawdown=D("0.9"))
    now = calm(subject)
    for hour in range(1, 60):
        value = str(D(1) - D("0.001") * hour)
        said = see(subject, value, now + hour * HOUR)
        assert "trip rolling" not in said
    assert subject.loss("rolling") is not None
    assert len(subject.state.window) <= 300


def test_drawdown_trips_at_ten_per_cent_from_the_peak_over_days() -> None:
    subject = breaker()
    said: list[str] = []
    for day in range(6):
        value = str(D("1") - D("0.021") * day)
        for number in range(4):
            said += see(subject, value, NOW + day * DAY + number * 6 * HOUR)
    assert [event for event in said if event.startswith("trip")] == ["trip drawdown"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=30))
def test_no_sequence_of_equity_values_un_trips(values: list[int]) -> None:
    subject = breaker()
    now = calm(subject)
    assert "trip drawdown" in see(subject, "0.8", now)
    tripped = dict(subject.state.tripped)
    for number, value in enumerate(values):
        see(subject, str(D(value) / 100), now + number * HOUR)
        assert tripped.items() <= subject.state.tripped.items()


def test_unknown_with_fresh_data_trips_after_its_grace() -> None:
    subject = breaker()
    now = calm(subject)
    assert see(subject, None, now) == []
    assert subject.loss("daily") is None
    assert see(subject, None, now + 59 * SECOND) == []
    assert see(subject, None, now + 60 * SECOND) == ["trip unknown equity"]


def test_unknown_because_stale_is_reducing_and_latches_after_fifteen_minutes_with_anything_open() -> None:
    subject = breaker()
    now = calm(subject)
    assert see(subject, None, now, stale=True) == ["stale unknown equity"]
    assert see(subject, None, now + 899 * SECOND, stale=True) == []
    assert see(subject, None, now + 900 * SECOND, stale=True, anything_open=False) == []
    assert see(subject, None, now + 901 * SECOND, stale=True) == ["stale latch unknown equity"]
    assert see(subject, "1", now + 902 * SECOND) == ["known unknown equity"]


def test_unknown_for_one_reason_and_then_another_is_unknown_all_the_while() -> None:
    """Now stale, now unknown with fresh data: neither clock may start the other anew for ever."""
    subject = breaker()
    now = calm(subject)
    said: list[str] = []
    for number in range(19):
        at = now + number * 50 * SECOND
        said += see(subject, None, at, stale=number % 2 == 0)
    assert said == ["stale unknown equity", "stale latch unknown equity"]


def test_what_a_person_resumed_over_while_it_was_unknown_stays_resumed_until_it_is_known() -> None:
    """A venue that is gone for good: the override was answered with ok, and the next look latched it anew."""
    subject = breaker()
    now = calm(subject)
    see(subject, None, now, stale=True)
    assert see(subject, None, now + 900 * SECOND, stale=True) == ["stale latch unknown equity"]
    subject.release()
    assert see(subject, None, now + 2_000 * SECOND, stale=True) == []
    assert subject.holding() == ("unknown equity",)
    assert see(subject, None, now + 2_005 * SECOND) == [], "no longer explained by stale data: a new matter"
    assert see(subject, None, now + 2_065 * SECOND) == ["trip unknown equity"]
    subject.release()
    assert see(subject, None, now + 9_000 * SECOND) == []
    assert see(subject, "1", now + 9_005 * SECOND) == ["known unknown equity"]
    assert see(subject, None, now + 9_010 * SECOND) == []
    assert see(subject, None, now + 9_070 * SECOND) == ["trip unknown equity"]


@pytest.mark.parametrize("value", ["0", "-1"])
def test_known_and_not_above_zero_trips_at_once(value: str) -> None:
    subject = breaker()
    now = calm(subject)
    assert see(subject, value, now) == ["trip unknown equity"]
    assert subject.holding() == ("unknown equity",)
    assert not subject.rebase("daily")


def test_daily_start_and_peak_have_separate_reset_rules() -> None:
    subject = breaker()
    now = calm(subject)
    see(subject, "0.88", now)
    assert subject.holding() == ("daily", "rolling", "drawdown")
    assert subject.rebase("daily")
    assert subject.holding() == ("drawdown",)
    assert subject.rebase("drawdown")
    assert subject.holding() == ()
    subject.release()
    assert see(subject, "0.88", now + SECOND) == ["calm daily", "calm rolling", "calm drawdown"]
    with pytest.raises(ValueError, match="expected drawdown or daily"):
        subject.rebase("everything")


def test_an_overridden_breaker_trips_again_when_it_gets_worse() -> None:
    subject = breaker(rolling=D("0.9"), drawdown=D("0.9"))
    now = calm(subject)
    assert see(subject, "0.94", now) == ["trip daily"]
    assert (subject.overridden(), subject.trips_at("daily")) == ((), D("0.05"))
    subject.release()
    assert (subject.overridden(), subject.trips_at("daily")) == (("daily",), D("0.085"))
    assert see(subject, "0.94", now + SECOND) == []
    assert see(subject, "0.92", now + 2 * SECOND) == []
    assert see(subject, "0.914", now + 3 * SECOND) == ["trip daily"]
    subject.release()
    assert see(subject, "0.97", now + 4 * SECOND) == []
    assert see(subject, "0.94", now + 5 * SECOND) == ["trip daily"]


def test_when_more_than_half_of_the_loss_is_currency_it_is_never_flatten() -> None:
    assert breaker().action(D(100), D(0)) == "halt"
    subject = breaker(flatten=True)
    assert subject.action(D(100), D(50)) == "flatten"
    assert subject.action(D(100), D(51)) == "halt"
    for loss, currency in ((None, D(0)), (D(100), None), (D("NaN"), D(0)), (D(100), D("NaN")), (D(0), D(0))):
        assert subject.action(loss, currency) == "halt"


def test_the_state_survives_the_store() -> None:
    subject = breaker()
    now = calm(subject)
    see(subject, "0.95", now)
    packed = msgspec.msgpack.encode(subject.state)
    assert msgspec.msgpack.decode(packed, type=BreakerState) == subject.state


# -- bug rows ------------------------------------------------------------------------------------------------


def test_bug_h1_a_trip_is_latched() -> None:
    subject = breaker()
    now = calm(subject)
    see(subject, "0.9", now)
    see(subject, "1.2", now + SECOND)
    assert "daily" in subject.state.tripped


def test_bug_h2_the_day_rolls_at_midnight_utc() -> None:
    subject = breaker(rolling=D("0.9"), drawdown=D("0.9"))
    for minute in range(0, 1_440 * 2, 2):
        value = "0.97" if minute < 1_440 else "0.93"
        said = see(subject, value, NOW + minute * 60 * SECOND)
        assert "trip daily" not in said
    assert subject.state.day_start == D("0.93")


@pytest.mark.parametrize("value", [None, "NaN", "Infinity", "0"])
def test_bug_h3_h4_zero_nan_and_none_are_never_calm(value: str | None) -> None:
    subject = breaker()
    now = calm(subject)
    see(subject, value, now)
    assert "trip unknown equity" in [*subject.state.tripped, *see(subject, value, now + 61 * SECOND)] or (
        "unknown equity" in subject.state.tripped
    )


def test_bug_h8_the_trip_persists() -> None:
    subject = breaker()
    see(subject, "0.9", calm(subject))
    again = breaker(msgspec.msgpack.decode(msgspec.msgpack.encode(subject.state), type=BreakerState))
    assert "daily" in again.state.tripped
    assert "daily" in again.holding()


def test_bug_h9_the_limit_is_reached_at_its_value() -> None:
    subject = breaker(daily=D("0.9"), rolling=D("0.9"))
    now = calm(subject)
    assert see(subject, "0.9000001", now) == ["warn drawdown"]
    assert see(subject, "0.9", now + SECOND) == ["trip drawdown"]


def test_bug_h10_the_peak_is_rebased_only_by_name() -> None:
    subject = breaker()
    now = calm(subject)
    see(subject, "0.85", now)
    subject.release()
    assert subject.state.peak == 1


def test_bug_h12_a_new_day_leaves_the_peak_alone() -> None:
    subject = breaker()
    calm(subject)
    see(subject, "0.96", NOW + DAY)
    see(subject, "0.96", NOW + DAY + 60 * SECOND)
    assert subject.state.peak == 1
    assert subject.state.day == NOW // DAY + 1


def test_bug_h13_a_high_needs_confirmation_a_low_does_not() -> None:
    subject = breaker()
    now = calm(subject)
    see(subject, "9", now)
    assert see(subject, "1", now + SECOND) == []
    assert "trip drawdown" in see(subject, "0.9", now + 2 * SECOND)


# -- the other trips -----------------------------------------------------------------------------------------


def test_eight_losses_in_a_row_stop_that_strategy() -> None:
    trips = Trips(BreakerParams())
    for _ in range(7):
        assert trips.episode("a", D(-1)) is None
    assert trips.episode("a", D(0)) is None
    assert trips.episode("b", D(-1)) is None
    found = trips.episode("a", D("NaN"))
    assert found is not None
    assert (found.name, found.scope) == ("losing streak", "strategy:a")
    assert trips.episode("a", D(1)) is None
    assert trips.episode("a", D(-1)) is None


def test_rejects_five_in_a_row_or_ten_in_ten_minutes() -> None:
    trips = Trips(BreakerParams())
    found = [trips.rejected("alpha", NOW + number) for number in range(5)]
    assert [trip is not None for trip in found] == [False] * 4 + [True]
    spread = Trips(BreakerParams(), TripState())
    found = []
    for number in range(10):
        spread.accepted("alpha")
        found.append(spread.rejected("alpha", NOW + number * 60 * SECOND))
    assert [trip is not None for trip in found] == [False] * 9 + [True]
    spread.resumed("alpha")
    assert spread.rejected("alpha", NOW + 600 * SECOND) is None


@pytest.mark.parametrize(
    ("stalled", "severity"),
    [(499, None), (500, Severity.WARNING), (1_999, Severity.WARNING), (2_000, Severity.ALARM)],
)
def test_a_loop_stall_warns_and_trips(stalled: int, severity: Severity | None) -> None:
    found = Trips(BreakerParams()).stalled(stalled)
    assert (None if found is None else found.severity) == severity


def test_events_carry_their_figures() -> None:
    subject = breaker()
    now = calm(subject)
    events = subject.on_equity(Decimal("0.95"), stale=False, anything_open=True, now=now)
    daily = next(event for event in events if event.name == "daily")
    assert isinstance(daily, BreakerEvent)
    assert (daily.value, daily.limit) == (D("0.05"), D("0.05"))
