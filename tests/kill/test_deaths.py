"""Other moments to die in: halted, in doubt, flattening, stopping, and in the middle of a recovery."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from services.settings.parameters import Pair
from services.store.reader import StoreReader
from tests.figures import Say
from tests.kill.doors import LATE, PROMPT
from tests.kill.killer import SOAK, Killer, killer, target_of
from tests.kill.plays import DIRECT, SPOT_SEEDS


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    with killer(tmp_path_factory.mktemp("kill")) as found:
        yield found


@pytest.fixture(scope="module")
def whole(hand: Killer) -> dict[str, Any]:
    return hand.marks("harvest")


@pytest.fixture(scope="module")
def target(whole: dict[str, Any]) -> Decimal:
    return target_of(whole)


def parting(names: list[str], others: list[str]) -> int:
    """The first mark at which two runs differ."""
    pairs = zip(names, others, strict=False)
    return next(number for number, (one, other) in enumerate(pairs) if one != other)


def at(names: list[str], name: str, count: int = 1) -> int:
    """Number of the `count`th mark of this name."""
    return [number for number, each in enumerate(names) if each == name][count - 1]


STRIDES = {
    "halted": 2,
    "lost": 3,
    "unheard": 2,
    "stopped": 2,
    "resumed": 19,
    "flattened": 12,
    "pair_flattened": 15,
    "canceled": 4,
    "dead_man": 17,
    "restarted": 4,
}
"""CI kills at every so manyth mark of a play; the soak at all."""


@pytest.mark.parametrize("play", STRIDES)
def test_killed_anywhere_in_this_play(
    hand: Killer, whole: dict[str, Any], target: Decimal, play: str, figure: Say
) -> None:
    """From where it parts from the whole run, all of whose boundaries are killed at elsewhere."""
    names = hand.marks(play)["end"]
    begin = 0 if SOAK else parting(names, whole["end"]) - 1
    latches = [number for number, name in enumerate(names) if name.startswith("latch")]
    chosen = sorted({*range(begin, len(names), 1 if SOAK else STRIDES[play]), *latches})
    before = hand.kills
    failed = hand.kill_all(play, LATE, chosen, names, target)
    figure(f"{play}: {len(names)} marks, {hand.kills - before} kills, {hand.told()}")
    assert not failed, "\n".join(failed)
    assert hand.kills - before >= 6


@pytest.mark.parametrize(("play", "stride"), [("exchanged", 23), ("taken_back", 7)])
def test_killed_while_spot_changes_hands(hand: Killer, play: str, stride: int, figure: Say) -> None:
    """Nothing is held: what one leg did alone is done back, or the exchange is whole, whoever died when."""
    run = hand.marks(play, seed=SPOT_SEEDS)
    names, before = run["end"], hand.kills
    begin = next(number for number, name in enumerate(names) if name.startswith("submit"))
    chosen = range(begin - 1, len(names), 1 if SOAK else stride)
    failed = hand.kill_all(play, LATE, chosen, names, target_of(run), SPOT_SEEDS)
    figure(f"{play}: {len(names)} marks, {hand.kills - before} kills, {hand.told()}")
    assert not failed, "\n".join(failed)
    assert any(" unwind leg " in name for name in names) is (play == "taken_back")


def test_the_plays_pass_the_places_they_are_named_for(hand: Killer) -> None:
    """A play that no longer meets its trouble would be killed in peace."""
    met = {play: set(hand.marks(play)["end"]) for play in STRIDES}
    assert "latch HALTED after" in met["halted"] & met["flattened"] & met["resumed"]
    assert "latch ACTIVE after" in met["resumed"]
    assert {"submit alpha flatten leg 2 after", "submit beta flatten leg 1 after"} <= met["pair_flattened"]
    assert any(name.startswith("submit beta unwind") for name in met["stopped"] & met["halted"])
    assert "query alpha after" in met["lost"]
    assert "fold after" in met["stopped"]
    assert "submit beta unwind leg 1 after" in met["canceled"] - met["dead_man"]
    assert any(name.startswith("dead_man ") for name in met["dead_man"])
    assert hand.marks("restarted")["end"].count("read_account beta before") >= 2


def remains(hand: Killer, play: str, name: str, count: int = 1, policy: str = LATE) -> Any:
    """The folder of a life that was killed at the `count`th mark of a name, and what it knew for certain."""
    number = at(hand.marks(play, policy)["end"], name, count)
    folder = hand.folder()
    return folder, hand.kill(folder, play, number, policy)


@pytest.mark.parametrize(
    ("play", "name", "count"),
    [
        ("harvest", "exchange log after", 1),
        ("stopped", "submit beta unwind leg 1 after", 1),
        ("halted", "latch HALTED after", 1),
    ],
)
def test_killed_again_while_it_recovers(
    hand: Killer, target: Decimal, play: str, name: str, count: int
) -> None:
    """One leg alone, twice dead: each restart has to come back from what the one before it began."""
    dead, killed = remains(hand, play, name, count)
    names = hand.marks("recovering", folder=hand.copy(dead))["end"]
    assert len(names) >= 16
    failed: list[str] = []
    for number in range(0, len(names), 1 if SOAK else 3):
        folder = hand.copy(dead)
        again = hand.kill(folder, "recovering", number)
        assert again.at == names[number]
        if again.state == "ACTIVE":
            again = killed
        failed += [f"{number} ({again.at}): {text}" for text in hand.judge(folder, again, target)]
        hand.drop(folder)
    assert not failed, "\n".join(failed)


def test_killed_four_times_at_once_after_an_order_no_id_is_drawn_again(hand: Killer, target: Decimal) -> None:
    """Each life dies with its first protective order on the wire, before anything of it is on disk."""
    folder, killed = remains(hand, "stopped", "submit beta unwind leg 1 after")
    died = 0
    for _ in range(3):
        names = hand.marks("recovering", folder=hand.copy(folder))["end"]
        sent = [number for number, each in enumerate(names) if each.startswith("submit") and "after" in each]
        if sent:
            hand.kill(folder, "recovering", sent[0])
            died += 1
    assert died == 3
    assert not hand.judge(folder, killed, target)


def test_killed_while_it_flattens_directly(hand: Killer, target: Decimal) -> None:
    """The engine died hedged; `flatten --direct` dies too, and the next start is halted and only reduces.

    It knows no pairs: it closes both legs in step, so one slice at most is alone between two sends.
    """
    alone = Pair().slice_notional * Decimal("1.02")
    dead, _ = remains(hand, "harvest", "submit beta exit leg 1 before")
    names = hand.marks(DIRECT, folder=hand.copy(dead))["end"]
    assert len([name for name in names if name.startswith("submit")]) >= 4
    failed: list[str] = []
    for number in range(0, len(names), 1 if SOAK else 5):
        folder = hand.copy(dead)
        killed = hand.kill(folder, DIRECT, number)
        failed += [f"{number} ({killed.at}): {text}" for text in hand.judge(folder, killed, target, alone)]
        hand.drop(folder)
    assert not failed, "\n".join(failed)


def test_a_fill_whose_input_is_on_disk_and_its_row_is_not_gets_its_row_at_the_next_start(
    hand: Killer, target: Decimal
) -> None:
    """Found by the kills between rows: nothing brought the rows of the last input again."""
    names = hand.marks("harvest", PROMPT)["end"]
    filled = at(names, "exchange log after")
    number = next(each for each in range(filled, len(names)) if names[each] == "commit after")
    lost = None
    for each in range(number, number + 60, 2):
        folder = hand.folder()
        killed = hand.kill(folder, "harvest", each, PROMPT)
        reader = StoreReader(folder / "store.sqlite")
        kept = len(reader.fills())
        reader.close()
        if kept:
            break
        lost = each
        assert not hand.judge(folder, killed, target)
    assert lost is not None
