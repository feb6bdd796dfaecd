"""Reading the journal back: for recovery, replay, audit (signatures first)."""

from __future__ import annotations
from collections.abc import Iterator
from pathlib import Path
from msgspec import Struct
from services.domain.events import Event
from services.store.journal import SessionStarted


class JournalRow(Struct, frozen=True):
    """A row as stored. `payload` None = pruned or lost (kind `gap`)."""

    seq: int
    kind: str
    ts: int
    count: int
    payload: bytes | None
    digest: bytes
    hash: bytes
    note: str

    def events(self) -> list[Event]:
        """Inputs of a `block` or `command` row, in order; [] for other kinds."""
        raise NotImplementedError

    def session(self) -> SessionStarted:
        raise NotImplementedError


class Start(Struct, frozen=True):
    """Where a recovery or replay begins: newest checkpoint (or session) and the session it belongs to."""

    seq: int
    ts: int
    hash: bytes
    session: SessionStarted
    state: bytes
    """Desk state at that row (msgpack); empty = new desk."""


class Verdict(Struct, frozen=True):
    ok: bool
    head: str
    rows: int
    first_broken: int | None
    text: str


class JournalReader:
    def __init__(self, path: Path) -> None: ...
    def last_start(self, before: int | None = None) -> Start | None:
        raise NotImplementedError

    def first_start(self) -> Start | None:
        raise NotImplementedError

    def rows(self, after: int = 0) -> Iterator[JournalRow]:
        raise NotImplementedError

    def close(self) -> None: ...


def verify(path: Path) -> Verdict:
    raise NotImplementedError
