"""Finds the profile's engine or starts one as a process of its own (RUNTIME 1).

The start is split in two so that nobody waits: `find_or_spawn` connects or spawns and returns at once; the
screen paints; `Starting.poll` then reads the ready pipe. Of two starters the lock decides, and the loser's
console attaches to the winner's engine.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time

from msgspec import Struct

from console.client import Client, check_profile
from console.running import connect, lock_holder, not_answering, try_connect
from services.protocol.errors import ProductError
from services.protocol.exits import Exit, as_exit
from services.protocol.flags import to_argv
from services.protocol.frames import Hello
from services.protocol.options import RunOptions
from services.protocol.ready import Ready, parse_ready
from services.settings.layout import StateLayout

ATTACH_WAIT_S = 10.0
"""How long the loser of two starters waits for the winner's socket."""


class Starting:
    """An engine process under way."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: int) -> None:
        self.process = process
        self.pipe = pipe
        """Readable when there is news; belongs to this object."""
        self._data = b""
        self._word: Ready | None = None

    def poll(self) -> Ready | None:
        """The engine's word, or None while it still starts. Never blocks."""
        while self._word is None and select.select([self.pipe], [], [], 0)[0]:
            piece = os.read(self.pipe, 65_536)
            self._data += piece
            if not piece or b"\n" in self._data:
                self._word = parse_ready(self._data)
                os.close(self.pipe)
        return self._word

    def wait(self, timeout_s: float) -> Ready:
        """The word, for callers with nothing better to do."""
        deadline = time.monotonic() + timeout_s
        while (word := self.poll()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return Ready(ok=False, text="the engine did not get ready in time", exit=Exit.FAILED)
            select.select([self.pipe], [], [], left)
        return word


class Found(Struct, frozen=True):
    """An engine that was already there."""

    hello: Hello


def find_or_spawn(options: RunOptions, layout: StateLayout) -> Found | Starting:
    """Connects first. Another world is exit 2 naming both; a held lock without answer is exit 1."""
    sock = try_connect(layout)
    if sock is None and lock_holder(layout) is not None:
        sock = connect(layout, options.profile)
    if sock is None:
        return spawn(options, layout)
    with Client(sock, layout) as client:
        check_world(options, client.hello)
        return Found(client.hello)


def after_failure(word: Ready, options: RunOptions, layout: StateLayout) -> ProductError | None:
    """What a failed start means for us: None = another starter won and its engine answers, so attach."""
    if word.exit == Exit.HELD:
        deadline = time.monotonic() + ATTACH_WAIT_S
        while lock_holder(layout) is not None and time.monotonic() < deadline:
            sock = try_connect(layout)
            if sock is not None:
                return _joined(Client(sock, layout), options)
            time.sleep(0.05)
        holder = lock_holder(layout)
        if holder is not None:
            return not_answering(holder, layout)
    return ProductError(word.text or f"the engine did not start; see {layout.log}", as_exit(word.exit))


def _joined(client: Client, options: RunOptions) -> ProductError | None:
    with client:
        try:
            check_world(options, client.hello)
        except ProductError as error:
            return error
    return None


def check_world(options: RunOptions, hello: Hello) -> None:
    """World flags that were typed, and a profile that was, must equal the running engine's (RUNTIME 1)."""
    check_profile(options.profile, hello)
    if options.fault:
        raise ProductError(
            f"--fault is for a start, and an engine (PID {hello.pid}) already runs for profile "
            f"{hello.profile}: type :fault KIND VENUE P there, or stop it first (stableconsole stop)",
            Exit.USAGE,
            "fault",
        )
    wanted = options.world_flags()
    differing = [name for name, value in wanted.items() if hello.world.get(name) != value]
    if not differing and not options.new_world:
        return
    asked = _named(wanted) if wanted else "a new world"
    raise ProductError(
        f"an engine (PID {hello.pid}) already runs {_named(hello.world)} for profile {hello.profile}, "
        f"you asked for {asked}: stop it first (stableconsole stop), or use another --state-dir",
        Exit.USAGE,
        "other_world",
    )


def _named(world: dict[str, str]) -> str:
    return " ".join(f"{name} {value}" for name, value in world.items()) or "its own world"


def engine_command() -> list[str]:
    """`-P`: a folder named `console` where the person happens to stand must not be taken for ours."""
    return [sys.executable, "-P", "-m", "console", "run", "--no-ui"]


def spawn(options: RunOptions, layout: StateLayout) -> Starting:
    """An engine in a session of its own, output to `engine.log`, its word over a pipe."""
    reader, writer = os.pipe()
    with_pipe = {name: getattr(options, name) for name in options.__struct_fields__} | {"ready_fd": writer}
    command = [*engine_command(), *to_argv(RunOptions(**with_pipe))]
    try:
        log = os.open(layout.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        os.close(reader)
        os.close(writer)
        raise ProductError(f"cannot write {layout.log}: {error.strerror}") from None
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(writer,),
            cwd=layout.root,
        )
    except OSError as error:
        os.close(reader)
        raise ProductError(f"cannot start the engine: {error.strerror}") from None
    finally:
        os.close(writer)
        os.close(log)
    return Starting(process, reader)
