"""The arena with two strategies that want a pair each, on the same legs, with room for both."""

from __future__ import annotations

from dataclasses import replace as changed
from decimal import Decimal
from unittest import mock

from msgspec.structs import replace

from services.domain.effects import Decision
from services.domain.enums import PairState, Purpose
from services.domain.money import ZERO
from services.execution.pair_state import Pair
from services.settings.gate import InstrumentLimit
from services.settings.parameters import Settings
from services.strategies.kinds import KINDS
from tests.adversary import arena
from tests.adversary.arena import Arena
from tests.adversary.plan import Plan, base
from tests.adversary.script import KIND, LEGS, SCRIPT, VENUES, S, lean_settings

SECOND = "second"
ROOM = InstrumentLimit(max_position=Decimal(40_000), max_leverage=Decimal(5))


def with_second(plan: Plan) -> Settings:
    settings = lean_settings(plan)
    first = settings.strategies[KIND]
    gate = replace(settings.gate, limits={}, default_limit=ROOM)
    return replace(settings, strategies={KIND: first, SECOND: replace(first, kind=SECOND)}, gate=gate)


class Two(Arena):
    """Pairs of both strategies, on the very same instruments."""

    def __post_init__(self) -> None:
        KINDS[SECOND] = SCRIPT
        with mock.patch.object(arena, "lean_settings", with_second):
            super().__post_init__()

    def hedged(self) -> tuple[Pair, Pair]:
        """Runs until both stand."""
        at = 12.0
        while [pair.state for pair in self.desk.core.pairs.live()] != [PairState.HEDGED] * 2:
            at += 0.5
            assert at < 40, "they do not come to stand"
            self.until(at)
        first, second = self.desk.core.pairs.live()
        return first, second

    apart_usd = ZERO
    """The most that stood alone of all the legs together, by the exchange's own books."""

    def _look(self, now: int) -> None:
        alone = ZERO
        for leg in LEGS:
            venue = self.exchange.venues[leg.rpartition(".")[2]]
            alone += venue.state.account.size(leg) * venue.floor.mark(leg)
        self.apart_usd = max(self.apart_usd, abs(alone))
        super()._look(now)

    def said(self, kind: str) -> list[Decision]:
        return [each for each in self.keeper.decided if each.kind == kind]

    def sent_as(self, purpose: Purpose, venue: str) -> list[float]:
        """When, in seconds, such orders went there."""
        return [
            (each.ts - self.world.start) / S
            for each in self.sent
            if each.order.purpose is purpose and each.order.instrument.endswith(f".{venue}")
        ]

    def mixed(self) -> list[str]:
        """Pairs that hold something else than their own orders have traded."""
        owner = {each.order.client_order_id: each.order.pair for each in self.sent}
        did: dict[tuple[str | None, str], Decimal] = {}
        for venue in VENUES:
            for fill in self.exchange.venues[venue].state.account.fills:
                key = owner.get(fill.client_order_id), fill.instrument
                did[key] = did.get(key, ZERO) + fill.quantity * fill.side.sign
        return [
            f"{pair.id}: {leg.size} of {leg.instrument}, by its orders {did.get((pair.id, leg.instrument))}"
            for pair in self.desk.core.pairs.live()
            for leg in pair.legs
            if did.get((pair.id, leg.instrument), ZERO) != leg.size * leg.side.sign
        ]


def quiet(seed: int, close_after: float = 1000.0) -> Two:
    """Nothing goes wrong by itself: whatever does is the test's."""
    plan = changed(base(seed), faults=(), deeds=(), settles=False, crash=False, entry_style="taker")
    return Two(changed(plan, close_after=close_after, faulty_until=40.0))
