"""Real processes: the program in a terminal of tmux's, the program headless, the exchange's own books."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from console.client import Client
from console.places import layout_of
from services.protocol.errors import ProductError
from tests.e2e import warm

PROGRAM = [sys.executable, "-P", "-m", "console"]
PATIENCE_S = 60.0
"""How long a real process may take on a busy machine before the test gives up. No speed is asserted."""


def environment(**more: str) -> dict[str, str]:
    """A clean user: no configuration of whoever runs the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    fixed = {"STABLECONSOLE_CONFIG": "/dev/null", "STABLECONSOLE_TOUR": "off"}
    return kept | {"LANG": "C.UTF-8"} | fixed | more


def until(condition: Callable[[], Any], what: str) -> Any:
    """Polls; gives back what the condition gave."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not happen in {PATIENCE_S:g} s: {what}")


@contextmanager
def state_folder() -> Iterator[Path]:
    """Short enough for a socket; whatever engine is left in it is ended by its own pid."""
    folder = Path(tempfile.mkdtemp(prefix="sc-"))
    try:
        yield folder
    finally:
        end_engine(folder)
        shutil.rmtree(folder, ignore_errors=True)


def engine_pid(folder: Path) -> int | None:
    """The pid in the lock file, if that process lives."""
    try:
        pid = int(json.loads((folder / "engine.lock").read_bytes())["pid"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid


def end_engine(folder: Path) -> None:
    pid = engine_pid(folder)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        until(lambda: engine_pid(folder) is None or _zombie(pid), "engine ended")


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def ask(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One command of the program against this folder."""
    return program(*words, "--state-dir", str(folder), **more)


def program(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One command of the program, in a process of its own."""
    env = environment(**more)
    if warm.can(env, environment()):
        return warm.run(words, env, PATIENCE_S * 2)
    return subprocess.run(
        [*PROGRAM, *words],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S * 2,
    )


def status(folder: Path, profile: str = "sim") -> dict[str, Any]:
    """What `status --json` prints, or {} when no engine answers.

    Asked over the socket in this process: a program started for each look takes a core away from what it
    looks at.
    """
    try:
        with Client.open(layout_of(profile, str(folder)), profile) as client:
            done = client.call("status", {})
    except ProductError:
        return {}
    found: dict[str, Any] = json.loads(bytes(done.result)) if done.ok else {}
    return found


@contextmanager
def headless(folder: Path, *flags: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """An engine in the foreground of its own process group."""
    process = subprocess.Popen(
        [*PROGRAM, "run", "--no-ui", "--state-dir", str(folder), *flags],
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def exchange_positions(folder: Path) -> dict[str, Decimal]:
    """Instrument to signed size by the exchange's own books, read from a copy of its folder."""
    from services.drive.queue import VirtualQueue
    from services.venues.sim.exchange import build_exchange
    from services.venues.sim.world import read_world

    copy = Path(tempfile.mkdtemp(prefix="sc-books-"))
    try:
        shutil.copytree(folder / "exchange", copy / "exchange")
        world = read_world(copy / "exchange")
        assert world is not None
        exchange = build_exchange(world, copy / "exchange", VirtualQueue(0))
        try:
            return {
                row.instrument: row.size
                for venue in world.venues
                for row in exchange.books(venue).positions
                if row.size
            }
        finally:
            exchange.close()
    finally:
        shutil.rmtree(copy, ignore_errors=True)


class Terminal:
    """One window of a tmux server of its own."""

    def __init__(self, columns: int, lines: int) -> None:
        self.socket = f"sc-{os.getpid()}-{time.monotonic_ns()}"
        self.columns, self.lines = columns, lines

    def _tmux(self, *words: str) -> str:
        ran = subprocess.run(
            ["tmux", "-L", self.socket, "-f", "/dev/null", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.stdout

    def open(self, command: list[str], **more: str) -> None:
        """Runs a command with a terminal and leaves its exit status on the screen."""
        line = " ".join(f"'{word}'" for word in command) + "; echo EXIT $?; cat"
        settings = [f"{name}={value}" for name, value in environment(TERM="tmux-256color", **more).items()]
        self._tmux(
            *("new-session", "-d", "-s", "t", "-x", str(self.columns), "-y", str(self.lines)),
            *("env", "-i", *settings, "/bin/sh", "-c", line),
        )

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", "t")

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "t", *keys)

    def dialog(self, title: str) -> None:
        """Waits for a dialog that listens: a new one is deaf for 150 ms, against bounced keys."""
        self.see(title)
        time.sleep(0.4)

    def answer(self, title: str, key: str) -> None:
        self.dialog(title)
        self.press(key)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-t", "t", "-l", text)

    def enter(self, text: str) -> None:
        """As a hand: an end of line right behind its text is a paste's, and confirms nothing."""
        self.type(text)
        self.see(text)
        time.sleep(0.4)
        self.press("Enter")

    def see(self, *texts: str) -> str:
        """Waits until all of it stands on the screen."""

        def seen() -> str | None:
            screen = self.screen()
            return screen if all(text in screen for text in texts) else None

        try:
            return str(until(seen, f"on the screen: {texts}"))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None

    def program_pid(self) -> int:
        """The process that draws: the child of the window's shell."""
        shell = self._tmux("list-panes", "-t", "t", "-F", "#{pane_pid}").strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(children[0])

    def close(self) -> None:
        self._tmux("kill-server")


@contextmanager
def terminal(columns: int = 120, lines: int = 40) -> Iterator[Terminal]:
    opened = Terminal(columns, lines)
    try:
        yield opened
    finally:
        opened.close()
