"""The program as typed: quick ways, flags, help with examples, one line for every mistake."""

from __future__ import annotations

import json
import os
import pty
import struct
import subprocess
import sys
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pytest

from console import cli, start, terminal
from services.protocol.errors import ProductError
from services.protocol.flags import FLAGS
from services.protocol.version import PROTOCOL, VERSION

COMMANDS = (
    *("run", "attach", "status", "positions", "orders", "pairs", "alerts", "stop", "halt", "resume"),
    *("flatten", "pause", "enable", "reconcile", "why", "replay", "report", "health", "doctor", "sim"),
    "version",
)
GROUPS = {
    "audit": ("verify", "export"),
    "config": ("init", "show", "check", "path", "secrets"),
    "store": ("prune",),
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, object], dict[str, bool]]]:
    """What a start was asked for, without starting."""
    seen: list[tuple[dict[str, object], dict[str, bool]]] = []

    def begin(given: dict[str, object], **more: bool) -> int:
        seen.append(({key: value for key, value in given.items() if value}, more))
        return 0

    monkeypatch.setattr(start, "begin", begin)
    return seen


@pytest.mark.parametrize(
    ("argv", "given", "more"),
    [
        ([], {}, {}),
        (["run"], {}, {}),
        (["--scenario", "calm", "--seed=7"], {"scenario": "calm", "seed": "7"}, {}),
        (["run", "--no-ui", "--for-sim", "20h"], {"for_sim_s": "20h"}, {"no_ui": True}),
        (["--no-ui", "--json"], {}, {"no_ui": True}),
        (["--fault", "timeout=0.1", "--fault", "drop=0.2"], {"fault": ["timeout=0.1", "drop=0.2"]}, {}),
        (["attach", "--read-only"], {}, {"attach": True, "read_only": True}),
        (["attach", "--profile", "paper"], {"profile": "paper"}, {"attach": True}),
    ],
)
def test_starts_go_the_quick_way(
    started: list[tuple[dict[str, object], dict[str, bool]]],
    argv: list[str],
    given: dict[str, object],
    more: dict[str, bool],
) -> None:
    assert cli.main(argv) == 0
    everything = {"no_ui": False, "attach": False, "read_only": False} | more
    assert started == [(given, everything)]


def test_the_full_command_line_knows_the_same_flags(
    started: list[tuple[dict[str, object], dict[str, bool]]], capsys: pytest.CaptureFixture[str]
) -> None:
    from console import shell

    argv = ["run", "--no-ui"]
    for flag in FLAGS:
        argv += [flag.name] if flag.switch else [flag.name, "x"]
    assert shell.run(argv) == 0
    given, more = started[0]
    assert given.keys() == {flag.field for flag in FLAGS}
    assert more["no_ui"]
    assert shell.run(["run", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(flag.name in shown for flag in FLAGS if not flag.hidden)


@pytest.mark.parametrize("words", [[name] for name in COMMANDS] + [[g, n] for g in GROUPS for n in GROUPS[g]])
def test_every_command_has_help_with_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*words, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Example: stableconsole" in out
    assert ("--json" in out) is (words[0] not in ("attach", "sim"))
    assert ("--profile" in out) is (words[0] != "sim")
    assert "--debug" in out


def test_the_commands_of_these_tests_are_all_there_are() -> None:
    from typer.main import get_group

    from console import shell

    found = {
        name: tuple(sorted(getattr(command, "commands", ())))
        for name, command in get_group(shell.app).commands.items()
    }
    assert found == dict.fromkeys(COMMANDS, ()) | {name: tuple(sorted(GROUPS[name])) for name in GROUPS}


def test_help_lists_every_command_and_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    for word in (*COMMANDS, *GROUPS, "130 interrupted"):
        assert word in out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--wat"], "--wat"),
        (["frob"], "No such command 'frob'"),
        (["resume"], "REASON"),
        (["enable", "funding_arb"], "REASON"),
        (["--seed", "many", "--no-ui"], "seed 'many'"),
        (["--speed", "0", "--no-ui"], "speed '0'"),
        (["--for", "20", "--no-ui"], "20h, 30m"),
        (["--profile", "Live!", "--no-ui"], "profile 'Live!'"),
        (["status", "--profile", "accounts"], "profile 'accounts'"),
        (["--scenario", "calm", "--history", "x", "--no-ui"], "two worlds"),
        (["--fault", "gremlin=1", "--no-ui"], "KIND"),
        (["audit"], "Missing command"),
        (["--json"], "--no-ui --json"),
        (["version", "--profile", "Live!"], "profile 'Live!'"),
    ],
)
def test_wrong_usage_is_two_and_one_line(
    argv: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(argv) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("stableconsole: ")
    assert captured.out == ""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out == f"stableconsole {VERSION}\n"
    assert cli.main(["version", "--json"]) == 0
    quick = capsys.readouterr().out
    assert json.loads(quick) == {"version": VERSION, "protocol": PROTOCOL}
    assert cli.main(["version", "--json", "--profile", "sim"]) == 0
    assert capsys.readouterr().out == quick


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (ProductError("it is so"), 1, "it is so"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("boom\nsecond line"), 1, "internal error: RuntimeError: boom (--debug shows where)"),
    ],
)
def test_no_traceback_reaches_a_person(
    error: BaseException, status: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise error

    assert cli.guarded(work, debug=False) == status
    assert capsys.readouterr().err == f"stableconsole: {says}\n"


def test_debug_shows_where() -> None:
    def work() -> int:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        cli.guarded(work, debug=True)


def test_without_a_terminal_the_status_is_two_and_says_no_ui() -> None:
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "console"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "--no-ui" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert ran.stdout == ""


def in_pty(lines: int, columns: int, check: Callable[[], str | None]) -> str | None:
    """Runs a check with all three streams on a terminal of this size."""
    leader, follower = pty.openpty()
    ioctl(follower, TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    streams = [os.fdopen(os.dup(follower), mode) for mode in ("r", "w", "w")]
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = streams
    try:
        return check()
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
        for stream in streams:
            stream.close()
        os.close(leader)
        os.close(follower)


@pytest.mark.parametrize(
    ("lines", "columns", "term", "says"),
    [
        (5, 20, "xterm-256color", "20×5"),
        (24, 80, "dumb", "TERM=dumb"),
        (24, 80, "", "TERM=unset"),
    ],
)
def test_terminals_that_cannot_show_it_are_told(lines: int, columns: int, term: str, says: str) -> None:
    problem = in_pty(lines, columns, lambda: terminal.terminal_problem({"TERM": term}))
    assert problem is not None
    assert says in problem


def test_usable_terminals_pass() -> None:
    for lines, columns in ((24, 80), (10, 40), (0, 0)):
        assert in_pty(lines, columns, lambda: terminal.terminal_problem({"TERM": "xterm"})) is None


def test_shadowed_packages_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import themes

    monkeypatch.setattr(themes, "__file__", str(tmp_path / "themes" / "__init__.py"))
    assert cli.main(["--version"]) == 0
    assert "several places" in capsys.readouterr().err
