"""Local stops of unpaired positions (SEMANTICS 8). Pair legs have none: the pair stop applies.

How the desk calls it:

- `on_position(instrument, size, entry, mark, now)` whenever the *unpaired* size of an instrument changes
  (position minus `PairMachine.size_on`); size 0 or a flip drops the episode's stop.
- `on_mark(instrument, mark, now, prices)` at every fresh mark of an instrument that has a stop; a crossed
  level returns `Place` (purpose STOP, reducing).
- `on_order(entry, now, prices)` for orders of purpose STOP, `on_timer(instrument, now, prices)` for timers
  `stop:INSTRUMENT`: a stop that does not fill widens its band and escalates.
- `restored(…)` after a restart is not needed: the state is the checkpoint's. Without one, `on_position` takes
  `best` from the store, else from the present mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec import Struct

from services.domain.instrument import Instrument
from services.execution.actions import Actions
from services.execution.ids import IdCounter
from services.execution.pricing import Prices
from services.execution.table import OrderEntry
from services.settings.parameters import Settings, Stops


class StopRule(Struct, frozen=True):
    """The four distances, as fractions of price."""

    initial: Decimal
    trail: Decimal
    activation: Decimal
    backstop: Decimal


def rule_for(instrument: Instrument, settings: Stops) -> StopRule:
    raise NotImplementedError


@dataclass(slots=True)
class Stop:
    """The stop of one position episode."""

    instrument: str
    sign: int
    """+1 long, -1 short."""
    size: Decimal
    entry: Decimal
    level: Decimal
    best: Decimal
    trailing: bool = False
    triggered: int | None = None
    attempt: int = 0
    next_at: int = 0
    order: str = ""
    escalated: bool = False


@dataclass(slots=True)
class StopBookState:
    stops: dict[str, Stop] = field(default_factory=dict)


class StopBook:
    def __init__(
        self,
        settings: Settings,
        instruments: Mapping[str, Instrument],
        ids: IdCounter,
        state: StopBookState | None = None,
    ) -> None:
        self._settings = settings
        self._instruments = instruments
        self._ids = ids
        self.state = state if state is not None else StopBookState()

    def get(self, instrument: str) -> Stop | None:
        return self.state.stops.get(instrument)

    def on_position(
        self,
        instrument: str,
        size: Decimal,
        entry: Decimal | None,
        mark: Decimal | None,
        now: int,
        best: Decimal | None = None,
    ) -> Actions:
        raise NotImplementedError

    def on_mark(self, instrument: str, mark: Decimal, now: int, prices: Prices) -> Actions:
        raise NotImplementedError

    def on_order(self, entry: OrderEntry, now: int, prices: Prices) -> Actions:
        raise NotImplementedError

    def on_timer(self, instrument: str, now: int, prices: Prices) -> Actions:
        raise NotImplementedError

    def backstop(self, instrument: str) -> Decimal | None:
        """Price of the wider stop that should rest at the venue, rounded away from the market."""
        raise NotImplementedError
