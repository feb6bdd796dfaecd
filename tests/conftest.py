"""What a test may ask of the machine, and the reason it is skipped where the machine has not got it.

With STABLECONSOLE_STRICT=1 (CI) such a skip is a failure: nothing that matters passes by not running.
"""

from __future__ import annotations

import gc
import logging
import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.conformance.counts", "tests.figures")

settings.register_profile(
    "house",
    deadline=None,
    derandomize=not os.environ.get("STABLECONSOLE_SOAK"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent


def recorded_folder() -> Path:
    """Where the recorded data lie, if they do."""
    return Path(os.environ.get("STABLECONSOLE_RECORDED", str(ROOT.parent / "shared" / "data")))


SLOW_FIRST = (
    "history/test_engine_recorded.py",
    "kill/test_boundaries.py",
    "e2e/test_main_job.py",
    "e2e/test_sockets.py",
    "e2e/test_tmux.py",
    "adversary/test_lines_a.py",
    "kill/test_deaths.py",
    "adversary/test_lines_b.py",
    "conformance/test_conformance.py",
    "e2e/test_store_trouble.py",
    "ccxt_venue/test_program.py",
    "console/test_rooms.py",
    "desk/test_halt_states.py",
    "e2e/test_signals.py",
    "e2e/test_worlds.py",
    "strategies/test_recorded.py",
    "simserver/test_wire_faults.py",
    "console/test_walk.py",
    "e2e/test_terminals.py",
    "drive/test_determinism.py",
    "e2e/test_commands.py",
    "drive/test_crash.py",
    "e2e/test_random_keys.py",
    "storm/test_storm.py",
    "lockstep/test_lockstep.py",
    "workers/test_spot_over_sockets.py",
    "simserver/test_client.py",
    "e2e/test_hung_strategy.py",
    "e2e/test_direct.py",
    "store/test_writer.py",
    "console/test_decision_pictures.py",
)
"""Files that take longest, those that compute beside those that mostly wait for engines and terminals. Files
are handed to the workers whole and in this order: a long one at the end keeps one worker busy
while the others have nothing to do, and four that wait at once leave the machine idle.
"""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: takes many minutes; run by make soak only")


def pytest_sessionstart() -> None:
    """Until all tests are found: what that makes stays, and walking over it was a third of the finding."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {ROOT / "tests" / name: at for at, name in enumerate(SLOW_FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """What importing and collecting has made lives as long as the tests: nothing walks over it again."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    gc.enable()


def pytest_sessionfinish() -> None:
    """Whatever is left unreachable ends here and is heard of. Pytest looks five times more; it finds the rest
    as it stands now."""
    gc.collect()
    gc.freeze()


def _missing(item: pytest.Item) -> str | None:
    if item.get_closest_marker("recorded") and not (recorded_folder() / "funding").is_dir():
        return f"no recorded data at {recorded_folder()} (set STABLECONSOLE_RECORDED)"
    if item.get_closest_marker("tmux") and shutil.which("tmux") is None:
        return "tmux is not installed"
    if item.get_closest_marker("root") and os.geteuid() != 0:
        return "needs root to mount a small file system"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    reason = _missing(item)
    if reason is not None:
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip, also one from inside a test, counts as a failure where nothing may be skipped."""
    report = yield
    if os.environ.get("STABLECONSOLE_STRICT") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"may not be skipped here: {why}"
    return report


@pytest.fixture
def recorded() -> Path:
    return recorded_folder()


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Generator[None]:
    """A test that sets up the program's logging in this process leaves the next one's as it was."""
    log = logging.getLogger("stableconsole")
    before = list(log.handlers), log.propagate, log.level
    yield
    log.handlers, log.propagate = before[:2]
    log.setLevel(before[2])
