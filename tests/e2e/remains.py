"""What a killed engine has left, started once more in this process, and what is wrong with it, in words.

SEMANTICS 7, of the program itself: the store is believed, hedged or flat within 60 simulated seconds, |naked|
within its bound, no order taken twice, no leg beyond its target, our ledger equal to the exchange's books,
the chain whole.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec

from services.domain.enums import PairState, TradingState
from services.domain.events import Command
from services.domain.money import ZERO
from services.drive.latch import Latch
from services.drive.machine import VirtualMachine
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.store.reader import StoreReader
from services.store.replay import JournalReader, verify
from services.venues.sim.world import read_world
from tests import books

S = 1_000_000_000
REST_S = 60
"""Hedged or flat by then, from the moment on that nothing new is begun."""
TRADES_S = 25
"""So long the second life trades on; then its strategies are paused."""
READ_S = 130
"""By then the venues have been read once more."""
DUST_USD = 60
"""Two lots."""
MOST_NAKED_USD = 11_000
"""`pair.naked_max`, and what the price may have gained meanwhile."""


class Remains:
    """`longer_s`: a venue of this world may be silent for so long; nobody is hedged before that."""

    def __init__(self, folder: Path, longer_s: int = 0) -> None:
        self.longer_s = longer_s
        self.layout = StateLayout(folder)
        self.wrong: list[str] = []
        self.naked = ZERO
        self.naked_s = 0.0
        self._since: int | None = None
        world, settings = read_world(self.layout.exchange), _settings(self.layout.store)
        self.judged = world is not None and settings is not None
        """False: killed before there was anything."""
        if world is None or settings is None:
            return
        self._halted = Latch(self.layout.latch).read().state == TradingState.HALTED.value
        self._session = session = Session(self.layout, world, settings, "test")
        session.open(SessionNote(pid="1", speed="max", state_dir=str(folder)))
        self._demand(session.rebuilt is None, f"the store was set aside: {session.rebuilt}")
        self._machine = VirtualMachine(
            session.desk,
            session.exchange.doors,
            session.exchange,
            session.queue,
            session.keeper,
            on_handled=session.handled,
            on_fault=session.exchange.set_fault,
        )
        session.first_events()
        self._core = session.desk.core
        self._live()

    def _demand(self, holds: bool, text: str) -> None:
        if not holds:
            self.wrong.append(text)

    def _live(self) -> None:
        session, core = self._session, self._core
        began = session.queue.now
        self._run(began + S // 2)
        state = core.causes.overall()
        self._demand(not self._halted or state is TradingState.HALTED, f"halted by the latch, and {state}")
        self._run(began + TRADES_S * S)
        for name in core.settings.strategies:
            self._pause(name)
        rest = TRADES_S + REST_S
        self._run(began + rest * S)
        while rest < self.longer_s and (self._alone() > DUST_USD or core.orders.open_orders()):
            rest += REST_S
            self._run(began + rest * S)
        self._at_rest()
        self._run(began + max(READ_S, rest + READ_S - REST_S) * S)
        self._books()
        self._legs()
        self._session.close()
        checked = verify(self.layout.store)
        self._demand(checked.ok, f"chain: {checked.text}")
        self._rows()

    def _pause(self, name: str) -> None:
        self._machine.settle_commits()
        now = self._session.queue.now
        self._machine.feed(Command(id=f"p-{name}", name="pause", args={"name": name}, origin="test", ts=now))

    def _run(self, end: int) -> None:
        queue = self._session.queue
        while True:
            self._machine.settle_commits()
            due = queue.next_due()
            if due is None or due > end:
                return
            self._machine.step()
            alone = self._alone()
            self.naked = max(self.naked, alone)
            if alone <= DUST_USD:
                self._since = None
                continue
            self._since = queue.now if self._since is None else self._since
            self.naked_s = max(self.naked_s, (queue.now - self._since) / S)

    def sizes(self) -> dict[str, Decimal]:
        """Perps, by the exchange's own books."""
        return {
            name: held.size
            for venue in self._session.exchange.venues.values()
            for name, held in venue.state.account.holdings.items()
            if held.size
        }

    def _alone(self) -> Decimal:
        """USD of what nothing hedges: base units against base units, for two marks may stand far apart."""
        sums: dict[str, Decimal] = {}
        marks: dict[str, Decimal] = {}
        for name, size in self.sizes().items():
            spec = self._core.instruments[name]
            sums[spec.hedge_group] = sums.get(spec.hedge_group, ZERO) + size
            mark = self._session.exchange.venues[spec.venue].floor.mark(name)
            marks[spec.hedge_group] = max(marks.get(spec.hedge_group, ZERO), mark)
        return sum((abs(size) * marks[group] for group, size in sums.items()), ZERO)

    def _at_rest(self) -> None:
        core = self._core
        stuck = [(p.id, p.state.value, p.text) for p in core.pairs.live() if p.state is not PairState.HEDGED]
        self._demand(not stuck, f"pairs: {stuck}")
        left = [f"{each.id} {each.state.value}" for each in core.orders.open_orders()]
        self._demand(not left, f"open orders: {left}")
        self._demand(not core.flattens.running(), "a flatten still runs")
        self._demand(self._alone() <= DUST_USD, f"naked at rest: {self.sizes()}")
        self._demand(self.naked <= MOST_NAKED_USD, f"naked {self.naked} USD")
        self._demand(bool(self.longer_s) or self.naked_s <= REST_S, f"naked for {self.naked_s} s")

    def _books(self) -> None:
        exchange, taken = self._session.exchange, Counter[str]()
        unlike = [(c.scope, c.text) for c in self._core.causes.causes() if c.name == "reconcile"]
        self._demand(not unlike, f"differences: {unlike}")
        for venue in exchange.venues:
            self.wrong += books.unlike(venue, self._core.ledger.account(venue), exchange.books(venue))
            taken.update(each.client_order_id for each in exchange.venues[venue].state.orders.values())
        self._demand(all(times == 1 for times in taken.values()), f"taken twice: {taken}")

    def _legs(self) -> None:
        held: dict[str, Decimal] = {}
        for pair in self._core.pairs.live():
            for leg in pair.legs:
                self._demand(leg.size <= leg.target * Decimal("1.02"), f"{pair.id}: {leg.size}, {leg.target}")
                if self._core.instruments[leg.instrument].is_perp:
                    held[leg.instrument] = held.get(leg.instrument, ZERO) + leg.size * leg.side.sign
        mine = {name: size for name, size in held.items() if size}
        self._demand(mine == self.sizes(), f"pairs hold {mine}, the exchange {self.sizes()}")

    def _rows(self) -> None:
        """Every fill has its row, and no episode two."""
        exchange, reader = self._session.exchange, StoreReader(self.layout.store)
        try:
            kept = Counter((row.instrument, row.trade_id, row.size) for row in reader.fills(limit=100_000))
            episodes = Counter(row.id for row in reader.episodes())
        finally:
            reader.close()
        booked = Counter(
            (fill.instrument, fill.trade_id, fill.quantity)
            for venue in exchange.venues
            for fill in exchange.books(venue).fills
        )
        self._demand(not booked - kept, f"fills without a row: {booked - kept}")
        self._demand(all(times == 1 for times in episodes.values()), f"episodes: {episodes}")


def _settings(store: Path) -> Settings | None:
    """Those of the last start; None = there was none."""
    if not store.exists():
        return None
    reader = JournalReader(store)
    try:
        start = reader.last_start()
    finally:
        reader.close()
    return None if start is None else msgspec.convert(start.session.settings, type=Settings, strict=False)
