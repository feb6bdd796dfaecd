"""Which world a start means: the flags given, what the state folder holds, the defaults (RUNTIME 6)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from services.domain.events import Command
from services.drive.modes import unknown_rows
from services.drive.session import world_folder_parts
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.options import DEFAULT_SCENARIO, DEFAULT_SEED, DEFAULT_SPEED, RunOptions
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.sim.scenarios import SCENARIOS
from services.venues.sim.world import World, WorldMismatch, history_world, make_world, read_world

if TYPE_CHECKING:
    from services.venues.history.history import HistorySource


class Choice(Struct, frozen=True, kw_only=True):
    """A world, and how it is run."""

    world: World
    history: HistorySource | None
    settings: Settings
    speed: float | None
    """None = as fast as it goes."""
    durable: bool
    stamp: str
    """`SYNTHETIC, generous`, `HISTORY, par USDT, ...`: on every figure."""
    flags: dict[str, str]
    """The world in the words of the command line, for consoles that want to attach."""


def choose(options: RunOptions, layout: StateLayout, settings: Settings) -> Choice:
    """Raises ProductError (unknown scenario, missing par, faults), HistoryError, WorldMismatch."""
    for fault in options.fault:
        # Said and not done would be worse: whoever asks for faults believes what holds under them.
        if options.history is not None:
            raise ProductError(
                f"--fault {fault}: recorded history does not misbehave; use a scenario", Exit.USAGE, "fault"
            )
        if fault.venue is not None and fault.venue not in settings.venues:
            names = ", ".join(settings.venues)
            raise ProductError(
                f"--fault {fault}: no venue {fault.venue!r}; there are {names}", Exit.USAGE, "fault"
            )
    if options.history is not None:
        return _history(options, settings, Path(options.history))
    if options.assume_par:
        raise ProductError(
            f"--assume-par {options.assume_par[0]}: a scenario knows its coins; it is for --history",
            Exit.USAGE,
            "par",
        )
    held = None
    if not options.new_world:
        held = _held(layout)
    asked = {
        "scenario": options.scenario,
        "seed": options.seed,
        "step": options.step,
        "n": options.instruments,
    }
    if held is not None and not any(value is not None for value in asked.values()):
        if held.scenario is None:
            raise ProductError(
                f"{layout.exchange} holds {held.describe()}, and its files are not known here: "
                "name them with --history PATH --journal, or move it aside with --new-world",
                Exit.USAGE,
                "world",
            )
        return _generated(options, settings, held)
    scenario = options.scenario or (held.scenario if held is not None else None) or DEFAULT_SCENARIO
    if scenario not in SCENARIOS:
        names = ", ".join(sorted(SCENARIOS))
        raise ProductError(f"unknown scenario {scenario!r}: expected one of {names}", Exit.USAGE, "scenario")
    seed = options.seed
    if seed is None:
        seed = held.seed if held is not None else DEFAULT_SEED
    step_s = float(options.step) if options.step is not None else None
    world = make_world(scenario, seed, step_s, options.instruments or 0)
    if held is not None and held.canonical != world.canonical:
        raise WorldMismatch(layout.exchange, held, world)
    return _generated(options, settings, world)


def _held(layout: StateLayout) -> World | None:
    try:
        return read_world(layout.exchange)
    except ValueError as error:
        raise ProductError(f"{error}; move it aside with --new-world", Exit.USAGE, "world") from None


def _generated(options: RunOptions, settings: Settings, world: World) -> Choice:
    _fit(settings, world)
    speed = DEFAULT_SPEED if options.speed is None else options.speed
    chosen = SCENARIOS[world.scenario or DEFAULT_SCENARIO]
    synthetic = sum(each.symbol.startswith("SYN") for each in world.instruments) // len(world.venues)
    flags = {
        "scenario": world.scenario or "",
        "seed": str(world.seed),
        "step": str(world.step_ns // 1_000_000_000) if world.step_ns != chosen.step_ns else "",
        "instruments": str(synthetic) if synthetic else "",
    }
    return Choice(
        world=world,
        history=None,
        settings=msgspec.structs.replace(settings, venues=world.venues),
        speed=None if speed == "max" else float(speed),
        durable=True,
        stamp=world.label,
        flags={name: text for name, text in flags.items() if text},
    )


def _fit(settings: Settings, world: World) -> None:
    """What the profile names must be there: a limit that fits nothing would not hold."""
    there = ", ".join(world.venues)
    if set(settings.venues) != set(world.venues):
        raise ProductError(
            f"profiles.{settings.profile}.venues = {', '.join(settings.venues)}: the simulator inside the "
            f"engine trades on {there}: leave it out",
            Exit.USAGE,
            "venues",
        )
    rows = unknown_rows(settings, (each.id for each in world.instruments))
    if rows:
        names = ", ".join(sorted({each.symbol for each in world.instruments}))
        raise ProductError(
            f'profiles.{settings.profile}.limits.instrument."{rows[0]}": no such instrument; there are '
            f"{names}, each on {there}",
            Exit.USAGE,
            "limits",
        )


def _history(options: RunOptions, settings: Settings, path: Path) -> Choice:
    from services.venues.history.history import HistorySource, load_history

    history = load_history(path)
    missing = [coin for coin in history.coins_without_usd() if coin not in options.assume_par]
    if missing:
        raise ProductError(
            f"history {path}: no USD series for {', '.join(missing)}; "
            f"say {' '.join(f'--assume-par {coin}' for coin in missing)} to take it at 1.00",
            Exit.USAGE,
            "par",
        )
    source = HistorySource(history)
    world = history_world(source)
    par = tuple(options.assume_par)
    stamps = ["HISTORY", *history.stamps, *[f"par {coin}" for coin in par]]
    opening = next(iter(world.balances.values()))
    stamps.append(" and ".join(f"{amount:f} {coin}" for coin, amount in opening.items()) + " an account")
    stamps.append(f"data good for {2 * history.step_ns // 3_600_000_000_000} h")
    changed = msgspec.structs.replace(
        settings, venues=world.venues, data_step_ns=history.step_ns, assume_par=par, mode="backtest"
    )
    speed = "max" if options.speed is None else options.speed
    return Choice(
        world=world,
        history=source,
        settings=changed,
        speed=None if speed == "max" else float(speed),
        durable=options.journal,
        stamp=", ".join(dict.fromkeys(stamps)),
        flags={"history": str(path)},
    )


def made_faults(options: RunOptions, now: int) -> tuple[Command, ...]:
    """`--fault` as the commands they are: journaled like any other, so that a replay knows of them."""
    return tuple(
        Command(
            id=f"fault-{number}",
            name="fault",
            args={"kind": each.kind, "venue": each.venue or "all", "chance": str(each.probability)},
            origin="shell:flags",
            ts=now,
        )
        for number, each in enumerate(options.fault, 1)
    )


def move_world_aside(layout: StateLayout) -> Path | None:
    """`--new-world`: everything of the old world goes to `world.N`; None = there was none."""
    parts = [part for part in world_folder_parts(layout) if part.exists()]
    if not parts:
        return None
    number = 1
    while (target := layout.root / f"world.{number}").exists():
        number += 1
    target.mkdir(mode=0o700)
    for part in parts:
        part.rename(target / part.name)
    return target
