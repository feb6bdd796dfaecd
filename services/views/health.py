"""The readings behind screen 6 and `health --json` (SEMANTICS 13). Null = not measured; unknown = degraded.

What is measured by the machine's clock (latencies, CPU, lag) is never an input of a decision made here.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

SCHEMA = 1


class VenueHealth(Struct, frozen=True, kw_only=True):
    name: str
    connected: bool
    data_age_ms: int | None
    late_after_ms: int
    """Older data than this are stale."""
    latency_ms_p50: Decimal | None
    """One request, over the last ones; null where requests cross no wire."""
    latency_ms_p95: Decimal | None
    clock_offset_ms: int | None
    budget_free: Decimal | None
    """Fraction of the venue's rate limit that is left; null = not told."""
    dead_man: str | None
    """As in `status`."""
    reconnects: int | None
    """Since the start."""
    error_rate: Decimal | None
    """Failed requests of those in the last minute; null = too few."""
    read_age_ms: int | None
    """Since the last account read."""
    level: str
    """`ok`, `late`, `bad`, `unknown`."""


class ProcessHealth(Struct, frozen=True, kw_only=True):
    pid: int
    up_s: int
    cpu: float | None
    """Of one core, this process."""
    machine_cpu: float | None
    """Of all cores."""
    memory_mb: float | None
    machine_memory: float | None
    """Used share of the machine's memory."""
    loop_lag_ms: float | None
    """Median of the last minute."""
    loop_lag_worst_ms: float | None
    files: int | None
    """Open file descriptors."""
    files_most: int | None
    threads: int | None
    watchdog_ended: int = 0
    """How often the watchdog's process ended since the start, and was started again."""


class StoreHealthView(Struct, frozen=True, kw_only=True):
    ok: bool
    text: str
    waiting: int
    """Rows not yet on disk, both lanes."""
    waiting_most: int
    """Of the critical lane: more is trouble."""
    oldest_s: float
    gaps: int
    """Blocks of inputs lost since the start."""
    size_mb: float | None
    wal_mb: float | None
    disk: float | None
    """Used share of its file system."""
    backup_ts: int | None
    """Of the newest backup copy beside it."""


class ChannelHealth(Struct, frozen=True, kw_only=True):
    name: str
    state: str
    """`ok`, `failed`, `off`."""
    last_ts: int | None


class Finding(Struct, frozen=True, kw_only=True):
    subject: str
    severity: str
    """`warning` or `alarm`."""
    text: str
    do: str
    alert: str = ""
    """The alert it raises at the wall's time; empty = the desk judges it itself."""


class HealthView(Struct, frozen=True, kw_only=True):
    schema: int = SCHEMA
    ts: int
    ok: bool
    """Nothing was found."""
    venues: tuple[VenueHealth, ...]
    process: ProcessHealth
    store: StoreHealthView
    channels: tuple[ChannelHealth, ...]
    findings: tuple[Finding, ...]
