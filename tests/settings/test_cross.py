"""The parameters of `cross_exchange` in the file, by key and by alias; each kind knows only its own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.settings.catalog import catalog, get_value, is_loosening, set_value
from services.settings.cross import Cross
from services.settings.errors import SettingsError
from services.settings.funding import Funding
from services.settings.parameters import Settings, StrategySettings
from services.settings.resolve import resolve
from services.settings.rules import contradictions
from services.settings.toml import read_document

D = Decimal
BOTH = Settings(
    strategies={
        "funding_arb": StrategySettings(kind="funding_arb"),
        "gaps": StrategySettings(kind="cross_exchange"),
    }
)
FILE = """\
[profiles.sim.strategies.funding_arb]
enabled = false
[profiles.sim.strategies.gaps]
kind = "cross_exchange"
threshold = "7bps"
quote_age_ms = "800ms"
inventory_low = "30%"
"""


def load(text: str) -> Settings:
    document = read_document(text, "config.toml")
    return resolve("sim", document=document.data, line_of=document.line_of, file="config.toml").settings


def test_the_designs_defaults() -> None:
    cross = Cross()
    assert (cross.threshold, cross.quote_age_ms, cross.skew_ms, cross.inventory_low) == (
        D(5),
        1_000,
        500,
        D("0.25"),
    )
    assert list(contradictions(BOTH)) == []
    assert "cross_exchange" not in {each.kind for each in Settings().strategies.values()}, "off unless set up"


def test_a_file_sets_one_up_beside_the_other_kind() -> None:
    settings = load(FILE)
    gaps = settings.strategies["gaps"]
    assert (gaps.kind, gaps.params) == (
        "cross_exchange",
        Cross(threshold=D(7), quote_age_ms=800, inventory_low=D("0.3")),
    )
    assert settings.strategies["funding_arb"].params == Funding()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('min_spread = "1.0bps/8h"', "config.toml:3: profiles.sim.strategies.gaps.min_spread"),
        ('threshhold = "7bps"', "did you mean threshold"),
        ("threshold = true", "basis points of price such as"),
        ('threshold = "nan"', "basis points of price such as"),
        ("max_pairs = 0", "at least 1"),
        ('inventory_low = "130%"', "at most 1"),
        ('skew_ms = "5bps"', "a time such as"),
        ('threshold = "400bps"', "less than gaps.max_discrepancy"),
        ('cooldown_failed_min = "2000min"', "at most gaps.cooldown_max_h"),
        ('freeze_alert_s = "1h"', "less than gaps.freeze_page_min"),
    ],
)
def test_a_wrong_line_is_named_with_what_was_expected(line: str, said: str) -> None:
    text = f'[profiles.sim.strategies.gaps]\nkind = "cross_exchange"\n{line}\n'
    with pytest.raises(SettingsError) as caught:
        load(text)
    assert said in str(caught.value)


def test_keys_of_one_kind_are_unknown_to_the_other() -> None:
    assert get_value(BOTH, "gaps.threshold") == get_value(BOTH, "cross.threshold") == "5bps"
    assert get_value(BOTH, "funding.min_spread") == "1bps/8h"
    changed = set_value(BOTH, "cross.threshold", "9bps")
    assert changed.strategies["gaps"].cross.threshold == D(9)
    assert changed.strategies["funding_arb"] == BOTH.strategies["funding_arb"]
    for key in ("gaps.min_spread", "funding_arb.threshold", "funding_arb.skew_ms"):
        with pytest.raises(SettingsError, match="name of a parameter"):
            get_value(BOTH, key)


@pytest.mark.parametrize(
    ("key", "text", "looser"),
    [
        ("quote_age_ms", "2000ms", True),
        ("skew_ms", "400ms", False),
        ("trade_size", "6000 USD", True),
        ("max_discrepancy", "400bps", True),
        ("pair_stop", "80bps", True),
        ("max_pairs", "3", True),
        ("inventory_low", "20%", True),
        ("inventory_low", "30%", False),
        ("threshold", "1bps", False),
        ("spot", "false", False),
    ],
)
def test_loosening_a_limit_is_told_from_tightening(key: str, text: str, looser: bool) -> None:
    assert is_loosening(BOTH, set_value(BOTH, f"gaps.{key}", text), f"gaps.{key}") is looser


def test_every_parameter_has_a_unit_and_is_explained() -> None:
    for block in ("gaps.", "funding_arb."):
        own = [each for each in catalog(BOTH) if each.key.startswith(block)]
        assert len(own) > len(Cross.__struct_fields__)
        assert all(each.unit and each.doc for each in own)
