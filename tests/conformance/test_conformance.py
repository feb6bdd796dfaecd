"""One conformance suite for every venue (DESIGN 6): the same cases, chosen by what a venue can."""

from __future__ import annotations

import pytest

from tests.conformance.subject import Can, Case, Entry, cases, chosen
from tests.conformance.suite import ENTRIES

PAIRS = [
    pytest.param(entry, made, id=f"{entry.name}-{name}") for entry in ENTRIES for name, made in chosen(entry)
]


@pytest.mark.parametrize(("entry", "made"), PAIRS)
async def test_it_conforms(entry: Entry, made: Case) -> None:
    async with entry.opened() as venue:
        await made(venue)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_no_venue_is_excused_in_silence(entry: Entry) -> None:
    count, whole = len(chosen(entry)), len(cases())
    missing = ", ".join(sorted(entry.without)) or "nothing"
    # Shown with `-s`, and whenever the count is not what it was.
    print(f"conformance: {entry.name} runs {count} of {whole} cases; without: {missing}")  # noqa: T201
    assert entry.can | entry.without == frozenset(Can)
    assert not entry.can & entry.without
    assert count == entry.cases
