"""A terminal that goes away ends the console that was on it."""

from __future__ import annotations

import os
import pty
import signal
import threading

import pytest

from console.hangup import end_with, hang_up


def test_the_console_is_told_once_its_terminal_has_gone_and_not_before() -> None:
    master, terminal = pty.openpty()
    told = threading.Event()
    try:
        thread = end_with(terminal, told.set)
        os.write(master, b"keys are no hang-up\n")
        assert os.read(terminal, 100) == b"keys are no hang-up\n"
        assert thread.is_alive()
        assert not told.is_set()
    finally:
        os.close(master)
    assert told.wait(30)
    thread.join(30)
    os.close(terminal)


@pytest.mark.parametrize(
    ("handler", "sent"), [(signal.SIG_DFL, signal.SIGHUP), (signal.SIG_IGN, signal.SIGTERM)]
)
def test_it_ends_also_where_the_hang_up_is_ignored(
    handler: signal.Handlers, sent: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under `nohup` a console without its terminal ran on with a whole core."""
    kills: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: kills.append((pid, number)))
    before = signal.signal(signal.SIGHUP, handler)
    try:
        hang_up()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert kills == [(os.getpid(), sent)]
