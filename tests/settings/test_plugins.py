"""Kinds of strategies from other packages: an entry point names them; loaded when used, in live by leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.drive import recover
from services.drive.plugins import load_kinds
from services.settings.errors import SettingsError
from services.settings.parameters import Settings, StrategySettings
from services.settings.resolve import Resolved, resolve
from services.settings.toml import read_document
from services.strategies.kinds import KINDS
from tests.desk.world import S, quick
from tests.drive.engines import engine, layout_of, positions_of

MODULE = """\
from services.strategies.funding_arb import FundingArb


class Twin(FundingArb):
    kind = "twin"


class Odd:
    kind = "even"
"""

ENTRY_POINTS = """\
[stableconsole.strategies]
twin = twin_plugin:Twin
odd = twin_plugin:Odd
gone = not_there:Gone
funding_arb = not_there:Gone
"""

FILE = """\
[profiles.{profile}]
mode = "{profile}"
{leave}
[profiles.{profile}.strategies.mine]
kind = "{kind}"
min_spread = "2.0bps/8h"
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package as pip leaves it; the table of kinds is as it was afterwards."""
    site = tmp_path / "site"
    facts = site / "twin_plugin-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: twin-plugin\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(ENTRY_POINTS)
    (site / "twin_plugin.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(site))
    before = dict(KINDS)
    yield
    KINDS.clear()
    KINDS.update(before)


def read(kind: str, profile: str = "sim", leave: str = "") -> Resolved:
    document = read_document(FILE.format(kind=kind, profile=profile, leave=leave), "config.toml")
    return resolve(profile, document=document.data, line_of=document.line_of, file="config.toml")


def using(kind: str) -> Settings:
    return replace(quick(), strategies={"mine": StrategySettings(kind=kind)})


def test_a_kind_that_nobody_brings_is_refused_with_those_that_there_are(plugin: None) -> None:
    with pytest.raises(SettingsError, match=r"config.toml:5: .*funding_arb, cross_exchange, .*twin"):
        read("triplet")


def test_live_runs_a_plugin_only_by_leave(plugin: None) -> None:
    assert read("twin").settings.strategies["mine"].kind == "twin"
    with pytest.raises(SettingsError, match=r"config.toml:5: .*mine.kind = \"twin\": .*allow_plugins"):
        read("twin", "live")
    with pytest.raises(SettingsError, match="allow_plugins"):
        read("twin", "live", 'allow_plugins = ["odd"]')
    found = read("twin", "live", 'allow_plugins = ["twin"]')
    assert found.settings.allow_plugins == ("twin",)
    assert found.origins["allow_plugins"] == "file"
    assert found.settings.strategies["mine"].params.pair_stop == 100
    assert found.origins["mine.min_spread"] == "file"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("odd", "none of that kind"),
        ("gone", "not_there:Gone: ModuleNotFoundError"),
        ("triplet", "a plugin that is installed"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(plugin: None, kind: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as error:
        load_kinds(using(kind))
    assert "\n" not in str(error.value)
    assert kind not in KINDS


def test_ours_is_never_replaced(plugin: None) -> None:
    ours = KINDS["funding_arb"]
    load_kinds(Settings())
    assert KINDS["funding_arb"] is ours


def test_a_plugin_trades_comes_back_and_replays(plugin: None, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    load_kinds(using("twin"))
    session, machine = engine(folder, using("twin"))
    machine.run_until(session.queue.now + 60 * S)
    assert [pair.strategy for pair in session.desk.core.pairs.live()] == ["mine"]
    assert len(positions_of(session)) == 2
    session.close()
    del KINDS["twin"]  # as in the process of the next start
    restored = recover.restore(layout_of(folder).store)
    assert restored is not None
    assert [pair.strategy for pair in restored.state.pairs.pairs.values()] == ["mine"]
    played = recover.replay(layout_of(folder).store)
    assert played.ok, played.first_divergence
    assert played.decisions > 50
