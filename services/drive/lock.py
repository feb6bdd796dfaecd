"""One engine a folder, one an account: flocks held for life, and what a second engine is told (RUNTIME 1).

Whoever holds `engine.lock` may unlink a stale socket; the lock comes strictly before the bind.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from services.protocol.version import VERSION

_RETRY_S = 0.3
"""A console that looks whether the lock is held takes it, shared, for an instant: no second engine."""
_RETRY_STEP_S = 0.02

_NETWORK_TYPES = (
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse.ceph",
    "fuse.davfs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb2",
    "smb3",
    "smbfs",
)


_HELD = (errno.EWOULDBLOCK, errno.EACCES)


class Holder(Struct, frozen=True):
    """Who holds a lock: the text of the lock file."""

    pid: int
    profile: str
    version: str
    started: str
    """Wall clock, ISO 8601 UTC."""
    accounts: tuple[str, ...]
    folder: str


def holder_here(folder: Path, profile: str, accounts: tuple[str, ...] = ()) -> Holder:
    """This process, as it holds the locks of a folder."""
    return Holder(
        pid=os.getpid(),
        profile=profile,
        folder=str(folder),
        started=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        accounts=accounts,
        version=VERSION,
    )


class LockError(Exception):
    """One line; `exit` is the status for the shell."""

    exit = 1


class SecondEngine(LockError):
    exit = 6


class EngineLock:
    """Held until `release` or the end of the process."""

    def __init__(self, folder: Path, holder: Holder, *, way_out: bool = False) -> None:
        """Takes `folder/engine.lock` at once, or raises SecondEngine naming pid, profile and folder.

        `way_out`: for the kill path, which needs no disk. A lock file that can only be read is locked all the
        same; where none is and none can be made, no engine can hold it either.
        """
        refuse_network_folder(folder)
        self._holder = holder
        self._way_out = way_out
        self._held: dict[Path, int] = {}
        self._add(folder / "engine.lock", "this folder")

    def lock_account(self, folder: Path, venue: str, key_id: str) -> None:
        """One engine a real account, whatever its state folder: `folder` is the user's `accounts` folder.
        Venues of one key have one lock."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            if not self._way_out:
                raise
        self._add(_account(folder, venue, key_id), f"the account on {venue}")

    def _add(self, path: Path, what: str) -> None:
        if path in self._held:
            # Two sub-accounts of one key: opened once more, the file would look like another engine's.
            return
        fd = _take(path, self._holder, what, way_out=self._way_out)
        if fd is not None:
            self._held[path] = fd

    def release(self) -> None:
        """The files stay: removing a lock file lets two engines hold two files of one name."""
        held, self._held = self._held, {}
        for fd in held.values():
            os.close(fd)


def _account(folder: Path, venue: str, key_id: str) -> Path:
    name = hashlib.sha256(f"{venue}\0{key_id}".encode()).hexdigest()[:16]
    return folder / f"{name}.lock"


def account_holder(folder: Path, venue: str, key_id: str) -> Holder | None:
    """Who holds an account's lock now; None = nobody."""
    return _holding(_account(folder, venue, key_id))


def holder_of(folder: Path) -> Holder | None:
    """Who holds `folder/engine.lock` now; None = nobody."""
    return _holding(folder / "engine.lock")


def _holding(path: Path) -> Holder | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written(fd)
    finally:
        os.close(fd)
    return None


def refuse_network_folder(folder: Path) -> None:
    """Raises LockError on a network file system: its locks and its sync promise nothing."""
    try:
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = file_system_type(os.path.realpath(folder), table)
    if kind in _NETWORK_TYPES:
        raise LockError(
            f"state folder {folder}: it lies on a network file system ({kind}), where locks do not hold; "
            "name a local folder with --state-dir"
        )


def file_system_type(path: str, mountinfo: str) -> str:
    """Type of the file system that `path` (absolute, resolved) lies on, from the text of mountinfo."""
    best, found = "", ""
    for line in mountinfo.splitlines():
        left, dash, right = line.partition(" - ")
        fields = left.split()
        if not dash or len(fields) < 5 or not right.split():
            continue
        point = _unescaped(fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, found = point, right.split()[0]
    return found


def _unescaped(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def _take(path: Path, holder: Holder, what: str, *, way_out: bool) -> int | None:
    try:
        fd = _open(path, way_out=way_out)
    except OSError as error:
        if way_out and isinstance(error, FileNotFoundError):
            return None
        raise LockError(
            f"{path}: {error.strerror}; make the folder writable or name another with --state-dir"
        ) from error
    try:
        _lock(fd)
    except OSError as error:
        other = _written(fd)
        os.close(fd)
        if error.errno in _HELD:
            raise SecondEngine(_second(what, other, path)) from error
        raise LockError(
            f"{path}: this file system takes no locks ({error.strerror}); name another with --state-dir"
        ) from error
    try:
        text = msgspec.json.encode(holder) + b"\n"
        os.pwrite(fd, text, 0)
        os.ftruncate(fd, len(text))
    except OSError:
        # A full disk must not keep an engine from starting to protect a position: the lock itself holds.
        return fd
    return fd


def _open(path: Path, *, way_out: bool) -> int:
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        if not way_out:
            raise
        return os.open(path, flags | os.O_RDONLY)


def _lock(fd: int) -> None:
    deadline = time.monotonic() + _RETRY_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _HELD or time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_STEP_S)
        else:
            return


def _written(fd: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(fd, 65_536, 0), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return None


def _second(what: str, other: Holder | None, path: Path) -> str:
    if other is None:
        return f"another engine holds {what} ({path}); stop it first"
    return (
        f"another engine holds {what}: pid {other.pid}, profile {other.profile}, folder {other.folder}; "
        "attach to it or stop it first"
    )
