"""`store prune`: old inputs go, beside a running engine or with none; `--compact` needs the folder alone."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from services.drive.configuration import settings_here
from services.drive.lock import EngineLock, Holder, LockError, SecondEngine, holder_here
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.settings.errors import SettingsError
from services.settings.layout import StateLayout
from services.store import prune
from services.store.migrate import StoreError, trouble
from services.store.reader import connect_read_only

_BUSY_S = 5.0
_REST_S = 0.01
"""Between two steps: an engine that writes here waits for one of them at most."""


class PruneView(Struct, frozen=True, kw_only=True):
    """What `store prune --json` says."""

    schema: int = 1
    ok: bool = True
    blocks: int
    """Blocks of inputs that lost their payload now."""
    freed_bytes: int
    """Of payload; new rows use that space again."""
    keep_from: int
    """Desk time, ns: what is younger has stayed, and a little more: whole hours."""
    size_bytes: int
    """Of the file afterwards."""
    compacted: bool


def store_prune(layout: StateLayout, profile: str, keep_s: int | None, *, compact: bool) -> PruneView:
    """`keep_s` None = as long as the profile keeps inputs. Raises ProductError."""
    try:
        if keep_s is None:
            settings = settings_here(profile)[0].settings
            keep_s = settings.engine.keep_inputs_h * 3_600
            if not keep_s:
                text = f"profile {profile} keeps all inputs (engine.keep_inputs_h = 0): say --keep 14d"
                raise ProductError(text, Exit.USAGE, "keep")
        return prune_store(layout, keep_s, holder_here(layout.root, profile) if compact else None)
    except SettingsError as error:
        raise ProductError(str(error), Exit.USAGE, "settings") from None
    except SecondEngine as error:
        raise ProductError(f"{error}, or leave out --compact", Exit.HELD, "second_engine") from None
    except (StoreError, LockError, OSError) as error:
        raise ProductError(f"journal: {error}", Exit.FAILED, "journal") from None


def prune_store(
    layout: StateLayout, keep_s: int, holder: Holder | None, rest: Callable[[float], None] = time.sleep
) -> PruneView:
    """`keep_s`: seconds of the desk's time before the journal's last row. `holder`: compact, under its lock.

    Raises StoreError, LockError.
    """
    path = layout.store
    connect_read_only(path).close()  # says what is wrong with it, and that it is one
    lock = EngineLock(layout.root, holder) if holder is not None else None
    try:
        with closing(_open(path)) as connection:
            keep_from = prune.last_ts(connection) - keep_s * 1_000_000_000
            blocks = freed = 0
            while True:
                done = prune.step(connection, keep_from)
                blocks, freed = blocks + done.blocks, freed + done.freed
                if done.blocks < prune.BATCH:
                    break
                if lock is None:
                    rest(_REST_S)
            if lock is not None:
                prune.compact(connection)
    except sqlite3.Error as error:
        raise trouble(path, error) from error
    finally:
        if lock is not None:
            lock.release()
    return PruneView(
        blocks=blocks,
        freed_bytes=freed,
        keep_from=keep_from,
        size_bytes=path.stat().st_size,
        compacted=lock is not None,
    )


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection
