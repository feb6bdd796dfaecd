"""Composition root of `stableconsole sim`: the simulated exchange as a server on loopback (DESIGN 5)."""

from __future__ import annotations

import asyncio
import signal
import time
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from services.domain.enums import FaultKind
from services.protocol.errors import ProductError, UsageError
from services.protocol.exits import Exit
from services.protocol.options import FaultSpec
from services.runtime.clock import wall_ns
from services.workers.simserver.former import take_over
from services.workers.simserver.house import House
from services.workers.simserver.keys import Key
from services.workers.simserver.serve import PortTaken, SimServer, bound
from services.workers.simserver.worlds import same_world, served_world


class SimOptions(Struct, frozen=True, kw_only=True):
    port: int
    """`alpha`; `beta` is the next one. 0 = any two."""
    scenario: str
    seed: int
    speed: float
    """Market seconds a wall second."""
    step_s: float | None
    instruments: int
    latency_ms: float | None
    """None = the simulator's own."""
    lockstep: bool
    scenario_time: bool
    """Begin at the scenario's own instant instead of the wall's."""
    keys: tuple[Key, ...]
    faults: tuple[FaultSpec, ...]
    folder: Path | None
    """Where the accounts' books are kept; None = in memory."""


class _KeyFile(Struct, forbid_unknown_fields=True):
    keys: tuple[Key, ...]


def keys_of(path: Path | None, key: str, secret: str) -> tuple[Key, ...]:
    """Of a file and of the command line. Raises UsageError."""
    known = keys_from(path) if path is not None else ()
    if key in [each.key for each in known]:
        raise UsageError(f"--key {key}: {path} names it, too")
    return (*known, Key(key, secret)) if key else known


def keys_from(path: Path) -> tuple[Key, ...]:
    """A TOML file of `[[keys]]` tables: key, secret, subaccounts, withdraw. Raises UsageError."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _KeyFile).keys
    except OSError as error:
        raise UsageError(f"keys {path}: {error.strerror or error}") from None
    except (ValueError, msgspec.ValidationError) as error:
        raise UsageError(
            f"keys {path}: expected [[keys]] tables with key, secret, subaccounts = [...], withdraw ({error})"
        ) from None
    names = [each.key for each in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"keys {path}: {twice} is named twice")
    return found


def serve(options: SimOptions, say: Callable[[str], None]) -> int:
    """Until SIGINT or SIGTERM. `say` hears where it listens, one line. Raises ProductError, UsageError."""
    try:
        return asyncio.run(_serve(options, say))
    except PortTaken as error:
        raise ProductError(str(error), Exit.FAILED, "port") from None


async def _serve(options: SimOptions, say: Callable[[str], None]) -> int:
    try:
        world = served_world(
            options.scenario,
            options.seed,
            step_s=options.step_s,
            synthetic=options.instruments,
            start=None if options.scenario_time else wall_ns(),
        )
        if options.folder is not None:
            take_over(options.folder, options.keys)
            same_world(options.folder, world)
    except ValueError as error:
        raise UsageError(str(error)) from None
    house = House(
        world,
        options.keys,
        folder=options.folder,
        speed=options.speed,
        lockstep=options.lockstep,
        clock=time.monotonic,
        latency_ms=options.latency_ms,
        late_ns=0 if options.scenario_time else wall_ns() - world.start,
    )
    for fault in options.faults:
        if fault.kind == FaultKind.SLOW_FSYNC:
            raise UsageError(f"--fault {fault}: the disk is the engine's: set it there")
        venues = (fault.venue,) if fault.venue is not None else world.venues
        for venue in venues:
            if venue not in world.venues:
                raise UsageError(f"--fault {fault}: no venue {venue!r}; there are {', '.join(world.venues)}")
            house.set_fault(FaultKind(fault.kind), venue, Decimal(fault.probability))
    ports = [0 if options.port == 0 else options.port + at for at in range(len(world.venues))]
    server = SimServer(house, [bound(port) for port in ports])
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    status = [Exit.DONE]

    def stop(code: Exit) -> None:
        status[0] = code
        ended.set()

    loop.add_signal_handler(signal.SIGTERM, stop, Exit.DONE)
    loop.add_signal_handler(signal.SIGINT, stop, Exit.INTERRUPTED)
    await server.start()
    where = "  ".join(
        f"{venue} http://127.0.0.1:{port}/api ws://127.0.0.1:{port}/ws/"
        for venue, port in server.ports.items()
    )
    say(f"{world.label}: {where}")
    await ended.wait()
    await server.stop()
    return status[0]
