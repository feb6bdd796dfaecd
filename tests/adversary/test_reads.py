"""Adversarial runs in which the line is well and a venue's reads are not: late, or plainly wrong once.

Two faults came to light so: a flatten took the word of one read, and one that lagged took a leg from its pair
or proved it flat. The cause `reconcile` is no false alarm here: a person is asked, and trading stops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as changed
from random import Random

import pytest
from msgspec.structs import replace

from services.domain.events import AccountReport, Command
from tests.adversary.arena import Arena
from tests.adversary.judge import broken
from tests.adversary.plan import Deed, base
from tests.adversary.script import VENUES, S

SEEDS = range(14)
LAG_S = (0.3, 1.0, 2.5)
UNTIL_S = 24.0

WRONG: dict[str, Callable[[AccountReport], AccountReport]] = {
    "sign": lambda read: replace(
        read, positions=tuple(replace(row, size=-row.size) for row in read.positions)
    ),
    "half": lambda read: replace(
        read, positions=tuple(replace(row, size=row.size / 2) for row in read.positions)
    ),
    "none": lambda read: replace(read, positions=()),
    "no fills": lambda read: replace(read, fills=()),
    "no balances": lambda read: replace(read, balances=()),
}


def arena(seed: int, draw: Random) -> Arena:
    """One that opens and closes pairs, reads its accounts every second or two, and may be flattened."""
    what = draw.choice(("flatten", "flatten", "flatten pair", "flatten venue", "close"))
    deeds = (Deed(12.5 + 9 * draw.random(), what, draw.randrange(1000)),)
    close_after = draw.choice((2.0, 1000.0))
    plan = changed(base(seed), faults=(), deeds=deeds, settles=False, crash=False)
    return Arena(changed(plan, close_after=close_after, faulty_until=UNTIL_S))


def judged(found: Arena) -> list[str]:
    for number in range(8):
        at = found.world.start + int((12.3 + 1.3 * number) * S)
        found.queue.deliver(at, Command(id=f"r{number}", name="reconcile", args={}, origin="test", ts=at))
    return [line for line in broken(found.run()) if not line.startswith("cause reconcile")]


@pytest.mark.parametrize("seed", SEEDS)
def test_reads_that_show_the_account_of_a_while_ago_take_nothing_and_prove_nothing(seed: int) -> None:
    draw = Random(f"{seed}:late")
    found = arena(seed, draw)
    venue, lag = found.exchange.venues[draw.choice(VENUES)], int(draw.choice(LAG_S) * S)
    begin, end = found.world.start + 11 * S, found.world.start + int(UNTIL_S * S)
    handled, true, past = (
        found._look,
        venue.report,
        [venue.report(found.world.start, found.world.start, "", 0)],
    )

    def state(read: AccountReport) -> tuple[object, ...]:
        return read.positions, read.balances, read.orders

    def look(now: int) -> None:
        read = true(found.exchange.now, found.exchange.now, "", 0)
        if state(read) != state(past[-1]):
            past.append(read)
        handled(now)

    def late(ts: int, due: int, request: str, since: int) -> AccountReport:
        """As the account was, under the stamp of now."""
        read = true(ts, due, request, since)
        if not begin <= ts < end:
            return read
        old = next(each for each in reversed(past) if each.ts <= ts - lag)
        fills = tuple(fill for fill in read.fills if fill.ts_event <= ts - lag)
        return replace(read, positions=old.positions, balances=old.balances, orders=old.orders, fills=fills)

    found.machine.on_handled = look
    setattr(venue, "report", late)  # noqa: B010 - this one venue answers late
    assert judged(found) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_one_read_that_is_wrong_moves_nothing_and_a_flatten_right_after_it_ends_flat(seed: int) -> None:
    draw = Random(f"{seed}:wrong")
    found = arena(seed, draw)
    venue, spoil = found.exchange.venues[draw.choice(VENUES)], WRONG[draw.choice(sorted(WRONG))]
    begin, true, told = found.world.start + int((12.5 + 8 * draw.random()) * S), venue.report, 0

    def wrong(ts: int, due: int, request: str, since: int) -> AccountReport:
        nonlocal told
        read = true(ts, due, request, since)
        if told or ts < begin or not read.positions:
            return read
        told += 1
        live = found.desk.core.pairs.live()
        what = {} if not live or draw.random() < 0.4 else {"what": live[0].id}
        soon = due + int(draw.random() * S)
        found.queue.deliver(soon, Command(id="w", name="flatten", args=what, origin="test", ts=soon))
        return spoil(read)

    setattr(venue, "report", wrong)  # noqa: B010 - this one venue is wrong once
    assert judged(found) == []
    if told:
        assert not any(found.exchange.books(name).positions for name in VENUES)
