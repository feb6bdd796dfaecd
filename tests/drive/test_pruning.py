"""An engine's own store stays within bounds: what is older than `engine.keep_inputs_h` loses its inputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console import headless
from services.drive import recover, standing
from services.drive.lock import EngineLock, holder_here
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.settings.layout import StateLayout
from services.settings.parameters import Engine, Freshness, Settings
from services.store.replay import verify
from tests.drive.engines import engine, layout_of

S = 1_000_000_000
SETTINGS = Settings(fresh=Freshness(self_clear_s=1), engine=Engine(keep_inputs_h=10))


@pytest.fixture
def lived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateLayout:
    """Sixty seconds with a checkpoint every five, and hours that are seconds."""
    monkeypatch.setattr(standing, "CHECKPOINT_NS", 5 * S)
    monkeypatch.setattr(standing, "HOUR_NS", S)
    session, machine = engine(tmp_path, SETTINGS)
    assert session.writer is not None
    assert session.prunes
    for _ in range(12):
        machine.run_until(machine.queue.now + 5 * S)
        assert session.writer.flush(30)
    assert session.close()
    return layout_of(tmp_path)


def test_an_engine_prunes_its_own_store_and_comes_back_from_it(lived: StateLayout) -> None:
    found = verify(lived.store)
    assert found.ok
    assert found.gaps > 0
    again = recover.replay(lived.store)
    assert again.ok, again.first_divergence
    assert again.events > 0
    assert recover.restore(lived.store) is not None
    session, machine = engine(lived.root, SETTINGS)
    machine.run_until(machine.queue.now + 5 * S)
    assert session.close()
    assert verify(lived.store).ok


def test_the_command_empties_more_names_what_it_did_and_compacts_alone(lived: StateLayout) -> None:
    before, size = verify(lived.store), lived.store.stat().st_size
    lock = EngineLock(lived.root, holder_here(lived.root, "sim"))
    try:
        with pytest.raises(ProductError) as told:
            headless.store_prune(lived, "sim", 1, compact=True)
        assert told.value.exit == Exit.HELD
        assert "leave out --compact" in told.value.text
        found = json.loads(headless.store_prune(lived, "sim", 1, compact=False)[0])
    finally:
        lock.release()
    assert found["blocks"] > 0
    assert found["freed_bytes"] > 0
    assert not found["compacted"]
    after = verify(lived.store)
    assert (after.head, after.gaps) == (before.head, before.gaps + found["blocks"])
    text, line = headless.store_prune(lived, "sim", 1, compact=True)
    assert json.loads(text)["blocks"] == 0
    assert lived.store.stat().st_size < size
    assert "MB" in line
    assert recover.replay(lived.store).ok
    assert "without their inputs" in headless.audit_verify(lived)[2]


def test_no_store_and_a_profile_that_keeps_all_are_told(
    lived: StateLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProductError, match="does not exist"):
        headless.store_prune(StateLayout(tmp_path / "none"), "sim", None, compact=False)
    config = tmp_path / "config.toml"
    config.write_text("[profiles.sim.engine]\nkeep_inputs_h = 0\n")
    monkeypatch.setenv("STABLECONSOLE_CONFIG", str(config))
    with pytest.raises(ProductError, match="keeps all inputs") as told:
        headless.store_prune(lived, "sim", None, compact=False)
    assert told.value.exit == Exit.USAGE
