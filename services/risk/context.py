"""What the gate is asked and what it answers: plain frozen values, no callback into the desk.

The desk builds one `GateContext` per question, from its ledger, market picture, order table and cause
book, and hands it to `services.risk.gate`. Nothing in it is computed lazily, so that a journaled question
can be asked again later and gives the same answer. A figure that is stale, missing or not a number is
None here and never makes an answer more permissive (SEMANTICS 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct, field

from services.domain.enums import Purpose, Side, TradingState
from services.domain.instrument import Instrument
from services.portfolio.inputs import AccountInput
from services.settings.parameters import Settings

FOREIGN = "foreign"
"""Origin of an order that is not ours."""


class Stage(StrEnum):
    """Where an order of ours is, as far as the gate cares."""

    RESERVED = "reserved"
    """Not an order yet: the unsent rest of an admitted pair, leg by leg, or its one reversal."""
    QUEUED = "queued"
    """Passed the gate, its intent not yet durable or its slice not yet due."""
    WORKING = "working"
    """Sent: submitted, accepted, partially filled or pending cancel."""
    IN_DOUBT = "in_doubt"
    """Sent, outcome unknown."""


class OpenOrder(Struct, frozen=True, kw_only=True):
    """One order, or reservation, that may still fill. Foreign orders found at the venue count too."""

    client_order_id: str
    """Ours; for a reservation any unique name."""
    instrument: str
    side: Side
    leaves: Decimal
    """Base quantity that may still fill, > 0."""
    price: Decimal | None
    """Limit; None = market order or not known: then the worst band is assumed and every price crosses it."""
    reduce_only: bool = False
    purpose: Purpose = Purpose.ENTRY
    origin: str = "desk"
    """`strategy:NAME`, `operator`, `desk`, `foreign`."""
    pair: str | None = None
    stage: Stage = Stage.WORKING

    @property
    def protective(self) -> bool:
        """Excluded from the open-order counts."""
        return self.purpose.protective


class MarketFacts(Struct, frozen=True, kw_only=True):
    """The market of one instrument. `mark`, `bid`, `ask`: the last good ones; `*_fresh` judges their age."""

    mark: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    quote_usd: Decimal | None = None
    """Fresh USD index of the quote coin on its venue (1 for USD); stale = None."""
    settle_usd: Decimal | None = None
    """The same for the settle coin."""
    quote_fresh: bool = False
    mark_fresh: bool = False
    quote_age_ns: int | None = None
    mark_age_ns: int | None = None
    close_only: bool = False
    """The venue takes no new positions in it."""


class AccountFacts(Struct, frozen=True, kw_only=True):
    """What is known of one venue's link and clock."""

    balances_fresh: bool = False
    """The ledger agrees with a read not older than `fresh.balance_ms` (stretched in history runs)."""
    balance_age_ns: int | None = None
    connected: bool = False
    settled: bool = True
    """No outage in the last `fresh.outage_settle_s`, or it was followed by that much fresh data."""
    clock_offset_ms: int | None = None
    """Venue clock against ours; 0 in virtual time; None = unmeasured, which blocks."""


class Usage(Struct, frozen=True, kw_only=True):
    """Rate counters as `risk.throttle` gives them."""

    last_second: int = 0
    last_minute: int = 0
    repeats: int = 0
    """Entries of this origin, instrument and side within `gate.repeat_window_s`; a pair counts once."""


class GateContext(Struct, frozen=True, kw_only=True):
    """Everything the gate may look at for one question.

    `accounts` holds every account (all count in the sums), as it stands: `portfolio.margin.account_input`
    with `stale_ok=False`, so that stale marks and indexes are None inside. `working` holds *everything that
    may still fill*: working, in-doubt, queued, reserved, foreign. The order in question may stand in it
    already (the second check, on `IntentDurable`): rows with its client order id, and the reservation rows of
    its own pair, instrument and side, are left out by the gate.
    `markets` needs a row for the instrument asked about, for every instrument with a position and for every
    instrument with a row in `working`; a missing row is an unknown market.
    """

    now: int
    settings: Settings
    instruments: Mapping[str, Instrument]
    accounts: Mapping[str, AccountInput]
    account_facts: Mapping[str, AccountFacts]
    markets: Mapping[str, MarketFacts]
    working: tuple[OpenOrder, ...] = ()
    trading_state: TradingState | None = None
    """`CauseBook.state_for` of the order's scopes (venue, strategy, coins, pair): already the worst. None =
    unknown, treated as HALTED."""
    state_text: str = ""
    """The causes in words, for the refusal."""
    depeg_levels: Mapping[str, str] = {}
    """Coin -> `ok`, `warn`, `block`, `reduce`, `unknown`; a missing coin is unknown. USD needs no row."""
    usage: Usage = field(default_factory=Usage)
    disabled: Mapping[str, str] = {}
    """Disabled origins and why (`CauseBook.disabled()`)."""
    owners: Mapping[str, str] = {}
    """Instrument -> origin that owns its open position; two strategies never take opposite sides of one."""
    alone: Mapping[tuple[str, str], Decimal] = {}
    """(pair, spot instrument) -> what that leg did without the other, base units, bought > 0. Both legs of
    every live pair of the kind `spot` have a row."""
    claimed: Mapping[str, Decimal] = {}
    """Instrument -> what pairs hold of it or still want, signed: no order by hand takes any of it, for the
    other leg would stand naked."""
    unproven: Mapping[str, str] = {}
    """Instruments on which no reducing order is provable now, and why."""
    halts_venue: Mapping[str, str] = {}
    """Venues where no new risk is taken although no trading state says so (error rate), and why."""


class Check(Struct, frozen=True, kw_only=True):
    """One named check of the gate, with the figures that the risk pane and a refusal show."""

    name: str
    subject: str = ""
    """Instrument, symbol, account, coin, `all`: what the figure is about."""
    value: Decimal | None = None
    """As it would be after the worst fill; None = unknown."""
    limit: Decimal | None = None
    head_room: Decimal | None = None
    """Still free, in `unit`; negative when over."""
    room: Decimal | None = None
    """The same in USD notional, to first order (costs left out); None = unknown, or no matter of notional."""
    unit: str = ""
    """`usd`, `x`, `fraction`, `count`, `ms`, `bps`, `rate/min`, `state`, or a coin."""
    passed: bool
    warns: bool = False
    """Passed, but the operator is told (venue share)."""
    binding: bool = True
    """False: computed and journaled only; it does not refuse this kind of order."""
    text: str = ""


class GateAnswer(Struct, frozen=True, kw_only=True):
    """Allowed or denied: a value with every check, never an exception."""

    allowed: bool
    checks: tuple[Check, ...]
    quantity: Decimal
    """What may be sent: the order's own, or cut for a reducing order that is too large; 0 when denied."""
    head_room: Decimal | None = None
    """USD notional that could still be added after this order, the tightest bound; None = unknown."""
    binding: str = ""
    """The first failing check when denied, else the tightest one."""
    reducing: bool = False
    reduce_only: bool = False
    """Set the venue's reduce-only flag on the order (it exists there and the order reduces)."""
    cancel_first: tuple[str, ...] = ()
    """Client order ids of our opposing working orders, to be canceled before this one goes out."""
    disable_origin: str = ""
    """Not empty: this refusal disables the origin until a person enables it again; the reason."""

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.binding and not check.passed)

    @property
    def refusal(self) -> str:
        """All failing checks in one line; empty when allowed."""
        return "; ".join(check.text or check.name for check in self.failed)
