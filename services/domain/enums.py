"""The closed vocabularies of the desk, in the field's words (one l in canceled, denied is not rejected)."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: what one unit of it does to a signed position."""
        return 1 if self is Side.BUY else -1


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

    @property
    def letter(self) -> str:
        return _PURPOSE_LETTER[self]

    @property
    def closing(self) -> bool:
        """Orders that exist only to reduce."""
        return self in (Purpose.EXIT, Purpose.UNWIND, Purpose.STOP, Purpose.FLATTEN)

    @property
    def protective(self) -> bool:
        """Orders that only make the account safer: never delayed, pass a halt (SEMANTICS 3, RUNTIME 3)."""
        return self in (Purpose.UNWIND, Purpose.STOP, Purpose.FLATTEN)


_PURPOSE_LETTER = {
    Purpose.ENTRY: "e",
    Purpose.EXIT: "x",
    Purpose.HEDGE: "h",
    Purpose.UNWIND: "u",
    Purpose.STOP: "s",
    Purpose.FLATTEN: "f",
    Purpose.TICKET: "t",
}


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

    @property
    def rank(self) -> int:
        """0 is the freest; the worst cause wins."""
        return _STATE_RANK[self]


_STATE_RANK = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}


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
