"""The health readings: unknown is degraded, each limit is found, and one bad reading hides no other."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from msgspec.structs import replace

from console import plain_report
from services.desk.views import Meta
from services.desk.views.health import health_view
from services.domain.events import VenueLink
from services.domain.machine_events import ReadingsFound
from services.drive.vitals import Vitals
from services.protocol.frames import to_json
from services.views.health import ChannelHealth, HealthView, ProcessHealth, StoreHealthView
from tests.console.result_fixtures import quiet_health
from tests.desk.world import DeskWorld, quick

META = Meta(badge="SIM", stamp="SYNTHETIC", profile="sim", mode="sim", synthetic=True)
PROCESS = replace(quiet_health().process, machine_memory=0.5)
STORE = quiet_health().store


@pytest.fixture(scope="module")
def world() -> DeskWorld:
    return DeskWorld(settings=quick()).run(30)


def look(
    world: DeskWorld,
    meta: Meta = META,
    process: ProcessHealth = PROCESS,
    store: StoreHealthView = STORE,
    channels: tuple[ChannelHealth, ...] = (),
) -> HealthView:
    return health_view(world.desk.core, meta, process, store, channels)


def test_a_well_engine_has_no_finding(world: DeskWorld) -> None:
    view = look(world)
    assert view.ok
    assert view.findings == ()
    assert [(one.name, one.connected, one.level) for one in view.venues] == [
        ("alpha", True, "ok"),
        ("beta", True, "ok"),
    ]


@pytest.mark.parametrize(
    ("process", "text"),
    [
        (replace(PROCESS, machine_cpu=0.801), "CPU 80.1 % > 80 %"),
        (replace(PROCESS, machine_memory=0.86), "memory 86.0 % > 85 %"),
        (replace(PROCESS, machine_cpu=None), "CPU not measured"),
        (replace(PROCESS, loop_lag_worst_ms=500.0), "the loop lagged 500 ms"),
        (replace(PROCESS, loop_lag_ms=None, loop_lag_worst_ms=None), "loop lag not measured"),
        (replace(PROCESS, files=900, files_most=1_000), "900 of 1000 files"),
        (replace(PROCESS, watchdog_ended=2), "the watchdog ended and was started again, 2 ×"),
    ],
)
def test_each_limit_of_the_machine_is_found(world: DeskWorld, process: ProcessHealth, text: str) -> None:
    """Bug L1: the watch works."""
    view = look(world, process=process)
    assert not view.ok
    assert len(view.findings) == 1
    assert view.findings[0].text.startswith(text)


def test_at_the_limits_themselves_nothing_is_found(world: DeskWorld) -> None:
    edge = replace(PROCESS, machine_cpu=0.80, machine_memory=0.85)
    assert look(world, process=edge, store=replace(STORE, disk=0.90)).ok


@pytest.mark.parametrize(
    ("store", "subject"),
    [
        (replace(STORE, disk=0.91), "disk"),
        (replace(STORE, disk=None), "disk"),
        (replace(STORE, ok=False, text="store.sqlite: the disk is full"), "store"),
        (replace(STORE, gaps=2), "store"),
    ],
)
def test_trouble_of_the_store_is_found(world: DeskWorld, store: StoreHealthView, subject: str) -> None:
    assert [one.subject for one in look(world, store=store).findings] == [subject]


def test_a_slow_venue_with_a_spent_budget_is_found_twice_and_hides_nothing(world: DeskWorld) -> None:
    """Bugs L6, L7: the rate budget is watched too, and one failing check hides no other."""
    meta = replace(
        META,
        latency={"alpha": (Decimal(20), Decimal(501)), "beta": (Decimal(20), Decimal(500))},
        budget={"alpha": Decimal("0.09"), "beta": Decimal("0.10")},
    )
    found = look(world, meta, store=replace(STORE, disk=None)).findings
    assert [(one.subject, one.text.split()[0]) for one in found] == [
        ("alpha", "latency"),
        ("alpha", "9"),
        ("disk", "not"),
    ]


def test_a_failed_channel_is_itself_found(world: DeskWorld) -> None:
    failed = ChannelHealth(name="mail", state="failed", last_ts=None)
    assert [one.subject for one in look(world, channels=(failed,)).findings] == ["channel mail"]


def test_a_lost_venue_is_an_alarm_and_one_never_heard_is_unknown() -> None:
    world = DeskWorld(settings=quick()).run(30)
    world.machine.feed(VenueLink(venue="alpha", ts=world.now, up=False, reason="gone"))
    world.run(0.001)
    view = look(world)
    assert [(one.subject, one.severity) for one in view.findings] == [("alpha", "alarm")]
    assert view.venues[0].level == "bad"
    del world.desk.state.picture.feeds["alpha"]
    view = look(world)
    assert view.venues[0].level == "unknown"
    assert "unknown" in view.findings[0].text


def test_an_account_that_is_not_read_is_found_though_its_stream_runs(world: DeskWorld) -> None:
    """`nothing found`, status 0, beside REDUCING, 1 STALE."""
    core = world.desk.core
    book = core.state.venues["beta"]
    agreed = book.agreed_ts
    try:
        book.agreed_ts = core.now - core.picture.balance_limit_ns - 1_000_000_000
        view = look(world)
        assert not view.ok
        (one,) = view.findings
        assert (one.subject, one.severity) == ("beta", "alarm")
        assert "the account was last read" in one.text
    finally:
        book.agreed_ts = agreed


def test_readings_become_alerts_and_resolve_and_bind_nothing() -> None:
    world = DeskWorld(settings=quick()).run(30)
    core, state = world.desk.core, world.trading_state
    found = look(world, process=replace(PROCESS, machine_cpu=0.93), store=replace(STORE, disk=0.95)).findings
    told = tuple((one.alert, one.text) for one in found)
    assert told == (("machine:CPU", "CPU 93.0 % > 80 %"), ("machine:disk", "95.0 % > 90 % used"))
    world.machine.feed(ReadingsFound(found=(*told, ("halt", "not for the shell to say")), ts=world.now))
    world.run(0.001)
    assert core.alerts.is_open("machine:CPU")
    assert core.alerts.is_open("machine:disk")
    assert not core.alerts.is_open("halt")
    assert world.trading_state is state
    world.machine.feed(ReadingsFound(found=told[1:], ts=world.now))
    world.run(0.001)
    assert not core.alerts.is_open("machine:CPU")
    assert core.alerts.is_open("machine:disk")


def test_a_missed_settlement_and_an_hour_without_a_trade_are_found_until_they_are_over() -> None:
    """`health` said `nothing found` and exited 0 while a settlement was missing."""
    world = DeskWorld(settings=quick()).run(30)
    core = world.desk.core
    core.alert("missed settlement:BTC-USDT-PERP.alpha", None, "no settlement row", do="compare")
    core.alert("no trade", None, "none has filled")
    core.alert("venue share:alpha", None, "of the Desk, no reading")
    core.out.extend(core.alerts.ack("no trade", core.now))
    view = look(world)
    assert not view.ok
    assert [(one.subject, one.severity, one.text) for one in view.findings] == [
        ("funding", "warning", "no settlement row"),
        ("trading", "warning", "none has filled"),
    ]
    assert all(one.do and not one.alert for one in view.findings), "the desk resolves them itself"
    for key in ("missed settlement:BTC-USDT-PERP.alpha", "no trade"):
        core.resolve(key)
    assert look(world).ok


def test_the_command_shows_every_reading_of_a_venue() -> None:
    """Reconnects, failed requests and the account read stood on screen 6 and in the JSON only."""
    lines = plain_report.health(json.loads(to_json(quiet_health()))).splitlines()
    beta = next(line for line in lines if line.startswith("beta"))
    assert lines[0].split()[-3:] == ["errors", "read", "reconnects"]
    assert beta.split()[-5:] == ["4.0", "%", "12", "s", "3"]
    assert any("latency p95 612 ms" in line for line in lines)


def test_the_vitals_measure_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Bug L2: a reading is one look that waits for nothing."""
    import psutil

    from services.drive.standing import Standing
    from services.settings.layout import StateLayout
    from services.settings.parameters import Settings

    waited: list[float | None] = []

    def percent(interval: float | None = None) -> float:
        waited.append(interval)
        return 50.0

    monkeypatch.setattr(psutil, "cpu_percent", percent)
    clock = iter(range(0, 1_000, 10))
    session = Standing(StateLayout(tmp_path), Settings(), "test", wall_time=False)  # type: ignore[arg-type]
    vitals = Vitals(session, clock=lambda: float(next(clock)))
    vitals.lagged(0.002)
    vitals.lagged(0.004)
    vitals.read()
    process, store = vitals.read()
    assert process.memory_mb is not None
    assert process.memory_mb > 5
    assert process.cpu is not None
    assert process.machine_cpu == 0.5
    assert waited == [None, None]
    assert (process.loop_lag_ms, process.loop_lag_worst_ms) == (3.0, 4.0)
    assert process.files is not None
    assert process.files > 0
    assert (store.ok, store.size_mb, store.waiting) == (True, None, 0)
    assert store.disk is not None

    def refused() -> None:
        raise PermissionError("/proc is not for you")

    monkeypatch.setattr(psutil, "virtual_memory", refused)
    process, store = vitals.read()
    assert process.machine_memory is None
    assert process.memory_mb is not None
    assert store.disk is not None
