"""Flags, durations, speeds and worlds of a start."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.protocol.errors import UsageError
from services.protocol.flags import FLAGS, Flag, build, quick_parse, to_argv
from services.protocol.options import (
    FAULT_KINDS,
    OF_THE_DISK,
    FaultSpec,
    RunOptions,
    parse_duration,
    parse_fault,
    parse_profile,
    parse_speed,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20h", 72_000), ("30m", 1_800), ("10s", 10), ("2d", 172_800), ("1h30m", 5_400), ("0.5m", 30)],
)
def test_duration(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "20", "h", "-3h", "3w", "1h x", "0s", "0.1s", "1e3s", "nan"])
def test_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="20h"):
        parse_duration(text)


def test_speed() -> None:
    assert parse_speed("max") == "max"
    assert parse_speed("0.5") == Decimal("0.5")
    for text in ("0", "-1", "nan", "inf", "fast", ""):
        with pytest.raises(UsageError, match="speed"):
            parse_speed(text)


def test_fault() -> None:
    assert parse_fault("timeout@alpha=0.01") == FaultSpec("timeout", "alpha", Decimal("0.01"))
    assert parse_fault("5xx=1") == FaultSpec("5xx", None, Decimal(1))
    for text in ("timeout", "timeout=0", "timeout=2", "timeout@=1", "gremlin=0.1", "timeout=nan"):
        with pytest.raises(UsageError, match="fault"):
            parse_fault(text)


def test_profile() -> None:
    assert parse_profile("live-2") == "live-2"
    for text in ("", "Sim", "accounts", "9x", "a" * 17, "a/b"):
        with pytest.raises(UsageError, match="profile"):
            parse_profile(text)


option_values = st.builds(
    RunOptions,
    profile=st.sampled_from(["sim", "paper", "other-1"]),
    state_dir=st.none() | st.just("/tmp/state"),
    scenario=st.none() | st.sampled_from(["calm", "flash-crash"]),
    seed=st.none() | st.integers(0, 99),
    speed=st.none() | st.just("max") | st.integers(1, 9_999).map(Decimal),
    for_s=st.none() | st.integers(1, 99_999),
    for_sim_s=st.none() | st.integers(1, 99_999),
    new_world=st.booleans(),
    fault=st.lists(
        st.builds(
            FaultSpec,
            st.sampled_from([kind for kind in FAULT_KINDS if kind not in OF_THE_DISK]),
            st.none() | st.just("beta"),
            st.just(Decimal("0.1")),
        )
        | st.builds(FaultSpec, st.sampled_from(OF_THE_DISK), st.none(), st.just(Decimal("0.2"))),
        max_size=2,
    ).map(tuple),
    assume_par=st.lists(st.sampled_from(["USDT", "USDC"]), max_size=2).map(tuple),
    live=st.booleans(),
    log_json=st.booleans(),
    instruments=st.none() | st.integers(0, 99),
    step=st.none() | st.integers(1, 10),
    journal=st.booleans(),
    ready_fd=st.none() | st.integers(0, 99),
    debug=st.booleans(),
)


@settings(max_examples=80)
@given(option_values)
def test_flags_give_the_same_options_back(options: RunOptions) -> None:
    parsed = quick_parse(to_argv(options), ())
    assert parsed is not None
    assert build(parsed[0]) == options


def test_every_option_has_a_flag() -> None:
    assert {flag.field for flag in FLAGS} == set(RunOptions.__struct_fields__)


@pytest.mark.parametrize("argv", [["--help"], ["--wat"], ["--seed"], ["--live=yes"], ["status"]])
def test_quick_parse_leaves_the_unusual_to_the_full_command_line(argv: list[str]) -> None:
    assert quick_parse(argv, ("--no-ui",)) is None


def test_quick_parse_takes_both_spellings_and_switches() -> None:
    parsed = quick_parse(["--no-ui", "--seed=7", "--scenario", "calm"], ("--no-ui",))
    assert parsed == ({"seed": "7", "scenario": "calm"}, {"--no-ui"})


def test_two_worlds_are_refused() -> None:
    with pytest.raises(UsageError, match="two worlds"):
        build({"scenario": "calm", "history": "x"})


def test_world_flags_are_only_those_given() -> None:
    assert RunOptions(seed=0, speed="max").world_flags() == {"seed": "0"}


def complaint(flag: Flag, text: str) -> str:
    try:
        flag.parse(text)
    except UsageError as error:
        return error.text
    return ""


@settings(max_examples=80)
@given(st.sampled_from([flag for flag in FLAGS if not flag.switch]), st.text(max_size=12))
def test_no_value_raises_anything_but_usage_error(flag: Flag, text: str) -> None:
    assert "\n" not in complaint(flag, text)
