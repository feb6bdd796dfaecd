"""One world twice: in process, and as `stableconsole sim --lockstep`; what each desk decided."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from services.domain.effects import Cancel, Decision, Effect, Send
from services.drive.machine import VirtualMachine
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.protocol.redact import Redactor
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.store.journal import DECISION
from services.store.replay import JournalReader
from services.venues.ftx.sign import signature
from services.venues.sim.facts import LATENCY_NS, MS, NS
from services.venues.sim.world import World
from services.workers.lockstep import Lockstep
from services.workers.simserver.worlds import served_world
from tests.e2e.builders import PROGRAM, environment

KEY, SECRET = "trader", "lock and step"
SCENARIO, SEED = "funding-harvest", 1
HERE = Path(__file__).parents[2]
_ADDRESS = re.compile(r"(\w+) (http://127\.0\.0\.1:\d+)/api (ws://127\.0\.0\.1:\d+/ws/)")

Row = tuple[str, ...]
"""One decision: kind, then what it names; no time, no venue's id."""


def brisk(**funding: object) -> Settings:
    """The defaults, but for a pair that is let go within a minute and may come again at once."""
    plain = Settings()
    arb = plain.strategies["funding_arb"]
    changed = {"max_hold_h": Decimal("0.01"), "cooldown_close_h": 0} | funding
    return replace(plain, strategies={"funding_arb": replace(arb, funding=replace(arb.funding, **changed))})


def note(folder: Path) -> SessionNote:
    return SessionNote(pid="1", speed="max", state_dir=str(folder))


def the_world() -> World:
    return served_world(SCENARIO, SEED, step_s=None, synthetic=0, start=None)


def in_process(folder: Path, settings: Settings, seconds: int) -> None:
    """Its journal is left in the folder."""
    world = the_world()
    session = Session(StateLayout(folder), world, settings, "test")
    session.open(note(folder))
    session.exchange.set_latency(LATENCY_NS)
    machine = VirtualMachine(
        session.desk,
        dict(session.exchange.doors),
        session.exchange,
        session.queue,
        session.keeper,
        on_handled=session.handled,
    )
    session.first_events()
    machine.run_until(world.start + seconds * NS)
    assert session.close()


def over_sockets(folder: Path, settings: Settings, seconds: int) -> int:
    """Its journal is left in the folder; how many steps it took."""
    with served() as wires:
        for wire in wires.values():
            set_leverage(wire, 1)
        return asyncio.run(_over_sockets(folder, replace(settings, wires=wires), seconds))


async def _over_sockets(folder: Path, settings: Settings, seconds: int) -> int:
    secrets = {f"STABLECONSOLE_SECRET_{name.upper()}": SECRET for name in settings.wires}
    both = Lockstep(StateLayout(folder), settings, "test", secrets, Redactor(), way_ns=LATENCY_NS)
    try:
        await both.open(note(folder))
        await both.run(both.engine.session.queue.now + seconds * NS)
    finally:
        assert await both.close()
    assert both.world == the_world().digest, "two worlds cannot be compared"
    return both.steps


def set_leverage(wire: VenueWire, times: int) -> None:
    """Read back, an account's own setting bounds what the desk may risk (SEMANTICS 3); in process there is
    none, over sockets it is 10 when nobody has set it."""
    path, body, ts = "/api/account/leverage", json.dumps({"leverage": times}).encode(), time.time_ns() // MS
    headers = {
        "FTX-KEY": KEY,
        "FTX-TS": str(ts),
        "FTX-SIGN": signature(SECRET.encode(), ts, "POST", path, body),
        "Content-Type": "application/json",
    }
    asked = urllib.request.Request(wire.rest + path, body, headers)  # loopback
    with urllib.request.urlopen(asked, timeout=10) as reply:
        assert reply.status == 200


@contextlib.contextmanager
def served() -> Iterator[dict[str, VenueWire]]:
    """The program itself, on free ports of this machine; of this checkout, whatever the environment holds.

    It ran another checkout's once: a world that only one side had was looked for as a wrong number.
    """
    words = (
        "sim", "--port", "0", "--lockstep", "--scenario", SCENARIO, "--seed", str(SEED), "--scenario-time",
        "--latency", str(LATENCY_NS // MS), "--key", KEY, "--secret", SECRET,
    )  # fmt: skip
    with subprocess.Popen(
        [*PROGRAM, *words], env=environment(PYTHONPATH=str(HERE)), stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            found = _ADDRESS.findall(line)
            assert len(found) == 2, line
            yield {
                name: VenueWire(kind="ftx", rest=rest, stream=stream, key=KEY, extensions=True)
                for name, rest, stream in found
            }
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(20)


def decided(folder: Path) -> list[Row]:
    """Everything the desk decided, in its order."""
    reader = JournalReader(StateLayout(folder).store)
    try:
        effects = [row.effect() for row in reader.rows() if row.kind == DECISION]
    finally:
        reader.close()
    names: dict[str, str] = {}
    return [row for effect in effects if (row := _row(effect, names)) is not None]


def _row(effect: Effect, names: dict[str, str]) -> Row | None:
    """Our own order ids hold the engine's draw: they are counted instead."""
    match effect:
        case Decision():
            subject = (
                names.setdefault(effect.subject, f"order {len(names)}") if _ours(effect) else effect.subject
            )
            return (effect.kind, subject, effect.text, effect.figures.get("binding", ""))
        case Send(order=order):
            return (
                "send", names.setdefault(order.client_order_id, f"order {len(names)}"), order.instrument,
                order.side.value, f"{order.quantity.normalize():f}",
                "" if order.price is None else f"{order.price.normalize():f}",
                "" if order.trigger is None else f"{order.trigger.normalize():f}",
                order.type.value, order.tif.value, order.purpose.value, str(order.reduce_only),
            )  # fmt: skip
        case Cancel():
            return (
                "cancel",
                names.setdefault(effect.client_order_id, f"order {len(names)}"),
                effect.instrument,
            )
        case _:
            return None


def _ours(decision: Decision) -> bool:
    return decision.kind in ("gate", "durable", "beside") and not decision.subject.startswith("P-")
