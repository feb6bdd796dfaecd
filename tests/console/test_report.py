"""`report` and `health` as commands: forms, exit statuses, one line for what is missing."""

from __future__ import annotations

import json
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from console import report as commands
from console.cli import main
from services.domain.records import EquityRecord
from services.protocol.frames import Done, to_json
from services.store.writer import StoreWriter
from services.views.health import HealthView
from tests.console.result_fixtures import quiet_health
from tests.store.builders import new_store

NOW = 1_677_680_000 * 10**9


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A store with two samples and nothing else."""
    writer = StoreWriter(new_store(tmp_path))
    writer.start()
    for at in range(2):
        writer.record(
            EquityRecord(
                ts=NOW + at * 300 * 10**9,
                account="all",
                total_balance=Decimal(100 + at),
                available_balance=None,
                total_position_size=None,
                leverage=None,
                daily_pnl=None,
                drawdown=None,
                unit_value=Decimal(1) + Decimal(at) / 100,
            )
        )
    assert writer.close()
    return tmp_path


def test_the_forms_of_a_report(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["report", "--state-dir", str(state)]
    assert main([*given, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["total"]["total_trades"] == 0
    assert answer["total"]["profit_factor"] is None
    assert answer["waterfall"] is None
    assert main([*given, "--csv"]) == 0
    assert "risk,,total_return,0.01" in capsys.readouterr().out
    page = state / "report.html"
    assert main([*given, "--html", str(page)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    capsys.readouterr()
    assert main(given) == 0
    assert "No trade was closed" in capsys.readouterr().out


def test_what_is_missing_is_one_line(tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--state-dir", str(tmp_path / "none")]) == 1
    assert "start the engine once" in capsys.readouterr().err
    assert main(["report", "--state-dir", str(state), "--period", "2001-01-01..2001-01-02"]) == 1
    assert "nothing to report" in capsys.readouterr().err
    assert main(["report", "--state-dir", str(state), "--period", "sometime"]) == 2
    assert "expected all, 24h" in capsys.readouterr().err
    assert main(["report", "--state-dir", str(state), "--csv", "--json"]) == 2
    assert main(["health", "--state-dir", str(state)]) == 3


@pytest.mark.parametrize("well", [True, False])
def test_health_gives_status_1_when_it_found_something(
    well: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    view: HealthView = quiet_health()
    if well:
        view = replace(view, ok=True, findings=())

    class Engine:
        def call(self, name: str, args: dict[str, str]) -> Done:
            assert (name, args) == ("health", {})
            return Done(id="1", ok=True, result=msgspec.Raw(to_json(view)))

    @contextmanager
    def opened(*_given: object):  # type: ignore[no-untyped-def]
        yield Engine()

    monkeypatch.setattr(commands.Client, "open", opened)
    assert main(["health", "--state-dir", str(tmp_path)]) == (0 if well else 1)
    text = capsys.readouterr().out
    assert "alpha" in text
    assert "loop lag 0 ms, worst 38 ms" in text
    assert ("nothing found" in text) is well
    assert main(["health", "--json", "--state-dir", str(tmp_path)]) == (0 if well else 1)
    assert json.loads(capsys.readouterr().out)["ok"] is well
