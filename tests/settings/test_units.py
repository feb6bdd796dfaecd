"""What a person writes is read with its unit and echoed so that it can be read back (SEMANTICS 1)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.settings.units import EXAMPLES, echo, parse_flag, parse_list, parse_number

READ = [
    ("1.0bps/8h", "bps/8h", "1.0"),
    ("-5 bps/8h", "bps/8h", "-5"),
    ("30bps", "bps", "30"),
    ("30", "bps", "30"),
    ("0.3%", "bps", "30"),
    (30, "bps", "30"),
    ("5%", "fraction", "0.05"),
    (Decimal("0.05"), "fraction", "0.05"),
    ("50bps", "fraction", "0.005"),
    ("5x", "x", "5"),
    ("5×", "x", "5"),
    ("25000 USD", "USD", "25000"),
    ("25_000", "USD", "25000"),
    ("25000usd", "USD", "25000"),
    ("72h", "h", "72"),
    ("3d", "h", "72"),
    ("90min", "h", "1.5"),
    ("60s", "s", "60"),
    ("1min", "s", "60"),
    ("2s", "ms", "2000"),
    ("1h", "min", "60"),
    ("7", "count", "7"),
    (".5", "fraction", "0.5"),
]


@pytest.mark.parametrize(("text", "unit", "value"), READ)
def test_a_number_is_read_in_its_unit(text: object, unit: str, value: str) -> None:
    assert parse_number(text, unit, whole=False) == Decimal(value)


REFUSED = [
    ("1.0bps", "bps/8h"),
    ("1.0", "bps/8h"),
    (1, "bps/8h"),
    ("1.0%", "bps/8h"),
    ("1.0bps/h", "bps/8h"),
    ("30bps/8h", "bps"),
    ("30 USD", "bps"),
    ("5h", "fraction"),
    ("5%", "x"),
    ("5 EUR", "USD"),
    ("60bps", "s"),
    ("", "USD"),
    ("five", "USD"),
    ("1e6", "USD"),
    ("NaN", "USD"),
    ("Infinity", "USD"),
    ("--5", "USD"),
    ("5 5", "USD"),
    (True, "count"),
    (None, "USD"),
    (0.1, "USD"),
    (Decimal("NaN"), "USD"),
    (Decimal("1E+400"), "USD"),
    ("1" + "0" * 40, "USD"),
    (10**15, "ms"),
]


@pytest.mark.parametrize(("text", "unit"), REFUSED)
def test_what_is_no_number_of_the_unit_is_refused_with_an_example(text: object, unit: str) -> None:
    with pytest.raises(ValueError, match=EXAMPLES[unit][:20]):
        parse_number(text, unit, whole=False)


@pytest.mark.parametrize(("text", "unit"), [("1.5", "count"), ("90s", "min"), ("0.5ms", "ms")])
def test_a_whole_number_is_wanted_where_the_parameter_is_one(text: str, unit: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        parse_number(text, unit, whole=True)


@given(
    value=st.decimals(allow_nan=False, allow_infinity=False, min_value=-999, max_value=999, places=6),
    unit=st.sampled_from([unit for unit in EXAMPLES if unit not in ("flag", "count")]),
)
def test_an_echo_reads_back_as_the_same_value(value: Decimal, unit: str) -> None:
    assert parse_number(echo(value, unit), unit, whole=False) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("10bps,20bps, 50bps", "10bps, 20bps, 50bps"),
        (["10bps", 20], "10bps, 20bps"),
        ("[10, 20]", "10bps, 20bps"),
    ],
)
def test_lists_are_read_from_arrays_and_from_text(value: object, text: str) -> None:
    assert echo(parse_list(value, "bps"), "bps") == text


@pytest.mark.parametrize("value", ["", [], "10,,20", "a", 5, [True]])
def test_what_is_no_list_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a list, each"):
        parse_list(value, "bps")


@pytest.mark.parametrize(
    ("value", "flag"),
    [("true", True), ("on", True), ("No", False), ("0", False), (True, True), (False, False)],
)
def test_flags(value: object, flag: bool) -> None:
    assert parse_flag(value) is flag


@pytest.mark.parametrize("value", ["5", "maybe", "", 1, None])
def test_what_is_no_flag_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="true or false"):
        parse_flag(value)
