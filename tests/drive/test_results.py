"""The performance view of a running engine: a report that does not come is told with its age."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.drive import reporting, results
from services.drive.reporting import EmptyStore, nothing
from services.drive.results import Results
from services.views.performance import PerformanceView, ShownView


class Store:
    """Answers as it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reads = 0
        self.trouble: Exception | None = None

    def clock(self) -> float:
        return self.now

    def report(self, store: Path, profile: str, period: str, **_: object) -> PerformanceView:
        self.reads += 1
        if self.trouble is not None:
            raise self.trouble
        return nothing(profile, period, f"reading {self.reads}", "PAPER")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr(reporting, "report", made.report)
    return made


async def looked(found: Results) -> ShownView | None:
    """One look, and the next after what it began is done."""
    found.view("7d")
    await found.close()
    return found.view("7d")


async def test_the_last_report_stands_with_its_age_while_new_ones_fail(tmp_path: Path, store: Store) -> None:
    found = Results(tmp_path / "store.db", "sim", store.clock)
    assert found.view("7d") is None
    assert found.view("seven days") is None
    first = await looked(found)
    assert first is not None
    assert (first.notes, first.age_s, first.failing) == (("Reading 1.",), 0, "")
    store.now += results.EVERY_S
    store.trouble = OSError("disk I/O error")
    kept = await looked(found)
    assert kept is not None
    assert (kept.notes, kept.age_s, kept.failing) == (first.notes, 5, "disk I/O error")
    store.now += 60
    kept = await looked(found)
    assert kept is not None
    assert kept.age_s == 65
    store.now += results.EVERY_S
    store.trouble = None
    new = await looked(found)
    assert new is not None
    assert (new.notes, new.age_s, new.failing) == (("Reading 4.",), 0, "")


async def test_a_store_that_was_never_read_says_why(tmp_path: Path, store: Store) -> None:
    found = Results(tmp_path / "store.db", "sim", store.clock)
    store.trouble = ZeroDivisionError()
    view = await looked(found)
    assert view is not None
    assert view.failing == "ZeroDivisionError"
    assert view.notes == ("The store cannot be read: ZeroDivisionError.",)
    assert view.stamp == "UNKNOWN"


async def test_a_reading_that_does_not_end_makes_the_last_one_old(tmp_path: Path, store: Store) -> None:
    found = Results(tmp_path / "store.db", "sim", store.clock)
    await looked(found)
    store.now += results.OLD_S - 1
    view = found.view("7d")
    assert view is not None
    assert view.age_s == 0
    store.now += 1
    view = found.view("7d")
    assert view is not None
    assert (view.age_s, view.failing) == (30, "")
    await found.close()
    view = found.view("7d")
    assert view is not None
    assert view.notes == ("Reading 2.",)
    assert view.age_s == 0, "it is as old as its reading, which began a second ago"


async def test_an_empty_period_is_no_failure(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "stamp_of", lambda _store: "LIVE")
    found = Results(tmp_path / "store.db", "sim", store.clock)
    store.trouble = EmptyStore("nothing was sampled")
    view = await looked(found)
    assert view is not None
    assert (view.stamp, view.failing, view.notes) == ("LIVE", "", ("Nothing was sampled.",))
