"""Is there an engine? The socket answers, or the lock tells who holds the folder (RUNTIME 1).

Standard library only beside the frames: one-shot commands must answer in a blink.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time

from msgspec import Struct

from console.remedies import folder_of, typed
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.options import DEFAULT_PROFILE, PROFILE_NAME
from services.protocol.sockets import path_problem
from services.settings.layout import StateLayout

BIND_WAIT_S = 2.0
"""How long a held lock may go without a socket: an engine that starts binds after it has the lock."""

_POLL_S = 0.05


class LockHolder(Struct, frozen=True):
    pid: int | None
    """None = held, but the file does not say by whom."""
    profile: str = ""
    """What it runs; empty = not told."""


def lock_holder(layout: StateLayout) -> LockHolder | None:
    """Who holds the engine lock of this folder; None = nobody."""
    try:
        descriptor = os.open(layout.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        said = _said_in(os.read(descriptor, 65_536))
        pid = said.get("pid")
        return LockHolder(pid if isinstance(pid, int) else None, _profile_in(said))
    finally:
        os.close(descriptor)
    return None


def last_profile(layout: StateLayout) -> str:
    """Of the engine that holds this folder or held it last; empty = not told. Asks for no store."""
    try:
        return _profile_in(_said_in(layout.lock.read_bytes()))
    except OSError:
        return ""


def _said_in(data: bytes) -> dict[str, object]:
    try:
        said = json.loads(data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _profile_in(said: dict[str, object]) -> str:
    name = said.get("profile")
    return name if isinstance(name, str) and PROFILE_NAME.fullmatch(name) else ""


def try_connect(layout: StateLayout, timeout_s: float = 2.0) -> socket.socket | None:
    """A connected socket, or None when nobody listens. Raises ProductError for a path that cannot be used."""
    problem = path_problem(layout.socket)
    if problem:
        raise ProductError(problem, Exit.USAGE, "socket_path")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout_s)
    try:
        sock.connect(str(layout.socket))
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        sock.close()
        return None
    except OSError as error:
        sock.close()
        raise ProductError(f"cannot reach the engine at {layout.socket}: {error.strerror or error}") from None
    return sock


def connect(layout: StateLayout, profile: str) -> socket.socket:
    """A connected socket. No engine is exit 3; a held lock without an answer is exit 1, never 3."""
    deadline = time.monotonic() + BIND_WAIT_S
    while True:
        sock = try_connect(layout)
        if sock is not None:
            return sock
        holder = lock_holder(layout)
        if holder is None:
            raise no_engine(layout, profile)
        if time.monotonic() >= deadline:
            raise not_answering(holder, layout)
        time.sleep(_POLL_S)


def no_engine(layout: StateLayout, profile: str) -> ProductError:
    if profile == DEFAULT_PROFILE:
        profile = last_profile(layout) or profile  # what the line tells to type must start that one
    start = typed(folder_of(layout, profile))
    return ProductError(
        f"no engine is running for profile {profile} ({layout.root}); start one with: {start}",
        Exit.NO_ENGINE,
        "no_engine",
    )


def other_profile(whose: str, own: str, asked: str) -> ProductError:
    return ProductError(
        f"{whose} profile {own}, you named {asked}: leave --profile or --state-dir out",
        Exit.USAGE,
        "other_profile",
    )


def not_answering(holder: LockHolder, layout: StateLayout) -> ProductError:
    who = "the engine" if holder.pid is None else f"engine PID {holder.pid}"
    end = "end that process" if holder.pid is None else f"end it with: kill {holder.pid}"
    return ProductError(
        f"{who} does not answer on {layout.socket}; see {layout.log}, or {end}", code="no_answer"
    )
