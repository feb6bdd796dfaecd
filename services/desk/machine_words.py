"""Readings of the machine and of the wires become alerts, and resolve when they are well again."""

from __future__ import annotations

from services.desk.core import DeskCore
from services.domain.machine_events import ReadingsFound

RULES = ("machine", "latency")
"""Alert rules that only the shell can judge."""


def on_readings(core: DeskCore, event: ReadingsFound) -> None:
    """Severity and remedy are the rules' own; no reading changes what may be traded."""
    found = {key: text for key, text in event.found if key.partition(":")[0] in RULES}
    for key, text in found.items():
        core.hold(key, None, text)
    for alert in core.alerts.open():
        if alert.key.partition(":")[0] in RULES and alert.key not in found:
            core.resolve(alert.key)
