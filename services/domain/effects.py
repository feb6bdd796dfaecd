"""What `Desk.handle` asks of the shell, carried out in the order returned (RUNTIME 3)."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.enums import FaultKind, Severity, TradingState
from services.domain.orders import OrderRequest
from services.domain.records import Row
from services.domain.scopes import ScopeHalt


class SaveIntent(Struct, frozen=True, tag="save_intent"):
    """Commit at once, with all that stands before it; then `IntentDurable(seq)` comes back."""

    seq: int
    orders: tuple[OrderRequest, ...]
    pair: str | None
    text: str


class Send(Struct, frozen=True, tag="send"):
    """Hand the order to its venue. The gate has passed it."""

    order: OrderRequest


class Cancel(Struct, frozen=True, tag="cancel"):
    venue: str
    instrument: str
    client_order_id: str
    venue_order_id: str = ""
    """For foreign orders, which have no client id of ours."""


class QueryOrder(Struct, frozen=True, tag="query"):
    """Probe an order in doubt by its client id; answered by `OrderReport`."""

    venue: str
    instrument: str
    client_order_id: str


class ReadAccount(Struct, frozen=True, tag="read_account"):
    """A fresh read of a venue's account; answered by `AccountReport` with the same request."""

    venue: str
    request: str
    fills_since: int
    """Venue time: fills, payments and transfers at or after it are wanted too."""


class ArmDeadMan(Struct, frozen=True, tag="dead_man"):
    """Arm (or beat) a venue's dead-man's switch; answered by `DeadManReport`."""

    venue: str
    timeout_ms: int
    """0 disarms it."""


class SetFault(Struct, frozen=True, tag="fault"):
    """Make the simulated exchange, or the engine's disk, misbehave (simulator only)."""

    kind: FaultKind
    venue: str
    """`disk` for a fault that is no venue's."""
    chance: Decimal
    """Share of the chances it is given, 0 to 1; 0 ends the fault."""


class SetTimer(Struct, frozen=True, tag="set_timer"):
    """Setting a name again moves it."""

    name: str
    due: int


class CancelTimer(Struct, frozen=True, tag="cancel_timer"):
    name: str


class WriteLatch(Struct, frozen=True, tag="latch"):
    """Overwrite the latch file now, before the cancels that follow. ACTIVE clears it."""

    state: TradingState
    """Of the whole desk."""
    cause: str
    text: str
    ts: int
    scopes: tuple[ScopeHalt, ...] = ()
    """What is halted beside it."""


class Record(Struct, frozen=True, tag="record"):
    row: Row


class Decision(Struct, frozen=True, tag="decision"):
    """Something decided that is no action: a gate's answer, a refusal, a state change, a verdict."""

    kind: str
    subject: str
    text: str
    figures: dict[str, str] = {}


class Notify(Struct, frozen=True, tag="notify"):
    """Hand an alert to the notification channels and the log."""

    key: str
    severity: Severity
    text: str


class Progress(Struct, frozen=True, tag="progress"):
    """An interim word on a running command."""

    command: str
    text: str


class Done(Struct, frozen=True, tag="done"):
    """A command's one and last answer. `result` is JSON text of the documented contract."""

    command: str
    ok: bool
    result: str = "{}"
    code: str = ""
    text: str = ""
    exit: int = 0


class Stopped(Struct, frozen=True, tag="stopped"):
    """The desk has come to rest after `StopRequested`; `left` lists what is still open against the wish."""

    left: tuple[str, ...]
    kept: tuple[str, ...] = ()
    """What stays on purpose and acts without us: a dead-man's switch."""


Effect = (
    SaveIntent
    | Send
    | Cancel
    | QueryOrder
    | ReadAccount
    | ArmDeadMan
    | SetFault
    | SetTimer
    | CancelTimer
    | WriteLatch
    | Record
    | Decision
    | Notify
    | Progress
    | Done
    | Stopped
)

Figures = dict[str, Decimal | None]
