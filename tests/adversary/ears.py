"""What an adversarial run hears: the way to the desk, and what is kept of it for the judge and the report."""

from __future__ import annotations

from concurrent.futures import Future

from msgspec.structs import replace

from services.domain.effects import Decision, Effect, WriteLatch
from services.domain.events import Event, OrderCanceled, OrderFilled
from services.domain.records import FillRecord, Row
from services.drive.ports import NullKeeper
from services.drive.queue import VirtualQueue
from tests.adversary.plan import LateFills
from tests.adversary.script import S


class Line(VirtualQueue):
    """The way to the desk: by plan, fills of ours come later than the rest of what a venue says."""

    def __init__(self, now: int, late: LateFills | None) -> None:
        super().__init__(now)
        self._late, self._start = late, now

    def deliver(self, due: int, event: Event) -> None:
        late = self._late
        if late is not None and isinstance(event, OrderFilled) and event.venue == late.venue:
            seconds = (due - self._start) / S
            if event.client_order_id and late.begin <= seconds <= late.end:
                due += int(late.late_s * S)
                event = replace(event, ts=due)
        super().deliver(due, event)


class Keeper(NullKeeper):
    """Keeps the fills that the desk recorded, and what it decided, for the report of a failure."""

    def __init__(self) -> None:
        self.ended: set[str] = set()
        """Orders that were heard to have ended with something canceled."""
        self.after_end = False
        """A trade of such an order was first heard of later than that, on the stream or in a read."""
        self.fills: list[FillRecord] = []
        self.decided: list[Decision] = []
        self.inputs: list[Event] = []
        self.sure = 0
        """So many of them are on the disk, whatever it is like."""
        self.starts: list[int] = []
        """Before which inputs an engine was started again."""
        self.latched: WriteLatch | None = None

    def input(self, event: Event) -> None:
        self.inputs.append(event)
        if isinstance(event, OrderCanceled):
            self.ended.add(event.client_order_id)

    def commit(self) -> Future[None]:
        self.sure = len(self.inputs)
        return super().commit()

    def latch(self, effect: WriteLatch) -> str | None:
        self.latched = effect
        return None

    def record(self, row: Row) -> None:
        if isinstance(row, FillRecord):
            self.fills.append(row)
            self.after_end |= row.client_order_id in self.ended

    def effect(self, effect: Effect) -> None:
        if isinstance(effect, Decision):
            self.decided.append(effect)
