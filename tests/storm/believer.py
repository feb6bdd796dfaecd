"""A desk that hears what the client tells and is asked, whenever one likes, whether it would enter now."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec.structs import replace

from services.desk.desk import Desk
from services.desk.gatekeeping import order_context
from services.domain.enums import Purpose, Side
from services.domain.events import Event, Timer
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.risk.gate import check_order
from services.settings.parameters import Settings


class Believer:
    """Its effects are carried out by nobody: it only believes."""

    def __init__(self, venue: str, instruments: Mapping[str, Instrument], asked: str) -> None:
        self._desk = Desk(replace(Settings(), venues=(venue,), strategies={}), instruments, instance="storm0")
        self._asked = instruments[asked]

    def hear(self, event: Event) -> None:
        self._desk.handle(event)

    def refusal(self, now: int) -> str:
        """Why the gate lets no entry out at `now` for want of fresh data; empty = it does not say so."""
        self._desk.handle(Timer(name="look", ts=now))
        spec = self._asked
        quote = self._desk.core.picture.quote(spec.id)
        price = spec.min_size if quote is None or quote.ask <= 0 else spec.price_of(quote.ask)
        order = OrderRequest(
            client_order_id="entry",
            instrument=spec.id,
            side=Side.BUY,
            quantity=spec.min_size * Decimal(10),
            price=price,
            purpose=Purpose.ENTRY,
            origin="strategy:storm",
        )
        failed = check_order(order_context(self._desk.core, order), order).failed
        return next((check.text for check in failed if check.name == "data fresh"), "")
