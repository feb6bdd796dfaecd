"""The dead-man's switch on the desk's side (SEMANTICS 10): who arms it, who beats it, who lets it fire."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk import deadman
from services.desk.desk import Desk
from services.domain.effects import ArmDeadMan, Stopped
from services.domain.enums import OrderState, Purpose, Side, TimeInForce
from services.domain.events import Event, MarketFrame, StopRequested, WorkingRow
from services.domain.orders import OrderRequest
from services.domain.venue_events import DeadManReport, RequestFailed, VenueFacts
from services.settings.catalog import set_value
from services.settings.errors import SettingsError
from services.settings.parameters import DeadMan, Settings
from tests.desk.test_protection import resting, trade
from tests.desk.world import Answers, DeskWorld, S, quick

PERP = "BTC-USDT-PERP.alpha"
D = Decimal


def _by_hand(due: int, event: Event) -> Answers:
    """What the venue says of itself comes from the test alone."""
    return () if isinstance(event, VenueFacts | DeadManReport) else ((due, event),)


def _silence(due: int, event: Event) -> Answers:
    return () if isinstance(event, MarketFrame) else _by_hand(due, event)


def world(*, survives: bool = True, switch: bool = True, settings: Settings | None = None) -> DeskWorld:
    """A desk that trades nothing by itself, on a venue that has said what it can."""
    found = DeskWorld("calm", settings=settings if settings is not None else quick())
    found.wire.hook = _by_hand
    found.run(20)
    found.machine.feed(
        VenueFacts(
            venue="alpha",
            ts=found.now,
            conditional=False,
            dead_man=switch,
            conditional_survives_dead_man=survives,
        )
    )
    return found


def rest(
    w: DeskWorld,
    name: str = "abc123000000900t0000",
    purpose: Purpose = Purpose.TICKET,
    tif: TimeInForce = TimeInForce.GTC,
) -> str:
    """An order of ours rests at alpha, far from the market."""
    core = w.desk.core
    order = OrderRequest(
        client_order_id=name,
        instrument=PERP,
        side=Side.BUY,
        quantity=D("0.01"),
        price=D(10000),
        purpose=purpose,
        tif=tif,
        origin="operator",
        reduce_only=purpose is not Purpose.TICKET,
    )
    core.orders.add(order, w.now)
    core.orders.sent(name, w.now)
    w.exchange.venues["alpha"].submit(w.now, replace(order, reduce_only=False, tif=TimeInForce.GTC))
    w.until(lambda each: each.desk.core.orders.get(name).state is OrderState.ACCEPTED, 1)  # type: ignore[union-attr]
    return name


def arms(w: DeskWorld) -> list[int]:
    return [e.timeout_ms for e in w.keeper.effects if isinstance(e, ArmDeadMan) and e.venue == "alpha"]


def tell(w: DeskWorld, *, armed: bool, fired: bool = False) -> None:
    due = w.now + 60 * S if armed else None
    w.machine.feed(
        DeadManReport(venue="alpha", armed=armed, fires_at=due, fired=fired, ts_event=w.now, ts=w.now)
    )


def gone(w: DeskWorld, name: str) -> None:
    w.exchange.venues["alpha"].cancel(w.now, PERP, name, "")
    w.until(lambda each: each.desk.core.orders.get(name).ended, 1)  # type: ignore[union-attr]


def state(w: DeskWorld) -> str | None:
    return deadman.state_of(w.desk.core, "alpha")


def heard(w: DeskWorld) -> set[str]:
    return {note.key for note in w.told}


def test_armed_with_the_first_order_that_rests_beaten_by_timer_and_taken_off_when_none_is_left() -> None:
    """Bug E17: a venue's switch guards what rests."""
    w = world()
    w.run(60)
    assert arms(w) == [], "nothing rests, nothing to cancel"
    assert state(w) == "off"
    name = rest(w)
    assert arms(w) == [60_000], "at once"
    tell(w, armed=True)
    assert state(w) == "armed"
    for _ in range(4):
        w.run(15)
        tell(w, armed=True)
    assert arms(w) == [60_000] * 5
    gone(w, name)
    w.run(16)
    assert arms(w)[-1] == 0
    tell(w, armed=False)
    w.run(60)
    assert len(arms(w)) == 6
    assert state(w) == "off"


def test_an_order_that_was_to_end_at_once_and_rests_is_guarded_too() -> None:
    w = world()
    name = rest(w)
    gone(w, name)
    w.run(16)
    tell(w, armed=False)
    before = len(arms(w))
    name = rest(w, "abc123000000901t0000", tif=TimeInForce.IOC)
    entry = w.desk.core.orders.get(name)
    assert entry is not None
    w.until(lambda _: entry.overstays, 30)
    w.run(1)
    assert arms(w)[before:][:1] == [60_000]


def test_stale_data_are_not_beaten_so_that_it_fires_and_that_is_an_alarm() -> None:
    """Against the simulated venue's own switch."""
    w = DeskWorld("calm", settings=quick()).run(20)
    # A reducing order: an increasing one is canceled by the desk itself when its data are stale.
    name = rest(w, purpose=Purpose.EXIT)
    w.run(1)
    assert state(w) == "armed"
    talk = w.wire.hook
    w.wire.hook = lambda due, event: () if isinstance(event, MarketFrame) else ((due, event),)
    w.run(50)
    assert arms(w) == [60_000], "a beat on stale data"
    assert state(w) == "late"
    assert "dead man late:alpha" in heard(w)
    w.run(15)
    entry = w.desk.core.orders.get(name)
    assert entry is not None
    assert entry.state is OrderState.CANCELED
    assert state(w) == "fired"
    assert "dead man fired:alpha" in heard(w)
    w.wire.hook = talk
    w.run(30)
    assert arms(w).count(60_000) == 1, "nothing rests any more"
    rest(w, "abc123000000901t0000")
    w.run(1)
    assert state(w) == "armed"


def test_data_that_come_back_in_time_are_beaten_at_once() -> None:
    w = world()
    rest(w, purpose=Purpose.EXIT)
    tell(w, armed=True)
    talk = w.wire.hook
    w.wire.hook = _silence
    w.run(30)
    before = len(arms(w))
    w.wire.hook = talk
    w.run(3)
    assert len(arms(w)) == before + 1
    tell(w, armed=True)
    assert state(w) == "armed"


def test_fail_open_dead_man_removes_stops_it_is_never_armed_where_it_would_cancel_them() -> None:
    w = world(survives=False)
    stop = rest(w, "abc123000000902s0000", Purpose.STOP)
    rest(w)
    w.run(30)
    assert arms(w) == []
    assert state(w) == "withheld"
    gone(w, stop)
    assert arms(w) == [60_000]
    tell(w, armed=True)
    rest(w, "abc123000000903s0000", Purpose.STOP)
    assert arms(w) == [60_000, 0], "taken off before it could fire"


@pytest.mark.parametrize("survives", [True, False])
def test_fail_open_a_backstop_that_waits_keeps_it_off_unless_it_survives_it(survives: bool) -> None:
    w = world(survives=survives)
    facts = w.desk.state.venues["alpha"].facts
    assert facts is not None
    w.machine.feed(replace(facts, conditional=True, ts=w.now))
    trade(w, "0.5")
    w.run(3)
    (stop,) = resting(w)
    assert w.desk.core.backstops.waiting(stop.client_order_id)
    rest(w)
    w.run(30)
    assert arms(w)[-1] == (60_000 if survives else 0)
    if survives:
        tell(w, armed=True)
    assert state(w) == ("armed" if survives else "withheld")


@pytest.mark.parametrize("survives", [True, False])
def test_a_stop_by_somebody_else_keeps_it_off_unless_it_survives_it(survives: bool) -> None:
    w = world(survives=survives)
    theirs = WorkingRow(
        instrument=PERP,
        side=Side.SELL,
        price=D(20000),
        quantity=D("0.2"),
        filled=D(0),
        client_order_id="",
        venue_order_id="77",
        reduce_only=True,
        trigger=D(21000),
    )
    w.desk.state.venues["alpha"].foreign_orders = (theirs,)
    rest(w)
    w.run(3)
    assert arms(w) == ([60_000] if survives else [])
    assert state(w) == ("off" if survives else "withheld"), "not told as armed yet"


def test_a_venue_that_wants_a_longer_time_is_beaten_in_proportion() -> None:
    """Binance: 120 s, beaten every 30, where the profile's own are 60 and 15."""
    w = world()
    facts = w.desk.state.venues["alpha"].facts
    assert facts is not None
    w.machine.feed(replace(facts, dead_man_s=120, ts=w.now))
    rest(w)
    tell(w, armed=True)
    w.run(29)
    assert arms(w) == [120_000]
    w.run(2)
    assert arms(w) == [120_000, 120_000]


def test_a_disarming_that_was_lost_is_asked_for_again() -> None:
    w = world(survives=False)
    rest(w)
    tell(w, armed=True)
    rest(w, "abc123000000903s0000", Purpose.STOP)
    w.run(5)
    assert arms(w)[1:].count(0) >= 2


@pytest.mark.parametrize("given", ["no switch", "disabled", "not told"])
def test_a_venue_without_one_is_left_alone(given: str) -> None:
    settings = replace(quick(), deadman=DeadMan(enabled=given != "disabled"))
    w = world(switch=given != "no switch", settings=settings)
    if given == "not told":
        w.desk.core.state.venues["alpha"].facts = None
    rest(w)
    w.run(30)
    assert arms(w) == []
    assert state(w) == {"no switch": "none", "disabled": "off", "not told": None}[given]


def test_one_that_cannot_be_armed_is_an_alert_and_tried_again() -> None:
    w = world()
    rest(w)
    w.machine.feed(RequestFailed(venue="alpha", what="dead man", subject="", reason="500", ts=w.now))
    assert state(w) == "failed"
    assert "dead man:alpha" in heard(w)
    w.run(16)
    assert arms(w) == [60_000, 60_000]
    tell(w, armed=True)
    assert state(w) == "armed"


def test_silence_instead_of_an_answer_is_an_alert() -> None:
    w = world()
    rest(w)
    w.run(16)
    assert "dead man:alpha" in heard(w)


def test_bug_e17_a_clean_stop_takes_it_off_last_and_waits_for_the_word() -> None:
    w = world()
    name = rest(w)
    tell(w, armed=True)
    w.machine.feed(StopRequested(reason="stop", deadline=w.now + 10 * S, ts=w.now))
    assert w.machine.stopped is None
    gone(w, name)
    assert arms(w)[-1] == 0
    assert w.machine.stopped is None, "its word is awaited"
    tell(w, armed=False)
    assert w.machine.stopped == Stopped(left=(), kept=())


def test_a_stop_without_backstops_keeps_it_and_says_so() -> None:
    w = world()
    name = rest(w)
    tell(w, armed=True)
    core = w.desk.core
    w.foreign(PERP, Side.BUY, "0.1")
    w.run(5)
    tell(w, armed=True)
    core.state.unpaired[PERP], core.state.unpaired_entry[PERP] = D("0.1"), D(23000)
    w.machine.feed(StopRequested(reason="stop", deadline=w.now + 10 * S, ts=w.now))
    gone(w, name)
    stopped = w.machine.stopped
    assert stopped is not None
    assert stopped.left == ()
    assert stopped.kept == ("alpha: the dead-man's switch stays armed, it will cancel what rests there",)


def test_a_crash_leaves_it_armed_and_the_next_start_knows() -> None:
    w = world()
    rest(w)
    tell(w, armed=True)
    again = Desk(w.settings, w.desk.core.instruments, Desk.restore(w.desk.export()))
    assert deadman.state_of(again.core, "alpha") == "armed"
    assert again.core.state.timers["deadman alpha"] > w.now


def test_a_beat_is_at_most_half_of_the_time_out() -> None:
    with pytest.raises(SettingsError):
        set_value(Settings(), "deadman.beat_s", "31 s")
    assert set_value(Settings(), "deadman.beat_s", "30 s").deadman.beat_s == 30
