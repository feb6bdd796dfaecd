"""A terminal that goes away ends the console that was on it."""

from __future__ import annotations

import os
import pty
import threading

from console.hangup import end_with


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
