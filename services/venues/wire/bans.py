"""How long venues want to be left alone, kept over restarts: a banned address that goes on asking is banned
for longer (binance.md 3). What else belongs to the address, the weight of its requests, is shared here, too.

One small JSON file: `{"v": 1, "until_ms": {"https://host": 1790000000000}}`, wall time. A file that cannot be
read stops the start: nobody knows then who has banned us.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from services.runtime.clock import boot_ns
from services.venues.wire.budget import SECOND, Budget

log = logging.getLogger("stableconsole.wire")

VERSION = 1
SHORTEST_MS = 1_000
"""Shorter pauses do not outlast a restart anyway."""
LONGEST_MS = 4 * 86_400_000
"""Bans last three days at most: what lies further ahead was written by a mistaken clock."""


class BansError(ValueError):
    """One line: the file and what is wrong with it."""


class _File(Struct, frozen=True):
    v: int
    until_ms: dict[str, int]


def decode(body: bytes, name: str) -> dict[str, int]:
    """Host -> wall time in ms. Raises BansError."""
    try:
        found = msgspec.json.decode(body, type=_File)
    except msgspec.DecodeError as error:
        raise BansError(f"{name}: not a list of bans ({error}); look at it, then remove it") from None
    if found.v != VERSION:
        raise BansError(f"{name}: version {found.v}, this program writes {VERSION}")
    return found.until_ms


def encode(until_ms: dict[str, int]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_File(VERSION, dict(sorted(until_ms.items())))), indent=1)


class Held:
    """One host's bans, for who has no budget: a stream."""

    def __init__(self, bans: Bans, host: str, now_ms: Callable[[], int]) -> None:
        self._bans = bans
        self._host = host
        self._now_ms = now_ms

    def left_s(self) -> float:
        return self._bans.left_ms(self._host, self._now_ms()) / 1_000

    def note(self, seconds: float) -> None:
        self._bans.note(self._host, seconds, self._now_ms())


class Bans:
    """The file at `path`; written at each ban, with what another process has noted. Raises BansError."""

    def __init__(self, path: Path | None) -> None:
        """`path`: None = nothing outlasts a restart."""
        self._path = path
        self._until_ms = decode(path.read_bytes(), path.name) if path is not None and path.exists() else {}
        self._heeding: dict[str, list[tuple[str, Budget]]] = {}

    def heed(self, host: str, budget: Budget, now_ms: int, account: str = "") -> None:
        """Nothing is sent there out of `budget` while the host is banned, whoever has earned it: two accounts
        of one venue have one address. What they spend there is counted together as the venue counts it.
        `account`: the key that asks; "" = nobody's."""
        budget.pause(boot_ns() + self.left_ms(host, now_ms) * (SECOND // 1_000))
        beside = self._heeding.setdefault(host, [])
        # The same account last: of its windows there is one more that is shared.
        for name, other in sorted(beside, key=lambda each: each[0] == account):
            budget.join(other, account=bool(account) and name == account)
        beside.append((account, budget))

    def left_ms(self, host: str, now_ms: int) -> int:
        """How long nothing may be sent there; 0 = free."""
        until = self._until_ms.get(host, 0)
        return until - now_ms if 0 < until - now_ms <= LONGEST_MS else 0

    def note(self, host: str, wait_s: float, now_ms: int) -> None:
        """The venue wants to be left alone. An earlier ban is never shortened.

        A disk that takes nothing only loses what a restart would know: the answer to an order, and the
        cancels behind it, must not be lost for that.
        """
        wait_ms = int(wait_s * 1000)
        if wait_ms < SHORTEST_MS or wait_ms <= self.left_ms(host, now_ms):
            return
        for _, budget in self._heeding.get(host, ()):
            budget.pause(boot_ns() + int(wait_s * SECOND))
        known = self._until_ms
        path = self._path
        if path is None:
            self._until_ms = {**known, host: now_ms + wait_ms}
            return
        with contextlib.suppress(OSError, BansError):
            beside = decode(path.read_bytes(), path.name)
            known = {name: max(beside.get(name, 0), known.get(name, 0)) for name in {**beside, **known}}
        live = {name: until for name, until in known.items() if 0 < until - now_ms <= LONGEST_MS}
        self._until_ms = {**live, host: max(live.get(host, 0), now_ms + wait_ms)}
        new = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(encode(self._until_ms))
            os.replace(new, path)
        except OSError as error:
            log.error("%s: a ban of %s is not on disk, a restart would not know it: %s", path, host, error)
