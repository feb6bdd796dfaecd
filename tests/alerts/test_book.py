"""Alerts as states (SEMANTICS 13)."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.alerts.book import KEEP_RESOLVED, LONGEST_REPEAT_NS, AlertBook, AlertState
from services.alerts.rules import RULES, UNLISTED, rule_for
from services.domain.effects import Effect, Notify, Record
from services.domain.enums import Severity
from services.domain.records import AlertRecord

ROOT = Path(__file__).resolve().parents[2]
MINUTE = 60_000_000_000
HOUR = 60 * MINUTE


def said(effects: tuple[Effect, ...]) -> list[str]:
    return [effect.text for effect in effects if isinstance(effect, Notify)]


def rows(effects: tuple[Effect, ...]) -> list[AlertRecord]:
    return [e.row for e in effects if isinstance(e, Record) and isinstance(e.row, AlertRecord)]


def test_raised_acknowledged_resolved() -> None:
    book = AlertBook()
    effects = book.raise_("leg missing:P-07", "P-07 has lost its long leg", 0)
    assert said(effects) == ["P-07 has lost its long leg"]
    assert [row.state for row in rows(effects)] == ["raised"]
    assert [row.state for row in rows(book.ack("leg missing:P-07", 1))] == ["acknowledged"]
    assert book.ack("leg missing:P-07", 2) == ()
    gone = book.resolve("leg missing:P-07", 3)
    assert [row.state for row in rows(gone)] == ["resolved"]
    assert said(gone) == ["resolved: P-07 has lost its long leg"]
    assert book.resolve("leg missing:P-07", 4) == ()
    assert book.resolve("never raised", 4) == ()
    view = book.views()[0]
    assert (view.state, view.count, view.acked_ts) == ("RESOLVED", 1, 1)
    assert view.why == RULES["leg missing"].why
    assert view.do == RULES["leg missing"].do


def test_the_same_alert_is_counted_and_not_repeated() -> None:
    book = AlertBook()
    book.raise_("stale data:alpha", "alpha is stale", 0)
    for number in range(1, 10):
        assert book.raise_("stale data:alpha", "alpha is stale", number) == ()
    assert len(book.open()) == 1
    assert book.open()[0].count == 10
    changed = book.raise_("stale data:alpha", "alpha is stale for 2 min", 10)
    assert said(changed) == []
    assert [row.count for row in rows(changed)] == [11]


def test_a_figure_that_moves_is_told_without_a_call_and_without_a_row() -> None:
    """`313 bps` stood in the pane while the coin was 1,289 off."""
    book = AlertBook()
    book.retell("depeg reduce:USDC", "USDC 313 bps off")
    assert book.views() == (), "nothing is raised by it"
    book.raise_("depeg reduce:USDC", "USDC 313 bps off", 0)
    book.ack("depeg reduce:USDC", 1)
    book.retell("depeg reduce:USDC", "USDC 1289 bps off")
    (view,) = book.views()
    assert (view.text, view.state, view.count, view.ts) == ("USDC 1289 bps off", "ACK", 1, 1)
    book.retell("depeg reduce:USDC", "USDC 1289 bps off", do="wait")
    assert book.told("depeg reduce:USDC") == ("USDC 1289 bps off", "wait")
    book.retell("depeg reduce:USDC", "USDC 1289 bps off")
    assert book.told("depeg reduce:USDC")[1] == RULES["depeg reduce"].do
    assert said(book.resolve("depeg reduce:USDC", 2)) == ["resolved: USDC 1289 bps off"]
    book.retell("depeg reduce:USDC", "USDC 2 bps off")
    assert book.views()[0].text == "USDC 1289 bps off", "what is over stands as it ended"
    assert book.told("depeg reduce:USDC") == book.told("never raised") == ("", "")


def test_what_every_look_finds_is_one_row_and_counts_its_spells() -> None:
    """Each look at a clock that was off wrote a row and counted one more: `×412` after half an hour."""
    book, key = AlertBook(), "clock:alpha"
    assert len(rows(book.raise_(key, "312 ms off", 0, looked=True))) == 1
    for number in range(1, 10):
        assert book.raise_(key, f"{312 + number} ms off", number, looked=True) == ()
    (view,) = book.views()
    assert (view.text, view.count, view.since, view.ts) == ("321 ms off", 1, 0, 0)
    graver = book.raise_(key, "2 s off", 10, severity=Severity.ALARM, looked=True)
    assert (said(graver), rows(graver)[0].count) == (["2 s off"], 1)
    book.resolve(key, 11)
    assert rows(book.raise_(key, "300 ms off", HOUR, looked=True))[0].count == 2


def test_repeats_come_with_growing_distance_until_acknowledged() -> None:
    book = AlertBook()
    book.raise_("halt", "halted", 0, severity=Severity.ALARM)
    at = []
    for minute in range(1, 24 * 60):
        if said(book.tick(minute * MINUTE)):
            at.append(minute)
    assert at[:4] == [5, 15, 35, 75]
    assert max(b - a for a, b in pairwise(at)) == LONGEST_REPEAT_NS // MINUTE
    book.ack("halt", 24 * HOUR)
    assert book.next_due() is None
    assert book.tick(100 * HOUR) == ()


def test_info_is_never_repeated() -> None:
    book = AlertBook()
    book.raise_("note", "all well", 0, severity=Severity.INFO)
    assert book.next_due() is None
    assert book.tick(100 * HOUR) == ()


def test_a_graver_severity_escalates_at_once_even_when_acknowledged() -> None:
    book = AlertBook()
    book.raise_("frozen:P-01", "frozen for 60 s", 0)
    book.ack("frozen:P-01", 1)
    effects = book.raise_("frozen:P-01", "frozen for 15 min", 2, severity=Severity.ALARM)
    assert said(effects) == ["frozen for 15 min"]
    assert book.open()[0].state == "raised"
    assert said(book.raise_("frozen:P-01", "frozen for 15 min", 3)) == []
    assert book.open()[0].severity is Severity.ALARM


def test_a_flapping_alert_is_not_told_at_every_turn() -> None:
    book = AlertBook()
    told = 0
    for number in range(20):
        told += len(said(book.raise_("clock:alpha", "off", number * MINUTE)))
        book.resolve("clock:alpha", number * MINUTE + 1)
    assert told == 1
    assert said(book.raise_("clock:alpha", "off", 60 * MINUTE)) == ["off"]


def test_a_new_spell_after_a_quiet_while_is_told_at_once() -> None:
    """Repeats that had grown to hours must not keep the next leg that goes missing from being told."""
    book = AlertBook()
    book.raise_("leg missing:P-01", "gone", 0)
    for minute in range(1, 12 * 60):
        book.tick(minute * MINUTE)
    book.resolve("leg missing:P-01", 12 * HOUR)
    flap = 12 * HOUR + 4 * MINUTE
    assert said(book.raise_("leg missing:P-01", "gone again", flap)) == []
    book.resolve("leg missing:P-01", flap + 1)
    assert said(book.raise_("leg missing:P-01", "gone for good", flap + 6 * MINUTE)) == ["gone for good"]
    assert said(book.tick(flap + 11 * MINUTE)) == ["gone for good"]


def test_resolved_alerts_are_kept_a_day_and_never_too_many() -> None:
    book = AlertBook()
    for number in range(KEEP_RESOLVED + 50):
        book.raise_(f"foreign:{number}", "x", number)
        book.resolve(f"foreign:{number}", number)
    book.raise_("halt", "halted", 0)
    book.tick(1_000)
    assert len(book.views()) == KEEP_RESOLVED + 1
    book.tick(25 * HOUR)
    assert [view.key for view in book.views()] == ["halt"]


def test_the_gravest_and_oldest_come_first() -> None:
    book = AlertBook()
    book.raise_("a", "warning", 0, severity=Severity.WARNING)
    book.raise_("b", "younger alarm", 2, severity=Severity.ALARM)
    book.raise_("c", "older alarm", 1, severity=Severity.ALARM)
    book.raise_("d", "acknowledged alarm", 0, severity=Severity.ALARM)
    book.ack("d", 3)
    assert [alert.key for alert in book.open()] == ["c", "b", "a", "d"]


def test_every_rule_says_why_and_what_to_do() -> None:
    for name, rule in RULES.items():
        assert len(rule.why) > 20, name
        assert len(rule.do) > 10, name
        assert rule.why.endswith("."), name


def test_every_rule_is_raised_somewhere() -> None:
    """A row of docs/alerts.md that can never come is a promise nobody keeps. No channel exists as yet."""
    composed = ("breaker ", "depeg ")  # put together where they are raised
    files = [path for path in (ROOT / "services").rglob("*.py") if not path.name.endswith("rules.py")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert len(RULES) > 40
    for name in RULES:
        if not name.startswith(composed) and name != "channel failed":
            assert re.search(rf"""["'`]{re.escape(name)}["':{{]""", source), name


def test_a_key_finds_its_rule_by_its_leading_words() -> None:
    assert rule_for("depeg USDC:account:alpha").why == RULES["depeg"].why
    assert rule_for("breaker daily") is RULES["breaker daily"]
    assert rule_for("stale data:venue:beta") is RULES["stale data"]
    assert rule_for("something new") is UNLISTED


def test_what_is_to_be_typed_names_the_coin_and_the_strategy() -> None:
    """`--override "depeg COIN"` typed as it stood was refused."""
    assert '--override "depeg USDC"' in rule_for("depeg USDC:account:alpha").do
    assert rule_for("depeg").do == RULES["depeg"].do
    for key in ("strategy dropped:strategy:funding_arb", "strategy overrun:funding_arb"):
        assert "enable funding_arb REASON" in rule_for(key).do
    assert "enable operator REASON" in rule_for("throttle:operator").do
    assert rule_for("stale data:venue:beta") is RULES["stale data"]
    assert UNLISTED.severity is Severity.WARNING


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["raise", "ack", "resolve", "tick"]), st.sampled_from("ab")), max_size=30
    )
)
def test_whatever_happens_one_row_a_key_and_the_state_survives_the_store(
    steps: list[tuple[str, str]],
) -> None:
    book = AlertBook()
    for number, (step, key) in enumerate(steps):
        now = number * MINUTE
        effects = {
            "raise": lambda: book.raise_(key, "x", now),  # noqa: B023
            "ack": lambda: book.ack(key, now),  # noqa: B023
            "resolve": lambda: book.resolve(key, now),  # noqa: B023
            "tick": lambda: book.tick(now),  # noqa: B023
        }[step]()
        assert all(isinstance(effect, Record | Notify) for effect in effects)
        assert len(book.views()) == len({view.key for view in book.views()})
    packed = msgspec.msgpack.encode(book.state)
    assert msgspec.msgpack.decode(packed, type=AlertState) == book.state
