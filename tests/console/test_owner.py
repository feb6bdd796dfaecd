"""A state folder belongs to one profile: what reads it says so, what would write under another is refused."""

from __future__ import annotations

import fcntl
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from console import headless, oneshot
from console.cli import main
from console.oneshot import Asked
from services.domain.effects import Done
from services.domain.records import EquityRecord
from services.drive.lock import EngineLock, holder_here
from services.drive.modes import check_owner
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.settings.layout import StateLayout
from services.store.journal import JournalWriter
from services.store.owner import profile_of
from services.store.writer import StoreWriter
from tests.store.builders import new_store, session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What profile `real` has left behind; no engine runs."""
    writer = StoreWriter(new_store(tmp_path))
    writer.start()
    journal = JournalWriter(writer.journal)
    for name in ("first", "real"):
        journal.session(replace(session(), profile=name))
    for at in range(2):
        writer.record(sample(at))
    assert writer.close()
    EngineLock(tmp_path, holder_here(tmp_path, "real")).release()
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Status, and what was printed, the one line of an error included."""
    status = main(list(words))
    told = capsys.readouterr()
    return status, told.out + told.err


def test_a_report_bears_the_folders_own_profile(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It bore the name that was asked, `sim` where none was."""
    for named in ((), ("--profile", "real")):
        status, text = run(capsys, "report", "--state-dir", str(folder), "--json", *named)
        assert (status, json.loads(text)["profile"]) == (0, "real")


def test_a_folder_without_a_start_is_as_it_is_asked(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    assert profile_of(store) == profile_of(tmp_path / "none") == ""
    store.write_bytes(b"no store at all" * 100)
    assert profile_of(store) == "", "what is wrong with it whoever reads it says"
    check_owner(StateLayout(tmp_path), "any")


@pytest.mark.parametrize(
    "words",
    [
        ("report",),
        ("why", "P-01"),
        ("audit", "verify"),
        ("audit", "export", "/nowhere/out"),
        ("replay",),
        ("store", "prune"),
        ("config", "show"),
        ("config", "check"),
        ("doctor",),
    ],
)
def test_whoever_names_another_profile_is_told_whose_the_folder_is(
    folder: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = run(capsys, *words, "--profile", "other", "--state-dir", str(folder))
    assert (status, text) == (
        Exit.USAGE,
        f"stableconsole: the folder {folder} belongs to profile real, you named other: "
        "leave --profile or --state-dir out\n",
    )


def test_no_engine_is_told_with_the_profile_that_a_start_needs(folder: Path) -> None:
    """`stableconsole --state-dir X` was told, which starts the simulator on the books of another profile."""
    with pytest.raises(ProductError) as told:
        oneshot.ask(Asked(profile="sim", layout=StateLayout(folder)), "status", {})
    assert told.value.exit is Exit.NO_ENGINE
    assert "for profile real" in told.value.text
    assert told.value.text.endswith(f"stableconsole --profile real --state-dir {folder}")


def test_no_profile_starts_on_the_books_of_another(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_owner(StateLayout(folder), "real")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, text = run(capsys, "--no-ui", "--for-sim", "1s", "--state-dir", str(folder))
    assert status == Exit.USAGE
    assert f"{folder} belongs to profile real, not to sim: say --profile real, or name another" in text
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    # A second engine is told of the first, whatever it runs.
    lock = EngineLock(folder, holder_here(folder, "real"))
    check_owner(StateLayout(folder), "sim")
    lock.release()


def test_a_direct_flatten_is_of_the_profile_whose_engine_it_ends(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `--profile` the engine that hung was ended under the simulator's settings, which name none of
    its venues, and everything stayed open."""
    went: list[str] = []

    def direct(_layout: Any, profile: str, *_: Any) -> Done:
        went.append(profile)
        return Done("direct", True, result='{"flat":true}')

    monkeypatch.setattr(headless, "flatten_direct", direct)
    monkeypatch.setattr("console.running.BIND_WAIT_S", 0.0)
    (folder / "store.sqlite").unlink()
    layout = StateLayout(folder)
    assert oneshot.flatten_direct(Asked(profile="sim", layout=layout), "", yes=True) == 0
    with layout.lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert oneshot.flatten_direct(Asked(profile="sim", layout=layout), "", yes=True) == 0
        with pytest.raises(ProductError, match="runs profile real, you named other") as told:
            oneshot.flatten_direct(Asked(profile="other", layout=layout), "", yes=True)
        assert told.value.exit is Exit.USAGE
    assert went == ["real", "real"]


def sample(at: int) -> EquityRecord:
    fields = dict.fromkeys(EquityRecord.__struct_fields__)
    return EquityRecord(
        **fields | {"ts": at * 300 * 10**9 + 1, "account": "all", "total_balance": Decimal(100)}
    )
