"""The trading state and its causes (SEMANTICS 3)."""

from __future__ import annotations

import msgspec
import pytest

from services.domain.enums import Severity, TradingState
from services.risk.causes import ALL, CauseBook, CauseState

S = 1_000_000_000
ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED
WARNING, ALARM = Severity.WARNING, Severity.ALARM


def test_the_state_is_the_worst_of_its_causes_by_scope() -> None:
    book = CauseBook()
    book.raise_("stale data", "venue:beta", WARNING, REDUCING, "old", 0)
    book.raise_("halt", "strategy:x", ALARM, HALTED, "by hand", 1, latched=True)
    assert book.overall() is ACTIVE
    assert book.worst() is HALTED
    assert book.state_for(venue="alpha", strategy="y") is ACTIVE
    assert book.state_for(venue="beta", strategy="y") is REDUCING
    assert book.state_for(venue="beta", strategy="x") is HALTED
    assert [cause.name for cause in book.causes()] == ["halt", "stale data"]


def test_what_calls_somebody_is_told_before_what_is_looked_at_today_and_that_before_what_only_waits() -> None:
    """The card said that a venue had not been read yet; why, it left to the next line."""
    book = CauseBook()
    book.raise_("unread", "venue:beta", Severity.INFO, REDUCING, "not read yet", 0)
    book.raise_("venue down", "venue:beta", WARNING, REDUCING, "no connection", 2)
    book.raise_("stale data", "venue:beta", WARNING, REDUCING, "old", 1)
    book.raise_("halt", ALL, Severity.INFO, HALTED, "by hand", 3)
    assert [cause.name for cause in book.causes()] == ["halt", "stale data", "venue down", "unread"]
    book.raise_("venue refused", "venue:alpha", ALARM, REDUCING, "key refused", 4)
    assert [cause.name for cause in book.causes()][:2] == ["halt", "venue refused"]


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ("all", {}),
        ("account:alpha", {"venue": "alpha"}),
        ("venue:alpha", {"venue": "alpha"}),
        ("strategy:x", {"strategy": "x"}),
        ("coin:USDC", {"coins": ("USDT", "USDC")}),
        ("pair:P-01", {"pair": "P-01"}),
        ("instrument:BTC-PERP.alpha", {"instrument": "BTC-PERP.alpha"}),
        ("symbol:BTC-PERP", {"symbol": "BTC-PERP"}),
    ],
)
def test_each_scope_binds_what_it_names(scope: str, asked: dict[str, object]) -> None:
    book = CauseBook()
    book.raise_("x", scope, WARNING, REDUCING, "", 0)
    assert book.state_for(**asked) is REDUCING  # type: ignore[arg-type]
    assert book.state_for(venue="other", strategy="other", pair="other") is (
        REDUCING if scope == ALL else ACTIVE
    )


def test_self_clearing_causes_go_after_their_condition_has_been_good_for_sixty_seconds() -> None:
    book = CauseBook()
    book.raise_("stale data", ALL, WARNING, REDUCING, "old", 0)
    book.good("stale data", ALL, 10 * S)
    book.good("stale data", ALL, 40 * S)
    assert book.next_due() == 70 * S
    assert book.tick(69 * S) == ()
    assert [cause.name for cause in book.tick(70 * S)] == ["stale data"]
    assert book.overall() is ACTIVE


def test_a_relapse_starts_the_clock_again() -> None:
    book = CauseBook()
    book.raise_("clock", ALL, WARNING, REDUCING, "off", 0)
    book.good("clock", ALL, 10 * S)
    assert not book.raise_("clock", ALL, WARNING, REDUCING, "off", 60 * S)
    assert book.tick(120 * S) == ()
    book.good("clock", ALL, 130 * S)
    assert book.tick(189 * S) == ()
    assert len(book.tick(190 * S)) == 1


def test_a_cause_may_name_its_own_time() -> None:
    book = CauseBook()
    book.raise_("depeg block", "coin:USDC", WARNING, REDUCING, "", 0, clear_after_ns=5 * S)
    book.good("depeg block", "coin:USDC", 0)
    assert len(book.tick(5 * S)) == 1


def test_latched_causes_go_only_by_resume_however_good_things_are() -> None:
    book = CauseBook()
    book.raise_("halt", ALL, ALARM, HALTED, "by hand", 0, latched=True)
    book.good("halt", ALL, 0)
    assert book.tick(10**18) == ()
    assert book.next_due() is None
    assert not book.resume(" ").ok
    answer = book.resume("looked at it")
    assert answer.ok
    assert [cause.name for cause in answer.cleared] == ["halt"]
    assert book.overall() is ACTIVE


def test_resume_is_refused_while_a_condition_holds_unless_overridden_by_name() -> None:
    book = CauseBook()
    book.raise_("halt", ALL, ALARM, HALTED, "by hand", 0, latched=True)
    book.raise_("breaker daily", ALL, ALARM, HALTED, "-5 %", 1, latched=True, conditional=True)
    refused = book.resume("go on")
    assert not refused.ok
    assert "breaker daily" in refused.refused[0]
    assert book.overall() is HALTED
    assert not book.resume("go on", override=("breaker drawdown",)).ok
    assert book.resume("go on", override=("breaker daily",)).ok
    assert book.causes() == ()


def test_a_conditional_cause_that_is_good_again_needs_no_override() -> None:
    book = CauseBook()
    book.raise_("depeg", "account:alpha", ALARM, REDUCING, "", 0, latched=True, conditional=True)
    assert not book.resume("go on").ok
    book.good("depeg", "account:alpha", 5)
    assert book.resume("go on").ok


def test_resume_leaves_self_clearing_causes_alone() -> None:
    book = CauseBook()
    book.raise_("stale data", ALL, WARNING, REDUCING, "old", 0)
    assert book.resume("go on").ok
    assert book.overall() is REDUCING


def test_a_cause_that_escalates_becomes_latched_and_never_milder() -> None:
    book = CauseBook()
    assert book.raise_("stale data", ALL, WARNING, REDUCING, "old", 0)
    assert book.raise_("stale data", ALL, ALARM, HALTED, "15 min", 900, latched=True)
    assert not book.raise_("stale data", ALL, WARNING, REDUCING, "old", 901)
    cause = book.causes()[0]
    assert (cause.state, cause.severity, cause.latched, cause.since) == (HALTED, ALARM, True, 0)


def test_accepting_a_reconcile_difference_drops_its_cause() -> None:
    book = CauseBook()
    book.raise_("reconcile", "account:alpha", ALARM, REDUCING, "0.1 BTC", 0, latched=True, conditional=True)
    assert book.has("reconcile", "account:alpha")
    dropped = book.drop("reconcile", "account:alpha")
    assert dropped is not None
    assert book.drop("reconcile", "account:alpha") is None
    assert book.overall() is ACTIVE


def test_a_disabled_origin_comes_back_by_enable_with_a_reason() -> None:
    book = CauseBook()
    assert book.disable("strategy:x", "no edge")
    assert not book.disable("strategy:x", "again")
    assert book.disabled() == {"strategy:x": "no edge"}
    book.resume("resume does not enable")
    assert book.enable("strategy:x", "") is None
    assert book.enable("strategy:y", "why not") is None
    assert book.enable("strategy:x", "new sample") == "no edge"
    assert book.disabled() == {}


def test_the_state_survives_the_store() -> None:
    book = CauseBook()
    book.raise_("halt", ALL, ALARM, HALTED, "by hand", 0, latched=True)
    book.disable("strategy:x", "no edge")
    packed = msgspec.msgpack.encode(book.state)
    again = CauseBook(msgspec.msgpack.decode(packed, type=CauseState))
    assert again.state == book.state
    assert again.overall() is HALTED
