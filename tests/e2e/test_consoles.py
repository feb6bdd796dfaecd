"""Several consoles on one engine, one of them read-only; then the engine is lost and comes back."""

from __future__ import annotations

import os
import signal

import pytest

from tests.e2e.builders import PROGRAM, engine_pid, headless, state_folder, status, terminal, until

pytestmark = pytest.mark.tmux


def test_two_consoles_see_one_desk_and_its_loss() -> None:
    with state_folder() as folder, terminal() as first, terminal(80, 24) as second:
        attach = [*PROGRAM, "attach", "--state-dir", str(folder)]
        with headless(folder):
            until(lambda: status(folder), "the engine answers")
            first.open(attach)
            second.open([*attach, "--read-only"])
            first.see("ACTIVE")
            second.see("ACTIVE", "READ-ONLY")
            second.press("H")
            second.see("read-only console: halt was not sent")
            assert status(folder)["trading_state"] == "ACTIVE"
            first.press("H")
            first.see("HALTED")
            second.see("HALTED")
            for screen in (first, second):
                until(lambda screen=screen: "Waiting for" not in screen.screen(), "its views are there")  # type: ignore[misc]
            engine = engine_pid(folder)
            assert engine is not None
            os.kill(engine, signal.SIGKILL)
            first.see("reconnecting", " s old")
            second.see(" s old")
        with headless(folder):
            first.see("HALTED", "FRESH")
            second.see("HALTED", "FRESH")
