"""Figures as text: tables of the written rules, and what must hold of any figure."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screens import format as f
from screens.draw import alerts
from screens.draw.context import Context
from screens.ink import broken, wrap
from services.domain.enums import Severity
from tests.console.fixtures import QUIET_TS, alert, quiet_desk

S = 1_000_000_000
MINUS = "\N{MINUS SIGN}"
AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=8)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        ("12345.6", 2, "12,345.60"),
        ("-140.4", 2, f"{MINUS}140.40"),
        ("-0.001", 2, "0.00"),
        ("0", 0, "0"),
        ("999999.5", 0, "1,000,000"),
        ("NaN", 2, "unknown"),
    ],
)
def test_numbers(value: str, places: int, text: str) -> None:
    assert f.number(Decimal(value), places) == text


@pytest.mark.parametrize(
    ("value", "text"), [("141.58", "+141.58"), ("-140.4", f"{MINUS}140.40"), ("0", "0.00"), ("0.001", "0.00")]
)
def test_gain_and_loss_are_signed_and_zero_is_not(value: str, text: str) -> None:
    assert f.signed(Decimal(value)) == text


@pytest.mark.parametrize(
    ("ns", "local", "remote"),
    [
        (400_000_000, "0.4 s", "<1 s"),
        (0, "0.0 s", "<1 s"),
        (2_100_000_000, "2.1 s", "2 s"),
        (9_960_000_000, "9 s", "9 s"),
        (47 * S, "47 s", "47 s"),
        (252 * S, "4 m 12 s", "4 m 12 s"),
        (38 * 60 * S, "38 m", "38 m"),
        (2 * 3600 * S, "2 h", "2 h"),
        (9 * 86_400 * S, "9 d", "9 d"),
        (-5, "0.0 s", "<1 s"),
    ],
)
def test_ages(ns: int, local: str, remote: str) -> None:
    assert (f.age(ns), f.age(ns, remote=True)) == (local, remote)


def test_an_age_that_is_not_known_is_no_zero() -> None:
    assert f.age(None) == "—"


@pytest.mark.parametrize(
    ("ns", "text"),
    [(57 * 60 * S, "57 m"), (117 * 60 * S, "1 h 57 m"), (40 * S, "40 s"), (-1, "due"), (None, "—")],
)
def test_time_to_an_event(ns: int | None, text: str) -> None:
    assert f.until(ns) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("12665", "$12.7k"), ("950", "$950"), ("-1204", f"{MINUS}$1.2k"), ("1234567", "$1.2m"), ("0", "$0")],
)
def test_short_money_is_rounded_not_cut(value: str, text: str) -> None:
    assert f.short_dollars(Decimal(value)) == text


def test_cents_go_first_and_only_from_a_thousand_on() -> None:
    assert f.money_choices(Decimal("6710.62")) == ("+6,710.62", "+6,711")
    assert f.money_choices(Decimal("141.58")) == ("+141.58",)


@pytest.mark.parametrize(
    ("increment", "places"), [("0.1", 1), ("0.0001", 4), ("1", 0), ("10", 0), ("0.00100", 3), ("0.5", 1)]
)
def test_an_increment_gives_the_decimals(increment: str, places: int) -> None:
    assert f.places_of(Decimal(increment)) == places


@pytest.mark.parametrize(
    ("ts", "date", "clock"),
    [
        (1_678_543_357, "11 Mar", "14:02:37"),
        (0, "1 Jan", "00:00:00"),
        (1_709_164_800, "29 Feb", "00:00:00"),
        (1_735_689_599, "31 Dec", "23:59:59"),
    ],
)
def test_times_are_utc(ts: int, date: str, clock: str) -> None:
    assert (f.date(ts * S), f.clock(ts * S)) == (date, clock)


def test_infinite_leverage_is_said_as_such() -> None:
    assert f.times(Decimal("Infinity")) == "∞×"


@pytest.mark.parametrize(
    ("share", "fill"),
    [("0", ""), ("0.001", "╾"), ("0.5", "━━━━"), ("0.53", "━━━━"), ("0.57", "━━━━╾"), ("9", "━" * 8)],
)
def test_bars_have_half_steps_and_anything_above_zero_shows(share: str, fill: str) -> None:
    got, track = f.bar(Decimal(share), 8)
    assert got == fill
    assert len(got + track) == 8


def test_an_unknown_share_is_an_empty_track() -> None:
    assert f.bar(None, 6) == ("", "──────")


@given(AMOUNTS, st.integers(0, 8))
def test_a_number_is_digits_commas_a_point_and_one_sign(value: Decimal, places: int) -> None:
    text = f.number(value, places)
    assert re.fullmatch(rf"{MINUS}?\d{{1,3}}(,\d{{3}})*(\.\d{{{places}}})?", text)
    assert Decimal(text.replace(",", "").replace(MINUS, "-")) == f.rounded(value, places)


@given(st.decimals(0, 40, places=4), st.integers(1, 40))
def test_a_bar_never_leaves_its_cells_and_longer_is_more(share: Decimal, width: int) -> None:
    fill, track = f.bar(share, width)
    more, _ = f.bar(share + Decimal("0.3"), width)
    assert len(fill) + len(track) == width
    assert len(more) >= len(fill)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30), st.integers(1, 20))
def test_a_sparkline_is_as_wide_as_asked(values: list[float], width: int) -> None:
    assert len(f.spark(values, width)) == width


@given(st.text(max_size=60), st.integers(0, 60))
def test_cut_text_fits_and_never_ends_inside_a_number(text: str, width: int) -> None:
    text = f.clean(text)
    out = f.cut(text, width)
    assert len(out) <= max(width, 0) or out == text
    if out != text:
        assert not re.search(r"[\d.,]…$", out)


@given(st.text(max_size=40))
def test_clean_text_is_one_cell_a_character_and_has_no_control(text: str) -> None:
    from rich.cells import cell_len

    out = f.clean(text)
    assert "\x1b" not in out
    assert "\n" not in out
    assert len(out) == len(text) + len(re.findall(r"(?<=\d)%", text))
    assert all(cell_len(char) == 1 for char in out)


def test_figures_in_the_engines_words_are_written_as_the_screens_write_theirs() -> None:
    for text, drawn in (
        ("net -28.1 bps: edge < 0.5× cost", "net −28.1 bps: edge < 0.5× cost"),
        ("rolling loss 3.80% of 5.00%", "rolling loss 3.80 % of 5.00 %"),
        ("USDC on alpha is at -5,120", "USDC on alpha is at −5,120"),
        (
            "P-01 BTC-USDT-PERP 2026-11-26 10-20 1e-7 --yes 5 %",
            "P-01 BTC-USDT-PERP 2026-11-26 10-20 1e-7 --yes 5 %",
        ),
    ):
        assert f.clean(text) == drawn


def test_a_broken_text_keeps_its_words_its_blanks_and_its_units() -> None:
    text = "now 0.5 %   breaker: daily loss −5.15 % > 5 % for 17 s at 250 bps"
    for width in range(12, 70):
        rows = broken(text, width)
        assert all(len(row) <= width for row in rows)
        assert " ".join(" ".join(rows).split()) == " ".join(text.split())
        assert not any(row.startswith(("%", "s ", "bps")) for row in rows)
    assert broken(text, 80) == [text]
    assert broken("", 20) == [""]


def test_open_alerts_say_their_whole_text_where_rows_are_left() -> None:
    long = (
        "breaker: the daily loss of −5.15 % is beyond the limit of 5 %, latched until it is resumed by hand"
    )
    open_one = alert("breaker", Severity.ALARM, long, "detail", "OPEN", 15)
    done = alert("clock", Severity.INFO, long, "", "RESOLVED", 900)
    view = quiet_desk(alerts=(open_one, done))
    for height, lines in ((0, 1), (1, 1), (2, 2), (3, 3), (9, 3)):
        first, last = alerts.draw(view, 48, Context(now=QUIET_TS), height=height).rows
        assert (first.height, last.height) == (lines, 1)
    told = " ".join(line.plain[8 : 32 if not at else 48].strip() for at, line in enumerate(first.lines))
    assert told.startswith("breaker: the daily loss of")
    assert told.endswith("by hand")
    assert "OPEN" in first.lines[0].plain


def test_money_that_shows_as_zero_has_no_colour() -> None:
    assert [f.gain_ink(Decimal(text), 0) for text in ("0.4", "-0.5", "0.6", "-1", "NaN")] == [
        *("muted", "muted", "pos", "neg", "muted")
    ]
    assert f.gain_ink(None) == "muted"
    assert f.gain_ink(Decimal("-0.01")) == "neg"


def test_a_sentence_keeps_figure_and_unit_on_one_line() -> None:
    text = "costs 22.1, break-even 8 h, or 4.1 bps a day"
    for width in range(10, 44):
        rows = [line.plain for line in wrap(text, width)]
        assert " ".join(rows) == text
        assert not any(row.endswith((" 8", " 4.1")) for row in rows)


def test_alerts_of_one_text_say_whose_they_are() -> None:
    twins = [
        alert(f"depeg:account:{name}", Severity.ALARM, "USDC is off its peg", "", "OPEN", 60)
        for name in ("alpha", "beta")
    ]
    view = quiet_desk(alerts=tuple(twins))
    shown = [row.lines[0].plain for row in alerts.draw(view, 70, Context(now=QUIET_TS)).rows]
    assert ["alpha: USDC is off its peg" in shown[0], "beta: USDC is off its peg" in shown[1]] == [True, True]
    narrow = [row.lines[0].plain for row in alerts.draw(view, 30, Context(now=QUIET_TS)).rows]
    assert ["alpha: " in narrow[0], "beta: " in narrow[1]] == [True, True]
