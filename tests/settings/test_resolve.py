"""One precedence with every origin kept; every fault of a file in one line: file, line, key, value, wish."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.settings.errors import SettingsError
from services.settings.parameters import Settings
from services.settings.resolve import Resolved, resolve
from services.settings.toml import read_document
from services.settings.ui import UiSettings, ui_settings

KEY = "gate.max_order_notional"


def load(text: str, profile: str = "sim", **more: dict[str, str]) -> Resolved:
    document = read_document(text, "config.toml")
    return resolve(profile, document=document.data, line_of=document.line_of, file="config.toml", **more)  # type: ignore[arg-type]


FILE = """\
[profiles.sim]
mode = "sim"
venues = ["alpha"]

[profiles.sim.limits]
max_order_notional = 20_000
portfolio_leverage = "4x"

[profiles.sim.limits.default]
max_position = 40000

[profiles.sim.limits.instrument."BTC-PERP.alpha"]
max_position = 60000

[profiles.sim.strategies.funding_arb]
kind = "funding_arb"
enabled = false
min_spread = "2.0bps/8h"

[profiles.sim.breaker]
daily = 0.04
"""


def test_no_file_and_no_word_gives_the_defaults() -> None:
    """Bug O1: the simulator is the default."""
    assert resolve("sim") == Resolved(Settings(), {}, ())


def test_a_file_is_read_with_exact_decimals_and_its_origin() -> None:
    found = load(FILE)
    settings = found.settings
    assert settings.venues == ("alpha",)
    assert settings.gate.max_order_notional == 20_000
    assert settings.gate.portfolio_leverage == 4
    assert settings.gate.default_limit.max_position == 40_000
    assert settings.gate.limits["BTC-PERP.alpha"].max_position == 60_000
    assert settings.gate.limits["BTC-PERP.alpha"].max_leverage == 5
    assert settings.breaker.daily == Decimal("0.04")
    strategy = settings.strategies["funding_arb"]
    assert (strategy.enabled, strategy.funding.min_spread) == (False, Decimal("2.0"))
    assert {found.origins[key] for key in (KEY, "breaker.daily", "funding_arb.min_spread", "venues")} == {
        "file"
    }
    assert "breaker.rolling" not in found.origins


@pytest.mark.parametrize(
    ("given", "value", "origin"),
    [
        ((), 20_000, "file"),
        (("override",), 19_000, "override"),
        (("override", "environment"), 18_000, "environment"),
        (("override", "environment", "flag"), 17_000, "flag"),
        (("flag",), 17_000, "flag"),
        (("environment",), 18_000, "environment"),
    ],
)
def test_flag_before_environment_before_override_before_file(
    given: tuple[str, ...], value: int, origin: str
) -> None:
    found = load(
        FILE,
        overrides={KEY: "19000"} if "override" in given else {},
        environ={"STABLECONSOLE_GATE__MAX_ORDER_NOTIONAL": "18000"} if "environment" in given else {},
        flags={KEY: "17000"} if "flag" in given else {},
    )
    assert (found.settings.gate.max_order_notional, found.origins[KEY]) == (value, origin)


def test_a_strategys_parameter_comes_from_the_environment_too() -> None:
    found = resolve("sim", environ={"STABLECONSOLE_FUNDING_ARB__MIN_SPREAD": "3bps/8h", "PATH": "/bin"})
    assert found.settings.strategies["funding_arb"].funding.min_spread == 3


def test_other_variables_of_ours_are_no_parameters() -> None:
    environ = {"STABLECONSOLE_RECORDED": "/data", "STABLECONSOLE_CONFIG": "/c", "HOME": "/"}
    assert resolve("sim", environ=environ).origins == {}


def test_an_override_of_a_parameter_that_is_gone_is_ignored_by_name() -> None:
    found = resolve("sim", overrides={"old_strategy.min_spread": "1bps/8h", KEY: "9000"})
    assert found.ignored == ("old_strategy.min_spread",)
    assert found.settings.gate.max_order_notional == 9_000


def test_live_is_tighter_by_default_and_must_be_set_up() -> None:
    """Bug O1: nothing goes live by itself."""
    assert load('[profiles.live]\nmode = "live"\n', "live").settings.gate.max_order_notional == 5_000
    with pytest.raises(SettingsError, match=r"\[profiles.live\]"):
        resolve("live")
    assert resolve("paper").settings.mode == "paper"


# One row each: what stands in the file, and the line that comes out.
FAULTS = [
    ("[profiles.sim]\ncolour = 1", "config.toml:2: profiles.sim.colour = 1: expected one of: mode, venues"),
    (
        "[profiles.sim.limits]\nmax_ordr_notional = 5",
        "config.toml:2: profiles.sim.limits.max_ordr_notional = 5: expected a key that exists; "
        "did you mean max_order_notional?",
    ),
    ("[profiles.sim.gate]\nmin_equity = 5", "config.toml:1: profiles.sim.gate = a table: expected"),
    (
        '[profiles.sim]\nmode = "turbo"',
        'config.toml:2: profiles.sim.mode = "turbo": expected one of: sim, paper',
    ),
    ('[profiles.sim]\nvenues = "alpha"', "config.toml:2: profiles.sim.venues"),
    (
        "[profiles.sim]\nvenues = []",
        "config.toml:2: profiles.sim.venues = []: expected a list of different names",
    ),
    ('[profiles.sim]\nvenues = ["alpha", "alpha"]', "config.toml:2: profiles.sim.venues"),
    (
        '[profiles.sim.strategies.funding_arb]\nmin_spread = "1bps"',
        'config.toml:2: profiles.sim.strategies.funding_arb.min_spread = "1bps": expected a rate such as',
    ),
    (
        "[profiles.sim.strategies.funding_arb]\nmin_spread = 1.0",
        "config.toml:2: profiles.sim.strategies.funding_arb.min_spread = 1.0: expected a rate such as",
    ),
    (
        "[profiles.sim.strategies.funding_arb]\nmax_pairs = 1.5",
        "config.toml:2: profiles.sim.strategies.funding_arb.max_pairs = 1.5: expected a whole number",
    ),
    (
        '[profiles.sim.strategies.carry]\nkind = "magic"',
        'config.toml:2: profiles.sim.strategies.carry.kind = "magic": expected one of: funding_arb',
    ),
    (
        "[profiles.sim.strategies.carry]\nenabled = true",
        "config.toml:1: profiles.sim.strategies.carry.kind: ",
    ),
    (
        "[profiles.sim.strategies.gate]\nenabled = true",
        "config.toml:1: profiles.sim.strategies.gate: expected a name",
    ),
    ("[profiles.sim]\nstrategies = 5", "config.toml:2: profiles.sim.strategies = 5: expected a table"),
    ("[profiles.sim]\nlimits = [1]", "config.toml:2: profiles.sim.limits = [1]: expected a table"),
    (
        '[profiles.sim.limits]\nmax_order_notional = "many"',
        'config.toml:2: profiles.sim.limits.max_order_notional = "many": expected an amount such as',
    ),
    (
        "[profiles.sim.limits]\nmax_order_notional = true",
        "config.toml:2: profiles.sim.limits.max_order_notional",
    ),
    (
        "[profiles.sim.limits]\nmax_order_notional = nan",
        "config.toml:2: profiles.sim.limits.max_order_notional",
    ),
    (
        '[profiles.sim.limits.instrument."BTC-PERP.gamma"]\nmax_position = 5',
        'config.toml:1: profiles.sim.limits.instrument."BTC-PERP.gamma": expected a venue of the',
    ),
    (
        '[profiles.sim.limits.instrument."btc"]\nmax_position = 5',
        'config.toml:1: profiles.sim.limits.instrument."btc": expected a symbol',
    ),
    (
        '[profiles.sim.limits.instrument."BTC-PERP.alpha"]\nmax_size = 5',
        'config.toml:2: profiles.sim.limits.instrument."BTC-PERP.alpha".max_size = 5: expected',
    ),
    (
        "[profiles.sim.ladder]\n\ncut = 0.55",
        "config.toml:3: ladder.reducing = 0.60: expected less than ladder.cut (0.55)",
    ),
    (
        "[profiles.sim.pair]\nslice_notional = 30000",
        "config.toml:2: pair.slice_notional = 30000: expected at most gate.max_order_notional (25000)",
    ),
    (
        "[profiles.sim.breaker]\ndaily = 5",
        "config.toml:2: profiles.sim.breaker.daily = 5: expected a share such as 5%",
    ),
    (
        '[profiles.sim]\napi_secret = "x"',
        "config.toml:2: profiles.sim.api_secret: expected no secret in the file: it comes from",
    ),
    ("profile = 5", "config.toml:1: profile = 5: expected one of: profiles, ui"),
    ("profiles = 5", "config.toml:1: profiles = 5: expected tables"),
    ("[profiles]\nsim = 5", "config.toml:2: profiles.sim = 5: expected a table"),
    ("[profiles.Sim]", "config.toml:1: profiles.Sim: expected a profile's name"),
    ("[profiles.accounts]", "config.toml:1: profiles.accounts: expected a profile's name"),
    ("[ui]\ncolour = 1", "config.toml:2: ui.colour = 1: expected one of: theme, fps"),
    ("[profiles.sim\nmode = 1", "config.toml:1: the file: expected valid TOML"),
    ("[profiles.sim]\na = 1\na = 2", "config.toml:3: the file: expected valid TOML"),
]


@pytest.mark.parametrize(("text", "said"), FAULTS)
def test_a_fault_in_the_file_is_one_line_with_its_place(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(text)
    line = str(caught.value)
    assert line.startswith(said), line
    assert "\n" not in line
    assert "expected" in line


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"environ": {"STABLECONSOLE_GATE__MIN_EQUITY": "lots"}},
            "environment STABLECONSOLE_GATE__MIN_EQUITY: gate.",
        ),
        (
            {"environ": {"STABLECONSOLE_GATE__COLOUR": "1"}},
            "environment STABLECONSOLE_GATE__COLOUR: gate.colour",
        ),
        ({"flags": {KEY: "x"}}, "flag: gate.max_order_notional"),
        ({"overrides": {KEY: "x"}}, "override in the store: gate.max_order_notional"),
        ({"environ": {"STABLECONSOLE_LADDER__CUT": "10%"}}, "environment: ladder.reducing"),
    ],
)
def test_a_fault_elsewhere_names_its_place(more: dict[str, dict[str, str]], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        resolve("sim", **more)  # type: ignore[arg-type]
    assert str(caught.value).startswith(said), str(caught.value)


def test_an_unknown_profile_is_refused_with_those_that_exist() -> None:
    with pytest.raises(SettingsError, match="paper, sim, tests"):
        load('[profiles.tests]\nmode = "sim"\n', "nowhere")


def test_a_profile_of_another_name_must_say_its_mode() -> None:
    with pytest.raises(SettingsError, match="one of: sim, paper, live"):
        load('[profiles.tests]\nvenues = ["alpha"]\n', "tests")


def test_lines_are_found_in_an_awkward_file() -> None:
    text = (
        '\n# c\n[profiles."sim"] # here\n"mode" = """\nx = 1\n"""\n'
        '[profiles.sim.limits]\ninstrument."A.alpha".max_position = 5\n'
    )
    document = read_document(text, "f")
    assert document.line_of(("profiles", "sim")) == 3
    assert document.line_of(("profiles", "sim", "mode")) == 4
    assert document.line_of(("profiles", "sim", "x")) == 3
    assert document.line_of(("profiles", "sim", "limits", "instrument", "A.alpha", "max_position")) == 8
    assert document.line_of(("nowhere",)) is None


def test_how_a_console_looks_is_read_and_checked() -> None:
    text = '[ui]\ntheme = "light"\nfps = 4\n[ui.keymap]\nhalt = "K"\n'
    ui = ui_settings(read_document(text, "f").data)
    assert ui == UiSettings(theme="light", fps=4, keymap={"halt": "K"})
    assert ui_settings(None) == ui_settings({"ui": {"fps": "auto"}}) == UiSettings()
    for table in ({"fps": 0}, {"fps": True}, {"theme": 5}, {"keymap": {"a": 1}}):
        with pytest.raises(SettingsError):
            ui_settings({"ui": table})


@pytest.mark.parametrize("module", ["pydantic", "pydantic_settings", "textual", "platformdirs"])
def test_settings_without_a_file_load_no_validation_library(module: str) -> None:
    script = (
        "import sys, services.settings.resolve as r, services.settings.catalog, services.settings.layout;"
        "r.resolve('sim', environ={}); print(sys.argv[1] in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, module],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


_WORDS = (
    "profiles ui sim limits instrument BTC-PERP.alpha default max_position strategies funding_arb min_spread "
    "kind mode venues ladder cut exec hedge_bands é"
)
_KEYS = st.sampled_from(_WORDS.split())
_VALUES = st.recursive(
    st.booleans() | st.integers() | st.decimals() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100)
@given(inner=st.dictionaries(_KEYS, _VALUES, max_size=4), wrap=st.booleans())
def test_whatever_the_file_says_it_is_taken_or_refused_in_one_line(inner: dict[str, Any], wrap: bool) -> None:
    document = {"profiles": {"sim": inner}} if wrap else inner
    said = ""
    try:
        resolve("sim", document=document)
    except SettingsError as error:
        said = str(error)
    assert "\n" not in said
    assert not said or "expected" in said


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("gate]\nmin_equity = 5", "[profiles.sim.limits]"),
        ("funding_arb]\nenabled = true", "[profiles.sim.strategies.funding_arb]"),
        ("limits.USDT-PERP]\nmax_position = 5", '[profiles.sim.limits.instrument."USDT-PERP"]'),
    ],
)
def test_a_setting_written_by_its_own_name_is_told_its_table(table: str, named: str) -> None:
    """`gate.min_equity` in the list of settings: the file's `[profiles.sim.gate]` was told names."""
    text = f'[profiles.sim]\nmode = "sim"\n[profiles.sim.{table}\n'
    with pytest.raises(SettingsError) as caught:
        load(text)
    assert f"expected these settings under {named}" in str(caught.value)
    assert "one of" not in str(caught.value)
    load(f'[profiles.sim]\nmode = "sim"\n{named}\n')
