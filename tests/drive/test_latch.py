"""The latch keeps a halt through a full disk, and what cannot be read counts as halted (RUNTIME 3)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.drive.latch import SIZE, Latch, LatchRecord, read_latch

ROOT = Path(__file__).resolve().parents[2]


def test_a_new_latch_is_active_and_has_its_full_length(tmp_path: Path) -> None:
    path = tmp_path / "latch"
    assert read_latch(path) is None
    latch = Latch(path)
    assert latch.read() == LatchRecord("ACTIVE", "", "", 0)
    assert path.stat().st_size == SIZE
    assert path.stat().st_mode & 0o777 == 0o600
    latch.close()


@settings(max_examples=50)
@given(
    state=st.sampled_from(["ACTIVE", "REDUCING", "HALTED"]),
    cause=st.text(max_size=40),
    text=st.text(max_size=1_500),
    ts=st.integers(0, 2**62),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, state: str, cause: str, text: str, ts: int
) -> None:
    path = tmp_path_factory.mktemp("latch") / "latch"
    latch = Latch(path)
    latch.write(state, cause, text, ts)
    found = read_latch(path)
    latch.close()
    assert found is not None
    assert (found.state, found.ts) == (state, ts)
    assert cause.startswith(found.cause)
    assert text.startswith(found.text)
    assert path.stat().st_size == SIZE
    if text.isascii() and text.isprintable():
        assert found.text == text


def test_a_halt_outlives_the_process_that_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "latch"
    script = (
        "import os, signal, sys\n"
        "from services.drive.latch import Latch\n"
        "Latch(sys.argv[1]).write('HALTED', 'operator', 'by hand', 5)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(path)], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    latch = Latch(path)
    assert latch.read() == LatchRecord("HALTED", "operator", "by hand", 5)
    latch.write("ACTIVE", "", "", 6)
    latch.close()
    assert read_latch(path) == LatchRecord("ACTIVE", "", "", 6)


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        bytes(SIZE),
        b"\xff" * SIZE,
        b"00000000   10 {}        ".ljust(SIZE),
        b"garbage and more garbage".ljust(SIZE),
    ],
)
def test_an_unreadable_latch_is_halted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "latch"
    path.write_bytes(content)
    latch = Latch(path)
    record = latch.read()
    assert (record.state, record.cause) == ("HALTED", "latch")
    assert read_latch(path) == record
    latch.close()


def test_a_flipped_byte_is_halted(tmp_path: Path) -> None:
    path = tmp_path / "latch"
    latch = Latch(path)
    latch.write("ACTIVE", "operator", "all is well", 5)
    page = bytearray(path.read_bytes())
    for at in (0, 10, 20, 40, 60):
        spoilt = bytearray(page)
        spoilt[at] ^= 1
        path.write_bytes(spoilt)
        assert Latch(path).read().state == "HALTED", at
    latch.close()


def test_an_unknown_state_is_halted(tmp_path: Path) -> None:
    latch = Latch(tmp_path / "latch")
    latch.write("SLEEPING", "", "", 0)
    assert latch.read().state == "HALTED"
    latch.close()


def test_a_folder_in_its_place_is_halted(tmp_path: Path) -> None:
    (tmp_path / "latch").mkdir()
    found = read_latch(tmp_path / "latch")
    assert found is not None
    assert found.state == "HALTED"


@pytest.mark.root
def test_full_disk_at_halt_the_latch_is_still_written(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"cannot mount a small file system: {done.stderr.strip()}")
    try:
        latch = Latch(folder / "latch")
        with pytest.raises(OSError, match="No space"):
            (folder / "ballast").write_bytes(bytes(1_000_000))
        latch.write("HALTED", "operator", "the disk is full", 7)
        latch.close()
        assert read_latch(folder / "latch") == LatchRecord("HALTED", "operator", "the disk is full", 7)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


SCOPES = (("flatten", "pair:P-01", "by hand"), ("flatten", "venue:beta", "flatten beta, by hand"))


def test_scopes_that_are_halted_stand_beside_the_whole_desks_state(tmp_path: Path) -> None:
    path = tmp_path / "latch"
    latch = Latch(path)
    latch.write("ACTIVE", "", "", 5, SCOPES)
    assert latch.read() == LatchRecord("ACTIVE", "", "", 5, SCOPES)
    latch.write("HALTED", "operator", "by hand", 6, SCOPES)
    latch.close()
    assert read_latch(path) == LatchRecord("HALTED", "operator", "by hand", 6, SCOPES)


@pytest.mark.parametrize("state", ["ACTIVE", "REDUCING", "HALTED"])
@pytest.mark.parametrize("count", [1, 10, 60])
def test_more_scopes_than_it_holds_halt_the_whole_desk(tmp_path: Path, state: str, count: int) -> None:
    """Never fewer halted than were asked for."""
    scopes = tuple(
        ("flatten", f"pair:P-{number:02}", "\N{GREEK SMALL LETTER ALPHA}" * 200) for number in range(count)
    )
    latch = Latch(tmp_path / "latch")
    latch.write(state, "x", "\N{GREEK SMALL LETTER BETA}" * 1_500, 5, scopes)
    found = latch.read()
    latch.close()
    assert found.state == "HALTED" or [row[1] for row in found.scopes] == [row[1] for row in scopes]
    if count == 1:
        assert found.state == state
