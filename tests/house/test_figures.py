"""What a passed test has to show is shown: adversarial shares, kills, boundaries."""

from __future__ import annotations

import io

import pytest
from _pytest.terminal import TerminalReporter

from tests.figures import Figures, Say


def report(when: str, *properties: tuple[str, object]) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="tests/kill/test_it.py::test_it",
        location=("tests/kill/test_it.py", 1, "test_it"),
        keywords={},
        outcome="passed",
        longrepr=None,
        when=when,  # type: ignore[arg-type]
        user_properties=list(properties),
    )


def test_a_figure_is_on_the_screen_though_its_test_has_passed(request: pytest.FixtureRequest) -> None:
    figures, screen = Figures(), io.StringIO()
    for when in ("setup", "call", "teardown"):
        figures.pytest_runtest_logreport(report(when, ("figure", "41 boundaries"), ("other", "no figure")))
    figures.pytest_terminal_summary(TerminalReporter(request.config, screen))
    shown = screen.getvalue().splitlines()
    assert [line for line in shown if "test_it" in line] == ["kill/test_it.py::test_it: 41 boundaries"]
    assert any(" figures " in line for line in shown)
    assert "no figure" not in screen.getvalue()


def test_what_a_test_says_comes_with_its_report(figure: Say, request: pytest.FixtureRequest) -> None:
    figure("two legs")
    assert request.node.user_properties == [("figure", "two legs")]
    request.node.user_properties.clear()
    assert request.config.pluginmanager.hasplugin("tests.figures")
