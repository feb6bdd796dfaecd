"""What one venue has to remember: its account and its orders. The checkpoint holds exactly this."""

from __future__ import annotations

from msgspec import Struct, field

from services.venues.sim.accounts import AccountBooks
from services.venues.sim.book import SimOrder


class Switch(Struct):
    """The account's dead-man's switch."""

    fires_at: int | None = None
    """Market time; None = not armed."""
    untold: bool = False
    """It has fired, and nobody could be told yet."""


class Winding(Struct):
    """An account that is being wound up in small orders."""

    order: str
    """The exchange's own order id of it."""
    next_at: int
    lots: dict[str, int]
    """By instrument, what each of its orders closes."""


class VenueState(Struct):
    account: AccountBooks
    orders: dict[str, SimOrder] = field(default_factory=dict)
    """By venue order id, in order of arrival; ended ones are kept for a while so that a query finds them."""
    by_client: dict[str, str] = field(default_factory=dict)
    """Client order id to venue order id."""
    orders_taken: int = 0
    trades: int = 0
    transfers: int = 0
    liquidations: int = 0
    frames: int = 0
    switch: Switch = field(default_factory=Switch)
    winding: Winding | None = None
