"""A share of the adversarial runs: seeds in a row, what they covered, and every one that broke a rule."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from services.domain.enums import FaultKind
from tests.adversary.arena import Arena
from tests.adversary.judge import broken
from tests.adversary.plan import Plan, plan
from tests.figures import Say

SOAK = os.environ.get("STABLECONSOLE_SOAK") == "1"
RUNS = 25_000 if SOAK else 1_000
"""Of each of the two halves, which two workers share."""
LEAST_BOTH = 0.60
"""Share of the runs in which both legs traded."""
LEAST_FIRED = 0.05
"""Share of the runs in which each kind of fault, and each of what is rare, was really done."""
RARE = ("restart", "dead man", "cancel policy", "fill after cancel", "overstay")


@dataclass
class Share:
    runs: int = 0
    both: int = 0
    fired: Counter[FaultKind] = field(default_factory=Counter)
    rare: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def words(self) -> str:
        fired = ", ".join(f"{kind.value} {self.fired[kind] / self.runs:.1%}" for kind in FaultKind)
        rare = ", ".join(f"{name} {self.rare[name] / self.runs:.1%}" for name in RARE)
        both = f"{self.both / self.runs:.1%}"
        return f"{self.runs} runs, both legs traded in {both}; fired: {fired}; happened: {rare}"


def one(seed: int, draw: Callable[[int], Plan] = plan, *, spot: bool = False) -> tuple[Arena | None, str]:
    """The run, and what it broke; empty = nothing. An engine that fell over broke everything."""
    arena = Arena(draw(seed), spot)
    try:
        wrong = broken(arena.run(None if SOAK else lambda each: not broken(each)))
    except Exception as error:  # the seed belongs into the report, whatever it was
        return None, f"{arena.plan.words()}\n    raised {error!r} from {error.__cause__!r}"
    text = "\n".join(f"    {line}" for line in dict.fromkeys(wrong))
    return arena, f"{arena.plan.words()}\n{text}" if wrong else ""


def run(first: int, count: int, *, spot: bool = False) -> Share:
    # What lives here already lives as long as the tests do: each full collection walks over it for 0.2 s.
    gc.freeze()
    share = Share()
    for seed in range(first, first + count):
        arena, wrong = one(seed, spot=spot)
        share.runs += 1
        if wrong:
            share.failures.append(wrong)
        if arena is not None:
            share.both += all(arena.ours(leg) for leg in arena.legs)
            share.fired += Counter(set(arena.fired()))
            share.rare += Counter(arena.rare())
    return share


def check(first: int, figure: Say) -> None:
    """The property, over this half's seeds."""
    share = run(first, RUNS)
    figure(share.words())
    assert not share.failures, f"{len(share.failures)} of {share.runs} runs:\n" + "\n".join(
        share.failures[:20]
    )
    assert share.both >= LEAST_BOTH * share.runs, share.words()
    rare = [kind.value for kind in FaultKind if share.fired[kind] < LEAST_FIRED * share.runs]
    rare += [name for name in RARE if share.rare[name] < LEAST_FIRED * share.runs]
    assert not rare, f"{rare} hardly happened: {share.words()}"
