"""Commands of the program, each in a process of its own that was forked from one which had imported it.

A command is the same program either way; starting Python anew for each of hundreds costs a core for a minute.
What a start itself does (arguments of Python, its encoding, its hash seed) is tested with real ones.
"""

from __future__ import annotations

import atexit
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

import msgspec

ROOT = Path(__file__).resolve().parents[2]
OF_THE_START = ("PYTHON", "LANG", "LC_")
"""Variables that Python reads when it starts."""

LOADED = (
    *("console.audit", "console.config", "console.headless", "console.report", "console.shell"),
    *("services.engine", "services.settings.schema", "services.store.reader", "services.venues.sim.exchange"),
)
"""What most commands import."""


class Order(msgspec.Struct):
    words: list[str]
    env: dict[str, str]
    folder: str
    out: str
    errors: str
    patience_s: int


class Warm:
    """The process that forks. It ends with its stdin, so with ours."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from tests.e2e.warm import serve; serve()"],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.end)

    @property
    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def end(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        self._process.wait()

    def run(
        self, words: Sequence[str], env: Mapping[str, str], patience_s: float
    ) -> subprocess.CompletedProcess[str]:
        orders, answers = self._pipes
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            out_path, errors_path = (f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, errors))
            order = Order(list(words), dict(env), os.getcwd(), out_path, errors_path, int(patience_s))
            orders.write(msgspec.json.encode(order).decode() + "\n")
            orders.flush()
            status = int(answers.readline())
            for file in (out, errors):
                file.seek(0)
            return subprocess.CompletedProcess(list(words), status, out.read(), errors.read())


@cache
def _warm() -> Warm:
    return Warm()


def can(env: Mapping[str, str], usual: Mapping[str, str]) -> bool:
    """Whether nothing of what Python reads at its start is asked for."""
    return all(usual.get(name) == value for name, value in env.items() if name.startswith(OF_THE_START))


def run(words: Sequence[str], env: Mapping[str, str], patience_s: float) -> subprocess.CompletedProcess[str]:
    """One command, its status and what it said. A signal is a negative status, as `subprocess` has it."""
    return _warm().run(words, env, patience_s)


def serve() -> None:
    """Forks a command for each order on stdin and answers with its status."""
    from importlib import import_module

    for name in LOADED:
        import_module(name)
    from console.cli import main

    answers = os.dup(1)
    for line in sys.stdin:
        order = msgspec.json.decode(line, type=Order)
        child = os.fork()
        if child == 0:
            _become(order, main)
        _, status = os.waitpid(child, 0)
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(order: Order, main: Callable[[], int]) -> None:
    """The child's life; it never returns."""
    status = 70
    try:
        signal.alarm(order.patience_s)
        os.closerange(3, 64)
        for fd, path in enumerate((os.devnull, order.out, order.errors)):
            os.dup2(os.open(path, os.O_WRONLY if fd else os.O_RDONLY), fd)
        os.closerange(3, 64)
        os.environ.clear()
        os.environ.update(order.env)
        os.chdir(order.folder)
        random.seed()
        sys.argv = ["stableconsole", *order.words]
        try:
            status = main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:
            traceback.print_exc()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)
