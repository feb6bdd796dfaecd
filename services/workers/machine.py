"""Rows of `doctor` about this machine: folder, disk, latch, socket, store, other engines, terminal."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from services.drive.latch import Latch
from services.drive.lock import (
    LockError,
    account_holder,
    file_system_type,
    holder_of,
    refuse_network_folder,
)
from services.protocol.sockets import path_problem
from services.settings.accounts import account_names
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.store.health import quick_check
from services.venues.live import Finding, Verdict

HERE = "this machine"
_COPY_ON_WRITE = ("bcachefs", "btrfs", "overlay", "zfs")
_SPACE_STOP, _SPACE_WARN = 100 << 20, 1 << 30
_SYNC_WARN_S = 0.05
_SYNCS = 7


def row(subject: str, check: str, verdict: Verdict, text: str, remedy: str = "") -> Finding:
    return Finding(subject=subject, check=check, verdict=verdict, text=text, remedy=remedy)


def local_findings(layout: StateLayout, settings: Settings) -> tuple[Finding, ...]:
    """Folder, disk, latch, socket: what a start looks at too."""
    return (
        *_folder(layout.root),
        *_space(layout.root),
        *_sync(layout.root, settings.engine.intent_timeout_ms / 1000),
        *_latch(layout.latch),
        *_socket(layout.socket),
    )


def other_findings(
    layout: StateLayout, wires: Mapping[str, VenueWire], accounts: Path, environ: Mapping[str, str]
) -> tuple[Finding, ...]:
    """What a start finds out by itself: the store, other engines, the terminal."""
    return (
        *_store(layout.store),
        *_engines(layout, wires, accounts),
        *_terminal(environ),
    )


def _folder(root: Path) -> Iterator[Finding]:
    there = _existing(root)
    try:
        refuse_network_folder(there)
    except LockError as error:
        yield row(HERE, "state folder", Verdict.STOP, str(error), "name a local folder with --state-dir")
        return
    if not os.access(there, os.W_OK | os.X_OK):
        yield row(
            HERE, "state folder", Verdict.STOP, f"{there} cannot be written", "name another with --state-dir"
        )
        return
    kind = ""
    with contextlib.suppress(OSError):
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        kind = file_system_type(os.path.realpath(there), table)
    if kind in _COPY_ON_WRITE:
        yield row(
            HERE,
            "state folder",
            Verdict.WARN,
            f"{root} lies on {kind}, which copies on write: the latch is best effort on a full disk",
            "a folder on ext4 or xfs holds it in place",
        )
        return
    yield row(HERE, "state folder", Verdict.OK, f"{root}" + (f" on {kind}" if kind else ""))


def _space(root: Path) -> Iterator[Finding]:
    try:
        free = shutil.disk_usage(_existing(root)).free
    except OSError as error:
        yield row(HERE, "disk space", Verdict.STOP, error.strerror or str(error), "see to the disk")
        return
    verdict = Verdict.STOP if free < _SPACE_STOP else Verdict.WARN if free < _SPACE_WARN else Verdict.OK
    remedy = "" if verdict is Verdict.OK else "free some, or name another folder with --state-dir"
    yield row(HERE, "disk space", verdict, f"{free / (1 << 30):.1f} GiB free", remedy)


def _sync(root: Path, limit_s: float, clock: Callable[[], float] = time.monotonic) -> Iterator[Finding]:
    """How long an order's intent will wait for the disk. The file is gone afterwards."""
    path = _existing(root) / f".doctor-{os.getpid()}"
    took: list[float] = []
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            for _ in range(_SYNCS):
                before = clock()
                os.pwrite(fd, b"\0" * 4096, 0)
                os.fdatasync(fd)
                took.append(clock() - before)
        finally:
            os.close(fd)
            path.unlink(missing_ok=True)
    except OSError as error:
        yield row(HERE, "disk sync", Verdict.STOP, error.strerror or str(error), "see to the disk")
        return
    middle = statistics.median(took)
    verdict = Verdict.STOP if middle >= limit_s else Verdict.WARN if middle >= _SYNC_WARN_S else Verdict.OK
    text = f"{middle * 1000:.1f} ms, an intent may wait {limit_s * 1000:.0f} ms"
    yield row(HERE, "disk sync", verdict, text, "" if verdict is Verdict.OK else "use a faster disk")


def _latch(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield row(HERE, "latch", Verdict.OK, "none yet, the first start makes it")
        return
    try:
        latch = Latch(path)
        found = latch.read()
        latch.close()
    except OSError as error:
        said = error.strerror or str(error)
        yield row(HERE, "latch", Verdict.STOP, f"{path}: {said}", "make it writable for you")
        return
    if found.state == "ACTIVE" and not found.scopes:
        yield row(HERE, "latch", Verdict.OK, "writable, ACTIVE")
        return
    why = (
        f"{found.state}: {found.cause} {found.text}".strip()
        if found.state != "ACTIVE"
        else "a part is halted"
    )
    yield row(
        HERE,
        "latch",
        Verdict.WARN,
        f"the desk starts {why}",
        "stableconsole resume REASON, when it is right to",
    )


def _socket(path: Path) -> Iterator[Finding]:
    problem = path_problem(path)
    if problem:
        yield row(HERE, "socket", Verdict.STOP, problem, "name a shorter folder with --state-dir")
    else:
        yield row(HERE, "socket", Verdict.OK, str(path))


def _store(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield row(HERE, "store", Verdict.OK, "none yet, the first start makes it")
        return
    remedy = "the next start sets it aside and builds a new one from the venues' own books"
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2.0)
        try:
            trouble = quick_check(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        trouble = str(error)
    if trouble:
        yield row(HERE, "store", Verdict.STOP, f"{path}: {trouble}", remedy)
    else:
        yield row(HERE, "store", Verdict.OK, f"whole, {path.stat().st_size / (1 << 20):.1f} MiB")


def _engines(layout: StateLayout, wires: Mapping[str, VenueWire], accounts: Path) -> Iterator[Finding]:
    here = holder_of(layout.root)
    if here is None:
        yield row(HERE, "engine", Verdict.OK, "none runs on this folder")
    else:
        yield row(HERE, "engine", Verdict.OK, f"pid {here.pid} runs here, profile {here.profile}")
    for venue, (where, key) in account_names(wires).items():
        other = account_holder(accounts, where, key)
        if other is None or (here is not None and other.pid == here.pid):
            yield row(venue, "account", Verdict.OK, "no other engine holds it")
            continue
        yield row(
            venue,
            "account",
            Verdict.STOP,
            f"held by the engine pid {other.pid}, profile {other.profile}, folder {other.folder}",
            "stop that one first: two engines on one account fight each other",
        )


def _terminal(environ: Mapping[str, str]) -> Iterator[Finding]:
    kind = environ.get("TERM", "")
    try:
        size = os.get_terminal_size(2)
    except OSError:
        yield row(HERE, "terminal", Verdict.OK, "none here: commands and --no-ui need none")
        return
    if size.columns < 80 or size.lines < 24 or kind in ("", "dumb"):
        text = f"{size.columns}×{size.lines}, TERM={kind or 'not set'}"
        yield row(
            HERE, "terminal", Verdict.WARN, text, "the screen wants 80×24 and a TERM that says what it can"
        )
        return
    colours = "true colour" if environ.get("COLORTERM") in ("truecolor", "24bit") else "256 colours or fewer"
    yield row(HERE, "terminal", Verdict.OK, f"{size.columns}×{size.lines}, {kind}, {colours}")


def _existing(path: Path) -> Path:
    """The folder itself, or the nearest one above that is there already."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
