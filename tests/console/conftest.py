"""Each test starts an app of its own, and all read the same style sheets: these are read once a process."""

from __future__ import annotations

from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

Known = dict[tuple[object, ...], list[RuleSet]]


@pytest.fixture(scope="session", autouse=True)
def style_sheets_once() -> Any:
    read = Stylesheet._parse_rules
    known: Known = {}

    def once(self: Stylesheet, css: str, read_from: Any, *flags: Any, **named: Any) -> list[RuleSet]:
        variables = tuple(self._variables.items())
        key = (css, read_from, flags, tuple(named.items()), variables)
        if key not in known:
            known[key] = read(self, css, read_from, *flags, **named)
        return known[key]

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(Stylesheet, "_parse_rules", once)
        yield
