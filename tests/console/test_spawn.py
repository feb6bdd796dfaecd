"""Finding and starting an engine: a process of its own, one ready line, the lock decides between two."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import running, spawn
from console.client import Client
from console.spawn import Found, Starting, after_failure, find_or_spawn
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.options import RunOptions
from services.settings.layout import StateLayout

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StateLayout]:
    command = [sys.executable, "-P", str(Path(__file__).with_name("fake_engine.py"))]
    monkeypatch.setattr(spawn, "engine_command", lambda: command)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    layout = StateLayout(tmp_path)
    yield layout
    sock = running.try_connect(layout)
    if sock is not None:
        with Client(sock, layout) as client:
            client.call("stop", {})


def options(layout: StateLayout, **more: object) -> RunOptions:
    return RunOptions(state_dir=str(layout.root), **more)  # type: ignore[arg-type]


def started(layout: StateLayout, **more: object) -> Starting:
    found = find_or_spawn(options(layout, **more), layout)
    assert isinstance(found, Starting)
    return found


def stop(starting: Starting, layout: StateLayout) -> None:
    with Client.open(layout, "sim") as client:
        client.call("stop", {})
    starting.process.wait(20)


def test_spawned_engine_says_ready_and_the_next_start_attaches(layout: StateLayout) -> None:
    starting = started(layout, scenario="calm", seed=7)
    word = starting.wait(20)
    assert word.ok
    assert word.pid == starting.process.pid
    assert os.getsid(word.pid) == word.pid, "a session of its own"
    found = find_or_spawn(options(layout, seed=7), layout)
    assert isinstance(found, Found)
    assert found.hello.world == {"scenario": "calm", "seed": "7"}
    assert layout.log.stat().st_mode & 0o077 == 0
    stop(starting, layout)


def test_another_world_is_refused_naming_both_and_the_remedy(layout: StateLayout) -> None:
    starting = started(layout, scenario="calm", seed=7)
    assert starting.wait(20).ok
    for more in ({"seed": 8}, {"scenario": "flash-crash"}, {"history": "/data"}, {"new_world": True}):
        with pytest.raises(ProductError, match="scenario calm seed 7") as caught:
            find_or_spawn(options(layout, **more), layout)
        assert caught.value.exit is Exit.USAGE
        assert "stableconsole stop" in caught.value.text
    with pytest.raises(ProductError, match="runs profile sim, you named real") as caught:
        find_or_spawn(options(layout, profile="real"), layout)
    assert caught.value.exit is Exit.USAGE
    stop(starting, layout)


def test_error_at_start_becomes_ours(layout: StateLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "error")
    starting = started(layout)
    failure = after_failure(starting.wait(20), options(layout), layout)
    assert failure is not None
    assert (failure.text, failure.exit) == ("config.toml line 3: unknown key", Exit.USAGE)
    starting.process.wait(20)


def test_engine_that_falls_without_a_word_is_told(
    layout: StateLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "crash")
    starting = started(layout)
    failure = after_failure(starting.wait(20), options(layout), layout)
    assert failure is not None
    assert "ended before it was ready" in failure.text
    assert failure.exit is Exit.FAILED
    starting.process.wait(20)


def test_of_two_starters_the_loser_attaches(layout: StateLayout) -> None:
    first, second = spawn.spawn(options(layout), layout), spawn.spawn(options(layout), layout)
    words = [first.wait(20), second.wait(20)]
    assert sorted(word.ok for word in words) == [False, True]
    loser = next(word for word in words if not word.ok)
    assert loser.exit == Exit.HELD
    assert after_failure(loser, options(layout), layout) is None
    with Client.open(layout, "sim") as client:
        assert client.hello.pid == next(word.pid for word in words if word.ok)
        client.call("stop", {})
    first.process.wait(20)
    second.process.wait(20)


def test_held_lock_without_answer_spawns_nothing(
    layout: StateLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BIND_WAIT_S", 0.0)
    with layout.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ProductError, match="does not answer") as caught:
            find_or_spawn(options(layout), layout)
    assert caught.value.exit is Exit.FAILED
    assert not layout.log.exists()


def test_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path / "gone")
    with pytest.raises(ProductError, match=r"cannot write .*engine\.log"):
        spawn.spawn(RunOptions(), layout)


def test_the_real_engine_command_shadows_nothing() -> None:
    assert spawn.engine_command()[:4] == [sys.executable, "-P", "-m", "console"]
