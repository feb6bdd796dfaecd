"""From a strategy's intent to an admitted pair: what it may not ask, how much, what a refusal costs."""

from __future__ import annotations

from services.desk import admitting, gatekeeping
from services.desk.admitting import Outcome, Proposal
from services.desk.core import SECOND, DeskCore
from services.desk.state import StrategySlot
from services.desk.submit import Submitter
from services.domain.enums import TradingState
from services.domain.money import ZERO
from services.risk.kelly import track_record
from services.strategies.base import OpenPair

OPPORTUNITY_PAUSE_S = 60
"""After a refused admission the same pair is not asked about again for so long."""
PASSING = ("open orders", "order rate")
"""Refusals that a moment cures: exits of the last second have taken the slots or tokens."""
AGAIN_NS = SECOND


class Admission:
    """A refusal is a value: journaled with all its figures, counted, and shown; never silent."""

    def __init__(self, core: DeskCore, submit: Submitter) -> None:
        self.core = core
        self.submit = submit

    def open(self, name: str, slot: StrategySlot, intent: OpenPair) -> str:
        """Empty = opened; else what stood against it, in a few words without figures: opportunities are
        counted by them."""
        core = self.core
        wanted = _proposal(name, intent)
        if core.state.stopping is not None:
            return "stopping"
        if core.now < slot.paused_pairs.get(wanted.key, 0):
            return slot.paused_why.get(wanted.key, "refused a moment ago")
        for instrument in (intent.short, intent.long):
            state, text = gatekeeping.state_of(core, instrument, wanted.origin, None)
            if state is not TradingState.ACTIVE:
                # No question for the gate: the scope takes no new risk, and nobody asked for any.
                slot.last_reason = f"{state.value}: {text}"
                return state.value
        against = admitting.opposed(core, intent.short, intent.long)
        if against:
            return self._refuse(slot, wanted, Outcome(why=against), "a loose position against a leg")
        building = next((each for each in core.pairs.live() if each.opening), None)
        if building is not None:
            # One at a time: a pair under way holds the rate tokens of both legs and one reversal.
            slot.last_reason = f"waits until {building.id} stands"
            core.set_timer(f"again {name}", core.now + AGAIN_NS)
            return "another pair was being built"
        record = track_record(core.state.episodes, name, intent.group, slot.sample_since)
        sized = admitting.size(core, self.submit.prices, wanted, record)
        answer = sized.answer
        if answer.stopped or answer.quantity <= ZERO:
            admitting.say_size(core, wanted.key, wanted, answer)
        if answer.stopped:
            slot.stopped = answer.stopped
            slot.last_reason = answer.stopped
            core.alert(
                f"no edge:{name}",
                None,
                f"{name} stopped: {answer.stopped}",
                do=f"enable {name} REASON starts a new sample",
            )
            return "no edge by its record"
        if answer.quantity <= ZERO:
            why = answer.refused or f"size is zero: {answer.binding}"
            return self._refuse(slot, wanted, Outcome(why=why), f"size: {answer.binding or 'unknown'}")
        outcome = admitting.admit(core, self.submit, wanted, sized)
        if not outcome.pair:
            gate = outcome.gate
            rule = "not planned" if gate is None else f"gate: {gate.failed[0].name}"
            return self._refuse(slot, wanted, outcome, rule)
        slot.last_reason = f"open {outcome.pair}: {intent.reason}"
        return ""

    def _refuse(self, slot: StrategySlot, wanted: Proposal, outcome: Outcome, rule: str) -> str:
        core = self.core
        slot.last_reason = outcome.why
        admitting.denied(core, wanted, outcome)
        if outcome.gate is not None and all(check.name in PASSING for check in outcome.gate.failed):
            core.set_timer(f"again {wanted.strategy}", core.now + AGAIN_NS)
        else:
            slot.paused_pairs[wanted.key] = core.now + OPPORTUNITY_PAUSE_S * SECOND
            slot.paused_why[wanted.key] = rule
        return rule


def _proposal(name: str, intent: OpenPair) -> Proposal:
    return Proposal(
        strategy=name,
        origin=f"strategy:{name}",
        group=intent.group,
        kind=intent.kind,
        short=intent.short,
        long=intent.long,
        strength=intent.strength,
        stop_distance=intent.stop_distance,
        reason=intent.reason,
        most=intent.most,
        figures={
            "verdict": "enter",
            "short": intent.short,
            "long": intent.long,
            "spread": intent.spread,
            "gross": intent.gross,
            "costs": intent.costs,
            "net_edge": intent.net_edge,
            "break_even_h": intent.break_even_h,
            "strength": intent.strength,
            "stop_distance": intent.stop_distance,
        },
    )
