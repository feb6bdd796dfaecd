"""Legs of a lost store that hedge each other are made pairs again (SEMANTICS 14; 5.6, 7 and 8 hold for them).

The venues tell positions, not pairs. But what fills of our own orders account for, and what stands against
each other in one hedge group in equal quantities, was a pair's, whichever: so it is one again, under the
strategy `rebuilt`, which is nobody's. It is hedged, and what is a pair is looked after as one: no stop of its
own on a leg, the pair stop by the desk, margin ladder and flatten on both legs in step, and a leg that
somebody takes is a missing leg. No strategy exits it, and nothing is sent because of its making. Foreign
parts stay foreign.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.desk.core import DeskCore
from services.desk.pair_books import keep_pair
from services.desk.state import Admitted
from services.domain.enums import PairState, Side
from services.domain.instrument import joint_lot
from services.domain.money import ZERO, floor_to
from services.execution.pair_state import LONG, SHORT, Leg, LegPolicy, Pair

STRATEGY = "rebuilt"
ORIGIN = "desk"


def make(core: DeskCore, hedged: Mapping[str, Decimal]) -> tuple[Pair, ...]:
    """`hedged`: by instrument what is ours and hedged, signed; the largest legs are matched first."""
    groups: dict[str, list[str]] = {}
    for name, size in hedged.items():
        spec = core.instruments.get(name)
        if size != ZERO and spec is not None and spec.is_perp:
            groups.setdefault(spec.hedge_group, []).append(name)
    made: list[Pair] = []
    for group, names in groups.items():
        left = {name: abs(hedged[name]) for name in names}
        ordered = sorted(names, key=lambda name: (-abs(hedged[name]), name))
        for short in (name for name in ordered if hedged[name] < ZERO):
            for long in (name for name in ordered if hedged[name] > ZERO):
                quantity = _joint(core, short, long, min(left[short], left[long]))
                if quantity > ZERO:
                    left[short] -= quantity
                    left[long] -= quantity
                    made.append(_pair(core, group, short, long, quantity))
    return tuple(made)


def _joint(core: DeskCore, short: str, long: str, quantity: Decimal) -> Decimal:
    """On both legs' grid; 0 below what either venue would take."""
    first, second = core.instruments[short], core.instruments[long]
    found = floor_to(quantity, joint_lot(first, second))
    return found if found >= max(first.min_size, second.min_size) else ZERO


def _pair(core: DeskCore, group: str, short: str, long: str, quantity: Decimal) -> Pair:
    settings, now = core.settings.pair, core.now
    pair = Pair(
        id=core.ids.pair(),
        strategy=STRATEGY,
        kind="peg" if group == "peg" else "hedge",
        origin=ORIGIN,
        short=_leg(core, SHORT, short, quantity),
        long=_leg(core, LONG, long, quantity),
        # C is not known yet: one slice is the smaller of what may ever be naked by plan.
        naked_bound=min(settings.naked_max, settings.slice_notional),
        slice_notional=settings.slice_notional,
        entry_policy=LegPolicy(settings.entry_policy),
        exit_policy=LegPolicy(settings.exit_policy),
        state=PairState.HEDGED,
        planned_ts=now,
        opened_ts=now,
        hedged_ts=now,
        state_ts=now,
        reason="legs of a lost store that hedge each other",
        text="rebuilt from the venues: closed by hand, the pair stop or a flatten",
    )
    core.pairs.adopt(pair)
    rank = core.causes.overall().rank
    core.state.admitted[pair.id] = Admitted(
        STRATEGY, group, pair.kind, ZERO, None, state_rank=rank, notified=True
    )
    core.episodes.open_pair(
        pair.id,
        strategy=STRATEGY,
        hedge_group=group,
        instruments=(short, long),
        now=now,
        capital_at_risk=ZERO,
    )
    for leg in pair.legs:
        core.episodes.hold(pair.id, leg.instrument, leg.size * leg.side.sign, leg.entry_price or ZERO)
    figures = {"short": short, "long": long, "quantity": quantity}
    core.decide("pair", pair.id, pair.reason, {**figures, "state": pair.state.value})
    keep_pair(core, pair)
    return pair


def _leg(core: DeskCore, number: int, name: str, quantity: Decimal) -> Leg:
    """Entered at the venue's own average, else at the last good price: the pair stop counts from there."""
    side = Side.SELL if number == SHORT else Side.BUY
    held = core.ledger.position(core.instruments[name])
    entry = held.entry if held is not None and held.entry > ZERO else core.picture.last_mark(name)
    leg = Leg(number, name, side, quantity, size=quantity)
    if entry is not None and entry > ZERO:
        leg.bought, leg.entry_cost = quantity, quantity * entry
    return leg
