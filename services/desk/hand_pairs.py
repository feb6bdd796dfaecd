"""Pairs by hand: what a person typed becomes one proposal for sizing, gate and pair machine, or says why not.

The board judges it as it judges a strategy's. What it knows of facts, freshness, depegs, blackouts and
pairs that are open refuses; what it thinks of the price (spread, edge, break-even, sample, entry window)
only warns, for that is what a person may know better. The size is what was typed: every bound of the
sizing holds, none cuts in silence, and the risk budget is that of a trade without a record, since ideas of
a person are no sample.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.desk import admitting, hand
from services.desk.admitting import Outcome, Proposal, Sized
from services.desk.core import DeskCore
from services.desk.hand import OPERATOR
from services.desk.pair_facts import pair_facts
from services.desk.submit import Submitter
from services.desk.tickets import TicketError, instrument_of, number
from services.domain.instrument import Instrument
from services.domain.money import ONE, ZERO
from services.domain.orders import OrderRequest
from services.execution.measured import expected
from services.execution.pair_plan import draft, question
from services.execution.pair_state import LegPolicy, Pair
from services.market.board import (
    BLACKOUT,
    COOLDOWN,
    MAX_PAIRS,
    OUTSIDE_WINDOW,
    PAIR_OPEN,
    SMALL_SPREAD,
    STALE,
    BoardRules,
    Evaluation,
    HeldPair,
    evaluate,
    fact_refusals,
)
from services.market.legs import LegFacts, group_of, leg_facts, may_pair
from services.risk.context import GateAnswer
from services.risk.gate import check_pair
from services.risk.kelly import NO_RECORD
from services.risk.sizing import SizeAnswer, pair_stop_distance
from services.settings.funding import Funding

ASKED = "preview"
"""Stands where a pair's id would: no pair has it."""
_OPINIONS = (SMALL_SPREAD, COOLDOWN, OUTSIDE_WINDOW)
_OPINIONS_BEGIN = ("edge <", "break-even >", "sample <")


class PairTicket(Struct, frozen=True, kw_only=True):
    """As typed, understood."""

    short: Instrument
    long: Instrument
    notional: Decimal
    """USD a leg."""
    reason: str


class Judged(Struct, frozen=True, kw_only=True):
    """Everything that is said to a ticket; nothing is placed or reserved by saying it."""

    ticket: PairTicket
    facts: tuple[LegFacts, LegFacts]
    """Short, long."""
    row: Evaluation
    """The board's word on exactly these legs."""
    size: SizeAnswer
    capital: Decimal | None
    legs: tuple[OrderRequest, OrderRequest] | None
    """The question to the gate; None = there is none to ask."""
    gate: GateAnswer | None
    refusals: tuple[str, ...]
    """All that stands against it; empty = it may go out now."""
    opinions: tuple[str, ...]
    """What the board has against it that does not bind a person."""


def read(core: DeskCore, args: dict[str, str]) -> PairTicket:
    """Raises TicketError."""
    short = instrument_of(core, args.get("short", "").strip())
    long = instrument_of(core, args.get("long", "").strip())
    if short.id == long.id:
        raise TicketError("both legs are the same instrument")
    if not may_pair(short, long):
        raise TicketError(f"{short.id} and {long.id} do not hedge each other: two perps of one underlying do")
    notional = number("notional", args.get("notional", "").removeprefix("$"))
    reason = args.get("reason", "").strip()
    return PairTicket(short=short, long=long, notional=notional, reason=reason)


def judge(core: DeskCore, submit: Submitter, ticket: PairTicket) -> Judged:
    """At present figures. Changes nothing."""
    params = hand.params(core)
    facts = (
        leg_facts(core.picture, ticket.short, params, core.now),
        leg_facts(core.picture, ticket.long, params, core.now),
    )
    row = evaluate(*facts, _rules(core, params), core.now)
    wanted = _proposal(core, ticket, row, params)
    sized = admitting.size(core, submit.prices, wanted, NO_RECORD)
    against = _against(core, ticket)
    against += _board_refusals(core, facts, row, params)
    if sized.answer.refused:
        against.append(f"size: {hand.spoken(sized.answer.refused)}")
    legs, gate = None, None
    if sized.answer.quantity > ZERO and sized.capital is not None:
        pair, why = _drafted(core, wanted, sized)
        if pair is None:
            against.append(why)
        else:
            legs = _question(core, submit, pair)
        if legs is not None:
            gate = check_pair(admitting.pair_context(core, legs), legs)
            against += [check.text or check.name for check in gate.failed]
        elif pair is not None:
            against.append("no fresh prices")
    return Judged(
        ticket=ticket,
        facts=facts,
        row=row,
        size=sized.answer,
        capital=sized.capital,
        legs=legs,
        gate=gate,
        refusals=tuple(dict.fromkeys(against)),
        opinions=tuple(text for text in row.refusals if _opinion(text)),
    )


def open_pair(core: DeskCore, submit: Submitter, ticket: PairTicket) -> Outcome:
    """Through the board, the sizing and the gate to the pair machine; the outcome says what came of it."""
    judged = judge(core, submit, ticket)
    wanted = _proposal(core, ticket, judged.row, hand.params(core))
    if judged.refusals:
        admitting.say_size(core, wanted.key, wanted, judged.size)
        gate = judged.gate if judged.gate is not None and not judged.gate.allowed else None
        outcome = Outcome(why="; ".join(judged.refusals), gate=gate)
    else:
        outcome = admitting.admit(core, submit, wanted, Sized(judged.size, judged.capital))
    if not outcome.pair:
        admitting.denied(core, wanted, outcome)
    return outcome


def _rules(core: DeskCore, params: Funding) -> BoardRules:
    """Every pair of the desk counts, whosever it is."""
    return BoardRules(
        params=params,
        depeg={**core.depeg.levels(), **dict.fromkeys(core.settings.assume_par, "ok")},
        held=tuple(
            HeldPair(pair.id, pair_facts(core, pair).group, pair.short.instrument, pair.long.instrument)
            for pair in core.pairs.live()
        ),
        costs=expected(core.settings.exec, core.state.measured.get(OPERATOR)),
    )


def _proposal(core: DeskCore, ticket: PairTicket, row: Evaluation, params: Funding) -> Proposal:
    group, kind = group_of(ticket.short, ticket.long)
    stop = pair_stop_distance(core.settings, params.pair_stop, ticket.short, ticket.long)
    return Proposal(
        strategy=OPERATOR,
        origin=OPERATOR,
        group=group,
        kind=kind,
        short=ticket.short.id,
        long=ticket.long.id,
        strength=ONE,
        stop_distance=stop,
        reason=f"by hand: {ticket.reason}" if ticket.reason else "by hand",
        asked=ticket.notional,
        figures={
            "verdict": "; ".join(row.refusals) or "enter",
            "short": ticket.short.id,
            "long": ticket.long.id,
            "spread": row.spread,
            "gross": row.gross,
            "costs": row.costs,
            "net_edge": row.net_edge,
            "break_even_h": row.break_even_h,
            "strength": ONE,
            "stop_distance": stop,
        },
    )


def _against(core: DeskCore, ticket: PairTicket) -> list[str]:
    """What the desk has against any new pair now, or against these legs."""
    found = []
    if core.state.stopping is not None:
        found.append("the engine is stopping")
    building = next((each for each in core.pairs.live() if each.opening), None)
    if building is not None:
        found.append(f"{building.id} is opening: one pair at a time")
    loose = admitting.opposed(core, ticket.short.id, ticket.long.id)
    return [*found, loose] if loose else found


def _opinion(text: str) -> bool:
    """The board's view of the price. Everything else refuses, also what is added to the board one day."""
    return text in _OPINIONS or text.startswith(_OPINIONS_BEGIN)


def _board_refusals(
    core: DeskCore, facts: tuple[LegFacts, LegFacts], row: Evaluation, params: Funding
) -> list[str]:
    """What the board knows against it, for somebody who reads it alone: whose fact, which pair."""
    found, told = [], set()
    for leg in facts:
        for text in fact_refusals(leg, core.now):
            told.add(text)
            found.append(f"{leg.instrument.id}: {f'{leg.stale} stale' if text == STALE else text}")
    words = {
        PAIR_OPEN: f"{row.pair or 'a pair'} is open on this underlying and these venues",
        BLACKOUT: "a leg settles: no entry in its blackout",
        MAX_PAIRS: f"as many pairs are open as may be (max_pairs {params.max_pairs})",
    }
    left = [text for text in row.refusals if text not in told and not _opinion(text)]
    return [*found, *(words.get(text, text) for text in left)]


def _drafted(core: DeskCore, wanted: Proposal, sized: Sized) -> tuple[Pair | None, str]:
    """The pair that the machine would plan."""
    pair, why = draft(
        core.settings,
        core.pairs.live(),
        core.instruments,
        strategy=wanted.strategy,
        kind=wanted.kind,
        short=wanted.short,
        long=wanted.long,
        short_quantity=sized.answer.quantity,
        long_quantity=sized.answer.second_quantity,
        capital=sized.capital,
        origin=wanted.origin,
        reason=wanted.reason,
        now=core.now,
        exit_policy=LegPolicy(core.settings.pair.exit_policy),
    )
    if pair is not None:
        pair.id = ASKED
    return pair, why


def _question(core: DeskCore, submit: Submitter, pair: Pair) -> tuple[OrderRequest, OrderRequest] | None:
    short = question(pair, pair.short, core.instruments, core.settings, submit.prices)
    long = question(pair, pair.long, core.instruments, core.settings, submit.prices)
    return (short, long) if short is not None and long is not None else None
