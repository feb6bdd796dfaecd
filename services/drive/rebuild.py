"""Opening the store at a start, and what is done when it is damaged or gone (SEMANTICS 14).

A damaged store is set aside, never deleted; a new one is made with an instance that no store of this folder
had before, so no client order id is ever drawn twice. The desk then begins with the venues' own reads.
"""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

from msgspec import Struct

from services.domain.orders import base36
from services.drive.recover import Restored, restore
from services.settings.layout import StateLayout
from services.store.health import set_aside
from services.store.migrate import CorruptStore, open_store
from services.venues.sim.world import World

log = logging.getLogger("stableconsole.store")


class Rebuilt(Struct, frozen=True):
    """What was found, for the desk and for a person."""

    found: str
    aside: str
    """Where the old file lies now; empty = there was none."""
    former: tuple[str, ...]
    """The instances that this folder's stores had before."""


class Opened(Struct, frozen=True):
    instance: str
    restored: Restored | None
    rebuilt: Rebuilt | None


def world_instance(world: World, number: int = 0) -> str:
    """Of a virtual world: from its hash and the number of stores before (RUNTIME 4)."""
    return instance_of(world.canonical, number)


def instance_of(seed: bytes, number: int) -> str:
    """Six characters of [0-9a-z]."""
    suffix = f"\nstore {number}".encode() if number else b""
    drawn = int.from_bytes(hashlib.sha256(seed + suffix).digest()[:8], "big")
    return base36(drawn % 36**6, 6)


def open_or_rebuild(layout: StateLayout, seed: bytes, stamp: str) -> Opened:
    """The store and what it holds, or a new one in place of a damaged one. `stamp`: UTC, for its name.

    `seed`: what instances are drawn of: a virtual world's own bytes, else random ones, for two folders that
    trade on one account must never draw the same.

    Raises StoreError for all that is no damage (locked, read-only, full, a newer program's), OSError.
    """
    known = _known(layout.instances)
    try:
        if known and (not layout.store.exists() or layout.store.stat().st_size == 0):
            raise CorruptStore(f"store {layout.store}: it is gone, or empty")
        meta = open_store(layout.store, _unused(seed, known))
        if meta.created and known:
            # Nothing but the tables' absence was wrong with it, and it is a new store already.
            _note(layout.instances, known, meta.instance)
            return _rebuilt(known, meta.instance, f"store {layout.store}: its tables were gone", "")
        restored = restore(layout.store)
    except CorruptStore as error:
        aside = str(set_aside(layout.store, stamp)) if layout.store.exists() else ""
        former = known or (instance_of(seed, 0),)
        instance = _unused(seed, former)
        # Noted first: a start that is killed in between must not take the new store for an old one.
        _note(layout.instances, (), *former[len(known) :], instance)
        open_store(layout.store, instance)
        return _rebuilt(former, instance, str(error), aside)
    _note(layout.instances, known, meta.instance)
    former = tuple(each for each in known if each != meta.instance)
    if former and (restored is None or not restored.state.former):
        # A start that rebuilt the store was killed before its desk had journaled that.
        aside = max((str(each) for each in layout.root.glob(f"{layout.store.name}.corrupt-*")), default="")
        return Opened(meta.instance, restored, Rebuilt("it was damaged or gone", aside, former))
    return Opened(meta.instance, restored, None)


def _rebuilt(former: tuple[str, ...], instance: str, found: str, aside: str) -> Opened:
    log.error("%s; %s", found, f"it lies at {aside} now" if aside else "there is no old file")
    log.error("a new store is made (instance %s); the books are rebuilt from the venues", instance)
    return Opened(instance, None, Rebuilt(found, aside, former))


def _known(path: Path) -> tuple[str, ...]:
    try:
        words = path.read_text(encoding="ascii", errors="replace").split()
    except FileNotFoundError:
        return ()
    return tuple(word for word in words if len(word) == 6)


def _unused(seed: bytes, known: tuple[str, ...]) -> str:
    number = len(known)
    while (drawn := instance_of(seed, number)) in known:
        number += 1
    return drawn


def _note(path: Path, known: tuple[str, ...], *instances: str) -> None:
    """Append what is not known yet, on the disk before any order can carry it. Raises OSError."""
    new = [instance for instance in instances if instance not in known]
    if not new:
        return
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, "".join(f"{instance}\n" for instance in new).encode())
        os.fsync(fd)
    finally:
        os.close(fd)
