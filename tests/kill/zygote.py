"""A process of one thread that has imported everything, and forks a life for each order it reads on stdin.

Tests only: the engine's own children are spawned, never forked. Each order is a JSON line; what a life says
(`at` a mark, `end`, `fault`) comes as a JSON line on stdout, as does the zygote's own word on how it ended.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.kill.doors import LATE, Marks, marked
from tests.kill.judge import judge
from tests.kill.plays import DIRECT, OF_PLAY, PLAYS, Life, direct, shorten_the_past

LONGEST_S = 120
"""A life that hangs ends by itself, and its test fails."""


def say(word: dict[str, Any]) -> None:
    """One write a line, so that words never mix."""
    os.write(1, json.dumps(word, default=str).encode() + b"\n")


def live(order: dict[str, Any]) -> None:
    """A life: `play` in `folder`, to the mark `wanted` or to its end."""
    marks, folder = Marks(order["wanted"], say), Path(order["folder"])
    targets: dict[str, Decimal] = {}
    with marked(marks, order["policy"], folder):
        if order["play"] == DIRECT:
            direct(folder, marks)
        else:
            settings = OF_PLAY.get(order["play"])
            life = Life(folder, marks, order["policy"], order["seed"], settings)
            PLAYS[order["play"]](life)
            targets = life.targets
            life.close()
    say({"end": marks.names, **marks.sure, "targets": targets})


def warm() -> None:
    """A whole life and its judgement in here: what Python builds on first use is there for every fork."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "state"
        folder.mkdir()
        marks = Marks(None, lambda word: None)
        with marked(marks, LATE, folder):
            life = Life(folder, marks, LATE)
            PLAYS["harvest"](life)
            life.close()
        facts = {"state": "ACTIVE", "latched": [], "target": "1", "bound": "1e6", "seen": [], "seed": 7}
        judge({"folder": str(folder), **facts})
    gc.collect()
    gc.freeze()
    gc.disable()


def main() -> None:
    shorten_the_past()
    warm()
    for line in sys.stdin:
        order = json.loads(line)
        assert threading.active_count() == 1, "a fork would lose the other threads"
        child = os.fork()
        if child == 0:
            signal.alarm(LONGEST_S)
            try:
                if order["deed"] == "live":
                    live(order)
                else:
                    say({"end": judge(order)})
            except BaseException:
                say({"fault": traceback.format_exc()})
            finally:
                os._exit(0)
        say({"child": child})
        _, status = os.waitpid(child, 0)
        say({"ended": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    main()
