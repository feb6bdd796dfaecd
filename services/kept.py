"""What a state folder tells by itself, with or without a running engine: journal, reason chains, reports.

Beside the composition root and not in it: whoever only reads does not load a desk first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from services.drive import reporting
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.settings.errors import SettingsError
from services.store import owner
from services.store.migrate import UNREADABLE
from services.store.replay import Tell, Verdict, export_to, verify
from services.store.why import Unknown as UnknownOrder
from services.store.why import why
from services.views.performance import PerformanceView
from services.views.why import WhyView

T = TypeVar("T")


def profile_of(store: Path) -> str:
    """Whose journal it is; empty = nobody's yet, or not told."""
    return owner.profile_of(store)


def audit_verify(store: Path, tell: Tell | None = None) -> Verdict:
    """Check the journal's chain. Raises ProductError when there is no store to read."""
    return reading(lambda: verify(store, tell))


def audit_export(store: Path, out: Path) -> int:
    """Write the journal as JSON lines; how many rows. Raises OSError when `out` cannot be written."""
    try:
        return export_to(store, out)
    except UNREADABLE as error:
        raise ProductError(f"journal: {error}", Exit.FAILED, "journal") from None


def why_of(store: Path, asked: str) -> WhyView:
    """The reason chain of an order or a pair. Raises ProductError."""
    try:
        return reading(lambda: why(store, asked))
    except UnknownOrder as error:
        raise ProductError(str(error), Exit.FAILED, "unknown") from None


def report_of(store: Path, profile: str, period: str, tell: Callable[[int, int], None]) -> PerformanceView:
    """The figures of a period. Raises ProductError, UsageError for the period."""
    try:
        return reading(lambda: reporting.report(store, profile, period, tell=tell))
    except reporting.EmptyStore as error:
        raise ProductError(f"nothing to report: {error}", Exit.FAILED, "empty") from None


def reading(work: Callable[[], T]) -> T:
    """A store that cannot be read is one line."""
    try:
        return work()
    except (*UNREADABLE, SettingsError, OSError) as error:
        raise ProductError(f"journal: {error}", Exit.FAILED, "journal") from None
