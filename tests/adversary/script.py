"""The world, the settings and the strategy of an adversarial run, as small as one pair needs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from services.domain.enums import PairState
from services.settings.funding import Funding
from services.settings.parameters import (
    Breaker,
    DeadMan,
    Execution,
    Freshness,
    Pair,
    Settings,
    Sizing,
    StrategySettings,
)
from services.strategies.base import ClosePair, Intent, OpenPair, StrategyView
from services.venues.sim.facts import perp, spot
from services.venues.sim.scenarios import SCENARIOS, Scenario
from services.venues.sim.world import World
from tests.adversary.plan import DEAD_MAN_S, Plan

S = 1_000_000_000
VENUES = ("alpha", "beta")
LEGS = ("BTC-USDT-PERP.beta", "BTC-USDT-PERP.alpha")
"""Short, long."""
SPOT = ("USDC/USD.beta", "USDC/USD.alpha")
"""Sold and bought in turn: what lies on the venues comes back and goes again."""
STEP_S = 2.5
KIND = "scripted"


@dataclass
class ScriptState:
    wake_at: int | None = None
    turns: int = 0
    """Entries proposed so far."""


class Scripted:
    """Opens its one pair whenever entries are welcome, closes it when it has stood for a while. With spot it
    lets a coin change hands, back and forth."""

    kind = KIND
    spot = False
    close_after_ns = 0
    until = 0
    """Of the run at hand: how long a pair stands, and when the last one may be opened."""

    def initial(self) -> ScriptState:
        return ScriptState()

    def decide(
        self, view: StrategyView, params: object, state: ScriptState
    ) -> tuple[tuple[Intent, ...], ScriptState]:
        nap = ScriptState(view.now + (4 * S if view.now < self.until else 8 * S), state.turns)
        for pair in view.pairs:
            stood = pair.opened_ts is not None and view.now - pair.opened_ts >= self.close_after_ns
            if stood and pair.state is PairState.HEDGED:
                return (ClosePair(pair=pair.id, reason="script", discretionary=True),), nap
        if view.pairs or view.blocked or view.now >= self.until:
            return (), nap if view.pairs or view.now < self.until else ScriptState(None, state.turns)
        nap.turns += 1
        return (entry(SPOT[:: 1 if nap.turns % 2 else -1] if self.spot else LEGS),), nap


def entry(legs: tuple[str, ...] = LEGS) -> OpenPair:
    spot = "/" in legs[0]
    return OpenPair(
        short=legs[0],
        long=legs[1],
        group="USDC" if spot else "BTC",
        kind="spot" if spot else "hedge",
        strength=Decimal(1),
        stop_distance=Decimal("0.01"),
        spread=Decimal(10),
        gross=Decimal(100),
        costs=Decimal(20),
        net_edge=Decimal(60),
        break_even_h=Decimal(5),
        reason="script",
    )


SCRIPT = Scripted()


def lean_settings(plan: Plan) -> Settings:
    """The defaults but for the clearing times, so that a run of a minute and a half sees entries; and but for
    the blackouts where it meets a settlement, which would else keep every pair out of it."""
    timing = Funding(entry_window_min_s=3, blackout_s=3) if plan.settles else Funding()
    dead_man = plan.restart is not None and plan.restart.dead_man
    patient = Breaker(rejects_in_row=40, rejects_count=80) if plan.exit_policy == "cancel" else Breaker()
    return Settings(
        breaker=patient,
        strategies={KIND: StrategySettings(kind=KIND, funding=timing)},
        pair=Pair(entry_policy=plan.entry_policy, exit_policy=plan.exit_policy),
        deadman=DeadMan(timeout_s=int(DEAD_MAN_S), beat_s=1) if dead_man else DeadMan(),
        exec=Execution(entry_style=plan.entry_style, exit_style=plan.exit_style),
        fresh=Freshness(self_clear_s=2, outage_settle_s=5),
        size=Sizing(max_pair_fraction=Decimal("0.12")),
    )


SETTLES_S = 10 * 60
"""After the world's start."""
SETTLES_AT_S = 22
"""Of a run: a pair stands by then, and the faults go on."""
CRASH_S = 30 * 60
"""The scenario's own."""
CRASH_AT_S = 17
"""Of a run: the first pair stands by then, as in any other, or is about to."""


def sooner() -> Scenario:
    """The flash crash soon after the start: a scenario's times count from the world's."""
    crash = SCENARIOS["flash-crash"]
    back = CRASH_S - CRASH_AT_S
    return replace(
        crash,
        paths={name: tuple((at - back, level) for at, level in path) for name, path in crash.paths.items()},
        stress=tuple(replace(each, begin_s=max(0, each.begin_s - back)) for each in crash.stress),
    )


def lean_world(plan: Plan, *, spot_pairs: bool = False) -> World:
    name = "flash-crash" if plan.crash else "funding-harvest"
    offset = CRASH_S - CRASH_AT_S if plan.crash else (SETTLES_S - SETTLES_AT_S if plan.settles else 0)
    return World(
        scenario=name,
        history=None,
        seed=plan.market,
        step_ns=int(STEP_S * S),
        start=SCENARIOS[name].start + offset * S,
        instruments=tuple(
            each
            for venue in VENUES
            for each in (
                (spot(venue, "USDC/USD", "USDC", "USD"),)
                if spot_pairs
                else (perp(venue, "BTC-USDT-PERP", "BTC", "USDT"), spot(venue, "USDT/USD", "USDT", "USD"))
            )
        ),
        balances={
            venue: {"USD": Decimal(30_000), "USDC" if spot_pairs else "USDT": Decimal(20_000)}
            for venue in VENUES
        },
    )
