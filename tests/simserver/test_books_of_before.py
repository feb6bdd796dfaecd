"""`sim --books DIR` on what a world of another time, or a version before, has left."""

from __future__ import annotations

from pathlib import Path

import pytest

from services import simulator
from services.protocol.errors import UsageError
from services.simulator import SimOptions
from services.venues.sim.facts import NS
from services.venues.sim.world import claim_world
from services.workers.simserver.former import take_over
from services.workers.simserver.keys import Key
from services.workers.simserver.worlds import same_world, served_world
from tests.simserver.served import KEY


def options(folder: Path) -> SimOptions:
    return SimOptions(
        port=0,
        scenario="calm",
        seed=1,
        speed=1.0,
        step_s=None,
        instruments=0,
        latency_ms=None,
        lockstep=False,
        scenario_time=True,
        keys=(KEY,),
        faults=(),
        folder=folder,
    )


def test_books_of_another_start_are_named_and_the_same_worlds_are_taken(tmp_path: Path) -> None:
    own = served_world("calm", 1, step_s=None, synthetic=0, start=None)
    claim_world(tmp_path / "same-", own)
    same_world(tmp_path, own)
    claim_world(
        tmp_path / "then-", served_world("calm", 1, step_s=None, synthetic=0, start=1_700_000_000 * NS)
    )
    with pytest.raises(UsageError) as refused:
        simulator.serve(options(tmp_path), print)
    assert "then- holds the books of another world or another start" in str(refused.value)
    assert "--scenario-time" in str(refused.value)


def test_books_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "torn-").mkdir()
    (tmp_path / "torn-" / "world.json").write_bytes(b"{")
    with pytest.raises(UsageError, match=r"torn-/world\.json is not a world description"):
        simulator.serve(options(tmp_path), print)


def test_books_under_the_name_of_a_version_before_are_the_accounts_still(tmp_path: Path) -> None:
    """A key with a dash, or a long one, came back with empty books: its positions were out of sight."""
    keys = (Key("desk-1", "s", ("arb/one",)), Key("a" * 20, "s"), KEY)
    for old in ("desk-1-", "desk-1-arb_one", "a" * 16 + "-", "trader-", "trader-arb", "strange"):
        (tmp_path / old).mkdir()
        (tmp_path / old / "commands.log").write_text(old)
    for _ in range(2):
        take_over(tmp_path, keys)
        assert {path.name: (path / "commands.log").read_text() for path in tmp_path.iterdir()} == {
            "desk%2D1-": "desk-1-",
            "desk%2D1-arb%2Fone": "desk-1-arb_one",
            "a" * 20 + "-": "a" * 16 + "-",
            "trader-": "trader-",
            "trader-arb": "trader-arb",
            "strange": "strange",
        }


def test_books_that_two_accounts_shared_are_given_to_neither(tmp_path: Path) -> None:
    keys = (Key("a" * 16 + "x", "s"), Key("a" * 16 + "y", "s"))
    (tmp_path / ("a" * 16 + "-")).mkdir()
    with pytest.raises(ValueError, match="was shared by 2 accounts: rename it to the one that it is of"):
        take_over(tmp_path, keys)
    (tmp_path / ("a" * 16 + "-")).rename(tmp_path / ("a" * 16 + "y-"))
    take_over(tmp_path, keys)
    assert [path.name for path in tmp_path.iterdir()] == ["a" * 16 + "y-"]
