"""Figures that a run has to show, at its end: what a test prints is swallowed where it passes, and by xdist.

A plugin of pytest. A test asks for `figure` and says one line; it comes with the test's report, so it is
shown the same from one process and from workers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

NAME = "figure"
Say = Callable[[str], None]


class Figures:
    def __init__(self) -> None:
        self.lines: list[str] = []

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            test = report.nodeid.removeprefix("tests/")
            self.lines += [f"{test}: {text}" for name, text in report.user_properties if name == NAME]

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.lines:
            terminalreporter.section("figures")
        for line in sorted(self.lines):
            terminalreporter.line(line)


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Say:
    return partial(record_property, NAME)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Figures(), "figures shown")
