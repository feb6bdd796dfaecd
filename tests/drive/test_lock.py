"""One engine a folder and an account; the second is told who is first (RUNTIME 1)."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.drive.direct import end_engine
from services.drive.latch import read_latch
from services.drive.lock import (
    EngineLock,
    Holder,
    LockError,
    SecondEngine,
    account_holder,
    file_system_type,
    holder_of,
)
from services.settings.layout import StateLayout

ROOT = Path(__file__).resolve().parents[2]

_HOLD = """
import os, sys
from pathlib import Path
from services.drive.lock import EngineLock, Holder
folder = Path(sys.argv[1])
lock = EngineLock(folder, Holder(os.getpid(), "sim", "0.1.0", "2026-01-01T00:00:00Z", (), str(folder)))
if len(sys.argv) > 2:
    lock.lock_account(Path(sys.argv[2]), "alpha", "key one")
print(os.getpid(), flush=True)
sys.stdin.read()
"""


def me(folder: Path) -> Holder:
    return Holder(os.getpid(), "paper", "0.1.0", "2026-01-01T00:00:00Z", (), str(folder))


@pytest.fixture
def first(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """An engine in another process that holds `tmp_path/first` and an account."""
    (tmp_path / "first").mkdir()
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path / "first"), str(tmp_path / "accounts")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert int(child.stdout.readline()) == child.pid
    yield child
    child.stdin.close()
    child.wait()
    child.stdout.close()


def test_a_second_engine_is_told_pid_profile_and_folder(tmp_path: Path, first: subprocess.Popen[str]) -> None:
    folder = tmp_path / "first"
    with pytest.raises(SecondEngine) as caught:
        EngineLock(folder, me(folder))
    text = str(caught.value)
    assert caught.value.exit == 6
    assert f"pid {first.pid}" in text
    assert "profile sim" in text
    assert str(folder) in text
    held = holder_of(folder)
    assert held is not None
    assert held.pid == first.pid


def test_a_direct_flatten_that_cannot_end_the_other_engine_is_six(
    tmp_path: Path, first: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latch is written all the same, before anything is ended (SEMANTICS 10)."""
    told: list[tuple[int, int]] = []
    layout = StateLayout(tmp_path / "first")

    def deaf(pid: int, number: int) -> None:
        latch = read_latch(layout.latch)
        assert latch is not None
        assert latch.state == "HALTED"
        told.append((pid, number))

    monkeypatch.setattr("services.drive.direct.os.kill", deaf)
    for name in ("TERM_WAIT_S", "_KILL_WAIT_S"):
        monkeypatch.setattr(f"services.drive.direct.{name}", 0.01)
    with pytest.raises(SecondEngine, match=f"PID {first.pid} .* could not be ended") as caught:
        end_engine(layout)
    assert caught.value.exit == 6
    assert told == [(first.pid, signal.SIGTERM), (first.pid, signal.SIGKILL)]


def test_a_second_engine_on_one_account_is_refused_whatever_its_folder(
    tmp_path: Path, first: subprocess.Popen[str]
) -> None:
    (tmp_path / "second").mkdir()
    lock = EngineLock(tmp_path / "second", me(tmp_path / "second"))
    lock.lock_account(tmp_path / "accounts", "alpha", "key two")
    with pytest.raises(SecondEngine, match=rf"account on alpha: pid {first.pid}"):
        lock.lock_account(tmp_path / "accounts", "alpha", "key one")
    lock.release()


def test_two_sub_accounts_of_one_key_are_one_lock_of_one_engine(tmp_path: Path) -> None:
    """The second venue was refused as another engine's, which was ourselves."""
    folder, accounts = tmp_path / "two", tmp_path / "accounts"
    folder.mkdir()
    lock = EngineLock(folder, me(folder))
    for _ in ("main", "arb"):
        lock.lock_account(accounts, "ftx 127.0.0.1:8300", "key")
    held = account_holder(accounts, "ftx 127.0.0.1:8300", "key")
    assert held is not None
    assert held.pid == os.getpid()
    lock.release()
    assert account_holder(accounts, "ftx 127.0.0.1:8300", "key") is None


def test_a_killed_engines_lock_is_free(tmp_path: Path, first: subprocess.Popen[str]) -> None:
    first.kill()
    first.wait()
    folder = tmp_path / "first"
    assert holder_of(folder) is None
    lock = EngineLock(folder, me(folder))
    assert json.loads((folder / "engine.lock").read_text().splitlines()[0])["pid"] == os.getpid()
    lock.release()


def test_a_shorter_text_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    (tmp_path / "engine.lock").write_text("x" * 5_000)
    lock = EngineLock(tmp_path, me(tmp_path))
    assert json.loads((tmp_path / "engine.lock").read_text())["profile"] == "paper"
    lock.release()


def test_a_consoles_look_at_the_lock_is_no_second_engine(tmp_path: Path) -> None:
    EngineLock(tmp_path, me(tmp_path)).release()
    probe = os.open(tmp_path / "engine.lock", os.O_RDONLY)
    fcntl.flock(probe, fcntl.LOCK_SH)
    timer = threading.Timer(0.05, os.close, (probe,))
    timer.start()
    lock = EngineLock(tmp_path, me(tmp_path))
    lock.release()
    timer.join()


def test_nobody_holds_a_folder_without_a_lock_file(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    assert holder_of(tmp_path / "nowhere") is None


def test_a_folder_that_cannot_hold_a_lock_is_named(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="--state-dir") as caught:
        EngineLock(tmp_path / "nowhere", me(tmp_path))
    assert not isinstance(caught.value, SecondEngine)


def test_the_way_out_needs_no_disk_to_lock_and_still_meets_who_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only folder: what is there can be locked, what is not there nobody holds."""
    held, free, empty = (tmp_path / name for name in ("held", "free", "empty"))
    for folder in (held, free, empty):
        folder.mkdir()
    EngineLock(free, me(free)).release()
    first = EngineLock(held, me(held))
    opened = os.open

    def read_only(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return opened(path, flags, mode)

    monkeypatch.setattr("services.drive.lock.os.open", read_only)
    with pytest.raises(LockError, match="--state-dir"):
        EngineLock(free, me(free))
    with pytest.raises(SecondEngine):
        EngineLock(held, me(held), way_out=True)
    lock = EngineLock(free, me(free), way_out=True)
    assert holder_of(free) is not None, "an engine that starts now is refused"
    lock.lock_account(empty / "nowhere", "alpha", "key")
    EngineLock(empty, me(empty), way_out=True).release()
    lock.release()
    assert holder_of(free) is None
    first.release()


_MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /home rw,relatime - nfs4 server:/home rw
31 30 0:41 / /home/ann/local\\040disk rw - btrfs /dev/sdb rw
32 22 0:42 / /mnt/share rw - cifs //server/share rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib", "ext4"),
        ("/home", "nfs4"),
        ("/home/ann/.local/state", "nfs4"),
        ("/home/ann/local disk/state", "btrfs"),
        ("/home2", "ext4"),
        ("/mnt/share/x", "cifs"),
        ("/", "ext4"),
    ],
)
def test_the_file_system_of_a_folder_is_found(path: str, kind: str) -> None:
    assert file_system_type(path, _MOUNTS) == kind


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.drive.lock.file_system_type", lambda path, table: "nfs4")
    with pytest.raises(LockError, match=r"network file system \(nfs4\).*--state-dir"):
        EngineLock(tmp_path, me(tmp_path))
