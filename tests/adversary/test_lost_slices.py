"""Slices of a flatten that filled, both legs alike, and were lost with the engine: nothing is left to do.

Found by looking at what the desk does while its own books stand apart after a start. One venue's read told of
four fills, the pair was cut to match the first, and the other three left it naked by as much. And a leg was
cut after two seconds on the word of the other venue alone, though the same had been done there.
"""

from __future__ import annotations

from dataclasses import replace as changed
from decimal import Decimal

import pytest

from services.domain.enums import PairState
from services.domain.money import ZERO
from services.venues.sim.line import Wish
from tests.adversary import lives
from tests.adversary.arena import Arena
from tests.adversary.judge import broken
from tests.adversary.plan import Restart, base
from tests.adversary.script import LEGS, VENUES, S

DOWN_S = 0.5


class Watching(Arena):
    apart = ZERO
    """The most that stood alone, by the exchange's own books, base units."""

    def held(self, leg: str) -> Decimal:
        return self.exchange.venues[leg.rpartition(".")[2]].state.account.size(leg)

    def _look(self, now: int) -> None:
        self.apart = max(self.apart, abs(sum(map(self.held, LEGS), ZERO)))


def half_flattened() -> Watching:
    """A pair of which half is gone, and a journal that knows of no order of that."""
    plan = changed(base(1), faults=(), deeds=(), settles=False, crash=False, entry_style="taker")
    found = Watching(changed(plan, close_after=1000.0, faulty_until=40.0))
    at = 12.0
    while [pair.state for pair in found.desk.core.pairs.live()] != [PairState.HEDGED]:
        at += 0.5
        found.until(at)
    found.machine.run_until(found.queue.now)
    sure = len(found.keeper.inputs)
    found.command("flatten", what=found.desk.core.pairs.live()[0].id)
    found.machine.run_until(found.queue.now + 3 * S)
    found.keeper.sure = sure
    return found


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(("silent_s", "deaths"), [(0.0, 1), (5.0, 1), (6.0, 2)])
def test_what_was_done_on_both_legs_is_found_done_and_nothing_is_cut(
    venue: str, silent_s: float, deaths: int
) -> None:
    """At most for the settling time: of a venue that reads nobody out a leg may not stand naked for ever.
    Also where the engine that found one of them died, too, before the other venue was read."""
    found = half_flattened()
    whole, left = found.desk.core.pairs.live()[0].short.target, found.held(LEGS[1])
    assert found.held(LEGS[0]) == -left
    assert ZERO < left < whole
    silent, end = found.exchange.venues[venue], found.queue.now + int((DOWN_S + silent_s) * S)
    ask = silent.read_account

    def later(now: int, request: str, since: int) -> None:
        if now >= end:
            ask(now, request, since)
        else:
            found.queue.wake(end, Wish(lambda ts: ask(ts, request, since)))

    setattr(silent, "read_account", later)  # noqa: B010 - of this one venue
    found.apart, sent = ZERO, len(found.sent)
    for death in range(deaths):
        lives.restart(found, Restart(0, DOWN_S, late=not death, dead_man=False))
        found.until((found.queue.now - found.world.start) / S + 1)
    found.until((found.queue.now - found.world.start) / S + 12)
    (pair,) = found.desk.core.pairs.live()
    assert (pair.state, pair.short.size, pair.long.size) == (PairState.HEDGED, left, left)
    assert found.sent[sent:] == []
    assert found.apart == ZERO
    assert broken(found) == []
