"""The store's one writer thread (signatures first)."""

from __future__ import annotations
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from msgspec import Struct
from services.domain.records import Row
from services.store.journal import ChainRow


class StoreFact(Struct, frozen=True):
    """What the writer found; the driver makes a `StoreHealth` event of it at its own time."""

    ok: bool
    kind: str
    """ok, locked, full, corrupt, slow, failed."""
    text: str


class StoreWriter:
    def __init__(
        self,
        path: Path,
        *,
        on_fact: Callable[[StoreFact], None] | None = None,
        bulk_max: int = 2_000,
        critical_max: int = 5_000,
        critical_age_s: float = 2.0,
        wait_when_full: bool = False,
        watch_slow: bool = True,
        every_s: float = 0.05,
    ) -> None:
        """`wait_when_full` (virtual time): `journal` blocks the caller instead of losing a block, while the store is well. `on_fact` is called on the writer thread."""

    def start(self) -> None: ...
    def journal(self, row: ChainRow) -> None:
        """Queue a chain row (give it to JournalWriter as `put`)."""

    def record(self, row: Row) -> None: ...
    def commit_intent(self, seq: int) -> Future[int]:
        """Everything queued so far is committed at once with FULL sync; the future gives `seq`."""
        raise NotImplementedError

    def flush(self, timeout_s: float) -> bool:
        raise NotImplementedError

    def facts(self) -> list[StoreFact]:
        """Changes of health since the last call; any thread; also judges the critical lane's age and length."""
        raise NotImplementedError

    @property
    def waiting(self) -> int:
        raise NotImplementedError

    def close(self, timeout_s: float = 10.0) -> bool:
        """Write what waits and stop. False = something could not be written."""
        raise NotImplementedError
