"""The killer: orders lives from the zygote, and ends them by SIGKILL where they stand."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.settings.parameters import Pair
from tests.kill.doors import LATE, wire_of

ROOT = Path(__file__).resolve().parents[2]
SOAK = bool(os.environ.get("STABLECONSOLE_SOAK"))
_SHM = Path("/dev/shm")  # a file system in memory: SIGKILL does not care, fsync is free
_SILENT_S = 60.0
NAKED_MAX = Pair().naked_max
"""USD."""


def target_of(run: dict[str, Any]) -> Decimal:
    """The most one leg may come to hold: a pair planned a little later may be 2 % larger."""
    (text,) = run["targets"].values()
    return Decimal(text) * Decimal("1.02")


@dataclass
class Killed:
    """What is known of a life that was ended at a mark."""

    at: str
    state: str
    """By what lies on disk."""
    latched: list[list[str]]


class Killer:
    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._root = folder
        self._count = 0
        self._rest = b""
        self._seen: set[str] = set()
        self.kills = 0
        self.judged = 0
        self.worst_naked = Decimal(0)
        """USD, over all second lives."""
        self.slowest_s = 0.0
        """To hedged or flat."""

    def folder(self) -> Path:
        """A state folder of its own; the former one is removed."""
        shutil.rmtree(self._root, ignore_errors=True)
        return self._fresh()

    def copy(self, dead: Path) -> Path:
        """The same folder once more: what a process that is gone has left."""
        found = self._fresh()
        shutil.copytree(dead, found, dirs_exist_ok=True)
        if wire_of(dead).exists():
            shutil.copy(wire_of(dead), wire_of(found))
        return found

    def drop(self, folder: Path) -> None:
        shutil.rmtree(folder)

    def _fresh(self) -> Path:
        self._count += 1
        found = self._root / f"state{self._count}"
        found.mkdir(parents=True)
        return found

    def marks(
        self, play: str, policy: str = LATE, folder: Path | None = None, seed: int = 7
    ) -> dict[str, Any]:
        """One undisturbed run: `end` names its marks in order."""
        self._order("live", folder or self.folder(), play=play, policy=policy, wanted=None, seed=seed)
        word = self._word()
        assert "end" in word, word.get("fault", word)
        assert self._word() == {"ended": 0}
        return word

    def kill(self, folder: Path, play: str, wanted: int, policy: str = LATE, seed: int = 7) -> Killed:
        """Run to a mark and kill there, from outside."""
        child = self._order("live", folder, play=play, policy=policy, wanted=wanted, seed=seed)
        word = self._word()
        assert "at" in word, word.get("fault", word)
        os.kill(child, signal.SIGKILL)
        assert self._word() == {"ended": -signal.SIGKILL}
        self.kills += 1
        return Killed(word["at"], word["state"], word["latched"])

    def judge(
        self, folder: Path, killed: Killed, target: Decimal, bound: Decimal = NAKED_MAX, seed: int = 7
    ) -> list[str]:
        """Start again on the folder and look at everything; what is wrong, in words.

        A restart sees nothing but the folder, so two kills that left the same are judged once.
        """
        facts = {"state": killed.state, "latched": killed.latched, "target": str(target)}
        self._order("judge", folder, seen=sorted(self._seen), bound=str(bound), seed=seed, **facts)
        word = self._word()
        assert "end" in word, word.get("fault", word)
        assert self._word() == {"ended": 0}
        found = word["end"]
        self.judged += not found["same"]
        self._seen.add(found["digest"])
        self.worst_naked = max(self.worst_naked, Decimal(found["naked"]))
        self.slowest_s = max(self.slowest_s, found["rest_s"] or 0.0)
        wrong: list[str] = found["wrong"]
        return wrong

    def kill_all(
        self,
        play: str,
        policy: str,
        chosen: Sequence[int],
        names: list[str],
        target: Decimal,
        seed: int = 7,
    ) -> list[str]:
        """A life, a kill and a second life for each of these marks; what is wrong, a line each."""
        failed: list[str] = []
        for at in chosen:
            folder = self.folder()
            killed = self.kill(folder, play, at, policy, seed)
            assert killed.at == names[at], "two runs of one play have passed other doors"
            wrong = self.judge(folder, killed, target, seed=seed)
            failed += [f"{play} {policy} {at} ({killed.at}): {text}" for text in wrong]
        return failed

    def told(self) -> str:
        return f"at rest within {self.slowest_s:.1f} s, at most {self.worst_naked:.0f} USD naked"

    def _order(self, deed: str, folder: Path, **facts: Any) -> int:
        assert self._process.stdin is not None
        line = json.dumps({"deed": deed, "folder": str(folder), **facts})
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        # The child may speak before its parent does.
        word = self._word()
        if "child" not in word:
            self._kept, word = word, self._word()
        return int(word["child"])

    _kept: dict[str, Any] | None = None

    def _word(self) -> dict[str, Any]:
        if self._kept is not None:
            word, self._kept = self._kept, None
            return word
        assert self._process.stdout is not None
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._process.stdout], [], [], _SILENT_S)
            assert ready, "the life says nothing"
            piece = os.read(self._process.stdout.fileno(), 1 << 20)
            assert piece, "the zygote has ended"
            self._rest += piece
        line, self._rest = self._rest.split(b"\n", 1)
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def killer(folder: Path) -> Iterator[Killer]:
    """A zygote for as long as the block lasts."""
    root = _SHM / f"stableconsole-kill-{os.getpid()}" if os.access(_SHM, os.W_OK) else folder / "state"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kill.zygote"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Killer(process, root)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
        shutil.rmtree(root, ignore_errors=True)
