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
