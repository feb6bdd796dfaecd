"""Looks after the pairs that a person opened: the named exits of SEMANTICS 5.6 hold for them as for a
strategy's, and stale data freezes them, for whoever opened a pair may be asleep.

No strategy sees these pairs, so the desk reviews them itself, by the strategies' own function. An exit
that is no protection is nobody's order: it goes out as a strategy's would, and a halt stops it, though
orders by hand pass.
"""

from __future__ import annotations

from services.desk import exits, hand
from services.desk.core import SECOND, DeskCore
from services.desk.hand import OPERATOR
from services.desk.pair_facts import pair_facts
from services.desk.submit import Submitter
from services.execution.pair_state import Pair
from services.market.legs import leg_facts
from services.settings.funding import Funding
from services.strategies.base import ClosePair, FreezePair, Intent, ThawPair
from services.strategies.exits import PairTrack, review

TOLD_S = 600
"""So long a closed pair is kept: by then every strategy has heard of its end."""
BY_ITSELF = f"strategy:{OPERATOR}"
"""Origin of an exit that no person asked for."""


def look(core: DeskCore, submit: Submitter) -> None:
    """At every look at the risk."""
    tracks = core.state.hand_tracks
    mine = [pair for pair in core.pairs.live() if pair.strategy == OPERATOR]
    alive = [pair.id for pair in mine]
    for gone in [name for name in tracks if name not in alive]:
        del tracks[gone]
    for name, admitted in core.state.admitted.items():
        closed = core.pairs.get(name) if admitted.strategy == OPERATOR else None
        if closed is not None and closed.closed_ts is not None:
            admitted.notified = core.now - closed.closed_ts >= TOLD_S * SECOND
    params = hand.params(core)
    for pair in mine:
        intents, tracks[pair.id] = _review(core, pair, tracks.get(pair.id, PairTrack()), params)
        for intent in intents:
            _carry(core, submit, intent)


def _review(
    core: DeskCore, pair: Pair, track: PairTrack, params: Funding
) -> tuple[tuple[Intent, ...], PairTrack]:
    now = core.now
    short, long = (
        leg_facts(core.picture, core.instruments[leg.instrument], params, now) for leg in pair.legs
    )
    depeg = {**core.depeg.levels(), **dict.fromkeys(core.settings.assume_par, "ok")}
    try:
        return review(pair_facts(core, pair), short, long, track, params, depeg, now)
    except ArithmeticError:
        # A figure that is no number judges nothing, as if it were stale; it must not end the engine.
        since = track.frozen_since if track.frozen_since is not None else now
        frozen = FreezePair(pair=pair.id, reason="a figure is no number", since=since)
        return (frozen,), PairTrack(
            below_since=track.below_since,
            flipped_since=track.flipped_since,
            diverged_since=track.diverged_since,
            frozen_since=since,
        )


def _carry(core: DeskCore, submit: Submitter, intent: Intent) -> None:
    match intent:
        case ClosePair():
            origin = BY_ITSELF if intent.discretionary else "desk"
            exits.close(core, submit, intent, origin)
        case FreezePair():
            exits.freeze(core, submit, intent)
        case ThawPair():
            exits.thaw(core, submit, intent)
