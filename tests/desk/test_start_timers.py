"""Timers that fell due while nobody ran: once, in order, after the venues have been read (RUNTIME 2)."""

from __future__ import annotations

from services.desk.desk import Desk
from services.domain.effects import Notify, SetTimer
from services.domain.enums import TradingState
from services.domain.events import AccountReport, LatchFound, Timer
from tests.desk.world import DeskWorld, S

PERP = "BTC-USDT-PERP.alpha"
LATE = f"settled {PERP} 1"


def test_they_wait_for_the_reads_in_the_order_of_their_dues_and_not_for_ever() -> None:
    world = DeskWorld().run(3)
    now = world.now + 3_600 * S
    state = Desk.restore(world.desk.export())
    state.now = now
    state.timers = {"decide funding_arb": now - 5 * S, LATE: now - 9 * S, "pair:P-07": now - 7 * S}
    state.expected[f"{PERP}|1"] = next(iter(state.ledger.accounts["alpha"].balances.values()))
    desk = Desk(world.settings, world.desk.core.instruments, state)
    begun = desk.handle(Timer(name="start", ts=now))
    again = [each for each in begun if isinstance(each, SetTimer)][:3]
    assert [each.name for each in again] == [LATE, "pair:P-07", "decide funding_arb"]
    assert {each.due for each in again} == {now + 2 * S}

    heard = desk.handle(Timer(name=LATE, ts=now + 2 * S))
    assert [each.due for each in heard if isinstance(each, SetTimer) and each.name == LATE] == [now + 3 * S]
    unread = Desk(world.settings, world.desk.core.instruments, Desk.restore(desk.export()))
    for venue in ("alpha", "beta"):
        read = next(
            each
            for each in reversed(world.keeper.inputs)
            if isinstance(each, AccountReport) and each.venue == venue
        )
        asked = state.venues[venue].asked
        desk.handle(AccountReport(**{**_fields(read), "request": asked, "ts": now + 3 * S, "ts_event": now}))
    for each, ts in ((desk, now + 3 * S), (unread, now + 31 * S)):
        told = [word.key for word in each.handle(Timer(name=LATE, ts=ts)) if isinstance(word, Notify)]
        assert f"missed settlement:{PERP}" in told


def _fields(report: AccountReport) -> dict[str, object]:
    return {name: getattr(report, name) for name in report.__struct_fields__}


def test_a_halt_of_before_says_so_once_however_often_it_starts() -> None:
    world = DeskWorld().run(3)
    desk, text = world.desk, "no heartbeat for 5 s"
    for _ in range(3):
        found = LatchFound(
            state=TradingState.HALTED, cause="watchdog", text=text, since=1, ts=world.now, scopes=()
        )
        desk.handle(found)
        desk = Desk(world.settings, world.desk.core.instruments, Desk.restore(desk.export()))
        (text,) = (cause.text for cause in desk.core.causes.causes() if cause.name == "watchdog")
    assert text == "no heartbeat for 5 s (from before the start)"
