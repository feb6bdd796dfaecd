"""What a venue says of itself beside its market and our orders: capabilities, dead-man's switch, failures."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.instrument import Instrument


class VenueFacts(Struct, frozen=True, tag="venue_facts", kw_only=True):
    """What a venue can do, told on each connect before anything else of it (DESIGN 6, capabilities)."""

    venue: str
    ts: int
    conditional: bool
    """Takes conditional (`trigger`) orders."""
    dead_man: bool
    """Has a dead-man's switch: cancels our orders when we stop beating."""
    conditional_survives_dead_man: bool
    """The switch leaves conditional orders alone."""
    dead_man_s: int = 0
    """The switch's time-out there at least, seconds; 0 = as the profile says."""
    own_clock: bool = False
    """It has another clock than we: how far off it is has to be measured (`VenueClock`)."""
    account: bool = True
    """An account of ours is there; False = market data only, and nothing that could be read."""
    funding_caps: dict[str, Decimal] = {}
    """Instrument -> the largest rate per interval, either way, that it settles; absent = it states none."""
    asked: tuple[str, ...] = ()
    """Kinds of public figures (`quotes`, `marks`, `indexes`, `rates`) that are asked for: no frame of a
    stream vouches for one, and what is not answered grows old."""


class InstrumentsListed(Struct, frozen=True, tag="instruments", kw_only=True):
    """Facts of instruments that a venue has changed while we run: steps, fees, margin, an end."""

    venue: str
    instruments: tuple[Instrument, ...]
    """Only those that are other than before."""
    ts: int


class MarginCalled(Struct, frozen=True, tag="margin_call", kw_only=True):
    """The venue says that it will liquidate, or does: by its own margin figure, whatever ours says."""

    venue: str
    instruments: tuple[str, ...]
    """Those that it names and that are ours; may be empty."""
    ts: int


class VenueClock(Struct, frozen=True, tag="venue_clock", kw_only=True):
    """How far the venue's clock is from ours, as the driver has measured it. Told when it has changed."""

    venue: str
    offset_ms: int | None
    """Theirs less ours; None = not measured, or too long ago."""
    ts: int


class DeadManReport(Struct, frozen=True, tag="dead_man", kw_only=True):
    """The venue's word on its dead-man's switch."""

    venue: str
    armed: bool
    fires_at: int | None
    """Venue time at which it cancels our orders unless it is armed anew."""
    fired: bool = False
    """It has just done so."""
    ts_event: int
    ts: int


class RequestFailed(Struct, frozen=True, tag="request_failed", kw_only=True):
    """A question to a venue (read, query, cancel, dead-man) brought an error or no answer in time.

    An order's own send is told by `OrderUnknown` or `OrderRejected` instead.
    """

    venue: str
    what: str
    """`read`, `query`, `cancel`, `dead man`."""
    subject: str
    """The request's name or the client order id."""
    reason: str
    """`429`, `500`, `no answer`."""
    ts: int
    refused: bool = False
    """It refuses our key: asked again alike, the answer is the same."""


VenueWord = VenueFacts | VenueClock | InstrumentsListed | MarginCalled | DeadManReport | RequestFailed
"""All of them."""
