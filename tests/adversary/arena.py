"""One adversarial run: a real desk, driver and simulated exchange in memory, and everything that was sent.

The world is as small as one pair needs (a perp and a dollar quote of its coin on each of two venues), so that
thousands of runs are cheap. A scripted strategy opens a pair whenever it may and closes it after a while.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from unittest import mock

from services.desk import gatekeeping
from services.desk.desk import Desk
from services.domain.effects import Done
from services.domain.enums import (
    FaultKind,
    PairState,
    Purpose,
    Side,
    TimeInForce,
    TradingState,
)
from services.domain.events import Command, Timer
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.drive.machine import VirtualMachine
from services.drive.slow_disk import SlowDisk
from services.strategies.kinds import KINDS
from services.venues.port import VirtualVenue
from services.venues.sim import funding
from services.venues.sim.exchange import SimExchange, build_exchange
from services.venues.sim.scenarios import SCENARIOS
from tests.adversary import lives
from tests.adversary.ears import Keeper, Line
from tests.adversary.overstay import leave_alive
from tests.adversary.plan import BRIEF_S, CALM_S, Deed, FaultPlan, Plan, Restart
from tests.adversary.script import KIND, LEGS, SCRIPT, SPOT, VENUES, S, lean_settings, lean_world, sooner

SLACK = Decimal("1.02")
"""A slice is bounded at its limit price; the mark that values it later may have moved."""
STOPPED = "stopped by policy"
HEARD_S = 0.5
"""A trade is heard by then, once the faults have ended."""
DOUBT_S = 15
"""So long after the last fault, or the outage that it began, an order may be in doubt: past the venue's
settling time a probe decides."""


@dataclass
class Sent:
    ts: int
    order: OrderRequest
    state: TradingState
    doubtful: tuple[str, ...]
    """Orders of the same pair whose outcome was unknown at that moment."""


@dataclass
class Watched:
    """A venue's door, and a note of every order that goes through it."""

    arena: Arena
    door: VirtualVenue

    def __post_init__(self) -> None:
        self.name = self.door.name
        self.instruments = self.door.instruments
        self.cancel = self.door.cancel
        self.query = self.door.query
        self.read_account = self.door.read_account
        self.wake = self.door.wake
        for extra in ("dead_man",):
            if hasattr(self.door, extra):
                setattr(self, extra, getattr(self.door, extra))

    def submit(self, now: int, order: OrderRequest) -> None:
        self.arena.note(now, order)
        self.door.submit(now, order)


@dataclass
class Arena:
    plan: Plan
    spot: bool = False
    """A coin changes hands instead of a pair of perps that is held."""
    sent: list[Sent] = field(default_factory=list)
    foreign: int = 0
    """Trades and orders that somebody else made on the account."""
    done: dict[str, Done] = field(default_factory=dict)
    commands: int = 0
    complaints: list[str] = field(default_factory=list)
    """What was wrong at the moment at which it happened."""
    worst_naked: Decimal = ZERO
    calm_at: int = 0
    """When the last fault was taken back: a death may last beyond the plan."""
    down_at: int = 0
    """When a venue was last seen to be down after the last fault."""
    happened: set[str] = field(default_factory=set)
    """Restarts, switches that fired."""

    def __post_init__(self) -> None:
        KINDS[KIND] = SCRIPT
        SCRIPT.spot = self.spot
        self.legs = SPOT if self.spot else LEGS
        self.world = lean_world(self.plan, spot_pairs=self.spot)
        SCRIPT.close_after_ns = int(self.plan.close_after * S)
        SCRIPT.until = self.world.start + int(self.plan.faulty_until * S)
        self.queue = Line(self.world.start, self.plan.late_fills)
        crash = {"flash-crash": sooner()}
        with mock.patch.object(funding, "BACKFILL_HOURS", 8), mock.patch.dict(SCENARIOS, crash):
            self.exchange: SimExchange = build_exchange(self.world, None, self.queue)
        self.keeper = Keeper()
        facts = {each.id: each for each in self.world.instruments}
        self.settings = lean_settings(self.plan)
        self.disk = SlowDisk(str(self.plan.seed))
        self.desk = Desk(self.settings, facts, instance="adv000")
        self.machine = self.build()
        if self.plan.overstay is not None:
            leave_alive(self.exchange, self.plan.overstay)
        # The same market, another line: every run draws its own faults.
        for number, name in enumerate(VENUES):
            self.exchange.faults(name).draw.seed(self.plan.seed * 2 + number)
        self.queue.deliver(self.world.start, Timer(name="start", ts=self.world.start))
        self.exchange.start(self.world.start)

    def build(self) -> VirtualMachine:
        """The machine of one life, over the desk at hand."""
        return VirtualMachine(
            self.desk,
            {name: Watched(self, door) for name, door in self.exchange.doors.items()},  # type: ignore[misc]
            self.exchange,
            self.queue,
            self.keeper,
            on_answer=self._answer,
            on_handled=self._look,
            on_fault=self.exchange.set_fault,
            disk=self.disk,
        )

    # -- running -----------------------------------------------------------------------------------------

    def run(self, enough: Callable[[Arena], bool] | None = None) -> Arena:
        """The whole plan, and the minute after it; less where `enough` says that all is well."""
        steps: list[tuple[float, int, FaultPlan | Deed | Restart, bool]] = []
        for number, fault in enumerate(self.plan.faults):
            steps += [(fault.begin, number, fault, True), (fault.end, number, fault, False)]
        steps += [(deed.at, number, deed, True) for number, deed in enumerate(self.plan.deeds)]
        if self.plan.restart is not None:
            steps.append((self.plan.restart.at, len(steps), self.plan.restart, True))
        for at, _, what, begins in sorted(steps, key=lambda step: step[:2]):
            self.until(at)
            if isinstance(what, FaultPlan):
                self._fault(what, begins)
            elif isinstance(what, Restart):
                lives.restart(self, what)
            else:
                self._do(what)
        self.until(self.plan.faulty_until)
        self.calm_at = self.queue.now
        self.command("fault", kind=FaultKind.SLOW_FSYNC.value, venue="all", chance="0")
        for kind in FaultKind:
            if any(kind in self.exchange.faults(name).chances for name in VENUES):
                self.command("fault", kind=kind.value, venue="all", chance="0")
        calm = (self.calm_at - self.world.start) / S
        for wait in (4, 10, 16, 25, 35):
            self.until(calm + wait)
            self._look_after()
        self.until(calm + BRIEF_S)
        if enough is None or not enough(self):
            self.until(calm + CALM_S)
            self._hear_out()
        return self

    def _hear_out(self) -> None:
        """What somebody traded in the last moment is on its way yet: nobody can have booked it."""
        fills = [fill for each in self.exchange.venues.values() for fill in each.state.account.fills]
        if any(fill.ts_event > self.queue.now - HEARD_S * S for fill in fills):
            self.until((self.queue.now - self.world.start) / S + HEARD_S)

    def _look_after(self) -> None:
        """What the policy `cancel` has stopped waits for a person: here is one."""
        for pair in self.desk.core.pairs.live():
            if pair.state is PairState.FROZEN and pair.frozen_reason.find(STOPPED) >= 0:
                self.command("pair close", id=pair.id)

    def until(self, seconds: float) -> None:
        self.machine.run_until(self.world.start + int(seconds * S))
        self.queue.now = max(self.queue.now, self.world.start + int(seconds * S))

    def command(self, name: str, /, **args: str) -> None:
        self.commands += 1
        self.machine.feed(
            Command(id=f"c{self.commands}", name=name, args=args, origin="test", ts=self.queue.now)
        )

    def _fault(self, what: FaultPlan, begins: bool) -> None:
        chance = what.chance if begins else "0"
        self.command("fault", kind=what.kind.value, venue=what.venue, chance=chance)

    def _do(self, deed: Deed) -> None:
        if deed.what not in ("buy", "sell", "rest", "transfer"):
            # An engine that lives again hears its start before any command.
            self.machine.run_until(self.queue.now)
        live = self.desk.core.pairs.live()
        match deed.what:
            case "close" if live:
                self.command("pair close", id=live[0].id)
            case "halt":
                self.command("halt", reason="adversary")
            case "resume":
                self.command("resume", reason="adversary", override="")
            case "flatten":
                self.command("flatten")
            case "flatten pair" if live:
                self.command("flatten", what=live[0].id)
            case "flatten venue":
                self.command("flatten", what=VENUES[deed.pick % 2])
            case "pause":
                self.command("pause", name=KIND)
            case "enable":
                self.command("enable", name=KIND, reason="adversary")
            case "buy" | "sell" | "rest":
                self._meddle(deed)
            case "transfer":
                venue = self.exchange.venues[VENUES[deed.pick % 2]]
                coin = "USDC" if self.spot else "USDT"
                venue.transfer(self.queue.now, coin, Decimal(deed.pick - 500))
            case _:
                return

    def _meddle(self, deed: Deed) -> None:
        """The operator trades on the venue's own pages."""
        self.foreign += 1
        name = self.legs[deed.pick % 2]
        venue = self.exchange.venues[name.rpartition(".")[2]]
        spec = self.desk.core.instruments[name]
        mark = venue.floor._price(name)
        if mark <= 0:
            return
        lot = spec.size_increment
        side = Side.BUY if deed.what == "buy" or (deed.what == "rest" and deed.pick % 3) else Side.SELL
        far = Decimal("-0.05") if deed.what == "rest" else Decimal("0.01")
        venue.floor.place(
            self.exchange.now,
            OrderRequest(
                client_order_id="",
                instrument=name,
                side=side,
                quantity=Decimal(deed.pick % 60 + 1) * lot,
                price=spec.round_price(side, mark * (1 + far * side.sign)),
                tif=TimeInForce.GTC if deed.what == "rest" else TimeInForce.IOC,
                purpose=Purpose.TICKET,
                origin="foreign",
            ),
        )

    # -- watching ----------------------------------------------------------------------------------------

    def note(self, now: int, order: OrderRequest) -> None:
        core = self.desk.core
        state, _ = gatekeeping.state_of(core, order.instrument, order.origin, order.pair)
        pair = core.pairs.get(order.pair) if order.pair is not None else None
        doubtful = () if pair is None else tuple(n for n, m in pair.orders.items() if m.in_doubt)
        self.sent.append(Sent(now, order, state, doubtful))

    def _look(self, now: int) -> None:
        calm = self.calm_at
        if calm and now > calm:
            if any(venue.line.down(now) for venue in self.exchange.venues.values()):
                self.down_at = now
            doubtful = [entry.id for entry in self.desk.core.orders.doubtful()]
            if doubtful and now > max(calm, self.down_at) + DOUBT_S * S:
                self.complaints.append(f"{', '.join(doubtful)} in doubt though the faults have ended")
        for pair in self.desk.core.pairs.live():
            naked = pair.naked
            if naked.quantity == ZERO:
                continue
            self.worst_naked = max(self.worst_naked, naked.notional)
            if naked.notional > pair.naked_bound * SLACK and not self.taken():
                self.complaints.append(
                    f"{pair.id} {pair.state.value} naked {naked.notional:.0f} USD of {pair.naked_bound:.0f}"
                )

    def taken(self) -> bool:
        """Has anybody but the desk traded on the account so far?"""
        return bool(self.foreign or self.fired()[FaultKind.ADL])

    def _answer(self, effect: object) -> None:
        if isinstance(effect, Done):
            if effect.command in self.done:
                self.complaints.append(f"{effect.command} was answered twice")
            self.done[effect.command] = effect

    # -- looks -------------------------------------------------------------------------------------------

    def fired(self) -> Counter[FaultKind]:
        found = self.exchange.faults("alpha").fired + self.exchange.faults("beta").fired
        return found + Counter({FaultKind.SLOW_FSYNC: self.disk.fired})

    def rare(self) -> set[str]:
        """Of what a line does not do: what really happened."""
        stopped = any(STOPPED in each.text for each in self.keeper.decided if each.kind == "escalate")
        late = {"fill after cancel"} if self.keeper.after_end else set()
        late |= {"overstay"} if any(each.kind == "rests" for each in self.keeper.decided) else set()
        return self.happened | late | ({"cancel policy"} if stopped else set())

    def ours(self, instrument: str) -> bool:
        """Did an order of ours trade on it?"""
        fills = self.exchange.venues[instrument.rpartition(".")[2]].state.account.fills
        return any(fill.instrument == instrument and fill.client_order_id for fill in fills)
