"""An engine that comes back while one venue does not answer: it watches the others, and takes that one in
when it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from services.domain.enums import Purpose, Side, TradingState
from services.domain.events import Event, OrderRejected, VenueLink
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import InstrumentsListed, RequestFailed
from services.drive.standing import SessionNote
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.redact import Redactor
from services.runtime.clock import steady_ns
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.venues.live import KEY_RIGHTS, Verdict
from services.workers import doctor
from services.workers.late import AGAIN_S, LateVenue, Read
from services.workers.live_engine import LiveEngine
from services.workers.needs import NEEDS
from services.workers.simserver.serve import bound
from services.workers.simserver.worlds import served_world
from services.workers.starting import Away, Misfit, Refused, Silent, judge
from tests.risk.builders import perp
from tests.simserver.served import KEY as SERVED
from tests.simserver.served import Box, serving
from tests.workers.test_direct import BTC, SIZE, forward, hold

HERE, AWAY = f"{BTC}.alpha", f"{BTC}.beta"


def wire(port: int) -> VenueWire:
    return VenueWire(
        kind="ftx", rest=f"http://127.0.0.1:{port}", stream=f"ws://127.0.0.1:{port}/ws/", key=SERVED.key,
        symbols=(BTC, "USDT/USD"), extensions=True,
    )  # fmt: skip


class Died(Exception):
    """Nothing is stopped and nothing is cancelled."""


async def run(folder: Path, ports: dict[str, int], until: Callable[[LiveEngine], bool]) -> LiveEngine:
    """One session, until it dies."""
    chosen = Settings(venues=tuple(ports), wires={n: wire(p) for n, p in ports.items()}, strategies={})
    secrets = {f"STABLECONSOLE_SECRET_{name.upper()}": SERVED.secret for name in ports}
    engine = LiveEngine(StateLayout(folder), chosen, "test", secrets, Redactor())
    began = steady_ns()

    def look() -> None:
        # What stands there before the start was heard is of the session before.
        if engine.session.desk.core.state.started >= began and until(engine):
            raise Died

    try:
        await engine.start()
        await engine.examine()
        engine.open(SessionNote(pid="1", speed="1", state_dir=str(folder)))
        runner = engine.runner(engine.machine(lambda _: None), look, 60.0)
        engine.session.first_events()
        with pytest.raises(Died):
            await runner.run()
    finally:
        await engine.close_venues()
        engine.session.close()
    return engine


def agrees(engine: LiveEngine, *venues: str) -> bool:
    core = engine.session.desk.core
    return all(
        (book := core.state.venues.get(name)) is not None and (book.agreed_ts or 0) > core.state.started
        for name in venues
    )


def states(engine: LiveEngine) -> dict[str, TradingState]:
    core = engine.session.desk.core
    return {name: core.causes.causes_for(venue=name)[0].state if core.causes.causes_for(venue=name)
            else TradingState.ACTIVE for name in ("alpha", "beta")}  # fmt: skip


async def test_what_is_open_is_watched_while_one_venue_is_away_and_that_one_is_taken_in_when_it_answers(
    tmp_path: Path,
) -> None:
    world = served_world("calm", 1, step_s=0.5, synthetic=0, start=time.time_ns())
    async with serving(world) as (house, server):
        hold(house, "alpha", Side.BUY)
        hold(house, "beta", Side.SELL)
        gate = bound(0)
        ports = {"alpha": server.ports["alpha"], "beta": gate.getsockname()[1]}
        (tmp_path / "new").mkdir()
        with pytest.raises(ProductError, match=r"venue beta: .*nobody watches what is open until a start"):
            # Nothing is known of it here: which instruments it trades, or what is open.
            await run(tmp_path / "new", ports, lambda _: True)
        async with await forward(gate, server.ports["beta"]):
            await run(tmp_path, ports, lambda engine: agrees(engine, "alpha", "beta"))

        def without(engine: LiveEngine) -> bool:
            return agrees(engine, "alpha") and isinstance(engine.venues["beta"], LateVenue)

        engine = await run(tmp_path, ports, without)
        core = engine.session.desk.core
        assert [core.ledger.size(core.instruments[name]) for name in (HERE, AWAY)] == [SIZE, -SIZE]
        assert states(engine)["beta"] is TradingState.REDUCING
        assert not agrees(engine, "beta")
        (down,) = [each for each in core.causes.causes() if each.name == "venue down"]
        assert down.scope == "venue:beta"
        assert "away since the start" in down.text
        assert engine.session.gone == ()

        served: list[asyncio.Server] = []

        async def come_back() -> None:
            served.append(await forward(bound(ports["beta"]), server.ports["beta"]))

        coming: list[asyncio.Task[None]] = []

        def back(engine: LiveEngine) -> bool:
            if not coming and without(engine):
                coming.append(asyncio.get_running_loop().create_task(come_back()))
            return agrees(engine, "alpha", "beta")

        engine = await run(tmp_path, ports, back)
        assert coming, "it was away first"
        assert not isinstance(engine.venues["beta"], LateVenue)
        core = engine.session.desk.core
        assert [core.ledger.size(core.instruments[name]) for name in (HERE, AWAY)] == [SIZE, -SIZE]
        assert not [each for each in core.causes.causes() if each.name == "venue down" and each.holds]
        for each in served:
            each.close()


# -- one that is away, by itself -----------------------------------------------------------------------------

SPEC = perp(BTC, "beta", "BTC", "USDT")
OTHER = perp("ETH-USDT-PERP", "beta", "ETH", "USDT")


class Real:
    """The venue itself, as far as it is asked here."""

    name = "beta"
    capabilities = None

    def __init__(self, *specs: Instrument) -> None:
        self.specs = specs or (SPEC,)
        self.read: list[str] = []
        self.closed = 0

    def instruments(self) -> tuple[Instrument, ...]:
        return self.specs

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        self.read.append(request)

    async def close(self) -> None:
        self.closed += 1


class Steps:
    """What becomes of a try: the errors of its steps, in order; `hold` is waited for in each."""

    def __init__(self, *fails: ProductError | None) -> None:
        self.fails = list(fails)
        self.hold = asyncio.Event()
        self.hold.set()
        self.done: list[str] = []
        self.read: Read | None = None

    async def connect(self) -> None:
        await self._step("connect")

    async def look(self) -> None:
        await self._step("look")

    def place(self, read: Read | None) -> None:
        self.done.append("place")
        self.read = read

    async def _step(self, name: str) -> None:
        await self.hold.wait()
        self.done.append(name)
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error


SILENT = Silent.because("no connection", "venue beta: no connection")
KEY = Refused.because("GET /account: Not logged in", "venue beta: GET /account: Not logged in")
DOCTOR = Refused.because("key rights: the key can withdraw", "doctor: beta: key rights: the key can withdraw")
CLOCK = Silent.because("clock: +1500 ms off ours", "doctor: beta: clock: +1500 ms off ours")


def late(
    steps: Steps, real: Any = None, away: Away = SILENT, *, connected: bool = False
) -> tuple[Any, Any, Box]:
    box, real = Box(), real or Real()
    return LateVenue(
        real, away, (SPEC, OTHER), box,
        connect=steps.connect, look=steps.look, place=steps.place, connected=connected,
    ), real, box  # fmt: skip


def an_order() -> OrderRequest:
    return OrderRequest(
        client_order_id="abcdef00000000000001", instrument=AWAY, side=Side.BUY, quantity=Decimal(1),
        price=Decimal(1), purpose=Purpose.FLATTEN, origin="operator",
    )  # fmt: skip


async def settle(venue: LateVenue) -> None:
    while venue._work:
        await asyncio.sleep(0)


def told(box: Box, kind: type[Event]) -> list[Any]:
    return box.of(kind)


async def test_it_says_that_it_is_away_and_refuses_orders_as_not_sent() -> None:
    venue, _, box = late(Steps())
    (link,) = told(box, VenueLink)
    assert (link.venue, link.up, link.reason) == ("beta", False, "away since the start: no connection")
    assert venue.instruments() == (SPEC, OTHER)
    assert not venue.health().connected
    order = an_order()
    venue.submit(0, order)
    (no,) = told(box, OrderRejected)
    assert (no.client_order_id, no.reason, no.unsent) == (
        order.client_order_id,
        "denied: beta is not reached: no connection",
        True,
    )
    venue.cancel(0, AWAY, "one", "")
    venue.query(0, AWAY, "two")
    venue.dead_man(0, 60_000)
    assert [(each.what, each.subject) for each in told(box, RequestFailed)] == [
        ("cancel", "one"), ("query", "two"), ("dead man", ""),
    ]  # fmt: skip


async def test_each_read_tries_once_more_and_one_that_is_asked_meanwhile_goes_to_the_venue_itself() -> None:
    steps = Steps(SILENT)
    venue, real, box = late(steps)
    venue.read_account(0, "beta-1", 0)
    await settle(venue)
    assert [each.subject for each in told(box, RequestFailed)] == ["beta-1"]
    assert steps.done == ["connect"]
    steps.hold.clear()
    venue.read_account(0, "beta-2", 0)
    venue.read_account(0, "beta-3", 5)
    venue.read_account(0, "beta-4", 6)
    steps.hold.set()
    await settle(venue)
    assert steps.done == ["connect", "connect", "look", "place"]
    assert venue.back
    assert [each.subject for each in told(box, RequestFailed)] == ["beta-1", "beta-2", "beta-3"]
    assert steps.read == ("beta-4", 6), "the driver asks it, like every other"
    assert real.closed == 0, "it is in its place"


@pytest.mark.parametrize("error", [SILENT, RuntimeError("a fault of ours")])
async def test_what_was_asked_while_a_try_failed_has_failed_too(error: Any) -> None:
    steps = Steps(error)
    venue, real, box = late(steps)
    steps.hold.clear()
    venue.read_account(0, "beta-1", 0)
    venue.read_account(0, "beta-2", 0)
    steps.hold.set()
    await settle(venue)
    assert [each.subject for each in told(box, RequestFailed)] == ["beta-1", "beta-2"]
    assert real.read == []
    await venue.close()
    assert real.closed == 1


async def test_one_that_is_connected_and_cannot_be_looked_at_is_not_connected_a_second_time() -> None:
    """Its streams run: a second start would run them twice."""
    steps = Steps(None, SILENT)
    venue, _, _ = late(steps)
    for number in (1, 2):
        venue.read_account(0, f"beta-{number}", 0)
        await settle(venue)
    assert steps.done == ["connect", "look", "look", "place"]


@pytest.mark.parametrize(("fails", "done"), [((KEY,), ["connect"]), ((None, DOCTOR), ["connect", "look"])])
async def test_one_that_refuses_us_when_it_answers_is_hung_up_told_and_not_tried_again(
    fails: tuple[Refused | None, ...], done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused key that is asked with again and again gets its address banned."""
    steps = Steps(*fails)
    venue, real, box = late(steps)
    for number in (1, 2):
        venue.read_account(0, f"beta-{number}", 0)
        await settle(venue)
    monkeypatch.setattr("services.workers.late.boot_s", lambda: 1e12)
    venue.look_again()
    assert not venue._work
    assert steps.done == done
    assert (venue.back, real.closed) == (False, 1)
    last, no = told(box, VenueLink)[-1], fails[-1]
    assert no is not None
    assert (last.refused, last.reason) == (True, f"{no.why}; set it right, then restart")
    assert [each.reason for each in told(box, RequestFailed)][-1] == no.why
    await venue.close()
    assert real.closed == 1


@pytest.mark.parametrize("error", [KEY, DOCTOR])
async def test_one_that_refused_the_start_is_never_asked_and_sent_nothing(error: Refused) -> None:
    steps = Steps()
    venue, real, box = late(steps, away=error)
    (link,) = told(box, VenueLink)
    assert (link.up, link.refused) == (False, True)
    assert link.reason == f"{error.why}; set it right, then restart"
    venue.read_account(0, "beta-1", 0)
    venue.look_again()
    venue.submit(0, an_order())
    venue.cancel(0, AWAY, "one", "")
    assert not venue._work
    await venue.close()
    assert (steps.done, real.read, real.closed) == ([], [], 0), "who started it has hung up already"
    assert [each.what for each in told(box, RequestFailed)] == ["read", "cancel"]
    assert [each.unsent for each in told(box, OrderRejected)] == [True]
    assert not venue.health().connected


async def test_one_that_answered_the_start_is_not_connected_a_second_time() -> None:
    steps = Steps()
    venue, _, box = late(steps, away=CLOCK, connected=True)
    venue.read_account(0, "beta-1", 0)
    await settle(venue)
    assert steps.done == ["look", "place"]
    assert told(box, VenueLink) == [], "its streams tell of its line"


async def test_what_it_lists_otherwise_than_the_journal_is_told() -> None:
    changed = replace(SPEC, min_size=SPEC.min_size * 2)
    venue, _, box = late(Steps(), Real(changed, perp("SOL-USDT-PERP", "beta", "SOL", "USDT")))
    venue.read_account(0, "beta-1", 0)
    await settle(venue)
    (listed,) = told(box, InstrumentsListed)
    assert listed.instruments == (changed,)


async def test_why_it_is_away_is_told_anew_when_it_is_another_reason_and_never_against_its_own_streams() -> (
    None
):
    other = ProductError("venue beta: no such market", Exit.FAILED, "venue")
    venue, _, box = late(Steps(SILENT, other, other, None, SILENT))
    for number in range(4):
        venue.read_account(0, f"beta-{number}", 0)
        await settle(venue)
    assert [each.reason for each in told(box, VenueLink)] == [
        "away since the start: no connection",
        "away since the start: venue beta: no such market",
        "it answers; its streams are not up yet",
    ]
    venue.read_account(0, "beta-5", 0)
    await settle(venue)
    assert venue.back


async def test_a_clock_that_is_off_is_waited_for_and_not_hung_up() -> None:
    """It is set while it runs; what is open at a venue that stays away until a restart is seen by nobody."""
    steps = Steps(None, CLOCK)
    venue, real, box = late(steps)
    venue.read_account(0, "beta-1", 0)
    await settle(venue)
    assert (venue.back, real.closed) == (False, 0)
    venue.read_account(0, "beta-2", 0)
    await settle(venue)
    assert told(box, RequestFailed)[-1].reason == CLOCK.why
    assert steps.done == ["connect", "look", "look", "place"]


async def test_one_that_arrives_while_it_is_closed_is_hung_up_all_the_same() -> None:
    steps = Steps()
    venue, real, _ = late(steps)
    venue.read_account(0, "beta-1", 0)
    closing = asyncio.create_task(venue.close())
    await closing
    assert real.closed == 1


def test_the_clock_alone_passes_and_only_where_nothing_else_is_wrong() -> None:
    def kind(*checks: str, mode: str = "live") -> type[Exception]:
        with pytest.raises(Away) as no:
            judge(tuple(doctor.row("beta", check, Verdict.STOP, "wrong") for check in checks), mode)
        assert (no.value.exit, no.value.why) == (Exit.USAGE, "; ".join(f"{check}: wrong" for check in checks))
        return no.type

    assert kind(doctor.CLOCK) is Silent
    assert kind(doctor.CLOCK, KEY_RIGHTS) is Refused
    assert kind("position mode") is Refused
    assert kind(KEY_RIGHTS, mode="sim") is Refused
    assert kind(doctor.CLOCK, NEEDS) is Misfit
    judge((doctor.row("beta", doctor.CLOCK, Verdict.STOP, "wrong"),), "sim")


async def test_a_venue_that_the_desk_never_reads_is_tried_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where we have no account nothing is read; its market is missed as much, and nobody else asks for it."""
    now = [1000.0]
    monkeypatch.setattr("services.workers.late.boot_s", lambda: now[0])
    steps = Steps(SILENT)
    venue, real, box = late(steps)
    chosen = Settings(venues=("beta",), wires={"beta": wire(1)}, strategies={})
    engine = LiveEngine(StateLayout(tmp_path), chosen, "test", {"STABLECONSOLE_SECRET_BETA": "x"}, Redactor())
    engine.venues["beta"] = venue
    machine: Any = SimpleNamespace(queue=SimpleNamespace(now=0, deliver=lambda *_: None))

    async def look(after: float) -> None:
        now[0] += after
        engine._looked = 0.0
        engine.tell_clocks(machine)
        await settle(venue)

    await look(AGAIN_S - 1)
    assert steps.done == []
    await look(1)
    assert steps.done == ["connect"]
    await look(AGAIN_S - 1)
    assert steps.done == ["connect"]
    await look(1)
    assert steps.done == ["connect", "connect", "look", "place"]
    assert not told(box, RequestFailed)
    assert real.read == []
    engine.session.close()
