"""Carries out what the exits of a pair say: close it, freeze it while its data are stale, thaw it.

The named exits are one function (`services.strategies.exits`), and so is what follows from them, whether a
strategy reviews its own pairs or the desk those that a person opened.
"""

from __future__ import annotations

from services.desk import controls, hand
from services.desk.core import SECOND, UNREAD, DeskCore
from services.desk.submit import Submitter
from services.domain.enums import PairState, Purpose, Severity, TradingState
from services.execution.pair_state import Pair
from services.strategies.base import ClosePair, FreezePair, ThawPair


def close(core: DeskCore, submit: Submitter, intent: ClosePair, origin: str) -> str:
    """What the pair's owner should say of it; empty = there is nothing to close."""
    pair = core.pairs.get(intent.pair)
    if pair is None or pair.state not in (PairState.HEDGED, PairState.FROZEN):
        return ""
    waits = _waits(core, pair) if intent.discretionary else ""
    if waits:
        # It would only be refused, order by order, and stand in the way of what protects the pair.
        return f"close {intent.pair} waits: {waits}"
    core.decide("close", intent.pair, intent.reason)
    purpose = Purpose.EXIT if intent.discretionary else Purpose.STOP
    submit.run(
        core.pairs.request_close(
            intent.pair, intent.reason, core.now, submit.prices, purpose=purpose, origin=origin
        )
    )
    return f"close {intent.pair}: {intent.reason}"


def _waits(core: DeskCore, pair: Pair) -> str:
    """Why an exit that protects nothing may not begin now; empty = it may (SEMANTICS 3, 7; RUNTIME 1)."""
    if core.state.stopping is not None:
        return "stopping"
    if controls.pair_state(core, pair) is TradingState.HALTED:
        return TradingState.HALTED.value
    for leg in pair.legs:
        venue = core.instruments[leg.instrument].venue
        if core.causes.has(UNREAD, f"venue:{venue}"):
            return f"{venue} has not been read yet"
    return ""


def freeze(core: DeskCore, submit: Submitter, intent: FreezePair) -> None:
    """Said again at every look: the alerts hang on how long it lasts."""
    pair = core.pairs.get(intent.pair)
    admitted = core.state.admitted.get(intent.pair)
    if pair is None or admitted is None:
        return
    if admitted.frozen_since is None:
        admitted.frozen_since = intent.since
        core.decide("freeze", intent.pair, intent.reason)
    if pair.state is not PairState.FROZEN:
        submit.run(core.pairs.freeze(intent.pair, intent.reason, core.now))
    waited = core.now - intent.since
    params = hand.params_of(core, pair.strategy)
    if waited >= params.freeze_page_min * 60 * SECOND:
        core.hold(f"frozen:{pair.id}", Severity.ALARM, f"{pair.id} frozen: {intent.reason}")
    elif waited >= params.freeze_alert_s * SECOND:
        core.hold(f"frozen:{pair.id}", Severity.WARNING, f"{pair.id} frozen: {intent.reason}")


def thaw(core: DeskCore, submit: Submitter, intent: ThawPair) -> None:
    """Everything the pair is judged by is fresh again."""
    admitted = core.state.admitted.get(intent.pair)
    if admitted is None or admitted.frozen_since is None:
        return
    admitted.frozen_since = None
    core.resolve(f"frozen:{intent.pair}")
    core.decide("thaw", intent.pair, "all facts fresh")
    # What the policy `cancel` stopped waits for a person, and whoever says this is none.
    submit.run(core.pairs.thaw(intent.pair, core.now, submit.prices, stopped_too=False))
