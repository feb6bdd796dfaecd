"""Names inside an engine's state folder (RUNTIME 1). Names only: nothing here touches a file."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class StateLayout(Struct, frozen=True):
    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "engine.lock"

    @property
    def socket(self) -> Path:
        return self.root / "engine.sock"

    @property
    def log(self) -> Path:
        return self.root / "engine.log"

    @property
    def latch(self) -> Path:
        return self.root / "latch"

    @property
    def store(self) -> Path:
        return self.root / "store.sqlite"

    @property
    def ui(self) -> Path:
        return self.root / "ui.json"

    @property
    def exchange(self) -> Path:
        return self.root / "exchange"
