"""`doctor`: what would stop trading here, row by row, with the remedy; for every mode (CONSOLE).

Works without a running engine and takes none of its locks. A start of live mode runs the same rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from services.domain.events import Event
from services.drive.latch import Latch
from services.drive.lock import LockError, account_holder, file_system_type, holder_of, refuse_network_folder
from services.protocol.sockets import path_problem
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.store.health import quick_check
from services.venues.live import Finding, LiveVenue, Verdict
from services.venues.wire.errors import WireError
from services.workers.wires import account_names

HERE = "this machine"
START_S = 30.0
"""How long a venue may take to be reached and read."""
_COPY_ON_WRITE = ("bcachefs", "btrfs", "overlay", "zfs")
_SPACE_STOP, _SPACE_WARN = 100 << 20, 1 << 30
_SYNC_WARN_S = 0.05
_SYNCS = 7


class Deaf:
    """An outbox for adapters that are only looked at."""

    def deliver(self, due: int, event: Event) -> None:
        return

    def wake(self, due: int, token: object) -> None:
        return


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


async def venue_findings(name: str, venue: LiveVenue, settings: Settings) -> tuple[Finding, ...]:
    """Start it, look at it, close it. Never raises."""
    try:
        try:
            async with asyncio.timeout(START_S):
                await venue.start()
                return await started_findings(name, venue, settings)
        except (WireError, ValueError, OSError, TimeoutError) as error:
            said = str(error) or f"no answer within {START_S:g} s"
            return (
                _row(name, "reachable", Verdict.STOP, said, "see to the network, the address and the key"),
            )
    finally:
        await venue.close()


async def started_findings(name: str, venue: LiveVenue, settings: Settings) -> tuple[Finding, ...]:
    """Of a venue that has been started. Raises WireError."""
    health, can = venue.health(), venue.capabilities
    rows = [_row(name, "reachable", Verdict.OK, f"{len(venue.instruments())} markets")]
    rows.append(_clock(name, health.clock_offset_ms, settings))
    rows += await venue.examine()
    spent = [f"{window} {used}/{limit}" for window, (used, limit) in health.budget.items()]
    full = any(used >= limit for used, limit in health.budget.values())
    rows.append(
        _row(
            name,
            "rate budget",
            Verdict.WARN if full else Verdict.OK,
            ", ".join(spent) or "not told",
            "wait a minute; who else uses this key?" if full else "",
        )
    )
    lacking = [
        word
        for word, there in (
            ("orders", can.orders),
            ("conditional orders: stops are local only", can.conditional),
            ("a dead-man's switch", can.dead_man),
            ("funding history", can.history),
        )
        if not there
    ]
    no_orders = not can.orders and settings.mode != "paper"
    rows.append(
        _row(
            name,
            "capabilities",
            Verdict.STOP if no_orders else Verdict.WARN if lacking else Verdict.OK,
            f"lacks {', '.join(lacking)}" if lacking else "orders, stops, dead-man's switch, history",
            "give the profile a key and its secret" if no_orders else "",
        )
    )
    return tuple(rows)


def stops(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(each for each in findings if each.verdict is Verdict.STOP)


def _row(subject: str, check: str, verdict: Verdict, text: str, remedy: str = "") -> Finding:
    return Finding(subject=subject, check=check, verdict=verdict, text=text, remedy=remedy)


def _clock(name: str, offset: int | None, settings: Settings) -> Finding:
    fresh = settings.fresh
    if offset is None:
        return _row(name, "clock", Verdict.STOP, "not measured", "see whether the venue tells its time")
    verdict = Verdict.OK
    if abs(offset) >= fresh.clock_block_ms:
        verdict = Verdict.STOP
    elif abs(offset) >= fresh.clock_warn_ms:
        verdict = Verdict.WARN
    remedy = "" if verdict is Verdict.OK else "set this machine's clock (chrony, systemd-timesyncd)"
    return _row(name, "clock", verdict, f"{offset:+d} ms off ours", remedy)


def _folder(root: Path) -> Iterator[Finding]:
    there = _existing(root)
    try:
        refuse_network_folder(there)
    except LockError as error:
        yield _row(HERE, "state folder", Verdict.STOP, str(error), "name a local folder with --state-dir")
        return
    if not os.access(there, os.W_OK | os.X_OK):
        yield _row(
            HERE, "state folder", Verdict.STOP, f"{there} cannot be written", "name another with --state-dir"
        )
        return
    kind = ""
    with contextlib.suppress(OSError):
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        kind = file_system_type(os.path.realpath(there), table)
    if kind in _COPY_ON_WRITE:
        yield _row(
            HERE,
            "state folder",
            Verdict.WARN,
            f"{root} lies on {kind}, which copies on write: the latch is best effort on a full disk",
            "a folder on ext4 or xfs holds it in place",
        )
        return
    yield _row(HERE, "state folder", Verdict.OK, f"{root}" + (f" on {kind}" if kind else ""))


def _space(root: Path) -> Iterator[Finding]:
    try:
        free = shutil.disk_usage(_existing(root)).free
    except OSError as error:
        yield _row(HERE, "disk space", Verdict.STOP, error.strerror or str(error), "see to the disk")
        return
    verdict = Verdict.STOP if free < _SPACE_STOP else Verdict.WARN if free < _SPACE_WARN else Verdict.OK
    remedy = "" if verdict is Verdict.OK else "free some, or name another folder with --state-dir"
    yield _row(HERE, "disk space", verdict, f"{free / (1 << 30):.1f} GiB free", remedy)


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
        yield _row(HERE, "disk sync", Verdict.STOP, error.strerror or str(error), "see to the disk")
        return
    middle = statistics.median(took)
    verdict = Verdict.STOP if middle >= limit_s else Verdict.WARN if middle >= _SYNC_WARN_S else Verdict.OK
    text = f"{middle * 1000:.1f} ms, an intent may wait {limit_s * 1000:.0f} ms"
    yield _row(HERE, "disk sync", verdict, text, "" if verdict is Verdict.OK else "use a faster disk")


def _latch(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield _row(HERE, "latch", Verdict.OK, "none yet, the first start makes it")
        return
    try:
        latch = Latch(path)
        found = latch.read()
        latch.close()
    except OSError as error:
        said = error.strerror or str(error)
        yield _row(HERE, "latch", Verdict.STOP, f"{path}: {said}", "make it writable for you")
        return
    if found.state == "ACTIVE" and not found.scopes:
        yield _row(HERE, "latch", Verdict.OK, "writable, ACTIVE")
        return
    why = (
        f"{found.state}: {found.cause} {found.text}".strip()
        if found.state != "ACTIVE"
        else "a part is halted"
    )
    yield _row(
        HERE,
        "latch",
        Verdict.WARN,
        f"the desk starts {why}",
        "stableconsole resume REASON, when it is right to",
    )


def _socket(path: Path) -> Iterator[Finding]:
    problem = path_problem(path)
    if problem:
        yield _row(HERE, "socket", Verdict.STOP, problem, "name a shorter folder with --state-dir")
    else:
        yield _row(HERE, "socket", Verdict.OK, str(path))


def _store(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield _row(HERE, "store", Verdict.OK, "none yet, the first start makes it")
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
        yield _row(HERE, "store", Verdict.STOP, f"{path}: {trouble}", remedy)
    else:
        yield _row(HERE, "store", Verdict.OK, f"whole, {path.stat().st_size / (1 << 20):.1f} MiB")


def _engines(layout: StateLayout, wires: Mapping[str, VenueWire], accounts: Path) -> Iterator[Finding]:
    here = holder_of(layout.root)
    if here is None:
        yield _row(HERE, "engine", Verdict.OK, "none runs on this folder")
    else:
        yield _row(HERE, "engine", Verdict.OK, f"pid {here.pid} runs here, profile {here.profile}")
    for venue, (where, key) in account_names(wires).items():
        other = account_holder(accounts, where, key)
        if other is None or (here is not None and other.pid == here.pid):
            yield _row(venue, "account", Verdict.OK, "no other engine holds it")
            continue
        yield _row(
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
        yield _row(HERE, "terminal", Verdict.OK, "none here: commands and --no-ui need none")
        return
    if size.columns < 80 or size.lines < 24 or kind in ("", "dumb"):
        text = f"{size.columns}×{size.lines}, TERM={kind or 'not set'}"
        yield _row(
            HERE, "terminal", Verdict.WARN, text, "the screen wants 80×24 and a TERM that says what it can"
        )
        return
    colours = "true colour" if environ.get("COLORTERM") in ("truecolor", "24bit") else "256 colours or fewer"
    yield _row(HERE, "terminal", Verdict.OK, f"{size.columns}×{size.lines}, {kind}, {colours}")


def _existing(path: Path) -> Path:
    """The folder itself, or the nearest one above that is there already."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def refusal(findings: tuple[Finding, ...]) -> str:
    """What a start says of them, in one line."""
    return "; ".join(
        f"{each.subject}: {each.check}: {each.text}" + (f" ({each.remedy})" if each.remedy else "")
        for each in findings
    )
