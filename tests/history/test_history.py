"""Reading histories: the dump's layout, declared series, what becomes visible when, and what is refused."""

from __future__ import annotations

import re
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from services.domain.enums import InstrumentKind
from services.venues.history.errors import HistoryError
from services.venues.history.history import History, HistorySource, load_history
from services.venues.history.names import duration_ns, inverse_name, split_symbol
from services.venues.sim.source import HistoryRow
from tests.history.builders import DAY, FUNDING_HEADER, HOUR, KLINE_HEADER, at, funding, kline, klines, write

PERP = "BTC-USDT-PERP.binance"


def dump(folder: Path) -> Path:
    """One perp with prices and rates, two months of each, in three packings, and a spot pair."""
    write(folder, "BTCUSDT-1h-2023-03.csv", klines({0: "30000", 1: "30100.5"}))
    write(folder, "BTCUSDT-1h-2023-04.csv.gz", klines({744: "31000"}, header=False))
    write(folder, "BTCUSDT-fundingRate-2023-03.zip", funding({0: "0.0001", 8: "-0.0002"}, late_ms=17))
    write(folder, "BTCUSDT-fundingRate-2023-04.csv", funding({744: "0.0003"}, header=False))
    write(folder, "USDCUSDT-1h-2023-03.csv", klines({0: "1.0001"}))
    return folder


def everything(history: History) -> list[tuple[int, HistoryRow]]:
    source = HistorySource(history)
    out: list[tuple[int, HistoryRow]] = []
    ts: int | None = source.start
    while ts is not None:
        out += [(ts, row) for row in source.rows_at(ts)]
        ts = source.next_ts(ts)
    return out


def test_a_folder_in_the_dumps_layout(tmp_path: Path) -> None:
    history = load_history(dump(tmp_path))
    assert [each.id for each in history.instruments] == [PERP, "USDC/USDT.binance"]
    assert history.venues == ("binance",)
    assert history.instruments[1].kind is InstrumentKind.SPOT
    assert history.step_ns == HOUR * 10**6
    assert (history.start, history.end) == (at(0), at(745))
    assert everything(history) == [
        (at(0), HistoryRow(PERP, None, Decimal("0.0001"), Decimal(8))),
        (at(1), HistoryRow(PERP, 30000.0)),
        (at(1), HistoryRow("USDC/USDT.binance", 1.0001)),
        (at(2), HistoryRow(PERP, 30100.5)),
        (at(8), HistoryRow(PERP, None, Decimal("-0.0002"), Decimal(8))),
        (at(744), HistoryRow(PERP, None, Decimal("0.0003"), Decimal(8))),
        (at(745), HistoryRow(PERP, 31000.0)),
    ]


def test_a_close_is_visible_at_the_end_of_its_bar_and_a_settled_rate_at_its_instant(tmp_path: Path) -> None:
    source = HistorySource(load_history(dump(tmp_path)))
    assert source.rows_at(at(0)) == (HistoryRow(PERP, None, Decimal("0.0001"), Decimal(8)),)
    assert source.rows_at(at(1) - 1) == ()
    assert source.next_ts(at(0)) == at(1)
    assert source.next_ts(at(745)) is None
    assert source.next_ts(at(0) - 1) == at(0)


def test_stamps_some_milliseconds_late_are_rounded_to_the_minute(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT-1h-2023-03.csv", klines({0: "30000"}))
    write(tmp_path, "BTCUSDT-fundingRate-2023-03.csv", funding({0: "0.0001", 8: "0.0001"}, late_ms=19))
    times = [ts for ts, row in everything(load_history(tmp_path)) if row.rate is not None]
    assert times == [at(0), at(8)]


def test_microsecond_and_text_stamps(tmp_path: Path) -> None:
    micro = f"{DAY * 1000},1,2,1,30000,1,,,,,,\n"
    write(tmp_path, "BTCUSDT-1h-2025-03.csv", micro)
    assert everything(load_history(tmp_path)) == [(at(1), HistoryRow("BTC/USDT.binance", 30000.0))]
    write(tmp_path, "BTCUSDT-1h-2025-03.csv", micro.replace(str(DAY * 1000), "2023-03-01 00:00:00"))
    assert everything(load_history(tmp_path))[0][0] == at(1)


def test_the_folders_of_the_dump_tell_spot_from_perp(tmp_path: Path) -> None:
    write(tmp_path, "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2023-03.csv", klines({0: "1"}))
    write(tmp_path, "data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2023-03.csv", klines({0: "2"}))
    rates = "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2023-03.csv"
    write(tmp_path, rates, funding({0: "0.0001"}))
    found = {row.instrument: row.price for _, row in everything(load_history(tmp_path)) if row.price}
    assert found == {PERP: 2.0, "BTC/USDT.binance": 1.0}


@pytest.mark.parametrize("kind", ["premiumIndexKlines", "markPriceKlines", "indexPriceKlines"])
def test_bars_of_the_dump_that_are_no_traded_prices_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    """Their files have the names of the others: a premium of 0.0004 would be a price of BTC."""
    name = f"data/futures/um/monthly/{kind}/BTCUSDT/1h/BTCUSDT-1h-2023-03.csv"
    write(tmp_path, name, klines({0: "0.0004"}))
    write(tmp_path, f"{name}.CHECKSUM", "0  BTCUSDT-1h-2023-03.csv")
    with pytest.raises(HistoryError, match=f"{kind} are no traded prices") as told:
        load_history(tmp_path)
    assert name in str(told.value)


def test_a_bar_without_volume_is_no_price(tmp_path: Path) -> None:
    text = "\n".join([KLINE_HEADER, kline(0, "0.99", "3"), kline(1, "0.99", "0"), kline(2, "0.98", "")])
    write(tmp_path, "USDCUSDT-1h-2023-03.csv", text)
    assert [ts for ts, _ in everything(load_history(tmp_path))] == [at(1), at(3)]


def test_costs_and_grids_are_the_declared_ones(tmp_path: Path) -> None:
    (instrument, _) = load_history(dump(tmp_path)).instruments
    assert (instrument.taker_fee, instrument.maker_fee) == (Decimal("0.0005"), Decimal("0.0002"))
    assert (instrument.price_increment, instrument.size_increment) == (Decimal("0.1"), Decimal("0.001"))
    assert (instrument.quote, instrument.settle) == ("USDT", "USDT")
    assert instrument.funding_interval_h == 8
    assert instrument.tiers is not None


# ---- history.toml -------------------------------------------------------------------------------------


def declare(folder: Path, text: str) -> Path:
    path = folder / "history.toml"
    path.write_text(text)
    return path


GATE = """
[[series]]
file = "gate.csv"
kind = "funding"
venue = "gate"
symbol = "BTCUSDT"
"""


def test_a_declared_flat_price_stands_at_the_start_and_at_each_settlement(tmp_path: Path) -> None:
    write(tmp_path, "gate.csv", funding({4: "0.0001", 12: "0.0002"}))
    write(tmp_path, "other.csv", funding({0: "0.0005"}))
    second = GATE.replace("gate", "other")
    path = declare(tmp_path, f'{GATE}price = "30000"\n{second}price = 20000\n')
    history = load_history(path)
    rows = everything(history)
    gate = [(ts, row.price, row.rate) for ts, row in rows if row.instrument.endswith(".gate")]
    assert gate == [
        (at(0), 30000.0, None),
        (at(4), 30000.0, Decimal("0.0001")),
        (at(12), 30000.0, Decimal("0.0002")),
    ]
    assert "flat price 30000 declared for BTC-USDT-PERP.gate" in history.stamps
    assert "flat price 20000 declared for BTC-USDT-PERP.other" in history.stamps
    assert history.coins_without_usd() == ("USDT",)
    assert load_history(tmp_path).digest == history.digest


def test_prices_may_be_another_instruments(tmp_path: Path) -> None:
    write(tmp_path, "gate.csv", funding({4: "0.0001"}))
    write(tmp_path, "k.csv", klines({0: "29000"}))
    bars = '[[series]]\nfile="k.csv"\nkind="klines"\nvenue="binance"\nsymbol="BTCUSDT"\nmarket="perp"\n'
    path = declare(tmp_path, f'{GATE}price_from = "BTCUSDT.binance"\n{bars}interval = "1h"\n')
    history = load_history(path)
    assert (at(1), HistoryRow("BTC-USDT-PERP.gate", 29000.0)) in everything(history)
    assert "price of BTC-USDT-PERP.gate taken from BTC-USDT-PERP.binance" in history.stamps
    bad = path.read_text().replace("BTCUSDT.binance", "ETHUSDT.binance")
    with pytest.raises(
        HistoryError, match=re.escape("no klines of that instrument; known: BTC-USDT-PERP.binance")
    ):
        load_history(declare(tmp_path, bad))


def test_columns_offset_filter_span_facts_and_grid(tmp_path: Path) -> None:
    table = "when,exchange,last,pay\n" + "".join(
        f"{DAY + hour * HOUR},{venue},{10 + hour},0.000{hour}\n" for hour in range(4) for venue in ("a", "b")
    )
    write(tmp_path, "all.csv", table)
    common = 'file = "all.csv"\nvenue = "b"\nsymbol = "XRP-USDC-PERP"\nwhere = { exchange = "b" }\n'
    text = f"""
[history]
start = 2023-03-01T04:00:00Z
end = "2023-03-01 07:00:00"
[facts]
taker_bps = 4
[facts.grid.XRP]
price = 0.0001
size = 1
[[series]]
kind = "klines"
market = "perp"
interval = "1h"
offset = "3h"
columns = {{ time = "when", close = "last" }}
{common}
[[series]]
kind = "funding"
interval = "1h"
offset = "3h"
columns = {{ time = "when", rate = "pay" }}
{common}
"""
    history = load_history(declare(tmp_path, text))
    (instrument,) = history.instruments
    assert instrument.id == "XRP-USDC-PERP.b"
    assert instrument.taker_fee == Decimal("0.0004")
    assert instrument.price_increment == Decimal("0.0001")
    assert history.stamps[0].startswith("costs: taker 4 bps")
    assert everything(history) == [
        (at(4), HistoryRow("XRP-USDC-PERP.b", 10.0, Decimal("0.0001"), Decimal(1))),
        (at(5), HistoryRow("XRP-USDC-PERP.b", 11.0, Decimal("0.0002"), Decimal(1))),
        (at(6), HistoryRow("XRP-USDC-PERP.b", 12.0, Decimal("0.0003"), Decimal(1))),
    ]


def test_the_digest_covers_content_and_declaration_and_not_the_place(tmp_path: Path) -> None:
    first, second = dump(tmp_path / "one"), dump(tmp_path / "two")
    digest = load_history(first).digest
    assert load_history(second).digest == digest
    write(second, "USDCUSDT-1h-2023-03.csv", klines({0: "1.0002"}))
    assert load_history(second).digest != digest


# ---- refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "BTCUSD_PERP-fundingRate-2023-07.csv",
        "bybit_BTCUSDCM_2023-07_2024-07_fundingRate.csv",
        "data/futures/cm/monthly/klines/BTCUSD_230929/1h/BTCUSD_230929-1h-2023-07.csv",
    ],
)
def test_inverse_contracts_in_a_folder_are_refused_by_name(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, funding({0: "0.0001"}))
    with pytest.raises(HistoryError, match=r"inverse \(coin-margined\)") as error:
        load_history(tmp_path)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "symbol", "margin"),
    [
        ("binance_BTCUSDCM_fundingRate.csv", "BTCUSDC", "USDC"),
        ("rates.csv", "BTCUSDCM", "USDC"),
        ("rates.csv", "BTCUSD", "BTC"),
        ("rates.csv", "BTCUSD_PERP", "USD"),
    ],
)
def test_inverse_file_as_usdc_perp(tmp_path: Path, file: str, symbol: str, margin: str) -> None:
    write(tmp_path, file, funding({0: "0.0001"}))
    text = GATE.replace("gate.csv", file).replace("BTCUSDT", symbol)
    path = declare(tmp_path, f'{text}margin = "{margin}"\nquote = "USDC"\nprice = "30000"\n')
    with pytest.raises(HistoryError, match=rf"{symbol}\.gate is an inverse \(coin-margined\) contract"):
        load_history(path)


@pytest.mark.parametrize("symbol", ["BTCUSD", "BTC-USD-PERP", "BTC-USD-SWAP"])
def test_a_perp_in_dollars_that_does_not_say_what_it_settles_in_may_be_inverse(
    tmp_path: Path, symbol: str
) -> None:
    """Bybit's BTCUSD and OKX's BTC-USD-SWAP are, and nothing in these names says so."""
    write(tmp_path, "gate.csv", funding({0: "0.0001"}))
    text = GATE.replace("BTCUSDT", symbol) + 'price = "30000"\n'
    for told in ("", 'quote = "USDC"\n'):
        with pytest.raises(HistoryError, match=rf"{symbol}\.gate may be an inverse \(coin-margined\)"):
            load_history(declare(tmp_path, text + told))
    (instrument,) = load_history(declare(tmp_path, text + 'margin = "USDC"\n')).instruments
    assert (instrument.quote, instrument.settle) == ("USD", "USDC")


def test_a_perp_in_dollars_in_a_folder_may_be_inverse(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSD-1h-2023-03.csv", klines({0: "30000"}))
    write(tmp_path, "bybit_BTCUSD_2023-07_2024-07_fundingRate.csv", funding({0: "0.0001"}))
    with pytest.raises(HistoryError, match=r"BTCUSD\.bybit may be an inverse"):
        load_history(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{FUNDING_HEADER}\n{DAY},8,abc", "line 2: expected a number for the rate, found 'abc'"),
        (f"{FUNDING_HEADER}\n{DAY},8,NaN", "line 2: expected a number for the rate, found 'NaN'"),
        (f"{FUNDING_HEADER}\n{DAY},0,0.1", "line 2: expected a funding interval in hours above 0"),
        (f"{FUNDING_HEADER}\n{DAY},,0.1", "line 2: no funding interval in the row"),
        (f"{FUNDING_HEADER}\nsoon,8,0.1", "line 2: expected a time stamp (ms UTC), found 'soon'"),
        (f"{FUNDING_HEADER}\n{DAY},8", "line 2: expected 3 columns, found 2"),
        (f"{DAY},8", "line 1: expected at least 3 columns, found 2"),
        (f"{DAY},8,.1\n{DAY - 60_000},8,.1", "line 2: expected ascending time stamps, this row goes back"),
        (f"{DAY},8,.1\n{DAY},8,.2", "line 2: expected ascending time stamps, this row repeats an instant"),
        (f"{'9' * 23},8,0.1", "line 1: expected a time stamp (ms UTC) of our time, found '999"),
        (f"{FUNDING_HEADER}\n²,8,0.1", "line 2: expected a time stamp (ms UTC), found '²'"),
        (f"{FUNDING_HEADER}\n9999-01-01,8,0.1", "line 2: expected a time stamp (ms UTC) of our time"),
        (f"{DAY},1e400,0.1", "line 1: expected a rate as a fraction, of a year at most"),
        (f"{DAY},8,1", "line 1: expected a rate as a fraction, of a year at most: 1 in 8 h"),
        ("a,b,c\n1,2,3", "line 1: expected a column 'calc_time' for the time, found a, b, c"),
        (FUNDING_HEADER, "no rows between start and end in gate.csv"),
        ("", "no rows between start and end in gate.csv"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "gate.csv", text)
    with pytest.raises(HistoryError) as error:
        load_history(declare(tmp_path, f'{GATE}price = "30000"'))
    assert message in str(error.value)
    assert "gate" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_csv_is_named(tmp_path: Path) -> None:
    write(tmp_path, "gate.csv", f"{DAY},8,{'1' * 200_000}")
    with pytest.raises(HistoryError, match=r"gate\.csv: is no CSV: field larger than field limit"):
        load_history(declare(tmp_path, f'{GATE}price = "30000"'))


def test_an_overlap_of_two_files_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT-1h-2023-03.csv", klines({0: "1", 1: "2"}))
    write(tmp_path, "BTCUSDT-1h-2023-04.csv", klines({1: "2", 2: "3"}))
    assert [row.price for _, row in everything(load_history(tmp_path))] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[series]", "cannot be read"),
        ("series = []", "expected at least one [[series]]"),
        ("[facts]\ntaker_bp = 5\n" + GATE, "taker_bp"),
        ("[facts]\ntaker_bps = 'five'\n" + GATE, "taker_bps"),
        ("[history]\nstart = 'soon'\n" + GATE, "start: expected a date like 2021-01-01"),
        (GATE, "has funding rates and no prices"),
        (GATE + "price = -1", "expected a price above 0"),
        (GATE + "interval = '8 moons'", "'8 moons' is not a duration"),
        (GATE + "colour = 'red'", "colour"),
        (GATE.replace("funding", "trades"), "kind is 'trades', expected klines or funding"),
        (GATE.replace("funding", "klines"), 'expected market = "perp" or "spot"'),
        (
            GATE.replace("funding", "klines") + "market = 'perp'\ninterval = '-1h'",
            "expected an interval above 0",
        ),
        (GATE.replace("funding", "klines") + "market = 'perp'", "klines need their interval"),
        (GATE.replace("BTCUSDT", "BTCEUR"), "expected a symbol that ends with its quote coin"),
        (GATE.replace("BTCUSDT", "XRPUSDT") + "price = 1", "declare [facts.grid.XRP]"),
        (GATE.replace("gate.csv", "gone.csv") + "price = 1", "gone.csv: no such file"),
        (GATE + "price = 1" + GATE + "price = 1", "two funding series"),
        (GATE + "price = 1\ninterval = '-8h'", "expected an interval above 0"),
        (GATE + "price = 1\noffset = '99999999d'", "it and the offset of a year at most"),
        (GATE + "price = '1e400'", "expected a price above 0"),
        (GATE.replace('"gate"', '"Ga te.x"') + "price = 1", "expected a venue's name in a-z, 0-9 and _"),
        ("[facts]\ntaker_bps = 'NaN'\n" + GATE, "taker_bps: expected bps from 0 to 1000, found NaN"),
        ("[facts]\ntaker_bps = -5\n" + GATE, "taker_bps: expected bps from 0 to 1000, found -5"),
        ("[facts.grid.BTC]\nprice = 0\nsize = 1\n" + GATE, "[facts.grid.BTC]: expected a price and a size"),
        (GATE + "price = 1\nwhere = { venue = 'x' }", "`where` names a column 'venue'"),
    ],
)
def test_a_bad_declaration_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "gate.csv", funding({0: "0.0001"}))
    with pytest.raises(HistoryError) as error:
        load_history(declare(tmp_path, text))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_other_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="no such file or folder"):
        load_history(tmp_path / "gone")
    with pytest.raises(HistoryError, match=re.escape("holds no .csv")):
        load_history(tmp_path)
    with pytest.raises(HistoryError, match=re.escape("expected a folder of dump files or a history.toml")):
        load_history(write(tmp_path, "BTCUSDT-1h-2023-03.csv", klines({0: "1"})))
    write(tmp_path, "notes.csv", "a,b\n")
    with pytest.raises(HistoryError, match=re.escape("expected a name like BTCUSDT-1h-2023-07.csv")):
        load_history(tmp_path)


def test_broken_archives_are_named(tmp_path: Path) -> None:
    for name in ("BTCUSDT-1h-2023-03.zip", "BTCUSDT-1h-2023-03.csv.gz"):
        (tmp_path / name).write_bytes(b"not packed")
        with pytest.raises(HistoryError, match=name):
            load_history(tmp_path)
        (tmp_path / name).unlink()
    damaged = write(tmp_path, "BTCUSDT-1h-2023-03.csv.gz", klines(dict.fromkeys(range(200), "1")))
    raw = bytearray(damaged.read_bytes())
    raw[30:32] = bytes(255 - each for each in raw[30:32])
    damaged.write_bytes(bytes(raw))
    with pytest.raises(HistoryError, match=damaged.name):
        load_history(tmp_path)
    damaged.unlink()
    locked = write(tmp_path, "BTCUSDT-1h-2023-03.zip", klines({0: "1"}))
    raw = bytearray(locked.read_bytes())
    raw[6] |= 1
    raw[raw.find(b"PK\x01\x02") + 8] |= 1
    locked.write_bytes(bytes(raw))
    with pytest.raises(HistoryError, match="password"):
        load_history(tmp_path)
    with zipfile.ZipFile(tmp_path / "BTCUSDT-1h-2023-03.zip", "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")
    with pytest.raises(HistoryError, match=re.escape("expected one .csv inside the zip, found 2")):
        load_history(tmp_path)


# ---- names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "parts"),
    [
        ("BTCUSDT", ("BTC", "USDT")),
        ("ETHUSDC", ("ETH", "USDC")),
        ("BTCFDUSD", ("BTC", "FDUSD")),
        ("USDCUSDT", ("USDC", "USDT")),
        ("USDTUSD", ("USDT", "USD")),
        ("BTCTUSD", ("BTC", "TUSD")),
        ("BTC-USDC-PERP", ("BTC", "USDC")),
        ("BTC-USDT-SWAP", ("BTC", "USDT")),
        ("BTC-PERPETUAL", None),
        ("USDC/USD", ("USDC", "USD")),
        ("BTCEUR", None),
    ],
)
def test_symbols(symbol: str, parts: tuple[str, str] | None) -> None:
    assert split_symbol(symbol) == parts


def test_only_coin_margined_names_are_inverse() -> None:
    linear = ("BTCUSDT", "BTCUSDC", "ETHUSDC_perp", "binance_BTCUSDT_2023-07_2024-07_fundingRate.csv")
    assert [inverse_name(name) for name in linear] == [None] * 4
    assert inverse_name("BTCUSD_PERP") == "USD_PERP"


def test_durations() -> None:
    assert duration_ns("-4h") == -4 * HOUR * 10**6
    assert duration_ns("1m") == 60 * 10**9
    with pytest.raises(ValueError, match="not a duration"):
        duration_ns("fast")


# ---- recorded data ------------------------------------------------------------------------------------


@pytest.mark.recorded
def test_recorded_folders(recorded: Path) -> None:
    history = load_history(recorded / "depeg_2023_03")
    assert [each.id for each in history.instruments] == [
        "BTC/USDC.binanceus",
        "BTC/USDT.binanceus",
        "USDC/USDT.binanceus",
    ]
    lengths = {t.instrument.symbol: len(t.prices.ts) for t in history.tracks if t.prices is not None}
    assert 0 < lengths["USDC/USDT"] < 30_240  # minutes without a trade are no prices
    assert history.step_ns == 60 * 10**9
    assert history.coins_without_usd() == ("USDC", "USDT")


@pytest.mark.recorded
def test_recorded_candles_and_rates_of_three_venues(recorded: Path, tmp_path: Path) -> None:
    text = ""
    for venue in ("binance", "bybit", "okx"):
        rates = recorded / "funding" / f"{venue}_BTCUSDT_2023-07_2024-07_fundingRate.csv"
        bars = recorded / "funding" / "aha_multi_venue_8h_2023-07_2024-07.csv"
        common = f'venue = "{venue}"\nsymbol = "BTCUSDT"\nmarket = "perp"\n'
        text += (
            f'[[series]]\nfile = "{rates}"\nkind = "funding"\n{common}'
            f'[[series]]\nfile = "{bars}"\nkind = "klines"\ninterval = "8h"\n{common}'
            'columns = { time = "candle_open_utc_ms" }\n'
            f'where = {{ exchange = "{venue}", pair = "BTCUSDT" }}\n'
        )
    history = load_history(declare(tmp_path, text))
    for track in history.tracks:
        assert track.prices is not None
        assert track.rates is not None
        assert len(track.prices.ts) == len(track.rates.ts) == 1_099
    offsets = {t.instrument.venue: t.prices.ts[0] // 10**9 // 3600 % 8 for t in history.tracks if t.prices}
    assert offsets == {"binance": 0, "bybit": 4, "okx": 4}
