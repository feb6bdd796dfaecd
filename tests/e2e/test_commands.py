"""Every command of the program against a living engine, plain and as JSON, with its exit status."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.builders import ask, headless, program, state_folder, status, until
from tests.e2e.contract import FLATTEN, PAIR, POSITION, SAFETY, STATUS, floats, missing


@pytest.fixture(scope="module")
def desk() -> Iterator[Path]:
    """A desk that holds a hedged pair. Every test leaves it ACTIVE."""
    with state_folder() as folder, headless(folder, "--seed", "7") as _:
        until(lambda: any(pair["state"] == "hedged" for pair in status(folder).get("pairs", ())), "hedged")
        yield folder


def answer(folder: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """The JSON of a command: one line on stdout, nothing on stderr but progress."""
    ran = ask(folder, *words, "--json")
    assert ran.returncode == code, (words, ran.stdout, ran.stderr)
    assert ran.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(ran.stdout)
    assert floats(found) == []
    return found


def plain(folder: Path, *words: str) -> str:
    ran = ask(folder, *words)
    assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
    assert "Traceback" not in ran.stderr
    return ran.stdout


def refused(folder: Path, *words: str, code: int) -> str:
    """One line on stderr, nothing on stdout."""
    ran = ask(folder, *words)
    assert ran.returncode == code, (words, ran.stdout, ran.stderr)
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert ran.stderr.startswith("stableconsole: ")
    return ran.stderr


def test_old_inputs_are_emptied_beside_a_running_engine(desk: Path) -> None:
    found = answer(desk, "store", "prune", "--keep", "1s")
    assert (found["ok"], found["compacted"]) == (True, False)
    assert status(desk)["trading_state"] == "ACTIVE"


def test_status(desk: Path) -> None:
    found = answer(desk, "status")
    assert found["positions"]
    assert found["pairs"]
    assert len(found["venues"]) == 2
    assert len(found["coins"]) >= 3
    assert found["strategies"]
    assert missing(found, STATUS) == []
    assert found["schema"] == 1
    assert found["trading_state"] == "ACTIVE"
    shown = plain(desk, "status")
    assert "ACTIVE" in shown
    assert "SYNTHETIC" in shown


def test_config_check_tells_where_the_running_engine_differs(desk: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[profiles.sim.breaker]\ndaily = '4%'\n[profiles.other]\nmode = 'sim'\n")
    ran = ask(desk, "config", "check", STABLECONSOLE_CONFIG=str(file), XDG_STATE_HOME=str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert "  breaker.daily: the running engine has 5%, the file gives 4%" in ran.stdout.splitlines()
    assert ran.stdout.count("the running engine") == 1, ran.stdout
    assert ran.stdout.splitlines()[-1] == "  no engine runs"
    same = ask(desk, "config", "check", "--json")
    assert "the running engine has the same values" in json.loads(same.stdout)["text"]
    nobody = program("config", "check", STABLECONSOLE_CONFIG=str(file), XDG_STATE_HOME=str(tmp_path))
    assert nobody.stdout.count("no engine runs") == 2


def test_positions_and_pairs(desk: Path) -> None:
    rows = answer(desk, "positions")["positions"]
    assert len(rows) == 2
    for row in rows:
        assert missing(row, POSITION) == []
        assert (row["side"] == "long") == (Decimal(row["size"]) > 0)
        assert len(row["entry"].partition(".")[2]) <= 4, "the average entry in a length a person can read"
    (pair,) = answer(desk, "pairs")["pairs"]
    assert missing(pair, PAIR) == []
    assert {pair["short"], pair["long"]} == {row["instrument"] for row in rows}
    assert Decimal(pair["residual"]) == 0
    assert pair["short"] in plain(desk, "positions")
    assert "hedged" in plain(desk, "pairs")


def test_orders(desk: Path) -> None:
    assert answer(desk, "orders") == {"schema": 1, "orders": []}
    assert "no working orders" in plain(desk, "orders")


def test_halt_and_resume(desk: Path) -> None:
    halted = answer(desk, "halt", "too", "hot")
    assert missing(halted, SAFETY) == []
    assert halted["trading_state"] == "HALTED"
    assert [(each["name"], each["text"]) for each in halted["causes"]] == [("halt", "too hot")]
    (alert,) = [row for row in answer(desk, "alerts")["alerts"] if row["key"] == "halt"]
    assert (alert["severity"], alert["state"], alert["text"]) == ("alarm", "OPEN", "too hot")
    assert "R and a reason" in plain(desk, "alerts")
    shown = plain(desk, "halt")
    assert "HALTED" in shown
    assert "HALTED" in plain(desk, "status")
    assert "REASON" in refused(desk, "resume", code=2)
    line = refused(desk, "resume", "because", "--override", "breaker daily", code=4)
    assert "breaker daily" in line
    assert status(desk)["trading_state"] == "HALTED", "a refused resume changes nothing"
    assert answer(desk, "resume", "cool", "again")["trading_state"] == "ACTIVE"
    plain(desk, "halt", "once", "more")
    assert "ACTIVE" in plain(desk, "resume", "seen")
    assert "drawdown" in refused(desk, "resume", "x", "--rebase", "weekly", code=2)


def test_pause_and_enable(desk: Path) -> None:
    assert answer(desk, "pause", "funding_arb")["state"] == "paused"
    assert status(desk)["strategies"][0]["state"] == "paused"
    plain(desk, "pause", "funding_arb")
    assert "REASON" in refused(desk, "enable", "funding_arb", code=2)
    assert answer(desk, "enable", "funding_arb", "looked", "at")["state"] == "running"
    plain(desk, "enable", "funding_arb", "again")
    assert status(desk)["strategies"][0]["state"] == "running"
    assert "funding_arb" in refused(desk, "pause", "nobody", code=2), "names what there is"


def test_flatten_without_a_terminal_needs_yes(desk: Path) -> None:
    assert "--yes" in refused(desk, "flatten", code=2)
    assert len(status(desk)["positions"]) == 2, "nothing was sent"
    assert "DOGE" in refused(desk, "flatten", "DOGE", "--yes", code=2)
    line = refused(desk, "flatten", "BTC-USDC-PERP", "--yes", code=2)
    assert "BTC-USDC-PERP.alpha" in line, "a symbol of two venues lists the choices"


def test_audit(desk: Path, tmp_path: Path) -> None:
    verdict = answer(desk, "audit", "verify")
    assert verdict["ok"] is True
    assert verdict["rows"] > 100
    assert len(verdict["head"]) == 64
    assert verdict["first_broken"] is None
    assert "journal holds" in plain(desk, "audit", "verify")
    told = answer(desk, "audit", "export", str(tmp_path / "journal.jsonl"))
    assert told["rows"] == (tmp_path / "journal.jsonl").read_text().count("\n") > 100
    plain(desk, "audit", "export", str(tmp_path / "again.jsonl"))
    line = refused(desk, "audit", "export", "/nonexistent/journal.jsonl", code=1)
    assert "/nonexistent/journal.jsonl" in line
    assert "Errno" not in line


def test_flatten_at_last(desk: Path) -> None:
    """Runs last in this file: it leaves nothing for the others."""
    assert len(status(desk)["positions"]) == 2
    found = answer(desk, "flatten", "--yes")
    assert missing(found, FLATTEN) == []
    assert found["flat"] is True
    assert found["orders_left"] == found["positions_left"] == []
    assert found["fresh_read_ts"] > 0
    now = status(desk)
    assert now["positions"] == []
    assert now["trading_state"] == "HALTED", "a flatten halts first"
    assert "flat: zero orders, zero positions" in plain(desk, "flatten", "--yes")
    assert answer(desk, "resume", "flat")["trading_state"] == "ACTIVE"


def test_commands_that_need_no_engine(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    more = {"STABLECONSOLE_CONFIG": str(config)}

    def ran(*words: str) -> subprocess.CompletedProcess[str]:
        return program(*words, **more)

    assert ran("config", "path").stdout == f"{config}\n"
    assert json.loads(ran("config", "path", "--json").stdout) == {"path": str(config)}
    assert ran("config", "check").returncode == 2, "it is named and not there"
    nowhere = {"STABLECONSOLE_CONFIG": "", "XDG_CONFIG_HOME": str(tmp_path)}
    assert program("config", "check", **nowhere).returncode == 0, "no file: the defaults hold"
    asked = ran("config", "init")
    assert asked.returncode == 2, "without a terminal nobody can be asked"
    assert "--yes" in asked.stderr
    assert ran("config", "init", "--yes").returncode == 0
    assert config.exists()
    second = ran("config", "init", "--yes")
    assert second.returncode == 1
    assert "exists" in second.stderr
    assert json.loads(ran("config", "check", "--json").stdout)["ok"] is True
    assert "min_spread" in ran("config", "show").stdout
    assert len(json.loads(ran("config", "show", "--json").stdout)["parameters"]) > 50
    assert ran("version").stdout.startswith("stableconsole ")
    assert json.loads(ran("version", "--json").stdout)["protocol"] == 1
    for words in (("--help",), ("flatten", "--help"), ("audit", "--help"), ("run", "-h")):
        shown = ran(*words)
        assert shown.returncode == 0
        assert "stableconsole" in shown.stdout
    for words in (("status", "--nope"), ("blah",), ("status", "--profile", "9x"), ("--speed", "fast")):
        wrong = ran(*words)
        assert wrong.returncode == 2, words
        assert wrong.stderr.count("\n") == 1, wrong.stderr


def test_what_this_version_cannot_do_is_said(tmp_path: Path) -> None:
    """Accepted and ignored would be worse than refused."""
    with state_folder() as folder:
        for flags, says in ((("--live",), "live"), (("--fault", "reject@gamma=0.5"), "no venue 'gamma'")):
            ran = ask(folder, "run", "--no-ui", *flags, "--for-sim", "1s")
            assert ran.returncode == 2
            assert says in ran.stderr
            assert ran.stderr.count("\n") == 1
