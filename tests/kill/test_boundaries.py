"""Killed at every boundary of a whole run: opened in slices, hedged, paid, closed (SEMANTICS 7).

The boundaries are discovered by an undisturbed run, not listed. Each kill is a SIGKILL from another process,
on real files; then a start on what is left, 66 simulated seconds, and the judge. CI kills at every passage of
the desk's two doors; the soak adds every row of the store and every line of the exchange's log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.figures import Say
from tests.kill.doors import LATE, PORT, PROMPT
from tests.kill.killer import SOAK, Killer, killer, target_of

PLAY = "harvest"
ROW_STRIDE = 97
"""CI kills at every so manyth of the commits that a store which keeps up makes."""
EXCHANGE_STRIDE = 5


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    with killer(tmp_path_factory.mktemp("kill")) as found:
        yield found


@pytest.fixture(scope="module")
def run(hand: Killer) -> dict[str, Any]:
    return hand.marks(PLAY)


def ours(name: str) -> bool:
    """Of the desk's doors and the latch, not of the exchange's own disk."""
    return not name.startswith("exchange")


def test_the_run_is_a_whole_one_and_has_at_least_forty_boundaries(run: dict[str, Any], figure: Say) -> None:
    names = run["end"]
    doors = Counter(name.split()[0] for name in names if name.endswith(" before") and ours(name))
    figure(f"{sum(doors.values())} boundaries of the desk: {dict(doors)}; {len(names)} marks in all")
    assert sum(doors.values()) >= 40
    assert doors["commit"] >= 20
    assert doors["submit"] >= 20
    assert doors["read_account"] >= 8
    assert Counter(name for name in names if name.endswith(" after") and ours(name)).total() == doors.total()
    assert set(doors) <= {"commit", "fold", "latch", *PORT}
    assert len([name for name in names if name == "submit beta entry leg 1 before"]) >= 5
    assert "exchange checkpoint torn" in names


def test_killed_on_both_sides_of_every_boundary_it_is_hedged_or_flat_and_nothing_is_lost(
    hand: Killer, run: dict[str, Any], figure: Say
) -> None:
    names, target = run["end"], target_of(run)
    others = [at for at, name in enumerate(names) if not ours(name)]
    chosen = [at for at, name in enumerate(names) if SOAK or ours(name) or at in others[::EXCHANGE_STRIDE]]
    failed = hand.kill_all(PLAY, LATE, chosen, names, target)
    sides = Counter(names[at].rpartition(" ")[2] for at in chosen if ours(names[at]))
    figure(f"{hand.kills} kills {dict(sides)}, {hand.judged} different remains, {hand.told()}")
    assert not failed, "\n".join(failed)
    assert sides["before"] == sides["after"] >= 40


def test_killed_between_any_two_rows_of_the_store(hand: Killer, run: dict[str, Any], figure: Say) -> None:
    """A store that keeps up may end a transaction between any two rows of one turn."""
    names = hand.marks(PLAY, PROMPT)["end"]
    commits = [at for at, name in enumerate(names) if name == "commit after"]
    chosen = commits if SOAK else commits[ROW_STRIDE // 2 :: ROW_STRIDE]
    failed = hand.kill_all(PLAY, PROMPT, chosen, names, target_of(run))
    figure(f"{len(commits)} rows, {len(chosen)} kills between them, {hand.told()}")
    assert not failed, "\n".join(failed)
    assert len(chosen) >= 5
