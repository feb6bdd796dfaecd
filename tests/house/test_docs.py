"""The reference pages say what the program does: made from its own tables, and complete."""

from __future__ import annotations

import re

import pytest

from services.views.status import StatusView, SummaryView
from tests.house.pages import DOCS, PAGES

REFRESH = "out of date: run python -m tests.house.pages"

STATUS_KEYS = (
    "schema profile mode synthetic trading_state causes equity collateral leverage initial_usage "
    "margin_usage worst_account day_pnl drawdown positions pairs working_orders in_doubt naked breaker "
    "coins venues funding strategies"
)
SUMMARY_KEYS = "trades fills fees funding_net net_pnl events opportunities refused best_refused ended_by"


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_the_tables_say(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), REFRESH


def test_every_command_key_and_setting_is_documented() -> None:
    from console.keymap import KEYS
    from services.protocol.commands import SPECS
    from services.settings.catalog import catalog
    from services.settings.parameters import Settings

    text = {name: (DOCS / name).read_text(encoding="utf-8") for name in PAGES}
    assert len(SPECS) >= 16
    assert all(spec.help in text["commands.md"] for spec in SPECS if spec.shell or spec.line)
    assert len(KEYS) >= 15
    assert all(key.help in text["keys.md"] for key in KEYS)
    entries = catalog(Settings())
    assert len(entries) >= 100
    assert all(f"`{entry.key}`" in text["settings.md"] for entry in entries)


def test_status_and_summary_keep_the_contracts_keys() -> None:
    assert set(STATUS_KEYS.split()) <= set(StatusView.__struct_fields__)
    assert set(SUMMARY_KEYS.split()) <= set(SummaryView.__struct_fields__)


def test_readme_links_the_pages_and_the_two_commands() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    for name in PAGES:
        assert f"docs/{name}" in readme
    assert re.search(r"^\s*make run\b", readme, re.MULTILINE)
    assert re.search(r"^\s*make test\b", readme, re.MULTILINE)
