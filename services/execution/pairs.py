"""The pair machine: two legs, one position (SEMANTICS 7, 5.5 to 5.9 and 10).

How the desk calls it; every call returns actions, to be carried out in order:

- `plan(…)` makes the pair (PLANNED). Ask the gate about `admission(pair)` as one unit, then `start(pair)` or
  `abandon(pair, text)`.
- `on_order(entry, now, prices)` for *every* change of an order whose request names a pair: denied, sent,
  accepted, filled, canceled, in doubt, resolved. It counts by the entry's cumulative figures, so calling it
  twice is harmless. Book fills in the ledger first.
- `on_timer(pair, now, prices)` when a timer `pair:ID` fires (the machine arms it itself: `Arm`).
- `request_close(pair, reason, …)` for a named exit; `request_unwind(pair, reason, …)` when the trading state
  leaves ACTIVE, at a halt, at a graceful stop; `freeze` / `thaw` for stale data; `leg_changed` when a venue
  event or two agreeing reads say that a leg is smaller than our fills (missing leg, partial ADL).
- `Place.order` carries the final client order id. Purposes: ENTRY, HEDGE, EXIT go the normal way; UNWIND,
  STOP, FLATTEN are protective. Reducing orders carry `reduce_only`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.domain.enums import Purpose
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.execution.actions import Actions
from services.execution.ids import IdCounter
from services.execution.pair_state import LegPolicy, Pair, PairBookState
from services.execution.pricing import Prices
from services.execution.table import OrderEntry
from services.settings.parameters import Settings


class PairMachine:
    """All pairs of the desk."""

    def __init__(
        self,
        settings: Settings,
        instruments: Mapping[str, Instrument],
        ids: IdCounter,
        state: PairBookState | None = None,
    ) -> None:
        self._settings = settings
        self._instruments = instruments
        self._ids = ids
        self.state = state if state is not None else PairBookState()

    def get(self, pair: str) -> Pair | None:
        return self.state.pairs.get(pair)

    def live(self) -> tuple[Pair, ...]:
        """Every pair that is not closed, oldest first."""
        raise NotImplementedError

    def size_on(self, instrument: str) -> Decimal:
        """Signed sum of the pairs' own legs on an instrument: what is left of the position is unpaired."""
        raise NotImplementedError

    def plan(
        self,
        *,
        strategy: str,
        kind: str,
        short: str,
        long: str,
        short_quantity: Decimal,
        long_quantity: Decimal,
        capital: Decimal | None,
        origin: str,
        reason: str,
        now: int,
        entry_policy: LegPolicy = LegPolicy.REVERSE,
        exit_policy: LegPolicy = LegPolicy.PROCEED,
    ) -> tuple[Pair | None, Actions, str]:
        """(pair, actions, "") or (None, (), why not). Quantities are rounded down to the joint lot."""
        raise NotImplementedError

    def admission(self, pair: str, prices: Prices) -> tuple[OrderRequest, OrderRequest] | None:
        """Both legs at full size and worst admissible price, for the gate; None without fresh prices.

        The requests are a question only: their ids are never sent.
        """
        raise NotImplementedError

    def start(self, pair: str, now: int, prices: Prices) -> Actions:
        raise NotImplementedError

    def abandon(self, pair: str, text: str, now: int) -> Actions:
        raise NotImplementedError

    def on_order(self, entry: OrderEntry, now: int, prices: Prices) -> Actions:
        raise NotImplementedError

    def on_timer(self, pair: str, now: int, prices: Prices) -> Actions:
        raise NotImplementedError

    def request_close(
        self,
        pair: str,
        reason: str,
        now: int,
        prices: Prices,
        *,
        purpose: Purpose = Purpose.EXIT,
        origin: str = "",
    ) -> Actions:
        raise NotImplementedError

    def request_unwind(self, pair: str, reason: str, now: int, prices: Prices) -> Actions:
        raise NotImplementedError

    def freeze(self, pair: str, reason: str, now: int) -> Actions:
        raise NotImplementedError

    def thaw(self, pair: str, now: int, prices: Prices) -> Actions:
        raise NotImplementedError

    def leg_changed(
        self, pair: str, instrument: str, size: Decimal, reason: str, now: int, prices: Prices
    ) -> Actions:
        """A leg is down to `size` (magnitude) by the venue: cut the other leg to match, then exit."""
        raise NotImplementedError

    def forget(self, pair: str) -> None:
        """Drop a closed pair whose orders are all settled."""
        raise NotImplementedError
