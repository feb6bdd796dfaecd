"""What happens in one adversarial scenario, drawn from its seed alone: faults, the operator, the strategy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from services.domain.enums import FaultKind

WARM_S = 12.0
"""The desk starts, reads its venues and opens its first pair; faults may begin any time after the start."""
CALM_S = 60.0
"""After the last fault, everything has to be in order within this time (SEMANTICS 7)."""
BRIEF_S = 40.0
"""A run that is in order by then may end: the last look after what a person has to do lies behind."""

_GENTLE = (FaultKind.OUTAGE, FaultKind.HALF_OPEN, FaultKind.ADL, FaultKind.SKEW)
"""Drawn at each frame, and lasting or final: a smaller chance does as much."""

_LINE = tuple(kind for kind in FaultKind if kind is not FaultKind.SLOW_FSYNC)
"""What a line does; the disk is drawn beside it, so that a seed keeps what it drew before there was one."""

_KINDS = (*_LINE, FaultKind.PARTIAL, FaultKind.PARTIAL, FaultKind.REJECT, FaultKind.TIMEOUT)
"""Those that hit orders alone have fewer occasions: they are drawn more often."""
_GENTLE_CHANCES = ("0.05", "0.1", "0.25")
_CHANCES = ("0.05", "0.1", "0.15", "0.3", "0.3", "0.6", "1")

_DEEDS = (
    "close", "close", "halt", "resume", "flatten", "flatten pair", "flatten venue", "pause", "enable",
    "buy", "sell", "rest", "transfer",
)  # fmt: skip


@dataclass(frozen=True)
class FaultPlan:
    kind: FaultKind
    venue: str
    chance: str
    begin: float
    end: float
    """Seconds from the start."""


DEAD_MAN_S = 4.0
"""Time-out of the dead-man's switches where the engine is to be dead for longer."""


@dataclass(frozen=True)
class Restart:
    """The engine is killed and started again."""

    at: float
    down_s: float
    """The venues go on meanwhile; with `dead_man` so much longer than its time-out."""
    late: bool
    """The disk holds only what somebody waited for; else all."""
    dead_man: bool
    """Killed while orders rest under an armed switch, and away until it has fired."""


@dataclass(frozen=True)
class LateFills:
    """Fills of ours are told by so much later than everything else: after the word that the rest is gone."""

    venue: str
    late_s: float
    begin: float
    end: float


@dataclass(frozen=True)
class Overstay:
    """What was to end at once is left working by the venue until it is canceled."""

    venue: str
    begin: float
    end: float


@dataclass(frozen=True)
class Deed:
    at: float
    what: str
    pick: int


@dataclass(frozen=True)
class Plan:
    seed: int
    faults: tuple[FaultPlan, ...]
    deeds: tuple[Deed, ...]
    faulty_until: float
    close_after: float
    """The strategy closes a pair that has been hedged for so long (seconds)."""
    market: int
    """Seed of the market."""
    crash: bool
    """BTC falls by 15 % within four minutes while it goes on."""
    settles: bool
    """It meets a funding settlement."""
    entry_style: str
    exit_style: str
    """`taker`, or `maker`: leg 1 rests post-only."""
    entry_policy: str
    exit_policy: str = "proceed"
    restart: Restart | None = None
    late_fills: LateFills | None = None
    overstay: Overstay | None = None

    def words(self) -> str:
        faults = ", ".join(
            f"{f.kind.value}@{f.venue}={f.chance} {f.begin:.1f}-{f.end:.1f}s" for f in self.faults
        )
        deeds = ", ".join(f"{d.what} at {d.at:.1f}s" for d in self.deeds)
        how = f"{self.entry_style}/{self.exit_style}/{self.entry_policy}/{self.exit_policy}"
        how = f"{how}{' crash' * self.crash}"
        how = f"{how}, {self.restart}" if self.restart is not None else how
        how = f"{how}, {self.late_fills}" if self.late_fills is not None else how
        how = f"{how}, {self.overstay}" if self.overstay is not None else how
        return f"seed {self.seed}: {how}, faults [{faults}], deeds [{deeds}] until {self.faulty_until:.1f}s"


def plan(seed: int) -> Plan:
    """What the line, the operator and the strategy do, and beside it the disk, restarts and leg policies."""
    found = base(seed)
    draw = Random(f"{seed}:more")
    close_after = found.close_after
    faults, policies, exit_style = found.faults, (found.entry_policy, found.exit_policy), found.exit_style
    if draw.random() < 0.17:
        begin = 12.3 + draw.random() * 3
        chance = draw.choice(("0.3", "0.6", "1"))
        faults = (*faults, FaultPlan(FaultKind.SLOW_FSYNC, "all", chance, begin, found.faulty_until))
    if draw.random() < 0.16:
        # The thick leg's venue refuses while a pair closes, or, less often, opens: leg 2 is late.
        policies, close_after = ("cancel", "cancel"), 2.0
        exit_style = "taker"
        begin = 8.0 + draw.random() * 3 if draw.random() < 0.15 else 14.5 + draw.random()
        faults = (
            *faults,
            FaultPlan(FaultKind.REJECT, "alpha", "1", begin, min(begin + 8, found.faulty_until)),
        )
    again = None
    if draw.random() < 0.18:
        dead_man = draw.random() < 0.7
        if dead_man:  # what rests is leg 1 of an exit, so that both legs have traded before
            close_after, exit_style = 2.0, "maker"
        at = WARM_S + 1 + draw.random() * (found.faulty_until - WARM_S - 3)
        again = Restart(at, draw.choice((0.05, 0.5, 1.0, 3.0)), draw.random() < 0.5, dead_man)
    late = None
    if draw.random() < 0.14:
        # A part of what an order asks for trades, and its end is heard before that.
        late = LateFills(
            draw.choice(("alpha", "beta")), draw.choice((0.1, 0.4, 1.5)), 11.5, found.faulty_until
        )
        faults = (*faults, FaultPlan(FaultKind.PARTIAL, late.venue, "0.6", 11.5, found.faulty_until))
    stays = None
    if draw.random() < 0.17:
        stays = Overstay(draw.choice(("alpha", "beta")), 11.5, found.faulty_until)
        faults = (*faults, FaultPlan(FaultKind.PARTIAL, stays.venue, "1", 11.5, found.faulty_until))
        if again is None or not again.dead_man:  # many orders that end at once: it goes in and out
            close_after, exit_style = 2.0, "taker"
    return replace(
        found,
        faults=faults,
        entry_policy=policies[0],
        exit_policy=policies[1],
        close_after=close_after,
        exit_style=exit_style,
        restart=again,
        late_fills=late,
        overstay=stays,
    )


def base(seed: int) -> Plan:
    draw = Random(seed)
    until = WARM_S + 8 + draw.random() * 18
    faults = tuple(_fault(draw, until) for _ in range(draw.choice((1, 2, 2, 3, 3, 4, 5))))
    deeds = tuple(
        Deed(
            draw.choice((WARM_S * draw.random(), *(WARM_S + draw.random() * (until - WARM_S),) * 4)),
            draw.choice(_DEEDS),
            draw.randrange(1000),
        )
        for _ in range(draw.choice((0, 0, 1, 1, 2, 3)))
    )
    return Plan(
        seed=seed,
        faults=faults,
        deeds=tuple(sorted(deeds, key=lambda each: each.at)),
        faulty_until=until,
        close_after=draw.choice((2.0, 5.0, 15.0, 1000.0)),
        market=draw.randrange(4),
        crash=draw.random() < 0.12,
        settles=draw.random() < 0.2,
        entry_style=draw.choice(("taker", "taker", "taker", "taker", "maker")),
        exit_style=draw.choice(("taker", "taker", "maker")),
        entry_policy=draw.choice(("reverse", "reverse", "proceed")),
    )


def _fault(draw: Random, until: float) -> FaultPlan:
    kind = draw.choice(_KINDS)
    begin = draw.choice((0.0, WARM_S * draw.random(), *(WARM_S + draw.random() * 8,) * 6))
    end = begin + 4 + draw.random() * (until - begin)
    venue = draw.choice(("alpha", "beta", "all"))
    chance = draw.choice(_GENTLE_CHANCES if kind in _GENTLE else _CHANCES)
    return FaultPlan(kind, venue, chance, begin, min(end, until))
