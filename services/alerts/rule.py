"""One row of the table of alerts."""

from __future__ import annotations

from msgspec import Struct

from services.domain.enums import Severity

ALARM, WARNING, INFO = Severity.ALARM, Severity.WARNING, Severity.INFO


class Rule(Struct, frozen=True):
    severity: Severity
    why: str
    do: str
    over: bool = False
    """It tells of what has happened and is over: it stays until somebody has taken note, and no longer."""
