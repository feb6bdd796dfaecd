"""A venue that may not be used until somebody has set something right: what a person sees of it."""

from __future__ import annotations

from msgspec.structs import replace

from services.desk.views import Meta
from services.desk.views.figures import milliseconds
from services.desk.views.health import health_view
from services.desk.views.hedge import unseen
from services.desk.views.status import status as status_view
from services.desk.views.strip import strip
from services.domain.enums import Severity, TradingState
from services.domain.events import AccountReport, Event, VenueLink
from services.domain.venue_events import RequestFailed
from tests.console.result_fixtures import quiet_health
from tests.console.test_agreeing_bar import cells
from tests.desk.world import Answers, DeskWorld, quick

META = Meta(badge="SIM", stamp="SYNTHETIC", profile="sim", mode="sim", synthetic=True)
WHY = "key rights: the key can withdraw; set it right, then restart"
TOLD = f"beta is not used: {WHY}"
REDUCING = TradingState.REDUCING


def of_its_line(w: DeskWorld) -> list[tuple[str, TradingState, bool]]:
    return [
        (name, state, latched)
        for name, scope, state, latched in w.causes()
        if scope == "venue:beta" and name.startswith("venue ")
    ]


def down(w: DeskWorld, *, refused: bool) -> None:
    w.machine.feed(VenueLink(venue="beta", ts=w.now, up=False, reason=WHY, refused=refused))


def test_a_refused_venue_is_one_alarm_with_its_remedy_wherever_a_person_looks() -> None:
    w = DeskWorld("calm", settings=replace(quick(), strategies={})).run(20)
    core = w.desk.core
    down(w, refused=False)
    assert of_its_line(w) == [("venue down", REDUCING, False)]
    down(w, refused=True)
    assert of_its_line(w) == [("venue refused", REDUCING, False)], "one thing is wrong, and told once"
    (note,) = [each for each in w.told if each.key == "venue refused:venue:beta"]
    assert (note.severity, note.text) == (Severity.ALARM, TOLD)
    assert core.alerts.told("venue down:venue:beta") == ("", "")
    bar = strip(core, META)
    assert (bar.trading_state, bar.open_alarms, bar.top_alert) == (REDUCING, 1, TOLD)
    assert [each.text for each in bar.causes if each.name == "venue refused"] == [TOLD]
    (step,) = bar.next_steps
    assert step.startswith(f"{TOLD}: stableconsole doctor tells each row")
    quiet = quiet_health()
    found = health_view(core, META, replace(quiet.process, machine_memory=0.5), quiet.store).findings
    assert [(one.severity, one.text) for one in found if one.subject == "beta"] == [
        ("alarm", TOLD.removeprefix("beta "))
    ]


def test_it_goes_when_the_line_is_up_and_never_before() -> None:
    w = DeskWorld("calm", settings=replace(quick(), strategies={})).run(20)
    down(w, refused=True)
    w.run(300)
    assert of_its_line(w) == [("venue refused", REDUCING, False)]
    # The next start, at which it does not answer at all: whether it would refuse us nobody knows.
    down(w, refused=False)
    assert of_its_line(w) == [("venue down", REDUCING, False)]
    down(w, refused=True)
    w.machine.feed(VenueLink(venue="beta", ts=w.now, up=True, reason="connected"))
    watched = w.settings.fresh.self_clear_s
    w.run(watched - 1)
    assert of_its_line(w) == [("venue refused", REDUCING, False)], "watched first"
    w.run(10)
    assert of_its_line(w) == []


def test_a_flat_desk_is_no_green_flat_while_an_account_is_out_of_sight() -> None:
    """`● FLAT` stood beside a venue that nobody had read for an hour: it was flat then."""
    w = DeskWorld("calm", settings=replace(quick(), strategies={})).run(20)
    assert strip(w.desk.core, META).hedged_age_ms is None
    down(w, refused=True)
    w.wire.hook = lambda due, event: () if getattr(event, "venue", "") == "beta" else ((due, event),)
    w.run(200)
    bar = strip(w.desk.core, META)
    assert bar.hedged_age_ms is not None
    assert 190_000 < bar.hedged_age_ms < 260_000
    assert cells(bar, 80, 3, 1)[1] == "◐ WAS FLAT"
    assert cells(bar, 80, 3, 2)[1] == "◐ WAS NONE"
    assert milliseconds(unseen(w.desk.core)) == bar.hedged_age_ms
    assert status_view(w.desk.core, w.desk.strategies, META).hedged_age_ms == bar.hedged_age_ms


def test_a_reconcile_says_why_there_is_no_answer_from_it() -> None:
    """`is it down?` it asked of a venue that nobody asks."""
    w = DeskWorld("calm", settings=replace(quick(), strategies={})).run(20)
    down(w, refused=True)
    w.wire.hook = lambda due, event: () if isinstance(event, AccountReport) else ((due, event),)
    command = w.command("reconcile")
    w.run(11)
    done = w.done[command]
    assert (done.code, done.exit) == ("unread", 1)
    assert done.text == f"{TOLD}; no answer from alpha: nothing can be said of it; is it down?"


def test_a_key_that_is_refused_while_it_runs_calls_somebody_at_the_second_read() -> None:
    """Keys expire at night. It was a stale account after a minute and a half, and nobody said why."""
    w = DeskWorld("calm", settings=replace(quick(), strategies={})).run(20)
    fails = {"refused": True}

    def refuse(due: int, event: Event) -> Answers:
        if not isinstance(event, AccountReport) or event.venue != "beta" or not fails:
            return ((due, event),)
        no = RequestFailed(
            venue="beta", what="read", subject=event.request, reason="401: expired", ts=due, **fails
        )
        return ((due, no),)

    w.wire.hook = refuse
    book = w.desk.core.state.venue("beta")
    w.until(lambda _: book.failed_reads == 1)
    assert of_its_line(w) == [], "once may be a slip of theirs"
    w.run(3)
    assert of_its_line(w) == [("venue refused", REDUCING, False)]
    assert w.desk.core.barred("beta") == "beta refuses our key: 401: expired; set it right, then restart"
    fails.clear()
    w.run(40)
    assert w.desk.core.barred("beta") == ""
    w.run(w.settings.fresh.self_clear_s + 10)
    assert of_its_line(w) == []
    fails["refused"] = False
    w.run(60)
    assert book.failed_reads > 2
    assert of_its_line(w) == [], "no answer is no refusal"
