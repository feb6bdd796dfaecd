"""A living desk in one process: the simulator's world and exchange, virtual time, nothing kept on disk."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from services.desk.core import MINUTE, SECOND
from services.desk.desk import Desk
from services.desk.views import Meta
from services.domain.effects import Effect
from services.domain.enums import PairState
from services.domain.events import Event, MarketFrame, Timer
from services.drive.machine import VirtualMachine
from services.drive.ports import NullKeeper
from services.drive.queue import VirtualQueue
from services.settings.parameters import Settings
from services.venues.port import VirtualVenue
from services.venues.sim.exchange import build_exchange
from services.venues.sim.world import make_world

INSTANCE = "abc123"
VENUES = ("alpha", "beta")
META = Meta(badge="SIM ×60", stamp="SYNTHETIC", profile="sim", mode="sim", synthetic=True)


class Ear:
    """What the driver talks to: the desk, deaf to the market data of the venues named."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.deaf: list[str] = []

    def decide(self, event: Event) -> tuple[Effect, ...]:
        if isinstance(event, MarketFrame) and event.venue in self.deaf:
            return ()
        return self.desk.handle(event)

    def follow(self) -> tuple[Effect, ...]:
        return ()

    def overran(self) -> str | None:
        return self.desk.overran()


class Rig:
    """The desk, its exchange, and the queue that turns their time."""

    def __init__(
        self,
        scenario: str = "funding-harvest",
        seed: int = 7,
        settings: Settings | None = None,
        balances: dict[str, dict[str, Decimal]] | None = None,
    ) -> None:
        """`balances`: opening ones by venue, over the simulator's own."""
        world = make_world(scenario, seed)
        held = {name: {**own, **(balances or {}).get(name, {})} for name, own in world.balances.items()}
        self.world = replace(world, balances=held)
        self.queue = VirtualQueue(self.world.start)
        self.exchange = build_exchange(self.world, None, self.queue)
        self.desk = Desk(
            settings if settings is not None else Settings(),
            {each.id: each for each in self.world.instruments},
            instance=INSTANCE,
        )
        self.ear = Ear(self.desk)
        venues: dict[str, VirtualVenue] = dict(self.exchange.venues)
        self.machine = VirtualMachine(self.ear, venues, self.exchange, self.queue, NullKeeper())

    def start(self) -> None:
        """Time begins: the desk's start, then the exchange."""
        self.queue.deliver(self.world.start, Timer(name="start", ts=self.world.start))
        self.exchange.start(self.world.start)

    def run(self, ns: int) -> None:
        """Let the world go on for so long after its present."""
        self.machine.run_until(self.queue.now + ns)

    def run_until_hedged(self, limit_ns: int = 90 * MINUTE) -> None:
        """Until a pair is hedged, and five virtual minutes on. Fails when none is within the limit."""
        end = self.queue.now + limit_ns
        while not any(pair.state is PairState.HEDGED for pair in self.desk.core.pairs.live()):
            assert self.queue.now < end, "no pair was hedged in time"
            self.run(30 * SECOND)
        self.run(5 * MINUTE)


def living_desk() -> Rig:
    """A desk that holds a hedged pair, five virtual minutes after it began to."""
    rig = Rig()
    rig.start()
    rig.run_until_hedged()
    return rig
