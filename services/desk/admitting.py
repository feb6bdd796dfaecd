"""From a proposed pair to a reserved one, whoever proposed it: sized, planned, asked about as one unit.

A strategy's pair and a person's go the same way: the same sizing, the same gate, the same machine. A refusal
is a value for the caller, who says whose it is.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.desk import denials, gatekeeping
from services.desk.core import DeskCore
from services.desk.reasons import gate_figures
from services.desk.state import Admitted
from services.desk.submit import Submitter
from services.domain.enums import Severity, Side
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.execution.measured import allowance
from services.execution.pair_state import LegPolicy, Pair
from services.execution.pricing import Prices
from services.portfolio.margin import account_margin
from services.risk.context import GateAnswer, GateContext
from services.risk.gate import check_pair
from services.risk.kelly import TrackRecord
from services.risk.rooms import pair_head_rooms
from services.risk.sizing import SizeAnswer, SizeLeg, size_pair


class Proposal(Struct, frozen=True, kw_only=True):
    """A pair that somebody wants, before it has an id."""

    strategy: str
    origin: str
    """Of its orders."""
    group: str
    kind: str
    """`hedge`, `peg` or `spot`."""
    short: str
    long: str
    strength: Decimal
    stop_distance: Decimal
    """Fraction of price."""
    reason: str
    figures: dict[str, object]
    """What it was judged by, for the journal."""
    most: Decimal | None = None
    """Base units, see `OpenPair.most`."""
    asked: Decimal | None = None
    """USD a leg that a person named; None = the sizing's word."""

    @property
    def key(self) -> str:
        return f"{self.short}|{self.long}"


class Sized(Struct, frozen=True):
    answer: SizeAnswer
    capital: Decimal | None
    """The smaller C of the two accounts."""


class Outcome(Struct, frozen=True):
    pair: str = ""
    """Empty = refused."""
    why: str = ""
    gate: GateAnswer | None = None
    """The gate's refusal, if it was the gate's."""
    asked_as: str = ""
    """The id under which the gate was asked."""


def opposed(core: DeskCore, short: str, long: str) -> str:
    """A position that no pair holds, on the other side of a leg: the leg would be netted with it, and what is
    left could later not be closed by reducing orders."""
    for instrument, side in ((short, Side.SELL), (long, Side.BUY)):
        if not core.instruments[instrument].is_perp:
            continue  # an inventory stands against nothing
        loose = core.ledger.size(core.instruments[instrument]) - core.pairs.size_on(instrument)
        if loose * side.sign < ZERO:
            return f"{instrument}: a position of {loose} that belongs to no pair stands against the leg"
    return ""


def size(core: DeskCore, prices: Prices, wanted: Proposal, record: TrackRecord) -> Sized:
    """How much of it, with every bound."""
    short, long = core.instruments[wanted.short], core.instruments[wanted.long]
    ctx = gatekeeping.context(core, short.id, Side.SELL, wanted.origin, None, also=(long.id,))
    collaterals = [
        account_margin(ctx.accounts[venue]).collateral
        for venue in dict.fromkeys((short.venue, long.venue))
        if venue in ctx.accounts
    ]
    known = [each for each in collaterals if each is not None]
    capital = min(known) if known and len(known) == len(collaterals) else None
    cap = None if capital is None else capital * core.settings.size.max_pair_fraction
    answer = size_pair(
        core.settings,
        capital=capital,
        strength=wanted.strength,
        record=record,
        stop=wanted.stop_distance,
        short=size_leg(core, prices, short.id, Side.SELL, wanted.most),
        long=size_leg(core, prices, long.id, Side.BUY, wanted.most),
        slippage_bps=allowance(core.settings.exec, core.state.measured.get(wanted.strategy)),
        head_rooms=pair_head_rooms(ctx, short.id, long.id, cap=cap),
        asked=wanted.asked,
    )
    return Sized(answer, capital)


def size_leg(
    core: DeskCore, prices: Prices, instrument: str, side: Side, most: Decimal | None = None
) -> SizeLeg:
    """What the book takes, and never more than the edge was reckoned for."""
    spec = core.instruments[instrument]
    mid, mark = prices.mid(instrument), gatekeeping.fresh_mark(core, instrument)
    usd = core.picture.fresh_index(spec.venue, spec.quote, core.now)
    depth = prices.depth(instrument, side)
    if depth is not None and most is not None:
        depth = min(depth, most)
    price = None if mid is None or mark is None else max(mid, mark)
    available = None if depth is None or price is None or usd is None else depth * price * usd
    return SizeLeg(instrument=spec, price=price, quote_usd=usd, available=available)


def pair_context(core: DeskCore, legs: tuple[OrderRequest, OrderRequest]) -> GateContext:
    """The question about both legs as one unit."""
    first, second = legs
    return gatekeeping.context(
        core, first.instrument, first.side, first.origin, first.pair, also=(second.instrument,)
    )


def say_size(core: DeskCore, subject: str, wanted: Proposal, answer: SizeAnswer) -> None:
    """What it was judged by and every bound of the size, under the pair's name once it has one."""
    core.decide("evaluate", subject, wanted.reason, wanted.figures)
    figures: dict[str, object] = dict(answer.bounds)
    figures |= {"binding": answer.binding, "quantity": answer.quantity, "notional": answer.notional}
    if wanted.asked is not None:
        figures["asked"] = wanted.asked
    core.decide("size", subject, f"binding {answer.binding}", figures)


def admit(core: DeskCore, submit: Submitter, wanted: Proposal, sized: Sized) -> Outcome:
    """Plans it, asks the gate, reserves and starts it; or takes the plan back and says why not."""
    answer, prices = sized.answer, submit.prices
    pair, actions, why = core.pairs.plan(
        strategy=wanted.strategy,
        kind=wanted.kind,
        short=wanted.short,
        long=wanted.long,
        short_quantity=answer.quantity,
        long_quantity=answer.second_quantity,
        capital=sized.capital,
        origin=wanted.origin,
        reason=wanted.reason,
        now=core.now,
        entry_policy=LegPolicy(core.settings.pair.entry_policy),
        exit_policy=LegPolicy(core.settings.pair.exit_policy),
    )
    say_size(core, wanted.key if pair is None else pair.id, wanted, answer)
    if pair is None:
        return Outcome(why=why)
    legs = core.pairs.admission(pair.id, prices)
    if legs is None:
        _take_back(core, pair, "no fresh prices")
        return Outcome(why="no fresh prices")
    gate = check_pair(pair_context(core, legs), legs)
    if not gate.allowed:
        _take_back(core, pair, gate.refusal)
        return Outcome(why=gate.refusal, gate=gate, asked_as=pair.id)
    core.decide("gate", pair.id, "the pair as one unit: allowed", gate_figures(gate))
    _reserve(core, pair, wanted, answer, legs)
    submit.run(actions)
    submit.run(core.pairs.start(pair.id, core.now, prices))
    return Outcome(pair=pair.id)


def _take_back(core: DeskCore, pair: Pair, why: str) -> None:
    core.pairs.abandon(pair.id, why, core.now)
    core.pairs.forget(pair.id)


def _reserve(
    core: DeskCore,
    pair: Pair,
    wanted: Proposal,
    answer: SizeAnswer,
    legs: tuple[OrderRequest, OrderRequest],
) -> None:
    core.state.admitted[pair.id] = Admitted(
        strategy=wanted.strategy,
        group=wanted.group,
        kind=wanted.kind,
        capital_at_risk=answer.capital_at_risk,
        entry_basis=None,
        planned=pair.short.target,
    )
    core.episodes.open_pair(
        pair.id,
        strategy=wanted.strategy,
        hedge_group=wanted.group,
        instruments=(wanted.short, wanted.long),
        now=core.now,
        capital_at_risk=answer.capital_at_risk,
    )
    for leg in legs:
        core.throttle.entry(wanted.origin, leg.instrument, leg.side.value, core.now)
    core.decide(
        "open",
        pair.id,
        wanted.reason,
        {
            "short": wanted.short,
            "long": wanted.long,
            "quantity": answer.quantity,
            "notional": answer.notional,
            "capital_at_risk": answer.capital_at_risk,
            "binding": answer.binding,
        },
    )


def denied(core: DeskCore, wanted: Proposal, outcome: Outcome) -> None:
    """The refusal journaled, counted and shown; what repeats itself is taken out until a person enables
    it."""
    denials.note(core, f"pair {wanted.key}", outcome.why, wanted.origin, outcome.gate, outcome.asked_as)
    repeats = outcome.gate.disable_origin if outcome.gate is not None else ""
    if repeats and core.causes.disable(wanted.origin, repeats):
        name = wanted.origin.partition(":")[2] or wanted.origin
        core.alert(
            f"throttle:{wanted.origin}",
            Severity.ALARM,
            f"{wanted.origin} disabled: {repeats}",
            do=f"enable {name} REASON, once you know why",
        )
