"""What an engine is started with: one frozen record, and how each of its values is read from a text."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

from msgspec import Struct

from services.protocol.errors import UsageError

DEFAULT_PROFILE = "sim"
DEFAULT_SCENARIO = "funding-harvest"
DEFAULT_SEED = 1
DEFAULT_SPEED = Decimal(60)
"""The default world of a bare start (RUNTIME 1)."""

FAULT_KINDS = (
    "latency",
    "timeout",
    "drop",
    "duplicate",
    "reorder",
    "checksum",
    "429",
    "5xx",
    "skew",
    "partial",
    "halfopen",
    "reject",
    "adl",
    "outage",
    "fsync",
)

OF_THE_DISK = ("fsync",)
"""Of the fault kinds: no venue has them."""

WORLD_FLAGS = ("scenario", "history", "seed", "step", "instruments")
"""The flags that name a world: an engine that runs another one is never attached to."""

PROFILE_NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")
RESERVED_PROFILES = ("accounts",)


class FaultSpec(Struct, frozen=True):
    """`--fault KIND[@VENUE]=P`."""

    kind: str
    venue: str | None
    """None = every venue."""
    probability: Decimal
    """0 < P <= 1, for each occasion."""

    def __str__(self) -> str:
        where = f"@{self.venue}" if self.venue else ""
        return f"{self.kind}{where}={self.probability}"


class RunOptions(Struct, frozen=True, kw_only=True):
    """None = not given: the profile, the state folder's own world, or the default decides."""

    profile: str = DEFAULT_PROFILE
    state_dir: str | None = None
    scenario: str | None = None
    history: str | None = None
    """Absolute path."""
    seed: int | None = None
    speed: Decimal | Literal["max"] | None = None
    for_s: int | None = None
    """Wall seconds."""
    for_sim_s: int | None = None
    """Simulated seconds."""
    new_world: bool = False
    fault: tuple[FaultSpec, ...] = ()
    assume_par: tuple[str, ...] = ()
    live: bool = False
    log_json: bool = False
    instruments: int | None = None
    """Synthetic perps added to the simulator's own, for benches."""
    step: int | None = None
    """Seconds of the market's grid, 1 to 10."""
    journal: bool = False
    """History runs journal only when asked."""
    ready_fd: int | None = None
    """Where the one line `ready` or the error goes."""
    debug: bool = False

    def world_flags(self) -> dict[str, str]:
        """The world flags that were given, as text: what `Hello.world` is compared with."""
        given = {name: getattr(self, name) for name in WORLD_FLAGS}
        return {name: str(value) for name, value in given.items() if value is not None}


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(d|h|m|s)")
_UNIT_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_duration(text: str) -> int:
    """`20h`, `30m`, `10s`, `2d`, `1h30m` as whole seconds, more than none."""
    total = Decimal(0)
    position = 0
    for match in _DURATION.finditer(text):
        if match.start() != position:
            break
        total += Decimal(match[1]) * _UNIT_S[match[2]]
        position = match.end()
    if not text or position != len(text) or total <= 0 or total != total.to_integral_value():
        raise UsageError(f"duration {text!r}: expected a number with a unit, for example 20h, 30m, 10s or 2d")
    return int(total)


def parse_speed(text: str) -> Decimal | Literal["max"]:
    """`max` or how many simulated seconds one wall second makes."""
    if text == "max":
        return "max"
    value = _decimal(text)
    if value is None or not 0 < value <= 1_000_000:
        raise UsageError(f"speed {text!r}: expected max or a number above 0, for example 60")
    return value


def parse_profile(text: str) -> str:
    if not PROFILE_NAME.fullmatch(text) or text in RESERVED_PROFILES:
        raise UsageError(
            f"profile {text!r}: expected a lower-case letter, then up to 15 letters, digits or dashes, "
            f"and not {' or '.join(RESERVED_PROFILES)}"
        )
    return text


def parse_fault(text: str) -> FaultSpec:
    kind_at, equals, probability = text.partition("=")
    kind, at, venue = kind_at.partition("@")
    value = _decimal(probability)
    if not equals or kind not in FAULT_KINDS or (at and not venue) or value is None or not 0 < value <= 1:
        raise UsageError(
            f"fault {text!r}: expected KIND[@VENUE]=P with P in (0, 1] and KIND one of "
            + ", ".join(FAULT_KINDS)
        )
    if at and kind in OF_THE_DISK:
        raise UsageError(f"fault {text!r}: the disk is no venue's; say {kind}={probability}")
    return FaultSpec(kind, venue or None, value)


def parse_int(what: str, low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,18}", text) or not low <= int(text) <= high:
            raise UsageError(f"{what} {text!r}: expected a whole number from {low} to {high}")
        return int(text)

    return parse


def parse_coin(text: str) -> str:
    if not re.fullmatch(r"[A-Z0-9]{2,10}", text):
        raise UsageError(f"coin {text!r}: expected a coin's name in capitals, for example USDT")
    return text


def parse_path(text: str) -> str:
    if not text or "\0" in text:
        raise UsageError(f"path {text!r}: expected a path")
    return str(Path(text).expanduser().absolute())


def parse_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", text):
        raise UsageError(f"scenario {text!r}: expected a scenario's name, for example {DEFAULT_SCENARIO}")
    return text


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
