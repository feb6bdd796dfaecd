"""How many cases each venue has passed: shown at the end of every run, and held against what it has.

A plugin of pytest, for what a test prints is swallowed. It looks at reports alone, so it counts the same in
one process and where xdist's workers have run them: what each venue should run comes with a report too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

CASE = "test_conformance.py::test_it_conforms["
WHOLE = "test_conformance.py::test_no_venue_is_excused_in_silence["
CASES, WITHOUT = "conformance cases", "conformance without"
"""Names of what a venue's report brings: how many cases it has, and what it cannot do."""


class Counts:
    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()
        self.due: dict[str, tuple[int, str]] = {}
        self.narrowed = False
        """Somebody has chosen some of the cases, or the run was broken off."""

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call":
            return
        name = report.nodeid.partition("[")[2].rstrip("]")
        if CASE in report.nodeid and report.passed:
            self.passed[name.partition("-")[0]] += 1
        elif WHOLE in report.nodeid:
            told = dict(report.user_properties)
            if CASES in told:
                self.due[name] = int(str(told[CASES])), str(told[WITHOUT])

    def wrong(self) -> list[str]:
        """Venues that have not passed as many cases as they have."""
        if self.narrowed:
            return []
        return [name for name, (due, _) in self.due.items() if self.passed[name] != due]

    def lines(self) -> Iterable[str]:
        for name in sorted({*self.passed, *self.due}):
            due, without = self.due.get(name, (None, ""))
            whole = "" if due is None else f" of {due}"
            yield f"{name}: {self.passed[name]}{whole} cases passed; without: {without or 'not told'}"

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.passed and not self.due:
            return
        terminalreporter.section("conformance")
        for line in self.lines():
            terminalreporter.line(line)
        for name in self.wrong():
            terminalreporter.line(f"{name}: not every case was run and passed", red=True)

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        self.narrowed = self.narrowed or bool(session.shouldstop or session.shouldfail)
        if exitstatus == pytest.ExitCode.OK and self.wrong():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    counts = Counts()
    counts.narrowed = bool(
        config.option.keyword or config.option.markexpr or any("::" in each for each in config.args)
    )
    config.pluginmanager.register(counts, "conformance counts")
