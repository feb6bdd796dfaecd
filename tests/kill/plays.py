"""What an engine lives through before it is killed: one play a name, the same every time, in virtual time.

The world is small (one pair of perps, a short past) and starts two and a half minutes before a settlement
and a checkpoint of the exchange, so that a whole life takes a fifth of a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from msgspec.structs import replace

from services.domain.enums import PairState, Purpose
from services.domain.events import AccountReport, Command, Event, MarketFrame, OrderReport, StopRequested
from services.domain.orders import OrderRequest
from services.drive import direct as direct_flatten
from services.drive.lock import Holder
from services.drive.machine import VirtualMachine
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.settings.cross import Cross
from services.settings.funding import Funding
from services.settings.layout import StateLayout
from services.settings.parameters import (
    Breaker,
    DeadMan,
    Execution,
    Freshness,
    Pair,
    Settings,
    StrategySettings,
)
from services.venues.sim import funding
from services.venues.sim.scenarios import MARCH_2023, SCENARIOS
from services.venues.sim.world import World, make_world
from tests.kill.doors import Marks, marked_keeper, marked_venues

S = 1_000_000_000
PAST_H = 24
"""Hours of settled rates before the start: the market's back-fill costs more than the whole play."""

SETTINGS = Settings(
    fresh=Freshness(self_clear_s=1),
    strategies={
        "funding_arb": StrategySettings(kind="funding_arb", funding=Funding(persistence_sample=2)),
    },
)


SPOT_SEEDS = 1_000
"""Worlds from this seed on have spot alone: a coin changes hands once, and nothing is held."""

APART = "apart"
"""Its market, known in the zygote alone."""

SPOT_SETTINGS = Settings(
    fresh=Freshness(self_clear_s=1),
    strategies={
        "cross_exchange": StrategySettings(
            kind="cross_exchange", cross=Cross(cooldown_close_min=600, cooldown_failed_min=600)
        ),
    },
)

STOPPED = "stopped by policy"

OF_PLAY = {
    # A venue refuses every hedge, and that alone must not end the entry.
    "canceled": replace(SETTINGS, pair=Pair(entry_policy="cancel"), breaker=Breaker(rejects_in_row=40)),
    "dead_man": replace(SETTINGS, exec=Execution(exit_style="maker"), deadman=DeadMan(timeout_s=3, beat_s=1)),
}
"""Of plays that need other settings. The life after a kill has the plain ones; a pair keeps its policy."""


def small_world(seed: int = 7) -> World:
    """13:57:30: inside the entry window until 13:58, a settlement of beta at 14:00. Of spot: USDC on beta
    moves off within seconds."""
    if seed >= SPOT_SEEDS:
        world = make_world(APART, seed)
        return replace(world, instruments=tuple(each for each in world.instruments if not each.is_perp))
    world = make_world("funding-harvest", seed)
    return replace(
        world,
        start=MARCH_2023 + (13 * 3600 + 57 * 60 + 30) * S,
        instruments=tuple(
            each for each in world.instruments if each.symbol == "BTC-USDT-PERP" or not each.is_perp
        ),
    )


def shorten_the_past() -> None:
    """In this process: a back-fill of `PAST_H` hours. Both lives of a world must have the same, and know the
    market of the spot plays."""
    funding.BACKFILL_HOURS = PAST_H
    path = ((0, 0.0), (8, 0.0), (10, 45.0), (7_200, 45.0))
    SCENARIOS[APART] = replace(SCENARIOS["dislocation"], name=APART, offsets={"USDC.beta": path})


@dataclass
class Life:
    """One engine on a folder, from its start to whatever ends it."""

    folder: Path
    marks: Marks
    policy: str
    seed: int = 7
    settings: Settings | None = None
    """None = those of the world."""
    lost: Callable[[OrderRequest], bool] = lambda order: False
    """Orders that never reach the venue."""
    deaf: set[str] = field(default_factory=set)
    """Orders about which nothing is heard but by asking."""
    targets: dict[str, Decimal] = field(default_factory=dict)
    """Largest target by pair."""

    def __post_init__(self) -> None:
        self.layout = StateLayout(self.folder)
        self.spot = self.seed >= SPOT_SEEDS
        plain = SPOT_SETTINGS if self.spot else SETTINGS
        settings = plain if self.settings is None else self.settings
        self.session = Session(self.layout, small_world(self.seed), settings, "test")
        self.session.open(SessionNote(pid="1", speed="max", state_dir=str(self.folder)))
        session = self.session
        self.session.keeper = marked_keeper(session.keeper, self.marks, self.policy)
        self.machine = VirtualMachine(
            session.desk,
            marked_venues(session.exchange.doors, self.marks, self.folder, self._is_lost),
            session.exchange,
            session.queue,
            session.keeper,
            on_handled=session.handled,
            on_fault=session.exchange.set_fault,
        )
        feed = self.machine.feed

        def heard(event: Event) -> None:
            told = isinstance(event, MarketFrame | AccountReport | OrderReport)
            if told or getattr(event, "client_order_id", "") not in self.deaf:
                feed(event)

        self.machine.feed = heard  # type: ignore[method-assign]
        self.marks.causes = self.causes
        session.first_events()

    def _is_lost(self, order: OrderRequest) -> bool:
        return self.lost(order)

    def causes(self) -> tuple[str, list[list[str]]]:
        book = self.session.desk.core.causes
        latched = [[cause.name, cause.scope] for cause in book.causes() if cause.latched]
        return book.overall().value, latched

    @property
    def now(self) -> int:
        return self.session.queue.now

    def step(self) -> None:
        self.machine.settle_commits()
        assert self.machine.step()
        for pair in self.session.desk.core.pairs.live():
            self.targets[pair.id] = max(pair.short.target, pair.long.target)

    def run(self, seconds: float) -> None:
        self.until(None, seconds)

    def until(self, met: Callable[[], bool] | None, limit_s: float = 60) -> None:
        """Event by event until it holds; AssertionError when it does not in time."""
        end = self.now + int(limit_s * S)
        while met is None or not met():
            self.machine.settle_commits()
            due = self.session.queue.next_due()
            if due is None or due > end or self.machine.stopped is not None:
                assert met is None, f"not met within {limit_s} s"
                return
            self.step()

    def command(self, name: str, /, **args: str) -> None:
        self.machine.settle_commits()
        self.machine.feed(
            Command(id=f"c{self.machine.events}", name=name, args=args, origin="test", ts=self.now)
        )

    def states(self) -> list[PairState]:
        return [pair.state for pair in self.session.desk.core.pairs.live()]

    def sizes(self) -> dict[str, Decimal]:
        """By the exchange's own books; of spot what our orders have moved. Looked at after every event, so
        without a whole report of the account."""
        if self.spot:
            return self._moved()
        return {
            name: held.size
            for venue in self.session.exchange.venues.values()
            for name, held in venue.state.account.holdings.items()
            if held.size
        }

    def _moved(self) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for venue in self.session.exchange.venues.values():
            for fill in venue.state.account.fills:
                done = found.get(fill.instrument, Decimal(0)) + fill.quantity * fill.side.sign
                found[fill.instrument] = done
        return {name: done for name, done in found.items() if done}

    def alone(self) -> Decimal:
        """What stands on one leg without the other, base units; of a position, or of spot moved."""
        return abs(sum(self.sizes().values(), Decimal(0)))

    def hedged(self) -> bool:
        return self.states() == [PairState.HEDGED]

    def one_leg(self) -> bool:
        return len(self.sizes()) == 1

    def stopped_by_policy(self) -> list[str]:
        """Pairs that wait for a person."""
        live = self.session.desk.core.pairs.live()
        return [
            pair.id
            for pair in live
            if pair.state is PairState.FROZEN and pair.frozen_reason.find(STOPPED) >= 0
        ]

    def again(self) -> None:
        """Ended without any last word, and started once more on what lies in the folder."""
        self.close()
        self.__post_init__()

    def close(self) -> None:
        self.session.close()


# -- the plays ---------------------------------------------------------------------------------------------


def harvest(life: Life) -> None:
    """Opened in slices, hedged, paid a settlement, closed by hand."""
    life.until(life.hedged)
    life.until(lambda: bool(life.session.exchange.venues["beta"].state.account.payments), 200)
    life.run(6)
    life.command("pair close", id="P-01")
    life.until(lambda: life.sizes() == {})
    life.run(2)


def halted(life: Life) -> None:
    """Halted while the first leg of a slice is alone; then on, halted, for a while."""
    life.until(life.one_leg)
    life.command("halt")
    life.until(lambda: life.hedged() or life.states() == [])
    life.run(4)


def resumed(life: Life) -> None:
    """Halted when hedged, resumed, then closed by hand."""
    life.until(life.hedged)
    life.command("halt")
    life.run(1)
    life.command("resume", reason="test")
    life.run(1)
    life.command("pair close", id="P-01")
    life.until(lambda: life.sizes() == {})


def flattened(life: Life) -> None:
    life.until(life.hedged)
    life.command("flatten")
    life.until(lambda: not life.session.desk.core.flattens.running())
    life.run(1)


def pair_flattened(life: Life) -> None:
    """A flatten of one pair: its cause has a scope, and no latch file of its own."""
    life.until(life.hedged)
    life.command("flatten", what="P-01")
    life.until(lambda: not life.session.desk.core.flattens.running())
    life.run(1)


def lost(life: Life) -> None:
    """The first hedge never reaches the venue: in doubt until the venue has settled, then on."""
    met: list[str] = []

    def first_hedge(order: OrderRequest) -> bool:
        if order.purpose is Purpose.HEDGE and not met:
            met.append(order.client_order_id)
            return True
        return False

    life.lost = first_hedge
    life.until(lambda: PairState.IN_DOUBT in life.states())
    life.until(lambda: PairState.IN_DOUBT not in life.states())
    life.until(lambda: life.hedged() or life.states() == [])
    life.run(2)


def unheard(life: Life) -> None:
    """The venue takes the first hedge and fills it, and no word of it comes back."""
    seen: list[str] = []

    def deaf_to_it(order: OrderRequest) -> bool:
        if order.purpose is Purpose.HEDGE and not seen:
            seen.append(order.client_order_id)
            life.deaf.add(order.client_order_id)
        return False

    life.lost = deaf_to_it
    life.until(lambda: PairState.IN_DOUBT in life.states())
    life.until(lambda: life.hedged() or life.states() == [])
    life.run(2)


def stopped(life: Life) -> None:
    """The graceful stop, asked for with one leg alone, to its end: the store folded, the exchange closed."""
    life.until(life.one_leg)
    life.machine.feed(StopRequested(reason="test", deadline=life.now + 10 * S, ts=life.now))
    life.until(lambda: life.machine.stopped is not None)


def canceled(life: Life) -> None:
    """Every hedge is refused: the policy `cancel` leaves leg 1 alone until a person closes the pair."""
    life.run(1)
    life.command("fault", kind="reject", venue="alpha", chance="1")
    life.until(life.one_leg)
    life.until(lambda: bool(life.stopped_by_policy()))
    life.command("fault", kind="reject", venue="alpha", chance="0")
    life.run(2)
    life.command("pair close", id=life.stopped_by_policy()[0])
    life.until(lambda: life.sizes() == {})
    life.run(2)


def dead_man(life: Life) -> None:
    """An exit rests; its venue is not heard any more, and the switch cancels it there."""
    life.until(life.hedged)
    life.run(3)
    life.command("pair close", id="P-01")
    switches = {name: venue.state.switch for name, venue in life.session.exchange.venues.items()}
    life.until(lambda: any(switch.fires_at is not None for switch in switches.values()))
    (venue,) = [name for name, switch in switches.items() if switch.fires_at is not None]
    life.command("fault", kind="outage", venue=venue, chance="1")
    life.until(lambda: switches[venue].fires_at is None, 20)
    life.command("fault", kind="outage", venue=venue, chance="0")
    life.until(lambda: life.hedged() or life.sizes() == {})
    life.run(2)


def restarted(life: Life) -> None:
    """Ended with one leg alone, started again in the same folder, and lived on."""
    life.until(life.one_leg)
    life.again()
    life.until(lambda: not life.session.desk.core.causes.has("unread", "venue:beta"))
    life.until(lambda: life.hedged() or not life.sizes())
    life.run(4)


def exchanged(life: Life) -> None:
    """A coin sold on one venue and bought on the other, in slices."""
    life.until(life.one_leg)
    life.until(lambda: not life.states() and not life.alone())
    life.run(3)


def taken_back(life: Life) -> None:
    """The other leg is refused, then everything halted: what one leg did is done back."""
    life.until(lambda: life.states() == [PairState.OPENING])
    (pair,) = life.session.desk.core.pairs.live()
    venue = pair.other(pair.first).instrument.rpartition(".")[2]
    life.command("fault", kind="reject", venue=venue, chance="1")
    life.until(life.one_leg)
    life.command("halt")
    life.until(lambda: not life.states() and not life.sizes())
    life.run(3)


def recovering(life: Life) -> None:
    """A start on whatever lies in the folder: the second life, killed in its turn."""
    life.run(15)


def direct(folder: Path, marks: Marks) -> None:
    """`flatten --direct` on the folder: the latch, then a desk of its own over the exchange alone."""
    layout = StateLayout(folder)
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += max(seconds, 1e-6)  # less would be lost beside the figure it is added to

    wall = SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep)
    marks("latch HALTED before")
    direct_flatten.end_engine(layout)
    marks.causes = lambda: ("HALTED", [["flatten", "all"]])
    marks("latch HALTED after")
    holder = Holder(pid=1, profile="sim", version="test", started="", accounts=(), folder=str(folder))
    with mock.patch.object(direct_flatten, "time", wall):
        done = direct_flatten.flatten(layout, small_world(), SETTINGS, holder, "", lambda text: None)
    assert done.ok, done.text


DIRECT = "direct"

PLAYS: dict[str, Callable[[Life], None]] = {
    play.__name__: play
    for play in (
        harvest,
        halted,
        resumed,
        flattened,
        pair_flattened,
        lost,
        unheard,
        stopped,
        canceled,
        dead_man,
        restarted,
        exchanged,
        taken_back,
        recovering,
    )
}
