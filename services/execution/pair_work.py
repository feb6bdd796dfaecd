"""One turn of one pair: what it may look at, and the orders it may place.

Every order of a pair but a quoted leg 1 (`pair_quotes`) is an IOC with a limit inside a band around the mid,
so it ends by itself within a round trip; what does not is in doubt. Reducing orders are never larger than the
leg less what reducing orders may still fill.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from services.domain.enums import OrderState, OrderType, PairState, Purpose, TimeInForce
from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.execution.actions import Action, Arm, Became, CancelOrder, Disarm, Escalate, Place
from services.execution.ids import IdCounter
from services.execution.pair_legs import Instruments, unit_usd
from services.execution.pair_state import Leg, OrderMemo, Pair
from services.execution.pricing import Prices, band_limit, last_resort
from services.settings.parameters import Settings

MILLISECOND = 10**6
_LONGEST_DOUBLING = 5
"""A chase that has run out of bands repeats the last one, at most 2^5 dwells (12.8 s) apart."""


class Work(Struct):
    """A turn: settings, time, prices, and the actions gathered so far."""

    settings: Settings
    instruments: Instruments
    ids: IdCounter
    now: int
    prices: Prices
    failures: dict[str, int]
    out: list[Action] = field(default_factory=list)
    wakes: list[int] = field(default_factory=list)

    @property
    def dwell(self) -> int:
        return self.settings.exec.band_dwell_ms * MILLISECOND

    def instrument(self, leg: Leg) -> Instrument:
        return self.instruments[leg.instrument]

    def wake(self, at: int) -> None:
        """Come back at this time, if nothing else happens before."""
        self.wakes.append(max(at, self.now + MILLISECOND))

    def become(self, pair: Pair, state: PairState, text: str) -> None:
        """Change the state and say so. Chasing starts from the narrowest band again."""
        pair.text = text
        if pair.state is state:
            return
        pair.state = state
        pair.state_ts = self.now
        pair.escalated = False
        for leg in pair.legs:
            calm(leg)
        if state in (PairState.HEDGED, PairState.UNWINDING, PairState.CLOSED):
            pair.quote_since, pair.quotes, pair.take_next, pair.no_rest = None, 0, False, ""
        self.out.append(Became(pair.id, state, text))

    def escalate(self, pair: Pair, text: str, *, reducing: bool) -> None:
        """Page once per state of the pair."""
        if not pair.escalated:
            pair.escalated = True
            # What stops nothing else is of the pair alone: it stands until the pair goes on.
            name = "in doubt" if reducing else "stuck"
            self.out.append(Escalate(pair.id, text, reducing, name))

    def arm(self, pair: Pair) -> None:
        """Move the pair's one timer to the earliest time that matters."""
        due = min(self.wakes) if self.wakes else None
        if due == pair.armed:
            return
        pair.armed = due
        self.out.append(Disarm(timer(pair)) if due is None else Arm(timer(pair), due))

    def bands(self, purpose: Purpose) -> tuple[Decimal, ...]:
        """Bps from the mid, attempt by attempt (PARAMETERS exec)."""
        execution = self.settings.exec
        if purpose is Purpose.FLATTEN:
            return execution.flatten_bands
        if purpose.protective:
            return execution.hedge_bands + execution.emergency_bands
        return execution.hedge_bands

    def usable(self, leg: Leg, purpose: Purpose) -> Decimal | None:
        """The price a limit is measured from: fresh, or for protective orders the last good one."""
        mid = self.prices.mid(leg.instrument)
        if mid is None and purpose.protective:
            mid = self.prices.last(leg.instrument)
        return mid if mid is not None and mid > ZERO else None

    def place(
        self,
        pair: Pair,
        leg: Leg,
        quantity: Decimal,
        mid: Decimal,
        bps: Decimal,
        purpose: Purpose,
        *,
        increasing: bool,
        attempt: int,
        reason: str,
        rest_at: Decimal | None = None,
    ) -> None:
        """Emit one IOC, or a post-only order resting at `rest_at`, and remember it."""
        instrument = self.instrument(leg)
        quantity = instrument.one_order(quantity)
        side = leg.side if increasing else leg.side.opposite
        market = purpose.protective and last_resort(self.settings, attempt, len(self.bands(purpose)))
        limit = None if market else rest_at or band_limit(instrument, side, mid, bps)
        order = OrderRequest(
            client_order_id=self.ids.draw(purpose, leg.number, attempt, pair.id),
            instrument=leg.instrument,
            side=side,
            quantity=quantity,
            price=limit,
            type=OrderType.MARKET if market else OrderType.LIMIT,
            tif=TimeInForce.IOC if rest_at is None else TimeInForce.GTC,
            post_only=rest_at is not None,
            reduce_only=not increasing,
            purpose=purpose,
            origin=self._origin(pair, purpose),
            pair=pair.id,
            leg=leg.number,
            attempt=attempt,
            decided_mid=self.prices.mid(leg.instrument),
            reason=reason,
        )
        pair.orders[order.client_order_id] = OrderMemo(
            leg.number,
            increasing,
            quantity,
            resting=rest_at is not None,
            price=rest_at,
            placed=self.now,
        )
        self.out.append(Place(order))

    def chase(
        self, pair: Pair, leg: Leg, quantity: Decimal, purpose: Purpose, *, increasing: bool, reason: str
    ) -> bool:
        """Order `quantity` at the leg's present band, unless the band still dwells.

        Band after band, one dwell each; then the last band again at doubling distances. What has been added
        to the gap since the last order goes out at once, at the same band. Returns False when it has run out
        of bands (and still goes on trying).
        """
        bands = self.bands(purpose)
        gap = pair.naked.quantity
        grown = gap > leg.chased
        if self.now < leg.next_at and not grown:
            self.wake(leg.next_at)
            return leg.band <= len(bands)
        mid = self.usable(leg, purpose)
        if mid is None:
            leg.next_at = self.now + self.dwell
            leg.chased = gap
            self.wake(leg.next_at)
            return leg.band <= len(bands)
        if self.now >= leg.next_at:
            leg.band += 1
            over = min(max(leg.band - len(bands), 0), _LONGEST_DOUBLING)
            leg.next_at = self.now + self.dwell * 2**over
        attempt = max(leg.band, 1)
        bps = bands[min(attempt, len(bands)) - 1]
        leg.chased = gap
        self.place(
            pair, leg, quantity, mid, bps, purpose, increasing=increasing, attempt=attempt, reason=reason
        )
        self.wake(leg.next_at)
        return leg.band <= len(bands)

    def cancel_open(self, pair: Pair, *, resting: bool = False) -> None:
        """Ask once for the cancel of everything that may still fill (`resting`: of that alone).

        An unsent intent is thereby denied. A resting order in doubt is asked for too: it ends by nothing
        else. That a cancel was lost or refused is the table's to see, and to ask again.
        """
        for client_order_id, memo in pair.orders.items():
            wanted = memo.resting or not (resting or memo.in_doubt)
            if wanted and not memo.settled and not memo.cancel_asked:
                memo.cancel_asked = True
                self.out.append(CancelOrder(client_order_id))

    def hold_back(self, pair: Pair) -> None:
        """What waits for the disk is denied, so that it does not go out: nobody knows any more whether it is
        right. It is asked for anew, if still wanted."""
        for client_order_id, memo in pair.orders.items():
            if memo.state is OrderState.INITIALIZED and not memo.settled and not memo.cancel_asked:
                memo.cancel_asked = True
                self.out.append(CancelOrder(client_order_id))

    def slice_cap(self, pair: Pair, leg: Leg, bps: Decimal) -> Decimal | None:
        """Base units of one slice: the smaller of slice notional and naked bound, at the limit price."""
        unit = unit_usd(leg, self.prices)
        if unit is None:
            return None
        worst = unit * (1 + bps / 10_000)
        return (min(pair.slice_notional, pair.naked_bound) - pair.naked.notional) / worst

    def _origin(self, pair: Pair, purpose: Purpose) -> str:
        if purpose in (Purpose.ENTRY, Purpose.HEDGE):
            return pair.origin
        if purpose is Purpose.UNWIND:
            return "desk"
        return pair.close_origin or pair.origin


def calm(leg: Leg) -> None:
    """The leg needs nothing: its next chase starts at the narrowest band."""
    leg.band = 0
    leg.next_at = 0
    leg.chased = ZERO


def timer(pair: Pair) -> str:
    return f"pair:{pair.id}"
