"""`audit` and `replay` over pruned and lost payloads, and over what another version wrote (RUNTIME 4)."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from console import headless
from services.drive import recover
from services.protocol.errors import ProductError
from services.protocol.version import VERSION
from services.settings.layout import StateLayout
from services.settings.parameters import Freshness, Settings
from services.store.replay import JournalReader, export, verify
from tests.drive.engines import engine, layout_of

S = 1_000_000_000
QUICK = Settings(fresh=Freshness(self_clear_s=1))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions one after the other, 20 simulated seconds each."""
    folder = tmp_path_factory.mktemp("two")
    for _ in range(2):
        session, machine = engine(folder, QUICK)
        machine.run_until(machine.queue.now + 20 * S)
        assert session.close()
    return layout_of(folder).store


def copied(written: Path, folder: Path, *statements: str) -> Path:
    """The journal with something done to it, as `store prune` or a full lane would."""
    layout = StateLayout(folder)
    layout.store.write_bytes(written.read_bytes())
    connection = sqlite3.connect(layout.store)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return layout.store


def second_session(store: Path) -> int:
    reader = JournalReader(store)
    try:
        return reader.sessions()[1].seq
    finally:
        reader.close()


def test_a_replay_starts_past_the_pruned_blocks_and_needs_nothing_else(written: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    whole = recover.replay(written, lambda done, last: told.append((done, last)))
    assert whole.ok, whole.first_divergence
    assert told[-1][0] == told[-1][1], "a bar that watches it comes to its end"
    border = second_session(written)
    store = copied(
        written, tmp_path, f"UPDATE journal SET payload = NULL WHERE kind = 'block' AND seq < {border}"
    )
    found = recover.replay(store)
    assert found.ok, found.first_divergence
    assert 0 < found.events < whole.events
    verdict = verify(store)
    assert verdict.ok
    assert verdict.gaps > 0
    assert verdict.head == verify(written).head, "the anchor of a chain outlives its payloads"


def test_a_journal_whose_inputs_are_all_pruned_says_so(written: Path, tmp_path: Path) -> None:
    store = copied(written, tmp_path, "UPDATE journal SET payload = NULL WHERE kind = 'block'")
    found = recover.replay(store)
    assert not found.ok
    assert found.first_divergence == "all inputs are pruned: nothing is left to replay"
    assert verify(store).ok


def test_a_replay_stops_at_a_gap_by_name_and_the_chain_holds_over_it(written: Path, tmp_path: Path) -> None:
    border = second_session(written)
    lost = f"seq = (SELECT min(seq) + 4 FROM journal WHERE kind = 'block' AND seq > {border})"
    name = f"kind = 'block' AND seq >= (SELECT seq FROM journal WHERE {lost})"
    first = f"seq = (SELECT min(seq) FROM journal WHERE {name})"
    store = copied(written, tmp_path, f"UPDATE journal SET payload = NULL, kind = 'gap' WHERE {first}")
    found = recover.replay(store)
    assert not found.ok
    assert found.first_divergence is not None
    assert "was lost here (gap)" in found.first_divergence
    assert verify(store).ok
    missing = [line["missing"] for line in map(json.loads, export(store)) if "missing" in line]
    assert missing == ["lost"]


def test_what_another_version_wrote_is_named_with_ours(written: Path, tmp_path: Path) -> None:
    text, ok, line = headless.replay(StateLayout(written.parent), None)
    assert ok
    assert f"written by version test, replayed by {VERSION}" in line
    assert json.loads(text)["written_by"] == ["test"]
    store = copied(written, tmp_path, "UPDATE journal SET ts = ts + 1 WHERE seq = 9")
    assert verify(store).first_broken == 9


@pytest.mark.parametrize(
    "change", ["payload = x'00'", "payload = NULL", "ts = ts + 1", "digest = x'00'"], ids=lambda text: text
)
def test_a_replay_of_a_journal_that_was_changed_names_the_row(
    written: Path, tmp_path: Path, change: str
) -> None:
    """A decision's digest may still be right when what it says is not."""
    last = second_session(written) - 2
    which = f"(SELECT max(seq) FROM journal WHERE kind = 'decision' AND seq < {last})"
    store = copied(written, tmp_path, f"UPDATE journal SET {change} WHERE seq = {which}")
    row = verify(store).first_broken
    found = recover.replay(store)
    assert not found.ok
    assert found.first_divergence is not None
    assert found.first_divergence.startswith(f"row {row} (broken): ")
    text, ok, line = headless.replay(StateLayout(tmp_path), None)
    assert not ok
    assert f"row {row} (broken)" in line
    assert json.loads(text)["ok"] is False


def test_a_file_damaged_in_its_middle_is_told_in_one_line(written: Path, tmp_path: Path) -> None:
    store = copied(written, tmp_path)
    page = 4_096
    pages = store.stat().st_size // page
    with store.open("r+b") as file:
        file.seek(pages // 3 * page)
        file.write(b"\xa5" * (pages // 3 * page))
    layout = StateLayout(tmp_path)
    broken = verify(store)
    assert not broken.ok
    assert "malformed" in broken.text
    text, ok, _ = headless.replay(layout, None)
    assert not ok
    assert json.loads(text)["first_divergence"] == broken.text
    with pytest.raises(ProductError, match=r"journal: .*malformed"):
        headless.audit_export(layout, tmp_path / "out")
    with pytest.raises(ProductError, match=r"journal: .*malformed"):
        headless.why(layout, "P-01")


def test_the_export_names_what_is_pruned_and_keeps_every_hash(written: Path, tmp_path: Path) -> None:
    store = copied(
        written, tmp_path, "UPDATE journal SET payload = NULL WHERE kind = 'block' AND seq % 2 = 0"
    )
    lines = [json.loads(line) for line in export(store)]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    for line in lines:
        assert len(line["hash"]) == 64
        pruned = line["kind"] == "block" and line["seq"] % 2 == 0
        assert (line.get("missing") == "pruned") is pruned
    assert lines[-1]["hash"] == verify(written).head


def test_a_replay_may_start_at_a_checkpoint_in_the_middle_of_a_session(tmp_path: Path) -> None:
    session, machine = engine(tmp_path, QUICK)
    machine.run_until(machine.queue.now + 10 * S)
    assert session.journal is not None
    session.journal.checkpoint(machine.queue.now, session.desk.export())
    border = session.journal.seq
    machine.run_until(machine.queue.now + 10 * S)
    assert session.close()
    store = layout_of(tmp_path).store
    whole = recover.replay(store)
    assert whole.ok, whole.first_divergence
    connection = sqlite3.connect(store)
    with connection:
        connection.execute("UPDATE journal SET payload = NULL WHERE kind = 'block' AND seq < ?", (border,))
    connection.close()
    found = recover.replay(store)
    assert found.ok, found.first_divergence
    assert 0 < found.events < whole.events
    assert verify(store).ok
