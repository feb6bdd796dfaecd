"""A report from a store alone, and its waterfall over a run of the whole desk."""

from __future__ import annotations

import csv
import io
import sqlite3
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from console import plain_report, report_html
from console.report import table_of
from screens.draw.performance import part_drawer
from services.desk.hand import OPERATOR
from services.domain.enums import PairState, Side
from services.domain.events import TransferBooked
from services.domain.records import CoinRecord, EquityRecord, WaterfallRecord
from services.drive import reporting
from services.drive.reporting import EmptyStore, report, span_of, stamp_of
from services.protocol.errors import UsageError
from services.protocol.frames import to_json
from services.store import reader
from services.store.journal import JournalWriter
from services.store.migrate import StoreError
from services.store.reader import StoreReader
from services.store.writer import StoreWriter
from tests.desk.world import DeskWorld, quick
from tests.store.builders import new_store, session

DAY = 86_400 * 10**9


FIVE_MINUTES = 300 * 10**9


def parts_of(row: WaterfallRecord) -> Decimal:
    gains = row.price + row.funding + row.currency + row.adjustments + row.transfers
    return gains - row.fees - row.slippage - row.interest - row.conversion - row.liquidation


@pytest.fixture(scope="module")
def lived() -> DeskWorld:
    """A pair opened, a stranger's trade, a deposit, settlements, a flatten."""
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    world.foreign("ETH-USDT-PERP.beta", Side.BUY, "0.5")
    world.run(700)
    now = world.now
    deposit = TransferBooked(
        venue="alpha", transfer_id="t1", coin="USDT", amount=Decimal(500), ts=now, ts_event=now
    )
    world.machine.feed(deposit)
    world.run(700)
    world.command("flatten")
    world.run(700)
    return world


def test_every_row_adds_up_to_the_last_digit_and_to_the_margins_equity(lived: DeskWorld) -> None:
    rows = [row for row in lived.keeper.rows if isinstance(row, WaterfallRecord)]
    assert len(rows) > 6
    assert all(row.begun + parts_of(row) == row.equity for row in rows)
    samples = {(s.ts, s.account): s for s in lived.keeper.rows if isinstance(s, EquityRecord)}
    checked = 0
    for row in rows:
        known = samples[(row.ts, row.account)].total_balance
        if known is not None:
            assert abs(known - row.equity) < Decimal("1e-8")
            checked += 1
    assert checked > 4
    last = {row.account: row for row in rows}
    assert all(row.fees > 0 for row in last.values())
    assert sum(row.transfers for row in last.values()) == pytest.approx(Decimal(500), abs=Decimal(5))


def test_equity_is_sampled_every_five_minutes_of_the_clock(lived: DeskWorld) -> None:
    rows = [row for row in lived.keeper.rows if isinstance(row, EquityRecord) and row.account == "all"]
    marks = [row.ts // FIVE_MINUTES for row in rows]
    assert set(marks) == set(range(marks[0], lived.now // FIVE_MINUTES + 1)), "none is missing"
    first = {mark: rows[marks.index(mark)].ts % FIVE_MINUTES for mark in marks[1:]}
    assert all(late < 6 * 10**9 for late in first.values())


@pytest.fixture(scope="module")
def store(lived: DeskWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = new_store(tmp_path_factory.mktemp("report"))
    writer = StoreWriter(path)
    writer.start()
    for row in lived.keeper.rows:
        writer.record(row)
    assert writer.close()
    return path


def test_the_report_of_a_store(store: Path, lived: DeskWorld) -> None:
    view = report(store, "sim", "all")
    fall = view.waterfall
    assert fall is not None
    assert fall.difference == 0
    assert fall.result == fall.equity_end - fall.equity_start - fall.transfers
    assert view.total.total_trades == lived.desk.state.counters.trades
    assert view.total.total_pnl == sum(one.total_pnl for one in view.by_strategy)
    assert view.risk.sharpe is None
    assert any("30 daily returns" in note for note in view.notes)
    assert view.curve[-1].equity is not None
    first = next(one.unit for one in view.curve if one.unit is not None)
    assert first == 1, "the return and the drawdown hold what was paid before the clock's first sample"


def test_a_report_tells_how_far_it_is(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BLOCK", 3)
    told: list[tuple[int, int]] = []
    report(store, "sim", "all", tell=lambda done, last: told.append((done, last)))
    assert len(told) > 5
    assert told == sorted(told)
    assert told[0][0] == 3
    assert len({last for _, last in told}) == 1
    *_, before, end = told
    assert end[0] == end[1], "it comes to its end"
    assert 0.7 <= before[0] / before[1] < 1, "the figures come after the rows"


def test_every_form_says_the_same(store: Path) -> None:
    answer = msgspec.json.decode(to_json(report(store, "sim", "all")))
    text = plain_report.report(answer)
    assert "Where equity went" in text
    assert "funding_arb" in text
    deepest = f"{float(answer['risk']['max_drawdown']) * 100:.2f} %"
    assert deepest != "0.00 %"
    assert f"drawdown {deepest}, now " in text
    lines = list(csv.reader(io.StringIO(table_of(answer))))
    figures = {(section, name, figure): value for section, name, figure, value in lines}
    assert figures["waterfall", "", "funding"] == answer["waterfall"]["funding"]
    assert figures["total", "", "total_trades"] == str(answer["total"]["total_trades"])
    answer["profile"] = "<script>alert(1)</script>"
    page = report_html.page(answer)
    for form in (text, page):
        assert "Turnover and slippage are of every fill" in form
        assert "all other figures are of closed trades" in form
    tags = _Tags()
    tags.feed(page)
    assert {"svg", "table", "rect", "polyline"} <= tags.seen
    assert not tags.seen & {"script", "link", "img", "iframe"}
    assert not any(word in page for word in ("http:", "https:", "url("))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.seen.add(tag)


@pytest.mark.parametrize(
    ("mode", "world", "stamp"),
    [
        ("sim", {"scenario": "funding-harvest"}, "SIM (SYNTHETIC"),
        ("sim", {}, "SIM (SYNTHETIC)"),
        ("sim", {"history": "ab12"}, "BACKTEST"),
        ("paper", {}, "PAPER"),
        ("live", {"scenario": "funding-harvest"}, "LIVE"),
    ],
)
def test_every_report_is_stamped_with_what_it_is_of(
    mode: str, world: dict[str, str], stamp: str, tmp_path: Path
) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path)
    writer.start()
    started = msgspec.structs.replace(session(), mode=mode, world=world)
    JournalWriter(writer.journal).session(started)
    assert writer.close()
    assert stamp_of(path).startswith(stamp)


def test_an_empty_store_and_none_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is none yet"):
        report(tmp_path / "store.sqlite", "sim", "all")
    with pytest.raises(EmptyStore, match="no equity sample yet"):
        report(new_store(tmp_path), "sim", "all")


def test_periods() -> None:
    assert span_of("all", 5) == (0, 5)
    assert span_of("24h", 3 * DAY) == (2 * DAY, 3 * DAY)
    assert span_of("1970-01-02..1970-01-03", 9) == (DAY, 3 * DAY - 1)
    assert span_of("1970-01-02..", 9 * DAY) == (DAY, 9 * DAY)
    for wrong in ("", "0d", "7", "..", "2023-02-30..", "1970-01-03..1970-01-01", "7w"):
        with pytest.raises(UsageError, match="period"):
            span_of(wrong, 9 * DAY)


def test_settled_rates_and_equity_coin_by_coin_are_kept_once(store: Path, lived: DeskWorld) -> None:
    """Beta settles each hour; what was settled before the start is the venue's to tell."""
    reader = StoreReader(store)
    picture, begun = lived.desk.core.picture, lived.world.start
    for name in ("BTC-USDT-PERP.beta", "BTC-USDT-PERP.alpha"):
        told = {row.rate_ts: row for row in picture.settlements(name) if row.rate_ts > begun}
        kept = reader.rates(name)
        assert [row.ts for row in kept] == sorted(told)
        assert all((row.rate, row.interval_h) == (told[row.ts].rate, told[row.ts].interval_h) for row in kept)
    assert reader.rates("BTC-USDT-PERP.beta")
    for account in ("alpha", "beta"):
        worth: dict[int, Decimal] = {}
        for row in reader.coins(account):
            if row.balance is not None and row.upnl is not None and row.index is not None:
                worth[row.ts] = worth.get(row.ts, Decimal(0)) + (row.balance + row.upnl) * row.index
        samples = [row for row in reader.equity(account) if row.total_balance is not None]
        assert len(samples) > 4
        assert all(abs(worth[row.ts] - (row.total_balance or 0)) < Decimal("1e-8") for row in samples)
    reader.close()


def test_a_report_shows_the_coins_held_and_the_funding_settled(store: Path) -> None:
    view = report(store, "sim", "all")
    kept = StoreReader(store)
    for one in view.coins:
        rows = [row for row in kept.coins(one.account) if row.coin == one.coin]
        assert (one.index_start, one.index_end) == (rows[0].index, rows[-1].index)
        assert rows[-1].balance is not None
        assert one.end == rows[-1].balance + (rows[-1].upnl or 0)
    assert {one.coin for one in view.coins} >= {"USDT", "USDC"}
    told = {one.instrument: one for one in view.rates}
    hourly = kept.rates("BTC-USDT-PERP.beta")
    eight = [float(row.rate) * 8 / float(row.interval_h or 0) * 10_000 for row in hourly]
    beta = told["BTC-USDT-PERP.beta"]
    assert (beta.settlements, beta.least, beta.most) == (len(hourly), min(eight), max(eight))
    assert beta.mean == pytest.approx(sum(eight) / len(eight))
    kept.close()
    answer = msgspec.json.decode(to_json(view))
    for text in (plain_report.report(answer), report_html.page(answer)):
        assert "Coins held, with open profit" in text
        assert "BTC-USDT-PERP.beta" in text
    figures = {row[:3]: row[3] for row in map(tuple, csv.reader(io.StringIO(table_of(answer))))}
    assert figures["rates", "BTC-USDT-PERP.beta", "settlements"] == str(beta.settlements)
    ours = next(one for one in answer["coins"] if (one["coin"], one["account"]) == ("USDT", "alpha"))
    assert figures["coins", "USDT alpha", "end"] == ours["end"]
    drawn = "\n".join(line.plain for line in part_drawer(view, "currency", 90))
    assert any(line.split()[:2] == ["USDT", "alpha"] for line in drawn.splitlines())


def test_what_a_person_did_is_one_row_whichever_console_it_was() -> None:
    assert reporting.OPERATOR == OPERATOR
    assert {reporting._named(each) for each in ("console:1", "console:22", "shell:3", OPERATOR)} == {OPERATOR}
    assert reporting._named("strategy:funding_arb") == reporting._named("funding_arb") == "funding_arb"
    assert reporting._named("foreign") == "foreign"


def test_of_a_period_the_coins_are_those_at_its_ends(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path)
    writer.start()
    for at, (balance, upnl) in enumerate((("100", "0"), ("90", "5"), ("80", None), ("70", "1"))):
        gain = None if upnl is None else Decimal(upnl)
        row = CoinRecord(
            ts=(at + 1) * DAY, account="alpha", coin="USDT", balance=Decimal(balance), upnl=gain, index=None
        )
        writer.record(row)
        writer.record(replace(row, account="beta", coin="BUSD", ts=row.ts + 3 * DAY))
    assert writer.close()
    kept = StoreReader(path)
    ends = {first.coin: (first.ts, last.ts) for first, last in kept.coin_ends(2 * DAY + 5, 3 * DAY + 5)}
    assert ends == {"USDT": (2 * DAY, 3 * DAY)}, "nothing was held in BUSD before day 4"
    assert [last.ts for _, last in kept.coin_ends(0, 99 * DAY)] == [4 * DAY, 7 * DAY]
    assert kept.coin_ends(8 * DAY, 9 * DAY) == [], "an account that is no more"
    kept.close()


def test_a_store_of_before_such_rows_has_none(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    with sqlite3.connect(path) as old:
        old.execute("DROP TABLE equity_coins")
        old.execute("DROP TABLE funding_rates")
    kept = StoreReader(path)
    assert (kept.coin_ends(0, DAY), kept.settled_rates(0, DAY)) == ([], [])
    kept.close()
