"""Every parameter is in the catalog with unit, value and meaning, and changes through one checked door."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from services.settings.catalog import canonical_key, catalog, get_value, is_loosening, set_value
from services.settings.errors import SettingsError
from services.settings.fields import FUNDING, INSTRUMENT_LIMIT, KINDS, SECTIONS, STRUCTS
from services.settings.funding import Funding
from services.settings.parameters import Gate, InstrumentLimit, Settings, StrategySettings
from services.settings.rules import contradictions

DEFAULTS = Settings()
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("section", list(STRUCTS))
def test_every_parameter_has_its_line_in_the_table_of_fields(section: str) -> None:
    names = {field.name for field in msgspec.structs.fields(STRUCTS[section])}
    if section == "gate":
        names -= {"default_limit", "limits"}
    assert names
    assert set(SECTIONS[section]) == names


def test_every_parameter_is_read_by_what_it_is_for() -> None:
    """One that nobody reads would be turned by somebody who believes in it."""
    held_by_rules = ("venue_orders_per_second",)
    files = [path for path in (ROOT / "services").rglob("*.py") if "settings" not in path.parts]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    read = set(re.findall(r"\.([a-z0-9_]+)\b", source))
    sections = (*SECTIONS.values(), *(fields for _, fields, _ in KINDS.values()))
    unread = [name for fields in sections for name in fields if name not in read]
    assert sorted(unread) == sorted(held_by_rules)


def test_every_strategy_and_limit_row_parameter_has_its_line() -> None:
    assert set(FUNDING) == {field.name for field in msgspec.structs.fields(Funding)}
    assert set(INSTRUMENT_LIMIT) == {field.name for field in msgspec.structs.fields(InstrumentLimit)}
    more = "profile mode venues wires strategies data_step_ns assume_par allow_plugins pinned"
    sections = set(STRUCTS) | set(more.split())
    assert {field.name for field in msgspec.structs.fields(Settings)} == sections


def test_each_entry_reads_back_as_the_value_it_shows() -> None:
    entries = catalog(DEFAULTS)
    assert len(entries) > 140
    for entry in entries:
        assert set_value(DEFAULTS, entry.key, entry.value) == DEFAULTS, entry.key
        assert entry.default == entry.value
        assert entry.origin == "default"


def test_the_text_under_a_parameter_is_its_meaning() -> None:
    entries = {entry.key: entry for entry in catalog(DEFAULTS)}
    assert entries["funding_arb.hold_h"].doc == "Hours over which the income of an entry is projected."
    assert entries["gate.max_order_notional"].doc.startswith("USD: the largest single order")
    assert entries["gate.max_order_notional"].unit == "USD"
    assert entries["gate.max_order_notional"].limit
    assert not entries["funding_arb.min_spread"].limit


JARGON = re.compile(r"\bp\d\d\b|\bC\b|\bMMF\b|SEMANTICS|\d\.\d\d|T - 1|\bdelta\b|\bpage\b", re.IGNORECASE)


@pytest.mark.parametrize("kind", ["", *KINDS])
def test_every_parameter_is_explained_in_words(kind: str) -> None:
    """No jargon without help: a sentence for each, also of the kinds that none runs by default."""
    strategies = {"mine": StrategySettings(kind=kind)} if kind else {}
    entries = catalog(msgspec.structs.replace(DEFAULTS, strategies=strategies))
    assert entries
    for entry in entries:
        assert len(entry.doc.split()) >= 4, f"{entry.key}: {entry.doc!r}"
        assert entry.doc.endswith("."), entry.key
        assert not JARGON.search(entry.doc), f"{entry.key}: {entry.doc!r}"


ALIASES = [
    ("funding.min_spread", "funding_arb.min_spread"),
    ("strategies.funding_arb.min_spread", "funding_arb.min_spread"),
    ("limit.USDT-PERP.max_size", "gate.limits.USDT-PERP.max_position"),
    ("limits.USDT-PERP.beta.max_leverage", "gate.limits.USDT-PERP.beta.max_leverage"),
    ("gate.limits.BTC/USD.max_position", "gate.limits.BTC/USD.max_position"),
    ("limits.default.max_position", "gate.default_limit.max_position"),
    ("gate.default_limit.max_leverage", "gate.default_limit.max_leverage"),
]


@pytest.mark.parametrize(("alias", "key"), ALIASES)
def test_a_parameter_is_known_by_its_other_names(alias: str, key: str) -> None:
    assert canonical_key(DEFAULTS, alias) == key
    changed = set_value(DEFAULTS, alias, get_value(DEFAULTS, key))
    assert get_value(changed, key) == get_value(DEFAULTS, key)


def test_a_row_of_one_venue_starts_from_the_symbols_row_that_from_the_default() -> None:
    changed = set_value(DEFAULTS, "limit.BUSD-PERP.alpha.max_position", "20000")
    assert changed.gate.limits["BUSD-PERP.alpha"] == InstrumentLimit(
        max_position=Decimal(20000), max_leverage=Decimal(8)
    )
    other = set_value(DEFAULTS, "limit.SOL-PERP.max_leverage", "2x")
    assert other.gate.limits["SOL-PERP"] == InstrumentLimit(
        max_position=DEFAULTS.gate.default_limit.max_position, max_leverage=Decimal(2)
    )
    assert Settings() == DEFAULTS


UNKNOWN = [
    ("gate.max_order_notionl", "did you mean gate.max_order_notional"),
    ("nonsense", "config show"),
    ("gate", "name of a parameter"),
    ("limit.USDT-PERP.colour", "max_position, max_leverage"),
    ("limit.usdt.max_position", "a symbol such as"),
    ("funding_arb.kind", "name of a parameter"),
    ("gate.limits", "name of a parameter"),
    ("", "name of a parameter"),
]


@pytest.mark.parametrize(("key", "said"), UNKNOWN)
def test_an_unknown_key_is_refused_with_the_nearest(key: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        set_value(DEFAULTS, key, "1")
    assert "\n" not in str(caught.value)


def test_with_two_strategies_of_a_kind_the_strategys_own_name_is_wanted() -> None:
    two = msgspec.structs.replace(
        DEFAULTS,
        strategies={"one": StrategySettings(kind="funding_arb"), "two": StrategySettings(kind="funding_arb")},
    )
    with pytest.raises(SettingsError, match="own name first: one, two"):
        set_value(two, "funding.min_spread", "1bps/8h")
    changed = set_value(two, "two.min_spread", "2bps/8h")
    assert (changed.strategies["one"].funding.min_spread, changed.strategies["two"].funding.min_spread) == (
        1,
        2,
    )


OUT_OF_BOUNDS = [
    ("breaker.daily", "101%", "at most 1"),
    ("gate.portfolio_leverage", "500x", "at most 125"),
    ("gate.max_order_notional", "-1", "at least 0"),
    ("funding_arb.max_pairs", "0", "at least 1"),
    ("funding_arb.min_spread", "-1bps/8h", "at least 0"),
    ("fresh.quote_ms", "-5ms", "at least 0"),
]


@pytest.mark.parametrize(("key", "text", "said"), OUT_OF_BOUNDS)
def test_a_value_out_of_its_bounds_is_refused(key: str, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        set_value(DEFAULTS, key, text)


CONTRADICTIONS = [
    ("gate.reducing_joint_distance", "20%"),
    ("gate.max_open_orders_symbol", "50"),
    ("gate.orders_per_second", "200"),
    ("pair.slice_notional", "30000"),
    ("pair.slice_notional", "20000"),
    ("size.fallback_risk_cap", "3%"),
    ("ladder.no_new_risk", "60%"),
    ("ladder.cut", "55%"),
    ("ladder.cut_to", "80%"),
    ("depeg.warn", "100bps"),
    ("depeg.reduce", "50bps"),
    ("stop.initial", "5%"),
    ("stop.pegged_backstop", "10bps"),
    ("fresh.clock_warn_ms", "2000ms"),
    ("fresh.account_read_s", "100s"),
    ("breaker.stall_trip_ms", "400ms"),
    ("breaker.rejects_in_row", "11"),
    ("exec.hedge_bands", "20bps, 10bps"),
    ("gate.protective_bands", "1%, 1%"),
    ("breaker.warn_levels", "80%, 50%"),
    ("funding_arb.entry_window_min_s", "4000s"),
    ("funding_arb.flip_exit", "1bps/8h"),
    ("funding_arb.exit_level", "2bps/8h"),
    ("funding_arb.cooldown_failed_min", "2000min"),
    ("funding_arb.freeze_alert_s", "1h"),
]


@pytest.mark.parametrize(("key", "text"), CONTRADICTIONS)
def test_contradictory_limits_are_refused(key: str, text: str) -> None:
    with pytest.raises(SettingsError, match="expected"):
        set_value(DEFAULTS, key, text)


def test_no_strategy_takes_the_name_of_what_nobody_owns() -> None:
    for name in ("operator", "rebuilt"):
        settings = msgspec.structs.replace(DEFAULTS, strategies={name: StrategySettings(kind="funding_arb")})
        ((key, _, expected),) = contradictions(settings)
        assert key == f"strategies.{name}"
        assert "another name" in expected


def test_the_defaults_contradict_nothing() -> None:
    assert list(contradictions(DEFAULTS)) == []


LOOSENING = [
    ("gate.max_order_notional", "30000", True),
    ("gate.max_order_notional", "20000", False),
    ("gate.max_order_notional", "25000", False),
    ("gate.min_joint_distance", "10%", True),
    ("gate.min_joint_distance", "20%", False),
    ("gate.min_equity", "500", True),
    ("limit.SOL-PERP.max_position", "60000", True),
    ("limit.SOL-PERP.max_position", "40000", False),
    ("limit.USDT-PERP.alpha.max_leverage", "11x", True),
    ("breaker.flatten", "true", True),
    ("exec.allow_market", "true", True),
    ("gate.protective_bands", "0.5%, 1%, 2%, 5%", False),
    ("gate.protective_bands", "0.5%, 1%, 2%, 5%, 11%", True),
    ("gate.protective_bands", "0.5%, 1%, 2%, 5%, 10%, 20%", True),
    ("funding_arb.min_spread", "0.1bps/8h", False),
    ("funding_arb.max_pairs", "5", True),
    ("fresh.quote_ms", "4s", True),
    ("depeg.release_min", "10min", True),
]


@pytest.mark.parametrize(("key", "text", "looser"), LOOSENING)
def test_what_counts_as_loosening_a_limit(key: str, text: str, looser: bool) -> None:
    assert is_loosening(DEFAULTS, set_value(DEFAULTS, key, text), key) is looser


@pytest.mark.parametrize(
    "section", ["gate", "ladder", "fresh", "size", "stop", "breaker", "depeg", "pair", "reconcile"]
)
def test_every_field_of_a_limit_section_says_which_way_is_looser(section: str) -> None:
    assert all(field.looser in ("up", "down", "any") for field in SECTIONS[section].values())


def test_either_loosening_or_the_way_back_is_one() -> None:
    seen = 0
    for entry in catalog(DEFAULTS):
        if not entry.limit or entry.unit not in ("USD", "x", "bps") or "," in entry.value:
            continue
        doubled = entry.value.replace(
            entry.value.rstrip(" USDxbps"), str(Decimal(entry.value.rstrip(" USDxbps")) / 2)
        )
        try:
            changed = set_value(DEFAULTS, entry.key, doubled)
        except SettingsError:
            continue
        seen += 1
        forth = is_loosening(DEFAULTS, changed, entry.key)
        back = is_loosening(changed, DEFAULTS, entry.key)
        assert forth != back, entry.key
    assert seen > 20


def test_settings_stay_frozen_values() -> None:
    changed = set_value(DEFAULTS, "gate.max_order_notional", "20000")
    assert isinstance(changed.gate, Gate)
    assert changed != DEFAULTS
    assert msgspec.json.decode(msgspec.json.encode(changed), type=Settings) == changed


def test_bug_k4_a_weight_of_a_timeframe_is_a_parameter_or_there_is_none() -> None:
    """Bug K4: nothing is weighed by what nobody can see; without signals there is nothing to weigh."""
    stated = [entry.key for entry in catalog(DEFAULTS) if "timeframe" in entry.key and "weight" in entry.key]
    assert bool(stated) == (ROOT / "services" / "signals").is_dir()
