"""The flags of `run` as one table.

Three read it: the quick parser of a bare start (which loads no command library), the full command line with
its help, and the spawner that hands the same flags on to the engine's own process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from services.protocol.errors import UsageError
from services.protocol.options import (
    RunOptions,
    parse_coin,
    parse_duration,
    parse_fault,
    parse_int,
    parse_name,
    parse_path,
    parse_profile,
    parse_speed,
)


class Flag(Struct, frozen=True, kw_only=True):
    name: str
    field: str
    metavar: str = ""
    """Empty: a switch."""
    help: str
    parse: Callable[[str], Any] = str
    many: bool = False
    hidden: bool = False
    """Between our own processes; not shown in the help."""

    @property
    def switch(self) -> bool:
        return not self.metavar


FLAGS: tuple[Flag, ...] = (
    Flag(name="--profile", field="profile", metavar="NAME", help="Which profile.", parse=parse_profile),
    Flag(
        name="--state-dir",
        field="state_dir",
        metavar="DIR",
        help="Where the engine's state lies.",
        parse=parse_path,
    ),
    Flag(
        name="--scenario",
        field="scenario",
        metavar="NAME",
        help="Simulated market: funding-harvest (default), funding-flip, calm, usdc-depeg-2023, flash-crash, "
        "outage, adl, dislocation.",
        parse=parse_name,
    ),
    Flag(
        name="--history",
        field="history",
        metavar="PATH",
        help="Recorded market: a folder or a history.toml.",
        parse=parse_path,
    ),
    Flag(
        name="--seed",
        field="seed",
        metavar="N",
        help="Seed of the simulated market.",
        parse=parse_int("seed", 0, 2**53),
    ),
    Flag(
        name="--speed",
        field="speed",
        metavar="N|max",
        help="Simulated seconds per wall second (default 60).",
        parse=parse_speed,
    ),
    Flag(
        name="--for", field="for_s", metavar="D", help="Stop after this wall time: 10m.", parse=parse_duration
    ),
    Flag(
        name="--for-sim",
        field="for_sim_s",
        metavar="D",
        help="Stop after this simulated time: 20h.",
        parse=parse_duration,
    ),
    Flag(name="--new-world", field="new_world", help="Move the old world aside and start this one."),
    Flag(
        name="--fault",
        field="fault",
        metavar="KIND[@VENUE]=P",
        help="Make the simulated venues, or with fsync the disk, misbehave; may be repeated.",
        parse=parse_fault,
        many=True,
    ),
    Flag(
        name="--assume-par",
        field="assume_par",
        metavar="COIN",
        help="Take this coin at 1.00 USD for want of a price series; stamped; may be repeated.",
        parse=parse_coin,
        many=True,
    ),
    Flag(name="--live", field="live", help="Second key to a live profile."),
    Flag(
        name="--instruments",
        field="instruments",
        metavar="N",
        help="Add synthetic perps, for benches.",
        parse=parse_int("instruments", 0, 2_000),
    ),
    Flag(
        name="--step",
        field="step",
        metavar="S",
        help="Seconds between market steps, 1 to 10.",
        parse=parse_int("step", 1, 10),
    ),
    Flag(name="--journal", field="journal", help="Journal a history run too."),
    Flag(name="--log-json", field="log_json", help="Log JSON lines to stdout."),
    Flag(
        name="--ready-fd",
        field="ready_fd",
        metavar="FD",
        help="Tell a waiting starter over this descriptor.",
        hidden=True,
        parse=parse_int("ready-fd", 0, 1_000_000),
    ),
    Flag(name="--debug", field="debug", help="Show tracebacks."),
)

FLAG_BY_NAME: Mapping[str, Flag] = {flag.name: flag for flag in FLAGS}


def build(given: Mapping[str, object]) -> RunOptions:
    """Texts by field (lists for flags that repeat, True for switches) to options, combinations checked."""
    values: dict[str, Any] = {}
    for flag in FLAGS:
        raw = given.get(flag.field)
        if raw is None or raw is False or raw in ([], ()):
            continue
        if flag.many:
            texts = raw if isinstance(raw, list | tuple) else [raw]
            values[flag.field] = tuple(flag.parse(str(text)) for text in texts)
        else:
            values[flag.field] = True if flag.switch else flag.parse(str(raw))
    options = RunOptions(**values)
    if options.scenario is not None and options.history is not None:
        raise UsageError("--scenario and --history name two worlds: give one of them")
    return options


def to_argv(options: RunOptions) -> list[str]:
    """The flags that give these options back: what the spawner passes on."""
    argv: list[str] = []
    for flag in FLAGS:
        value = getattr(options, flag.field)
        if value is None or value is False or value == ():
            continue
        for item in value if flag.many else (value,):
            argv += [flag.name] if flag.switch else [flag.name, _text_of(flag, item)]
    return argv


def _text_of(flag: Flag, value: object) -> str:
    return f"{value}s" if flag.parse is parse_duration else str(value)


def quick_parse(
    argv: Sequence[str], extra_switches: Sequence[str]
) -> tuple[dict[str, object], set[str]] | None:
    """Flags of a plain start as texts by field, and which of the extra switches stood there.

    None when anything is unusual (help, an unknown flag, a missing value): the full command line then says
    what is wrong.
    """
    given: dict[str, object] = {}
    repeated: dict[str, list[str]] = {}
    switches: set[str] = set()
    items = iter(argv)
    for item in items:
        name, equals, value = item.partition("=")
        flag = FLAG_BY_NAME.get(name)
        if item in extra_switches:
            switches.add(item)
        elif flag is None or (flag.switch and equals):
            return None
        elif flag.switch:
            given[flag.field] = True
        else:
            text = value if equals else next(items, None)
            if text is None:
                return None
            if flag.many:
                repeated.setdefault(flag.field, []).append(text)
            else:
                given[flag.field] = text
    return given | repeated, switches
