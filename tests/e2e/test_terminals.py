"""The console by itself in real terminals: sizes, few colours or none, a plain locale, detaching, pasting."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console.app import speaks_utf8
from tests.e2e.builders import Terminal, terminal, until

pytestmark = pytest.mark.tmux

COLOURS = re.compile(r"\x1b\[([0-9;]*)m")


@contextmanager
def alone(tmp_path: Path, columns: int = 80, lines: int = 24, **more: str) -> Iterator[tuple[Terminal, Path]]:
    log = tmp_path / "log.json"
    words = [f"{name}={value}" for name, value in more.items()]
    with terminal(columns, lines) as screen:
        screen.open(["env", *words, sys.executable, "-m", "tests.e2e.alone", str(log)])
        screen.see("TRADE?")
        until(log.exists, "the log has begun")
        yield screen, log


def told(log: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(log.read_text(encoding="utf-8"))
    return found


def colours(screen: Terminal) -> set[str]:
    drawn = screen._tmux("capture-pane", "-p", "-e", "-t", "t")
    return {part for codes in COLOURS.findall(drawn) for part in codes.split(";") if part}


def resize(screen: Terminal, columns: int, lines: int) -> None:
    screen._tmux("resize-window", "-t", "t", "-x", str(columns), "-y", str(lines))


def test_it_follows_every_size_and_comes_back(tmp_path: Path) -> None:
    with alone(tmp_path) as (screen, log):
        screen.see("tab ›")
        resize(screen, 200, 60)
        screen.see("Positions", "Funding spreads", "Risk limits", "Alerts")
        resize(screen, 30, 8)
        screen.see("terminal too small")
        resize(screen, 60, 20)
        screen.see("H halt")
        resize(screen, 120, 40)
        screen.see("Positions", "Risk limits")
        screen.press("H")
        until(lambda: [name for name, _ in told(log)["sent"]] == ["halt"], "the key still halts")


def test_it_goes_on_when_its_terminal_is_detached(tmp_path: Path) -> None:
    with alone(tmp_path, 120, 40) as (screen, log):
        child, master = pty.fork()
        if not child:
            os.environ["TERM"] = "xterm-256color"
            os.execlp("tmux", "tmux", "-L", screen.socket, "attach")
        until(lambda: "t: 1 windows" in screen._tmux("ls") and "(attached)" in screen._tmux("ls"), "attached")
        screen._tmux("detach-client", "-s", "t")
        until(lambda: "(attached)" not in screen._tmux("ls"), "detached")
        os.close(master)
        os.waitpid(child, 0)
        screen.press("H")
        until(lambda: [name for name, _ in told(log)["sent"]] == ["halt"], "the key still halts")


@pytest.mark.parametrize("term", ["xterm", "xterm-16color"])
def test_sixteen_colours_are_the_terminals_own(tmp_path: Path, term: str) -> None:
    with alone(tmp_path, 120, 40, TERM=term, COLORTERM="") as (screen, _):
        found = colours(screen)
        assert found & {"31", "32", "33", "91", "92", "93", "96"}
        assert not found & {"38", "48"}, "no colour is guessed at"


def test_no_color_has_none_and_says_it_all_in_words(tmp_path: Path) -> None:
    with alone(tmp_path, 120, 40, NO_COLOR="1") as (screen, _):
        found = colours(screen)
        assert found <= {"0", "1", "2", "7", "22", "27", "39", "49"}, found
        screen.see("ACTIVE", "HEDGED")


@pytest.mark.parametrize("more", [{"LC_ALL": "C"}, {"LANG": "C"}])
def test_a_plain_locale_gets_plain_signs(tmp_path: Path, more: dict[str, str]) -> None:
    with alone(tmp_path, 120, 40, **more) as (screen, log):
        shown = screen.see("Positions", "TRADE?")
        assert shown.isascii(), [char for char in shown if not char.isascii()]
        screen.press("H")
        until(lambda: [name for name, _ in told(log)["sent"]] == ["halt"], "the key still halts")


def test_a_long_paste_is_text_and_sends_nothing(tmp_path: Path) -> None:
    text = "H F q halt\nflatten\n\x1b[31mF F H\x1b[0m\n" * 400
    with alone(tmp_path) as (screen, log):
        paste = ["tmux", "-L", screen.socket]
        subprocess.run([*paste, "load-buffer", "-"], input=text, text=True, check=True)
        screen._tmux("paste-buffer", "-p", "-t", "t")
        screen.press(":")
        screen.see("TYPING")
        screen._tmux("paste-buffer", "-p", "-t", "t")
        screen.see("H F q halt")
        assert told(log)["sent"] == []
        screen.press("Escape")
        until(lambda: "TYPING" not in screen.screen(), "the field is left")
        screen.press("H")
        until(lambda: [name for name, _ in told(log)["sent"]] == ["halt"], "keys are keys again")


@pytest.mark.parametrize(
    ("env", "utf8"),
    [
        ({"LANG": "en_US.UTF-8"}, True),
        ({"LANG": "C.UTF-8", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "de_DE.utf8", "LC_ALL": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, True),
        ({}, False),
    ],
)
def test_the_locale_is_read_from_what_the_person_said(env: dict[str, str], utf8: bool) -> None:
    assert speaks_utf8(env) is utf8
