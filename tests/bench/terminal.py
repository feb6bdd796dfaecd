"""A real pseudo-terminal with a program in it: what it writes, when, and what it costs."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-P", "-m", "console")
TICKS = os.sysconf("SC_CLK_TCK")


def environment(**more: str) -> dict[str, str]:
    """A clean user in a terminal of 24 bits of colour; byte code is written and used as anywhere."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    fixed = {
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "PYTHONPATH": str(ROOT),
        "STABLECONSOLE_CONFIG": "/dev/null",
        "STABLECONSOLE_TOUR": "off",
    }
    return kept | fixed | more


class Pty:
    """One program under a terminal of its own. `read` must be called, or the program stands still."""

    def __init__(self, argv: Sequence[str], columns: int, lines: int, env: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=ROOT, start_new_session=True
        )
        os.close(slave)
        self.bytes = 0
        self.text = b""
        """The last of what was written."""

    def read(self, wait_s: float) -> bytes:
        """Whatever comes within the wait, at once when there is something."""
        if not select.select([self.master], [], [], max(0.0, wait_s))[0]:
            return b""
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:
            return b""
        self.bytes += len(data)
        self.text = (self.text + data)[-200_000:]
        return data

    def until(self, met: Callable[[bytes], bool], patience_s: float = 60.0) -> float:
        """Reads until the text so far meets it; the monotonic second at which it did."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if self.read(0.5) and met(self.text):
                return time.monotonic()
            if self.process.poll() is not None and not self.read(0.0):
                break
        raise AssertionError(f"the program never showed it: {self.text[-600:]!r}")

    def drain(self, seconds: float) -> None:
        """Reads for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)

    def key(self, data: bytes) -> int:
        """Writes the key; the monotonic ns just before."""
        now = time.monotonic_ns()
        os.write(self.master, data)
        return now

    def cpu(self) -> float:
        return cpu_of(self.process.pid)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


def cpu_of(pid: int) -> float:
    """Seconds of CPU of one process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def waited(pid: int) -> tuple[int, int]:
    """(ns on a core, ns of waiting for one) of all threads so far: what others take is no time of ours."""
    used = delayed = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        on_core, queued, _ = (task / "schedstat").read_text().split()
        used, delayed = used + int(on_core), delayed + int(queued)
    return used, delayed


@contextmanager
def terminal(
    argv: Sequence[str], columns: int, lines: int, env: dict[str, str] | None = None
) -> Iterator[Pty]:
    screen = Pty(argv, columns, lines, environment() if env is None else env)
    try:
        yield screen
    finally:
        screen.close()
