"""Facts of Unix sockets that both ends need: how long a path may be, and who is at the other end."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

MAX_PATH_BYTES = 107
"""`sun_path` holds 108 bytes on Linux, the last of them a zero."""

_UCRED = struct.Struct("3i")


def path_problem(path: Path) -> str | None:
    """None, or why this socket path cannot be used, with the remedy."""
    length = len(os.fsencode(path))
    if length <= MAX_PATH_BYTES:
        return None
    return (
        f"the socket path {path} is {length} bytes long, the platform allows {MAX_PATH_BYTES}: "
        "choose a shorter folder with --state-dir"
    )


def peer_uid(sock: socket.socket) -> int:
    """The user id of the process at the other end, by the kernel's word."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(raw)
    return int(uid)
