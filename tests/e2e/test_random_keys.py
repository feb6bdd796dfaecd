"""Random keys into a real terminal, ten thousand in the soak: nothing breaks, no order leaves unconfirmed."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from screens.rooms import BY_NAME
from tests.bench.terminal import Pty, environment
from tests.e2e.builders import PATIENCE_S

SOAK = bool(os.environ.get("STABLECONSOLE_SOAK"))
COUNT = 10_000 if SOAK else 2_000
SEEDS = (7, 8, 9) if SOAK else (7,)
BURST = 250
"""Keys written at once; the next ones follow when they were read."""

HARMLESS = {
    "halt",
    "pause",
    "ack",
    "cancel",
    "settings",
    "reconcile",
    "preview",
    "preview pair",
    "preview resume",
}
"""What may leave at one key: it takes risk off, or changes nothing."""
CONFIRMED = {"on_dialog_chose", "on_line_field_entered", "_leave"}
"""Where everything else has to come from: a confirming key in a dialog, `enter` on a typed line."""

_SIGNS = [bytes([code]) for code in range(33, 127)]
_MOVES = [b"\x1b[" + end for end in (b"A", b"B", b"C", b"D", b"Z", b"5~", b"6~", b"H", b"F")] + [b"\t"]
_ESCAPE = b"\x1b[27u"
_PALETTE = b"\x10"
_LINE = _ESCAPE + b":resume x\r"
"""A whole line that the engine takes: single keys seldom write one, and when they do hangs on the machine."""
_OTHERS = [b" ", b"\x7f", b"\x03", b"\x01", b"\x05", b"\x0b", b"\x1b[3~", b"\x1b[15~", b"\x1bOP"]


def drawn(rng: random.Random) -> bytes:
    """Signs most of all; enough `esc`, `enter` and `n` to get out of whatever was opened."""
    share = rng.random()
    if share < 0.001:
        return _PALETTE  # seldom: every letter belongs to it until it is left
    if share < 0.005:
        return _LINE
    if share < 0.12:
        return _ESCAPE
    if share < 0.20:
        return b"n"
    if share < 0.26:
        return b"\r"
    if share < 0.36:
        return rng.choice([b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8"])
    if share < 0.42:
        return rng.choice([b"H", b"F", b"R", b":", b"q", b"t", b"?", b"/"])
    if share < 0.70:
        return rng.choice(_SIGNS)
    return rng.choice(_MOVES if share < 0.95 else _OTHERS)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_keys(tmp_path: Path, seed: int) -> None:
    log = tmp_path / "log.json"
    rng = random.Random(seed)
    argv = [sys.executable, "-m", "tests.e2e.alone", str(log)]
    screen = Pty(argv, 80, 24, environment(SSH_CONNECTION="192.0.2.1 5 192.0.2.2 22"))
    try:
        screen.until(lambda text: b"Positions" in text)
        written = 0
        for _ in range(0, COUNT, BURST):
            for _ in range(BURST):
                key = drawn(rng)
                screen.key(key)
                written += len(_LINE) - len(_ESCAPE) + 1 if key is _LINE else 1
            found = _read_until(screen, log, int(written * 0.97))
        assert screen.process.poll() is None, screen.text[-2_000:]
    finally:
        screen.close()
    assert found["keys"] + found["elsewhere"] >= written * 0.97, "the keys reached the screens"
    # On a busy machine each of the few palettes keeps what was written behind it, a burst at most.
    assert found["keys"] >= written * 0.55
    assert set(found["rooms"]) == set(BY_NAME), "every screen was reached"
    assert all(count >= 20 for count in found["rooms"].values()), found["rooms"]
    assert {"FlattenDialog", "QuitDialog", "ResumeDialog", "HelpDialog", "ThemeDialog", ":", "/", ""} <= set(
        found["dialogs"]
    )
    names = {name for name, _ in found["sent"]}
    assert "halt" in names
    assert names & {"flatten", "resume", "set", "stop"}, "the run confirmed some"
    for name, callers in found["sent"]:
        assert name in HARMLESS or CONFIRMED & set(callers), (name, callers)


def _read_until(screen: Pty, log: Path, keys: int) -> dict[str, Any]:
    """Takes what is written meanwhile, as a terminal does."""
    deadline = time.monotonic() + PATIENCE_S
    found: dict[str, Any] = {}
    while time.monotonic() < deadline:
        screen.read(0.05)
        if screen.process.poll() is not None:
            raise AssertionError(f"it ended: {screen.text[-2_000:]!r}")
        if log.exists():
            found = json.loads(log.read_text(encoding="utf-8"))
            if found["keys"] + found["elsewhere"] >= keys:
                return found
    raise AssertionError(f"keys were lost: {found.get('keys')} of {keys}; {screen.text[-500:]!r}")
