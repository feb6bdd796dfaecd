"""What is known of one pair while it lives: plain data, restored from a checkpoint as it is.

A leg's `size` is the magnitude of our own fills (entries minus exits); foreign trades never enter it
(SEMANTICS 7). The legs belong together in the proportion of their targets: equal base quantities for kinds
`hedge` and `spot`, equal USD notional for kind `peg`. A `spot` pair changes hands once: what it sells comes
out of the one venue's inventory, what it buys goes into the other's, and nothing is held afterwards.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct, field

from services.domain.enums import OrderState, PairState, Purpose, Side

SHORT, LONG = 1, 2
"""Leg numbers, as in the client order id."""
SPOT = "spot"
"""The kind of a pair that is over once both legs are filled."""


class LegPolicy(StrEnum):
    """What happens when the second leg fails within the leg time-out."""

    REVERSE = "reverse"
    PROCEED = "proceed"
    CANCEL = "cancel"


class OrderMemo(Struct):
    """How much of an order the pair has counted. Cumulative, so hearing something twice is harmless."""

    leg: int
    increasing: bool
    quantity: Decimal
    filled: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    state: OrderState = OrderState.INITIALIZED
    settled: bool = False
    in_doubt: bool = False
    cancel_asked: bool = False
    resting: bool = False
    """Post-only: it stands in the book until it fills or is withdrawn."""
    price: Decimal | None = None
    """Of a resting order, quote coin."""
    placed: int = 0


class Leg(Struct):
    number: int
    instrument: str
    side: Side
    """Of entry: SELL for the short leg, BUY for the long leg."""
    target: Decimal
    """Base units at the full size of the plan; the two targets are the legs' proportion."""
    size: Decimal = Decimal(0)
    done: Decimal = Decimal(0)
    """Of a `spot` pair: what has changed hands and is the inventory's now, base units."""
    keep: Decimal = Decimal(0)
    """What a close leaves standing, base units; 0 = all of the leg goes."""
    bought: Decimal = Decimal(0)
    """Σ quantity of entry fills, for the average entry price."""
    entry_cost: Decimal = Decimal(0)
    """Σ quantity × price of entry fills, quote coin."""
    band: int = 0
    """Which band the next chasing order takes."""
    next_at: int = 0
    """No further chasing order before this time."""
    chased: Decimal = Decimal(0)
    """The quantity that was wanted when the last chasing order went out."""
    refusals: int = 0
    """In a row: denied, rejected or unfilled."""
    last_refusal: str = ""

    @property
    def entry_price(self) -> Decimal | None:
        return self.entry_cost / self.bought if self.bought > 0 else None


class Naked(Struct):
    """The naked clock: how much of one leg stands without the other."""

    leg: int = 0
    """The heavier leg; 0 = none."""
    quantity: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)
    """USD."""
    since: int | None = None
    worst: Decimal = Decimal(0)
    """USD, the largest so far."""
    worst_ns: int = 0
    """The longest so far."""

    def seconds_ns(self, now: int) -> int:
        return now - self.since if self.since is not None else 0


class Pair(Struct):
    """One pair. Changed only by `PairMachine`."""

    id: str
    strategy: str
    kind: str
    """`hedge`, `peg` or `spot`."""
    origin: str
    short: Leg
    long: Leg
    naked_bound: Decimal
    """USD: the smaller of naked_max and its fraction of C at the plan."""
    slice_notional: Decimal
    """USD: the most that is naked by plan."""
    entry_policy: LegPolicy = LegPolicy.REVERSE
    exit_policy: LegPolicy = LegPolicy.PROCEED
    state: PairState = PairState.PLANNED
    resume: PairState = PairState.PLANNED
    """Where it goes back to from frozen or in doubt."""
    first: int = SHORT
    """The thin leg of the present slice."""
    naked: Naked = field(default_factory=Naked)
    orders: dict[str, OrderMemo] = field(default_factory=dict)
    planned_ts: int = 0
    opened_ts: int | None = None
    """First fill."""
    hedged_ts: int | None = None
    closed_ts: int | None = None
    state_ts: int = 0
    close_purpose: Purpose = Purpose.EXIT
    close_origin: str = ""
    close_reason: str = ""
    """The named exit, once one is decided."""
    then_close: bool = False
    """After unwinding, go on and close (leg missing)."""
    exit_after: str = ""
    """The named exit behind a cut of the margin ladder that is under way; a halt takes it back."""
    exit_origin: str = ""
    shrink: Decimal = Decimal(0)
    """The fraction that the next close takes off; 0 = it takes all, or the sizes to keep are fixed."""
    frozen_reason: str = ""
    frozen_by_desk: bool = False
    unwind_reason: str = ""
    failed: bool = False
    """The attempt to open it failed: it costs a cooldown."""
    doubt_since: int | None = None
    escalated: bool = False
    entry_tries: int = 0
    next_slice_at: int = 0
    """No further entry slice before this time: slices keep inside the order rate."""
    quote_since: int | None = None
    """When leg 1 was first quoted in the present attempt to rest; None = no attempt is under way."""
    quotes: int = 0
    """Quotes of that attempt so far."""
    requotes: list[int] = field(default_factory=list)
    """When it was quoted again, within the window."""
    take_next: bool = False
    """The attempt to rest the next slice of an exit is over: it takes."""
    no_rest: str = ""
    """Why nothing of this pair may rest any more (pause, stop): an entry then ends, an exit takes."""
    reason: str = ""
    """Of opening."""
    text: str = ""
    """The latest line for the screen."""
    armed: int | None = None
    """Due time of the pair's timer, as last asked for."""

    def leg(self, number: int) -> Leg:
        return self.short if number == SHORT else self.long

    def other(self, number: int) -> Leg:
        return self.long if number == SHORT else self.short

    @property
    def legs(self) -> tuple[Leg, Leg]:
        return (self.short, self.long)

    @property
    def one_shot(self) -> bool:
        """Nothing of it is held: it has no exit, and unwinding takes back what one leg did alone."""
        return self.kind == SPOT

    @property
    def unsettled(self) -> bool:
        for memo in self.orders.values():  # noqa: SIM110 - a generator costs a hedge more than its walk
            if not memo.settled:
                return True
        return False

    @property
    def doubtful(self) -> bool:
        for memo in self.orders.values():  # noqa: SIM110 - as above
            if memo.in_doubt:
                return True
        return False

    @property
    def stopped(self) -> bool:
        """The policy `cancel` has stopped it: a person decides, also behind a doubt."""
        frozen, doubt = PairState.FROZEN, PairState.IN_DOUBT
        return (self.state, self.resume) in ((frozen, PairState.UNWINDING), (doubt, frozen))

    @property
    def opening(self) -> bool:
        """On its way in. One in doubt still is: it goes on with what it was about, and then the hedge of the
        order in doubt passes on the reservation alone."""
        state = self.resume if self.state is PairState.IN_DOUBT else self.state
        return state is PairState.OPENING

    @property
    def being_built(self) -> bool:
        """It still wants all of its targets, and has head-room and tokens reserved for them."""
        return self.state is PairState.PLANNED or self.opening


class PairBookState(Struct):
    pairs: dict[str, Pair] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    """Failed attempts in a row, by cooldown key; a hedged pair of the same key clears it."""
