"""A strategy that does not return is broken off; an engine that hangs is ended with the latch written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from services.drive import guard, watchdog
from services.drive.guard import Watchdog
from services.drive.latch import read_latch
from services.drive.watchdog import ANSWER, BEAT, GOODBYE, IDLE

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 60.0

_START = """
import os, sys, time
from pathlib import Path
from services.domain.errors import StrategyOverran
from services.drive.guard import Watchdog
dog = Watchdog(Path(sys.argv[1]), call_ms=int(sys.argv[2]), heartbeat_s=float(sys.argv[3]))
dog.start()
dog.beat(77)
"""


def engine(
    latch: Path, body: str, *, call_ms: int = 100, heartbeat_s: float = 30.0
) -> subprocess.CompletedProcess[str]:
    """A child that plays the engine: it starts a watchdog, then does `body`."""
    return subprocess.run(
        [sys.executable, "-c", _START + textwrap.dedent(body), str(latch), str(call_ms), str(heartbeat_s)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def test_a_strategy_that_loops_for_ever_is_broken_off_and_the_engine_goes_on(tmp_path: Path) -> None:
    done = engine(
        tmp_path / "latch",
        """
        def forever():
            while True:
                try:
                    while True:
                        pass
                except Exception:
                    pass
        broken = 0
        for _ in range(2):
            try:
                dog.guard(forever)
            except StrategyOverran:
                broken += 1
            dog.beat(78)
        print("broken off", broken, dog.guard(lambda: 5), dog.alive())
        dog.stop()
        """,
    )
    assert done.stdout == "broken off 2 5 True\n", done.stderr
    assert done.returncode == 0
    assert done.stderr == ""
    assert read_latch(tmp_path / "latch") is None


def test_a_long_call_in_c_is_ended_with_the_latch_written_and_the_stacks_dumped(tmp_path: Path) -> None:
    done = engine(
        tmp_path / "latch",
        """
        def strategy():
            return sum(range(10**11))
        dog.guard(strategy)
        print("never reached")
        """,
        heartbeat_s=0.6,
    )
    assert done.returncode == -signal.SIGABRT
    assert done.stdout == ""
    assert "in strategy" in done.stderr
    assert "no heartbeat for 0.6 s" in done.stderr
    found = read_latch(tmp_path / "latch")
    assert found is not None
    assert (found.state, found.cause, found.ts) == ("HALTED", "watchdog", 77)


def test_a_main_loop_that_hangs_outside_any_strategy_is_ended(tmp_path: Path) -> None:
    done = engine(
        tmp_path / "latch",
        """
        while True:
            pass
        """,
        heartbeat_s=0.4,
    )
    assert done.returncode == -signal.SIGABRT
    found = read_latch(tmp_path / "latch")
    assert found is not None
    assert found.state == "HALTED"


def test_a_stopped_engine_is_ended(tmp_path: Path) -> None:
    done = engine(tmp_path / "latch", "os.kill(os.getpid(), 19)", heartbeat_s=0.4)
    assert done.returncode == -signal.SIGABRT
    assert read_latch(tmp_path / "latch") is not None


def test_quick_calls_and_a_clean_end_leave_no_word(tmp_path: Path) -> None:
    done = engine(
        tmp_path / "latch",
        """
        for number in range(20_000):
            assert dog.guard(lambda: number) == number
        process = dog._process
        dog.stop()
        dog.stop()
        print(process.poll(), dog.alive())
        """,
    )
    assert done.stdout == "0 False\n", done.stderr
    assert done.stderr == ""
    assert read_latch(tmp_path / "latch") is None


def test_an_engine_that_is_killed_takes_its_watchdog_with_it_and_writes_no_latch(tmp_path: Path) -> None:
    done = engine(
        tmp_path / "latch",
        """
        os.kill(os.getpid(), 9)
        """,
        heartbeat_s=0.4,
    )
    # The watchdog holds the same stderr: that `done` came back at all says that it has gone.
    assert done.returncode == -signal.SIGKILL
    assert done.stderr == ""
    assert read_latch(tmp_path / "latch") is None


def test_an_engine_that_is_killed_while_its_watchdog_starts_leaves_no_word(tmp_path: Path) -> None:
    """A stack in the log of an engine that is started again: found by kills at random moments."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert watchdog.watch(gone.pid, str(tmp_path / "latch"), 0.1, 30.0) == 0
    assert read_latch(tmp_path / "latch") is None


def test_a_late_signal_for_the_call_before_is_ignored(tmp_path: Path) -> None:
    done = engine(
        tmp_path / "latch",
        """
        os.kill(os.getpid(), 10)
        def victim():
            os.kill(os.getpid(), 10)
            return "untouched"
        print(dog.guard(victim))
        dog.stop()
        """,
        call_ms=10_000,
    )
    assert done.stdout == "untouched\n", done.stderr


def test_a_watchdog_that_was_killed_is_replaced_and_the_new_one_ends_a_hang(tmp_path: Path) -> None:
    done = engine(
        tmp_path / "latch",
        """
        dog._process.kill()
        dog._process.wait()
        print(dog.alive(), dog.guard(lambda: "still"))
        dog.beat(78)
        print(dog.alive(), dog.ended, flush=True)
        dog._process.kill()
        dog._process.wait()
        dog.beat(79)
        print("not at once again:", dog.alive(), dog.ended, flush=True)
        dog._spawned -= 5
        dog.beat(80)
        dog.beat(81)
        while True:
            pass
        """,
        heartbeat_s=1.5,
    )
    assert done.stdout == "False still\nTrue 1\nnot at once again: False 1\n", done.stderr
    assert done.returncode == -signal.SIGABRT
    found = read_latch(tmp_path / "latch")
    assert found is not None
    assert (found.state, found.cause, found.ts) == ("HALTED", "watchdog", 81)


@pytest.mark.parametrize("module", ["textual", "msgspec", "peewee", "asyncio", "subprocess", "decimal"])
def test_the_watchdog_process_loads_only_little(module: str) -> None:
    script = "import sys, services.drive.watchdog; print(sys.argv[1] in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, module],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


def test_a_watchdog_that_stands_is_killed_and_the_new_one_ends_a_hang(tmp_path: Path) -> None:
    done = engine(
        tmp_path / "latch",
        """
        import signal
        from services.drive import guard
        guard._SILENT_S = 0.5
        while dog._patience_s != guard._SILENT_S:  # until its first answer
            dog.beat(78)
            time.sleep(0.02)
        first = dog._process.pid
        os.kill(first, signal.SIGSTOP)
        while not dog.ended:
            dog.beat(79)
            time.sleep(0.02)
        print(dog.alive(), dog._process.pid != first, dog.ended, flush=True)
        while dog._patience_s != guard._SILENT_S:
            dog.beat(80)
            time.sleep(0.02)
        time.sleep(1_000)
        """,
        heartbeat_s=1.5,
    )
    assert done.stdout == "True True 1\n", done.stderr
    assert "the watchdog has not answered for 0.5 s: it is killed" in done.stderr
    assert done.returncode == -signal.SIGABRT
    found = read_latch(tmp_path / "latch")
    assert found is not None
    assert (found.state, found.ts) == ("HALTED", 80)


class Clock:
    """Wall of one module under test."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Standing:
    """A process that runs and says nothing."""

    killed = 0

    def poll(self) -> None:
        return None

    def kill(self) -> None:
        self.killed += 1


def test_turns_that_the_machine_slept_or_starved_through_are_no_silence_of_the_watchdog(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock, process = Clock(), Standing()
    monkeypatch.setattr(guard, "time", clock)
    dog = Watchdog(tmp_path / "latch")
    dog._process = process  # type: ignore[assignment]
    dog._answers, answering = os.pipe()
    os.set_blocking(dog._answers, False)
    dog._beaten = clock.now
    os.write(answering, ANSWER)
    for gap, turns in ((0.2, 1), (3_600.0, 15), (0.2, 10)):
        for _ in range(turns):
            clock.now += gap
            dog.beat(1)
    assert process.killed == 0
    os.write(answering, ANSWER)
    for _ in range(49):
        clock.now += 0.2
        dog.beat(1)
    assert process.killed == 0
    for _ in range(3):
        clock.now += 0.2
        dog.beat(1)
    assert process.killed == 1, "ten seconds of its own turns without an answer"
    os.close(answering)
    os.close(dog._answers)


@pytest.mark.parametrize(("gap", "ended"), [(0.05, True), (3_600.0, False)])
def test_an_engine_that_slept_beside_its_watchdog_is_not_ended(
    gap: float, ended: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """110 short turns are five seconds of silence; eight, of an hour each, may be a sleep of the machine."""
    clock = Clock()
    beats, fed = os.pipe()
    answers, back = os.pipe()
    ends: list[int] = []
    left = 110 if gap < 1 else 8

    def turn(*_: object) -> None:
        nonlocal left
        clock.now += gap
        left -= 1
        if left == 0:
            os.write(fed, BEAT.pack(GOODBYE, 0, 0))

    monkeypatch.setattr(watchdog, "time", clock)
    monkeypatch.setattr(watchdog, "select", SimpleNamespace(select=turn))
    monkeypatch.setattr(watchdog, "_end", lambda *_: ends.append(1))
    os.write(fed, BEAT.pack(IDLE, 0, 0))
    status = watchdog.watch(os.getpid(), str(tmp_path / "latch"), 0.5, 5.0, beats, back)
    assert (status, bool(ends)) == (int(ended), ended)
    assert os.read(answers, 10).startswith(ANSWER)
    for end in (beats, fed, answers, back):
        os.close(end)
