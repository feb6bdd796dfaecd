"""A folder in the public dump's layout, written here, through the whole desk and through the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest

from services.domain.records import AlertRecord
from services.drive.choice import choose
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.options import RunOptions
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.history.errors import HistoryError
from services.venues.sim.world import WorldMismatch, claim_world
from tests.history.builders import DAY, FUNDING_HEADER, HOUR, KLINE_HEADER, at, write
from tests.history.engine import SECOND, play

DAYS = 38
BAR = 4
SAMPLE = 90 * 8
"""Hours until a leg has the 90 settlements that an entry needs."""
TURN = 34 * 24
"""From this hour on the receipt leg costs."""
HIGH, LOW, TURNED = Decimal("0.0021"), Decimal("0.0001"), Decimal("-0.0006")


def price(hour: int) -> Decimal:
    """Of both perps at the full hour, on the grid."""
    return Decimal(30_000) + (hour // BAR % 11) * Decimal("25.5") + hour


def rate(symbol: str, hour: int) -> Decimal:
    if symbol != "BTCUSDT":
        return LOW
    return HIGH if hour < TURN else TURNED


def bars(coin: str | None = None) -> str:
    """The close of the bar that opens at `hour` is the price at its end."""
    rows = [KLINE_HEADER]
    for hour in range(0, DAYS * 24, BAR):
        close = "1.0002" if coin else str(price(hour + BAR))
        opened = DAY + hour * HOUR
        rows.append(f"{opened},1,2,0.5,{close},7,{opened + BAR * HOUR - 1},10,3,2,4,0")
    return "\n".join(rows) + "\n"


def rates(symbol: str) -> str:
    rows = [f"{DAY + hour * HOUR + 11},8,{rate(symbol, hour)}" for hour in range(8, DAYS * 24, 8)]
    return "\n".join([FUNDING_HEADER, *rows]) + "\n"


def dump(folder: Path, *, usd: bool) -> Path:
    """Two BTC perps of one venue, margined in two stablecoins: plain, gzip and zip; USD pairs if wanted."""
    write(folder, "um/BTCUSDT-4h-2023-03.csv", bars())
    write(folder, "um/BTCUSDC-4h-2023-03.csv.gz", bars())
    write(folder, "um/BTCUSDT-fundingRate-2023-03.zip", rates("BTCUSDT"))
    write(folder, "um/BTCUSDC-fundingRate-2023-03.csv.gz", rates("BTCUSDC"))
    if usd:
        write(folder, "spot/USDTUSD-4h-2023-03.zip", bars("USDT"))
        write(folder, "spot/USDCUSD-4h-2023-03.csv", bars("USDC"))
    return folder


@pytest.mark.parametrize("usd", [False, True], ids=["at par", "USD series"])
def test_a_folder_is_traded_from_its_first_bar_to_its_last(tmp_path: Path, usd: bool) -> None:
    played = play(dump(tmp_path / "dump", usd=usd), tmp_path / "state", par=() if usd else ("USDT", "USDC"))
    assert ("par USDT" in played.choice.stamp) is not usd
    trades = played.trades()
    assert len(trades) == 1
    trade = trades[0]
    entry = at(SAMPLE + 7)
    assert entry <= trade.opened <= entry + 10 * SECOND
    episode = trade.episode
    assert episode is not None
    assert episode.instruments == ("BTC-USDT-PERP.binance", "BTC-USDC-PERP.binance")
    assert episode.reason == "funding flipped"
    # The second settlement at the turned rate confirms it; a minute of blackout follows.
    closing = at(TURN + 8) + 61 * SECOND
    assert trade.closed is not None
    assert closing <= trade.closed <= closing + 10 * SECOND

    paid = {(each.instrument, each.ts): each.amount for each in played.payments}
    due = {}
    for hour in range(SAMPLE + 8, TURN + 9, 8):
        for symbol, instrument in zip(("BTCUSDT", "BTCUSDC"), episode.instruments, strict=True):
            size = played.size_before(instrument, at(hour))
            amount = -size * price(hour) * rate(symbol, hour)
            due[instrument, at(hour)] = amount.quantize(Decimal("1e-8"), rounding=ROUND_HALF_EVEN)
    assert len(due) == 2 * ((TURN + 8 - SAMPLE - 8) // 8 + 1)
    assert paid == due
    assert episode.funding > 0
    assert played.left == ()


def test_a_hole_in_the_settlements_is_told_and_never_booked(tmp_path: Path) -> None:
    """Three rows missing in a row while the pair is held: the run goes on, nothing is invented."""
    folder = dump(tmp_path / "dump", usd=False)
    missing = [SAMPLE + 24, SAMPLE + 32, SAMPLE + 40]
    gone = [f"{DAY + hour * HOUR + 11}," for hour in missing]
    kept = [row for row in rates("BTCUSDC").splitlines() if not row.startswith(tuple(gone))]
    write(folder, "um/BTCUSDC-fundingRate-2023-03.csv.gz", "\n".join(kept) + "\n")
    played = play(folder, tmp_path / "state", par=("USDT", "USDC"))
    paid = {each.ts for each in played.payments if each.instrument == "BTC-USDC-PERP.binance"}
    assert paid == {at(hour) for hour in range(SAMPLE + 8, TURN + 9, 8) if hour not in missing}
    told = [each for each in played.kept.rows[AlertRecord] if isinstance(each, AlertRecord)]
    assert {each.key for each in told if each.key.startswith("missed")} == {
        "missed settlement:BTC-USDC-PERP.binance"
    }
    assert len(played.trades()) == 1


def options(folder: Path, *par: str) -> RunOptions:
    return RunOptions(history=str(folder), assume_par=par)


def test_no_usd_series_is_refused_unless_par_is_assumed(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path / "state")
    folder = dump(tmp_path / "dump", usd=False)
    with pytest.raises(ProductError, match="no USD series for USDT; say --assume-par USDT") as told:
        choose(options(folder, "USDC"), layout, Settings())
    assert told.value.exit is Exit.USAGE
    choice = choose(options(folder, "USDC", "USDT"), layout, Settings())
    assert choice.settings.assume_par == ("USDC", "USDT")
    assert "50000 USD an account" in choice.stamp
    assert choose(options(dump(tmp_path / "usd", usd=True)), layout, Settings()).settings.assume_par == ()


def test_a_folder_of_a_journaled_history_says_what_its_next_start_must_name(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path / "state")
    asked = options(dump(tmp_path / "dump", usd=True))
    world = choose(asked, layout, Settings()).world
    claim_world(layout.exchange, world)
    with pytest.raises(ProductError, match=r"--history PATH --journal, or .* --new-world") as told:
        choose(RunOptions(), layout, Settings())
    assert told.value.exit is Exit.USAGE
    assert world.describe() in str(told.value)
    with pytest.raises(WorldMismatch, match="scenario calm"):
        choose(RunOptions(scenario="calm"), layout, Settings())
    with pytest.raises(ProductError, match="--assume-par USDT: a scenario knows"):
        choose(RunOptions(scenario="calm", assume_par=("USDT",)), StateLayout(tmp_path / "new"), Settings())
    assert choose(asked, layout, Settings()).world == world


@pytest.mark.parametrize(
    "name", ["cm/BTCUSDT-fundingRate-2023-03.csv", "BTCUSD_PERP-fundingRate-2023-03.csv", "x_BTCUSDCM_8h.csv"]
)
def test_an_inverse_contract_is_refused_by_name(tmp_path: Path, name: str) -> None:
    folder = dump(tmp_path / "dump", usd=True)
    write(folder, name, rates("BTCUSDT"))
    with pytest.raises(HistoryError, match="inverse \\(coin-margined\\) contract") as told:
        choose(options(folder), StateLayout(tmp_path / "state"), Settings())
    assert Path(name).name in str(told.value)


@pytest.fixture
def state() -> Iterator[Path]:
    """Short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="sc-") as folder:
        yield Path(folder)


def program(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-P", "-m", "console", "--no-ui", "--state-dir", str(state), *words],
        env=kept | {"LANG": "C.UTF-8", "STABLECONSOLE_CONFIG": "/dev/null"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_the_program_runs_a_folder_to_its_end(tmp_path: Path, state: Path) -> None:
    folder = dump(tmp_path / "dump", usd=False)
    done = program(state, "--history", str(folder), "--assume-par", "USDT", "--assume-par", "USDC")
    assert done.returncode == 0, done.stderr
    told = last_line(done)
    assert told["ended_by"] == "history"
    assert told["trades"] == 1
    assert told["fills"] >= 4
    assert Decimal(told["funding_net"]) > 0
    assert told["opportunities"] >= 90
    assert "par USDT, par USDC" in told["stamp"]
    assert told["stamp"].startswith("HISTORY")
    assert "Traceback" not in done.stderr


def test_the_program_ends_where_it_is_told_to(tmp_path: Path, state: Path) -> None:
    folder = dump(tmp_path / "dump", usd=True)
    done = program(state, "--history", str(folder), "--for-sim", "5d")
    assert done.returncode == 0, done.stderr
    told = last_line(done)
    assert told["ended_by"] == "for-sim"
    assert told["trades"] == 0
    assert "par" not in told["stamp"]


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("", (), "no USD series for USDC, USDT"),
        ("cm/BTCUSD_PERP-fundingRate-2023-03.csv", ("--assume-par", "USDT"), "inverse (coin-margined)"),
    ],
)
def test_the_program_says_what_it_refuses(
    tmp_path: Path, state: Path, name: str, words: tuple[str, ...], said: str
) -> None:
    folder = dump(tmp_path / "dump", usd=False)
    if name:
        write(folder, name, rates("BTCUSDT"))
    done = program(state, "--history", str(folder), *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_journaled_history_run_replays_to_the_same(tmp_path: Path, state: Path) -> None:
    folder = dump(tmp_path / "dump", usd=False)
    words = ("--history", str(folder), "--assume-par", "USDT", "--assume-par", "USDC", "--journal")
    done = program(state, *words)
    assert done.returncode == 0, done.stderr
    plain = program(state / "plain", *words[:-1])
    assert last_line(done)["net_pnl"] == last_line(plain)["net_pnl"]
    again = verb(state, "replay")
    assert again.returncode == 0, again.stderr
    assert verb(state, "audit", "verify").returncode == 0


def verb(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "console", *words, "--state-dir", str(state)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
