"""One conformance suite for every venue (DESIGN 6): the same cases, chosen by what a venue can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from tests.conformance.counts import CASE, CASES, WHOLE, WITHOUT, Counts
from tests.conformance.subject import Can, Case, Entry, chosen
from tests.conformance.suite import ENTRIES

PAIRS = [
    pytest.param(entry, made, id=f"{entry.name}-{name}") for entry in ENTRIES for name, made in chosen(entry)
]


@pytest.mark.parametrize(("entry", "made"), PAIRS)
async def test_it_conforms(entry: Entry, made: Case) -> None:
    async with entry.opened() as venue:
        await made(venue)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_no_venue_is_excused_in_silence(entry: Entry, record_property: Callable[[str, object], None]) -> None:
    count = len(chosen(entry))
    record_property(CASES, entry.cases)
    record_property(WITHOUT, ", ".join(sorted(entry.without)) or "nothing")
    assert entry.can | entry.without == frozenset(Can)
    assert not entry.can & entry.without
    assert count == entry.cases


def report(nodeid: str, outcome: Literal["passed", "failed"] = "passed", **told: object) -> pytest.TestReport:
    where = ("tests/conformance/test_conformance.py", 1, nodeid)
    return pytest.TestReport(nodeid, where, {}, outcome, None, "call", user_properties=list(told.items()))


def test_a_case_that_was_not_run_is_seen_in_the_count() -> None:
    counts = Counts()
    told = {CASES: 2, WITHOUT: "funding settled"}
    counts.pytest_runtest_logreport(report(f"{WHOLE}okx]", **told))
    counts.pytest_runtest_logreport(report(f"{CASE}okx-a_first_one]"))
    assert counts.wrong() == ["okx"]
    counts.pytest_runtest_logreport(report(f"{CASE}okx-a_second_one]", "failed"))
    assert counts.wrong() == ["okx"]
    assert list(counts.lines()) == ["okx: 1 of 2 cases passed; without: funding settled"]
    counts.pytest_runtest_logreport(report(f"{CASE}okx-a_third_one]"))
    assert counts.wrong() == []
    counts.pytest_runtest_logreport(report(f"{CASE}okx_spot-a_first_one]"))
    counts.narrowed = True
    assert counts.wrong() == []
