"""The closed vocabularies of the desk, in the field's words (one l in canceled, denied is not rejected)."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    # Asked for hundreds of times in a turn: a name of a class costs ten times what an attribute does.
    opposite: Side
    sign: int
    """+1 for a buy, -1 for a sell: what one unit of it does to a signed position."""


Side.BUY.opposite, Side.BUY.sign = Side.SELL, 1
Side.SELL.opposite, Side.SELL.sign = Side.BUY, -1


class InstrumentKind(StrEnum):
    PERP = "perp"
    SPOT = "spot"


class OrderType(StrEnum):
    LIMIT = "limit"
    MARKET = "market"


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"


class Purpose(StrEnum):
    """Why an order exists; its letter stands in the client order id."""

    ENTRY = "entry"
    EXIT = "exit"
    HEDGE = "hedge"
    UNWIND = "unwind"
    STOP = "stop"
    FLATTEN = "flatten"
    TICKET = "ticket"

    letter: str
    closing: bool
    """Orders that exist only to reduce."""
    protective: bool
    """Orders that only make the account safer: never delayed, pass a halt (SEMANTICS 3, RUNTIME 3)."""


def _purpose(purpose: Purpose, letter: str, *, closing: bool = False, protective: bool = False) -> None:
    purpose.letter, purpose.closing, purpose.protective = letter, closing, protective


_purpose(Purpose.ENTRY, "e")
_purpose(Purpose.EXIT, "x", closing=True)
_purpose(Purpose.HEDGE, "h")
_purpose(Purpose.UNWIND, "u", closing=True, protective=True)
_purpose(Purpose.STOP, "s", closing=True, protective=True)
_purpose(Purpose.FLATTEN, "f", closing=True, protective=True)
_purpose(Purpose.TICKET, "t")


class OrderState(StrEnum):
    INITIALIZED = "initialized"
    DENIED = "denied"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    CANCELED = "canceled"
    EXPIRED = "expired"
    IN_DOUBT = "in_doubt"


class PairState(StrEnum):
    PLANNED = "planned"
    OPENING = "opening"
    HEDGED = "hedged"
    CLOSING = "closing"
    CLOSED = "closed"
    UNWINDING = "unwinding"
    FROZEN = "frozen"
    IN_DOUBT = "in_doubt"


class TradingState(StrEnum):
    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"

    rank: int
    """0 is the freest; the worst cause wins."""


TradingState.ACTIVE.rank, TradingState.REDUCING.rank, TradingState.HALTED.rank = 0, 1, 2


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


class Flow(StrEnum):
    """What moved a balance that is neither trade nor funding."""

    TRANSFER = "transfer"
    """In from outside or out: neither profit nor loss. All others are."""
    CONVERSION = "conversion"
    """One coin became another, by the venue's own doing too; one row a coin."""
    INTEREST = "interest"
    OTHER = "other"
    """Rebates, bonuses, claw-backs, and whatever a venue may think of."""


class FaultKind(StrEnum):
    """How a simulated venue can misbehave on demand (PARAMETERS, simulator's facts)."""

    LATENCY = "latency"
    TIMEOUT = "timeout"
    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    CHECKSUM = "checksum"
    THROTTLED = "429"
    SERVER_ERROR = "5xx"
    SKEW = "skew"
    PARTIAL = "partial"
    HALF_OPEN = "halfopen"
    REJECT = "reject"
    ADL = "adl"
    OUTAGE = "outage"
    SLOW_FSYNC = "fsync"
    """Of the engine's own disk: a commit that an order waits for takes long."""


class RateKind(StrEnum):
    PREDICTED = "predicted"
    SETTLED = "settled"


class Mode(StrEnum):
    SIM = "sim"
    PAPER = "paper"
    LIVE = "live"
    BACKTEST = "backtest"
