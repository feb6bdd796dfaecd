"""The adversarial runs with a pair that changes hands once: what one leg does alone is taken back.

Fewer of them than of pairs that are held: the line, the disk and the operator are the same.
"""

from __future__ import annotations

from dataclasses import replace as changed

import pytest

from services.domain.enums import Purpose
from services.venues.sim.line import Wish
from tests.adversary import lives
from tests.adversary.arena import Arena
from tests.adversary.judge import broken
from tests.adversary.plan import Restart, base
from tests.adversary.script import S
from tests.adversary.share import SOAK, one, run

RUNS = 5_000 if SOAK else 24
BELOW = "a rest worth the venue's minimum at the mid was less at a sale's limit, and was refused for ever"
NEWER = "a spot fill newer than the venue's picture was taken out of a position that does not exist"
FOUND = {2252: BELOW, 60666: NEWER}


def test_whatever_the_line_did_nothing_was_done_alone_and_the_books_agree() -> None:
    share = run(20_000_000, RUNS, spot=True)
    assert not share.failures, "\n".join(share.failures[:20])
    assert share.both >= share.runs / 2, share.words()


def test_what_a_seed_found_of_spot_stays_mended() -> None:
    for seed, what in FOUND.items():
        _, wrong = one(seed, spot=True)
        assert wrong == "", what


@pytest.mark.parametrize("silent_s", [0.5, 15.0])
def test_what_was_taken_back_by_an_engine_that_died_of_it_is_not_taken_back_again(silent_s: float) -> None:
    """Its order left before it was on the disk. No venue trims the second one: it stood alone on the other
    side, and the first one, found later, was taken for a stranger's."""
    plan = changed(base(345), faults=(), deeds=(), settles=False, entry_style="taker", close_after=2.0)
    found = Arena(changed(plan, faulty_until=30.0), spot=True)
    found.until(12.525)
    assert found.sent[-1].order.purpose is Purpose.ENTRY
    found.machine.run_until(found.queue.now)
    sure = len(found.keeper.inputs)
    found.command("flatten")
    while found.sent[-1].order.purpose is not Purpose.FLATTEN:
        found.machine.step()
    taken, end = found.sent[-1].order, found.queue.now + int(silent_s * S)
    venue = found.exchange.venues[taken.instrument.rpartition(".")[2]]
    ask = venue.read_account

    def later(now: int, request: str, since: int) -> None:
        if now >= end:
            ask(now, request, since)
        else:
            found.queue.wake(end, Wish(lambda ts: ask(ts, request, since)))

    setattr(venue, "read_account", later)  # noqa: B010 - of this one venue
    found.keeper.sure = sure
    lives.restart(found, Restart(0, 0.05, late=True, dead_man=False))
    assert broken(found.run()) == []
    again = [each.order for each in found.sent if each.order.closing and each.order != taken]
    assert again == []
