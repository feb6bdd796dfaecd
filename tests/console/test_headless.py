"""The engine in the foreground: what goes to stdout, stderr, the ready pipe, and which status comes out."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
from msgspec import Struct, structs

from console import cli, headless
from services.protocol.errors import ProductError, UsageError
from services.protocol.exits import Exit
from services.protocol.options import RunOptions
from services.protocol.ready import parse_ready
from services.protocol.redact import STRUCK, Redactor, protect
from services.views.status import (
    BreakerStatus,
    FundingStatus,
    NakedStatus,
    StatusView,
    SummaryView,
)


class End(Struct):
    exit: int = 0
    text: str = ""
    summary: SummaryView | None = None


SUMMARY = SummaryView(
    status=StatusView(
        profile="sim",
        mode="sim",
        synthetic=True,
        trading_state="ACTIVE",
        causes=(),
        equity=Decimal("100000.10"),
        collateral=None,
        leverage=None,
        initial_usage=None,
        margin_usage=None,
        worst_account="",
        day_pnl=None,
        drawdown=None,
        positions=(),
        pairs=(),
        working_orders=0,
        in_doubt=0,
        naked=NakedStatus(notional=None, seconds=Decimal(0)),
        outright=None,
        hedged_age_ms=None,
        breaker=BreakerStatus(tripped=False, daily_loss=None, rolling_loss=None, drawdown=None),
        coins=(),
        venues=(),
        funding=FundingStatus(received=Decimal(1), paid=Decimal(0), accrued=None),
        strategies=(),
    ),
    stamp="SYNTHETIC",
    trades=1,
    fills=4,
    fees=Decimal("3.5"),
    funding_net=Decimal("12.25"),
    net_pnl=Decimal("8.75"),
    events=10,
    opportunities=2,
    refused={"edge": 3},
    best_refused=None,
    ended_by="for-sim",
)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[object], RunOptions]]:
    """Puts a function in the engine's place and gives back options for it."""
    import services

    module = ModuleType("services.engine")
    monkeypatch.setitem(sys.modules, "services.engine", module)
    monkeypatch.setattr(services, "engine", module, raising=False)

    def place(run: object) -> RunOptions:
        module.run = run  # type: ignore[attr-defined]
        return RunOptions(state_dir=str(tmp_path / "state"))

    yield place
    for name in ("stableconsole", *headless.OTHERS):
        logging.getLogger(name).handlers = []
    logging.getLogger("stableconsole").propagate = True
    logging.captureWarnings(capture=False)


def raising(error: BaseException) -> Callable[[RunOptions], End]:
    def run(_options: RunOptions) -> End:
        raise error

    return run


def test_summary_is_the_last_line_and_flat(
    engine: Callable[[object], RunOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_options: RunOptions) -> End:
        logging.getLogger("stableconsole.store").warning("disk is slow")
        return End(summary=SUMMARY)

    assert headless.run(engine(run)) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out.splitlines()[-1])
    assert told["schema"] == 1
    assert told["equity"] == "100000.10"
    assert told["funding_net"] == "12.25"
    assert told["refused"] == {"edge": 3}
    assert "status" not in told
    assert "WARNING store: disk is slow" in captured.err


def test_log_json_is_one_object_a_line(
    engine: Callable[[object], RunOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_options: RunOptions) -> End:
        logging.getLogger("stableconsole.store").warning("disk is slow")
        return End(summary=SUMMARY)

    options = engine(run)
    assert headless.run(RunOptions(state_dir=options.state_dir, log_json=True)) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (lines[0]["level"], lines[0]["logger"], lines[0]["text"]) == (
        "warning",
        "stableconsole.store",
        "disk is slow",
    )
    assert isinstance(lines[0]["ts"], int)
    assert lines[-1]["ended_by"] == "for-sim"


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (ProductError("another engine holds it", Exit.HELD), 6, "another engine holds it"),
        (UsageError("unknown scenario 'x'"), 2, "unknown scenario 'x'"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("by zero"), 1, "internal error: ZeroDivisionError: by zero"),
    ],
)
def test_trouble_is_one_line_a_status_and_a_word_to_the_starter(
    engine: Callable[[object], RunOptions],
    error: BaseException,
    status: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = engine(raising(error))
    reader, writer = os.pipe()
    assert headless.run(RunOptions(state_dir=options.state_dir, ready_fd=writer)) == status
    word = parse_ready(os.read(reader, 65_536))
    os.close(reader)
    assert (word.ok, word.text, word.exit) == (False, says, status)
    assert capsys.readouterr().err == f"stableconsole: {says}\n"


def test_what_is_left_open_is_told_with_its_status(
    engine: Callable[[object], RunOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    assert headless.run(engine(lambda _options: End(exit=1, text="left open: P-01 opening"))) == 1
    assert capsys.readouterr().err == "stableconsole: left open: P-01 opening\n"


def test_state_folder_that_cannot_be_made_is_one_line(
    engine: Callable[[object], RunOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine(lambda _options: End())
    (tmp_path / "file").touch()
    assert headless.run(RunOptions(state_dir=str(tmp_path / "file" / "below"))) == 1
    err = capsys.readouterr().err
    assert "--state-dir" in err
    assert err.count("\n") == 1


def test_no_journal_is_told(tmp_path: Path) -> None:
    from services.settings.layout import StateLayout

    for call in (headless.audit_verify, lambda layout: headless.replay(layout, None)):
        with pytest.raises(ProductError, match="no journal here"):
            call(StateLayout(tmp_path))


@pytest.mark.parametrize("as_json", [False, True])
def test_no_stack_and_no_last_word_carries_a_secret(
    engine: Callable[[object], RunOptions],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    as_json: bool,
) -> None:
    """Our formatters once made the stack anew from what was raised, past the redactor."""
    monkeypatch.setenv("STABLECONSOLE_SECRET_ALPHA", "hunter22-hunter22")
    redactor = Redactor()
    redactor.register("from-a-keyring")

    def run(_: RunOptions) -> End:
        protect(logging.getLogger("stableconsole"), redactor)
        try:
            raise RuntimeError("bad key from-a-keyring")
        except RuntimeError:
            for name in ("stableconsole.wire", "asyncio"):
                logging.getLogger(name).error("of from-a-keyring", exc_info=True, stack_info=True)
        raise ValueError("from-a-keyring and hunter22-hunter22")

    options = engine(run)
    reader, writer = os.pipe()
    status = headless.run(structs.replace(options, log_json=as_json, ready_fd=writer))
    told = os.read(reader, 10_000).decode()
    os.close(reader)
    said = capsys.readouterr()
    text = said.out + said.err + told
    assert status == Exit.FAILED
    assert text.count("RuntimeError") >= 2
    assert "internal error: ValueError" in told
    assert "from-a-keyring" not in text
    assert "hunter22" not in text


def test_a_trace_that_debug_shows_carries_no_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STABLECONSOLE_SECRET_ALPHA", "hunter22-hunter22")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def dispatch(_: list[str]) -> int:
        raise ValueError(f"{os.environ['STABLECONSOLE_SECRET_ALPHA']} is no key")

    monkeypatch.setattr(cli, "_dispatch", dispatch)
    with pytest.raises(ValueError, match="no key") as found:
        cli.main(["status", "--debug"])
    sys.excepthook(found.type, found.value, found.tb)
    assert cli.main(["status"]) == Exit.FAILED
    said = capsys.readouterr().err
    assert said.count(f"ValueError: {STRUCK} is no key") == 2
    assert "in dispatch" in said
    assert "hunter22" not in said
