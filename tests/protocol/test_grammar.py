"""The `:` line: what a person types, what becomes of it, and one clear line when nothing does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.alerts.rules import RULES
from services.protocol.commands import BY_NAME, SPECS, Takes
from services.protocol.errors import UsageError
from services.protocol.figures import UNITS
from services.protocol.grammar import check, complete, parse
from services.settings import units

PARSED = [
    ("halt", "halt", {}),
    (":halt", "halt", {}),
    ("  halt  depeg on the tape ", "halt", {"reason": "depeg on the tape"}),
    ("resume checked both venues", "resume", {"reason": "checked both venues"}),
    ('resume "checked both"', "resume", {"reason": "checked both"}),
    (
        "resume all good --override breaker --rebase=daily",
        "resume",
        {"reason": "all good", "override": "breaker", "rebase": "daily"},
    ),
    ("resume --override a fine --override b", "resume", {"reason": "fine", "override": "a,b"}),
    ("flatten", "flatten", {}),
    ("flatten BTC-USDT-PERP.alpha", "flatten", {"what": "BTC-USDT-PERP.alpha"}),
    ("pause funding_arb", "pause", {"name": "funding_arb"}),
    ('pause "my arb"', "pause", {"name": "my arb"}),
    ("enable funding_arb spread is back", "enable", {"name": "funding_arb", "reason": "spread is back"}),
    ("pair close P-07", "pair close", {"id": "P-07"}),
    (
        "pair open A.x B.y 4,000 the spread is wide",
        "pair open",
        {"short": "A.x", "long": "B.y", "notional": "4,000", "reason": "the spread is wide"},
    ),
    ("ack depeg:USDC", "ack", {"key": "depeg:USDC"}),
    ("set funding_arb.min_spread 0.8bps/8h", "set", {"key": "funding_arb.min_spread", "value": "0.8bps/8h"}),
    ("unset funding_arb.min_spread", "unset", {"key": "funding_arb.min_spread"}),
    ("unset gate.min_equity all is calm", "unset", {"key": "gate.min_equity", "reason": "all is calm"}),
    (
        "limit USDT-PERP max_size 50000 for the week",
        "limit",
        {"symbol": "USDT-PERP", "key": "max_position", "value": "50000", "reason": "for the week"},
    ),
    ("stop", "stop", {}),
    ("reconcile accept", "reconcile accept", {}),
]


@pytest.mark.parametrize(("line", "name", "args"), PARSED)
def test_line_becomes_command(line: str, name: str, args: dict[str, str]) -> None:
    parsed = parse(line)
    assert (parsed.name, parsed.args) == (name, args)
    check(parsed.name, parsed.args)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "type a command"),
        (":", "type a command"),
        ("frobnicate", "unknown command 'frobnicate'"),
        ("frobnicate", "known: halt, "),
        ("fl", "unknown command 'fl'; did you mean flatten?"),
        ("resmue", "did you mean resume?"),
        ("hlat x", "did you mean halt?"),
        ("par open A B 5", "did you mean pair open or pair close?"),
        ("sceen health", "did you mean screen?"),
        ("them", "did you mean theme?"),
        ("resume", "REASON is missing"),
        ("resume --override", "--override needs a value"),
        ("resume x --rebase all", "none of drawdown, daily"),
        ("resume x --rebase daily --rebase daily", "stands twice"),
        ("resume x --force", "unknown option --force"),
        ("flatten a b", "one too many"),
        ("enable funding_arb", "REASON is missing"),
        ("pair", "pair close ID"),
        ("pair open", "pair open: SHORT is missing"),
        ("pair open A B", "NOTIONAL is missing"),
        ("limit USDT-PERP max_pain 3", "none of max_position"),
        ("status", "shell command"),
        ('pause ""', "NAME is empty"),
        ("halt \x1b[2J", "printable"),
        ("halt " + "x" * 2_000, "at most"),
    ],
)
def test_what_is_no_command_gets_one_clear_line(line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(line, ("theme", "screen"))
    assert says in caught.value.text
    assert "\n" not in caught.value.text


def outcome(line: str) -> tuple[str, str]:
    try:
        return parse(line).name, ""
    except UsageError as error:
        return "", error.text


@settings(max_examples=100)
@given(
    st.text(max_size=60)
    | st.sampled_from([spec.name for spec in SPECS]).flatmap(lambda n: st.text().map(n.__add__))
)
def test_no_line_raises_anything_but_usage_error(line: str) -> None:
    name, complaint = outcome(line)
    assert (name in BY_NAME) != bool(complaint)
    assert "\n" not in complaint


@settings(max_examples=60)
@given(st.text(max_size=40))
def test_completion_continues_the_line(line: str) -> None:
    for whole in complete(line, lambda _takes: ("one", "two words")):
        assert whole.startswith(line.lstrip().removeprefix(":").lstrip())


def candidates(takes: Takes) -> tuple[str, ...]:
    return {
        Takes.STRATEGY: ("funding_arb",),
        Takes.PAIR: ("P-01", "P-02"),
        Takes.SCOPE: ("alpha", "BTC-USDT-PERP"),
        Takes.CAUSE: ("breaker",),
    }.get(takes, ())


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("h", ("halt",)),
        (":pa", ("pause", "pair open", "pair close")),
        ("pause ", ("pause funding_arb",)),
        ("pair close P", ("pair close P-01", "pair close P-02")),
        ("flatten a", ("flatten alpha",)),
        ("flatten alpha ", ()),
        ("resume fine --", ("resume fine --override", "resume fine --rebase")),
        ("resume fine --override ", ("resume fine --override breaker",)),
        ("resume fine --rebase dr", ("resume fine --rebase drawdown",)),
        ("limit USDT-PERP max_l", ("limit USDT-PERP max_leverage",)),
    ],
)
def test_completion(line: str, offers: tuple[str, ...]) -> None:
    assert complete(line, candidates) == offers


@pytest.mark.parametrize(
    ("line", "value", "reason"),
    [
        ("set breaker.daily_limit 0.5 %", "0.5%", None),
        ("set breaker.daily_limit 0.5 % the fund wants it", "0.5%", "the fund wants it"),
        ("set gate.max_order_notional 90000 USD bigger book", "90000USD", "bigger book"),
        ("set funding_arb.min_spread 0.8 bps/8h", "0.8bps/8h", None),
        ("set funding_arb.max_pairs 6 more room", "6", "more room"),
        ("limit USDT-PERP max_size 50000 USD x", "50000USD", "x"),
        ("set breaker.daily_limit 5% h is no unit here", "5%", "h is no unit here"),
    ],
)
def test_a_unit_written_apart_is_the_values_and_no_reason(line: str, value: str, reason: str | None) -> None:
    """`0.5 %`, as our own screens write it, was 50 % with the reason `%`."""
    args = parse(line).args
    assert (args["value"], args.get("reason")) == (value, reason)


def test_every_ending_of_a_value_is_known() -> None:
    written = {ending for endings in units._WRITTEN.values() for ending in endings if ending}
    assert set(UNITS) == written | set(units._TIME_MS)


def test_every_command_has_help_and_an_example_that_parses() -> None:
    assert len(SPECS) == 28
    for spec in SPECS:
        assert spec.help.endswith(".")
        if spec.line:
            assert parse(spec.example).name == spec.name
        else:
            assert spec.example.startswith(spec.name)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("frob", {}),
        ("enable", {"name": "x"}),
        ("enable", {"name": "x", "reason": " "}),
        ("halt", {"when": "now"}),
    ],
)
def test_check_refuses_what_the_socket_may_bring(name: str, args: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        check(name, args)


def test_the_example_of_a_resume_overrides_a_cause_that_can_be() -> None:
    """`--override breaker` stood there, and no cause has that name."""
    assert parse(BY_NAME["resume"].example).args["override"] in RULES
