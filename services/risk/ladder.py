"""Margin ladder of one account: what a usage, and a liquidation distance, ask for (SEMANTICS 2, PARAMETERS).

Usage 0.50 no new risk (the gate refuses by itself), 0.60 REDUCING, 0.80 pairs are reduced, both legs in
step, until usage is under 0.60. A joint liquidation distance under 15 % is an alert (and refuses in the
gate), under 8 % is REDUCING. Unknown usage with positions is never a calm one: it is at least "no new risk",
and a pending cut goes on waiting for figures rather than guessing.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from services.domain.enums import TradingState
from services.domain.money import ONE, ZERO
from services.settings.parameters import Gate, Ladder

CALM, NO_NEW_RISK, REDUCING, CUT = "calm", "no new risk", "reducing", "cut"
_ORDER = (CALM, NO_NEW_RISK, REDUCING, CUT)


class LadderAnswer(Struct, frozen=True, kw_only=True):
    venue: str
    step: str
    """`calm`, `no new risk`, `reducing`, `cut`."""
    changed: bool
    state: TradingState
    """What the account's cause asks for: REDUCING from `reducing` on, else ACTIVE."""
    cut_fraction: Decimal
    """Share of every pair of this account to take off now, both legs in step; 0 = none."""
    near_liquidation: bool
    """The joint distance is under the alert level, or unknown with positions."""
    unknown: bool = False
    """It is as near as that only because a figure is missing."""
    text: str


class LadderState(Struct):
    steps: dict[str, str] = field(default_factory=dict)
    """Venue -> last step."""
    waves: dict[str, int] = field(default_factory=dict)
    """Venue -> when the cut under way was begun."""
    tries: dict[str, int] = field(default_factory=dict)
    """Unpaired instrument -> orders of cuts so far: each takes the next band."""


class MarginLadder:
    """Remembers per account whether a cut is under way: it goes on until usage is under `cut_to`."""

    def __init__(self, ladder: Ladder, gate: Gate, state: LadderState | None = None) -> None:
        self.ladder = ladder
        self.gate = gate
        self.state = state if state is not None else LadderState()

    def evaluate(
        self,
        venue: str,
        *,
        usage: Decimal | None,
        insolvent: bool,
        distance: Decimal | None,
        holds: bool,
    ) -> LadderAnswer:
        """`usage`: maintenance / C, None = unknown. `insolvent`: C known and <= 0 with positions.
        `distance`: joint liquidation distance, None = no such move (or unknown, when usage is unknown)."""
        before = self.state.steps.get(venue, CALM)
        usage = usage if usage is not None and usage.is_finite() and usage >= ZERO else None
        if not holds:
            return self._answer(venue, before, CALM, ZERO, False, "no positions")
        if insolvent:
            return self._answer(venue, before, CUT, ONE, True, "collateral is gone with positions open")
        if usage is None:
            step = before if before != CALM else NO_NEW_RISK
            return self._answer(venue, before, step, ZERO, True, "margin usage unknown", unknown=True)
        if distance is not None and not distance.is_finite():
            step = _worse(_worse(self._step(usage, before), before), NO_NEW_RISK)
            said = "liquidation distance unknown"
            return self._answer(venue, before, step, ZERO, True, said, unknown=True)
        step = self._step(usage, before)
        near = distance is not None and distance < self.gate.min_joint_distance
        text = f"margin usage {usage:.1%}"
        if distance is not None and distance < self.gate.reducing_joint_distance:
            step = _worse(step, REDUCING)
        elif near:
            step = _worse(step, NO_NEW_RISK)
        if near:
            text += f", liquidation {distance:.1%} away"
        fraction = self._fraction(usage) if step == CUT else ZERO
        return self._answer(venue, before, step, fraction, near, text)

    def _step(self, usage: Decimal, before: str) -> str:
        p = self.ladder
        if usage >= p.cut or (before == CUT and usage >= p.cut_to):
            return CUT
        if usage >= p.reducing:
            return REDUCING
        return NO_NEW_RISK if usage >= p.no_new_risk else CALM

    def _fraction(self, usage: Decimal) -> Decimal:
        """Requirement falls in proportion to size while C only pays costs: 1 - cut_to / usage, and 2 % more
        of the position so that the costs and the tier steps do not leave it just above."""
        return min(ONE, ONE - self.ladder.cut_to / usage + Decimal("0.02"))

    def _answer(
        self,
        venue: str,
        before: str,
        step: str,
        fraction: Decimal,
        near: bool,
        text: str,
        *,
        unknown: bool = False,
    ) -> LadderAnswer:
        self.state.steps[venue] = step
        reducing = step in (REDUCING, CUT)
        return LadderAnswer(
            venue=venue,
            step=step,
            changed=step != before,
            state=TradingState.REDUCING if reducing else TradingState.ACTIVE,
            cut_fraction=fraction,
            near_liquidation=near,
            unknown=unknown,
            text=f"{venue}: {text}",
        )


def _worse(first: str, second: str) -> str:
    return first if _ORDER.index(first) >= _ORDER.index(second) else second
