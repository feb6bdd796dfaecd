"""The main job with nobody at the screen: pairs open, collect funding, close; always the same way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.store.reader import StoreReader
from services.store.replay import JournalReader
from tests.e2e.builders import PROGRAM, ask, environment, exchange_positions, state_folder
from tests.e2e.contract import SUMMARY, floats, missing

ROOT = Path(__file__).resolve().parents[2]
WORLD = ("--scenario", "funding-harvest", "--seed", "7")
LIBRARIES = (
    *("textual", "rich"),
    *("httpx", "httpcore", "websockets", "starlette", "uvicorn", "ccxt", "aiohttp"),
)
NEVER_HEADLESS = (*LIBRARIES, "screens.widgets", "screens.stage", "console.app")
"""What draws, fetches or serves: a run with the `sim` profile needs none of it."""
PATIENCE_S = 600
"""A whole simulated day on one slow core."""


def engine(folder: Path, *flags: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, "--no-ui", "--state-dir", str(folder), *WORLD, *flags],
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Waits for the end of a run; its last line."""
    try:
        out, errors = process.communicate(timeout=PATIENCE_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def head(folder: Path) -> tuple[str, int]:
    """Hash of the journal's last row, and how many rows there are."""
    ran = ask(folder, "audit", "verify", "--json")
    assert ran.returncode == 0, ran.stderr
    verdict = json.loads(ran.stdout)
    assert verdict["ok"] is True
    return verdict["head"], verdict["rows"]


def inputs(folder: Path) -> Counter[str]:
    """How often each kind of event stands in the journal."""
    found: Counter[str] = Counter()
    journal = JournalReader(folder / "store.sqlite")
    for row in journal.rows():
        found[row.kind] += row.kind == "session"
        if row.kind == "block" and row.payload is not None:
            found.update(each["type"] for each in msgspec.msgpack.decode(row.payload))
    journal.close()
    return found


def journaled(folder: Path) -> Counter[str]:
    """How often each kind of event and effect stands in the exported journal."""
    out = folder / "export.jsonl"
    ran = ask(folder, "audit", "export", str(out))
    assert ran.returncode == 0, ran.stderr
    found: Counter[str] = Counter()
    for line in out.read_text().splitlines():
        content = json.loads(line)["content"]
        rows = content if isinstance(content, list) else [content]
        found.update(row["type"] for row in rows if isinstance(row, dict))
    return found


@contextmanager
def busy_competitor() -> Iterator[None]:
    """Another process that wants the core for itself."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def modules_told(folder: Path) -> tuple[dict[str, str], Path]:
    """Environment for a process that writes down at its end what it had imported."""
    told = folder / "modules"
    spy = folder / "spy"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(
        "import atexit, os, sys\n"
        "pid = os.getpid()\n"
        f"atexit.register(lambda: open({str(told)!r} + str(pid), 'w').write('\\n'.join(sys.modules)))\n"
    )
    return {"PYTHONPATH": str(spy)}, told


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any], set[str]]]:
    """The README's headless command: the folder it left, its summary, the modules it had loaded."""
    spied, told = modules_told(tmp_path_factory.mktemp("spy"))
    with state_folder() as folder:
        process = engine(folder, "--speed", "3600", "--for-sim", "20h", **spied)
        summary = ended(process)
        loaded = set(Path(f"{told}{process.pid}").read_text().split())
        yield folder, summary, loaded


def test_twenty_hours_close_a_pair_and_receive_funding(day: tuple[Path, dict[str, Any], set[str]]) -> None:
    """Bug E14: everything that is called is there, from the rate to the payment."""
    folder, summary, _ = day
    assert summary["trades"] >= 1
    assert Decimal(summary["funding_net"]) > 0
    assert summary["fills"] >= 4, "a pair is two legs, in and out"
    assert summary["ended_by"] == "for-sim"
    assert summary["synthetic"] is True
    assert summary["stamp"] == "SYNTHETIC, generous"
    assert summary["opportunities"] >= 1
    assert summary["trading_state"] == "ACTIVE"
    held = {row["instrument"]: Decimal(row["size"]) for row in summary["positions"]}
    assert held == exchange_positions(folder)


def test_the_readme_says_what_this_run_did(day: tuple[Path, dict[str, Any], set[str]]) -> None:
    folder, summary, _ = day
    section = (ROOT / "README.md").read_text().partition("\n## Headless\n")[2].partition("\n## ")[0]
    assert "--no-ui --scenario funding-harvest --seed 7 --speed 3600 --for-sim 20h" in section
    money = {name: Decimal(summary[name]) for name in ("fees", "funding_net", "net_pnl", "equity")}
    received, paid = (Decimal(summary["funding"][name]) for name in ("received", "paid"))
    assert received - paid == money["funding_net"] > 0
    store = StoreReader(folder / "store.sqlite")
    (why,) = {episode.reason for episode in store.episodes()}
    store.close()
    told = (
        f"| stamp | {summary['stamp']} |",
        f"| pairs closed | {summary['trades']}, because {why} |",
        f"| fills, fees | {summary['fills']}, {money['fees']:.2f} USD |",
        f"| funding | received {received:.2f}, paid {paid:.2f}, net {money['funding_net']:.2f} USD |",
        f"| net profit | {money['net_pnl']:.2f} USD on {money['equity'] - money['net_pnl']:,.0f}, ",
        f"| opportunities seen | {summary['opportunities']}, of which {summary['refused']['pair open']} ",
        f"| longest naked | {float(summary['naked']['worst_seconds']) * 1e3:.0f} ms |",
    )
    for line in told:
        assert line in section, line


def test_the_last_line_has_every_documented_key(day: tuple[Path, dict[str, Any], set[str]]) -> None:
    _, summary, _ = day
    assert len(SUMMARY) > 60
    assert missing(summary, SUMMARY) == []
    assert floats(summary) == [], "money and rates are strings"
    assert summary["schema"] == 1


def test_the_daily_summary_carries_the_head_of_the_chain_at_midnight(
    day: tuple[Path, dict[str, Any], set[str]],
) -> None:
    folder, summary, _ = day
    store = StoreReader(folder / "store.sqlite")
    rows = store.daily()
    store.close()
    assert [row.day for row in rows] == ["2023-03-01"], "the run began at 13:50 and lasted twenty hours"
    journal = JournalReader(folder / "store.sqlite")
    at, after = list(journal.rows(after=rows[0].seq - 1, upto=rows[0].seq + 1))
    journal.close()
    midnight = 1_677_715_200_000_000_000
    assert at.hash.hex() == rows[0].head
    assert at.ts <= rows[0].ts < midnight + 10_000_000_000
    assert after.ts >= midnight
    assert 0 < rows[0].fills <= summary["fills"]
    assert 0 < rows[0].fees <= Decimal(summary["fees"])
    assert rows[0].equity is not None
    assert rows[0].day_pnl is not None


def test_no_strategy_overran_and_no_loop_stalled(day: tuple[Path, dict[str, Any], set[str]]) -> None:
    folder, summary, _ = day
    found = inputs(folder)
    assert found["session"] == 1
    assert found["market"] > 10_000
    assert found["fill"] == summary["fills"]
    assert found["overrun"] == found["stall"] == 0


def test_a_headless_run_draws_and_fetches_nothing(day: tuple[Path, dict[str, Any], set[str]]) -> None:
    _, _, loaded = day
    assert "services.engine" in loaded
    assert "services.venues.sim.exchange" in loaded
    assert len(NEVER_HEADLESS) >= 10
    for library in NEVER_HEADLESS:
        assert not [name for name in loaded if name == library or name.startswith(f"{library}.")]


def test_importing_the_engine_draws_and_fetches_nothing() -> None:
    code = f"import services.engine, sys; print([n for n in {NEVER_HEADLESS!r} if n in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_same_world_same_journal_at_any_speed_under_any_hash_seed() -> None:
    """At speed 60, 3600 and max, hash seeds 0 and 1, a competitor on the core: the same bytes."""
    plans = (("60", "0"), ("3600", "1"), ("max", "0"))
    heads = []
    with busy_competitor(), state_folder() as root:
        folders = [root / f"{place}" for place in range(len(plans))]
        processes = [
            engine(folder, "--speed", speed, "--for-sim", "3m", PYTHONHASHSEED=seed)
            for folder, (speed, seed) in zip(folders, plans, strict=True)
        ]
        try:
            for folder, process in zip(folders, processes, strict=True):
                summary = ended(process)
                assert summary["fills"] >= 2, "a pair was opened within these minutes"
                heads.append(head(folder))
            found = journaled(folders[0])
            assert found["fill"] >= 2
            assert found["overrun"] == 0, "the watchdog kept quiet"
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                    process.communicate()
    assert len(heads) == len(plans)
    assert heads[0][1] > 100
    assert len(set(heads)) == 1, heads


def test_speed_3600_does_what_max_does_and_replays() -> None:
    """Past one settlement; the longer the run, the cheaper `tests/drive/test_paced` is."""
    with state_folder() as root:
        flags = ("--for-sim", "15m")
        paced, fast = root / "paced", root / "fast"
        first = engine(paced, "--speed", "3600", *flags)
        second = engine(fast, "--speed", "max", *flags)
        one, other = ended(first), ended(second)
        assert Decimal(one["funding_net"]) > 0
        assert one == other
        assert head(paced) == head(fast)
        replayed = ask(paced, "replay", "--json")
        assert replayed.returncode == 0, replayed.stderr
        verdict = json.loads(replayed.stdout)
        assert verdict["ok"] is True
        assert verdict["events"] == one["events"] > 800
        assert verdict["decisions"] > 100
        assert verdict["first_divergence"] is None


def test_help_and_version_come_without_the_screen_library(tmp_path: Path) -> None:
    """How fast they are is measured in `make bench`; here only that nothing dear is loaded, and no hang."""
    spied, told = modules_told(tmp_path)
    for words in (["--help"], ["version"]):
        process = subprocess.Popen(
            [*PROGRAM, *words],
            env=environment(**spied),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0
        assert errors == ""
        assert "stableconsole" in out
        loaded = set(Path(f"{told}{process.pid}").read_text().split())
        assert loaded.isdisjoint((*LIBRARIES, "services.engine", "peewee"))
    assert os.listdir(tmp_path) != []
