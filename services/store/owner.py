"""Whose a store is: a state folder belongs to one profile, the one of its newest start."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from services.store.migrate import UNREADABLE
from services.store.replay import JournalReader


def profile_of(store: Path) -> str:
    """Empty = nothing has started on it yet, or it cannot be read, of which whoever reads it tells."""
    if not store.exists():
        return ""
    try:
        with closing(JournalReader(store)) as journal:
            starts = journal.sessions(1)
            return starts[-1].session().profile if starts else ""
    except (*UNREADABLE, OSError):
        return ""
