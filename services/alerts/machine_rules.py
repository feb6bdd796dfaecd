"""Alerts of what the desk stands on: store, channels, this machine."""

from __future__ import annotations

from services.alerts.rule import ALARM, WARNING, Rule

MACHINE: dict[str, Rule] = {
    "reconcile": Rule(
        ALARM,
        "Our books and the venue differ by more than the allowance; only reducing until accepted.",
        "enter shows the lines: find out who traded, then A or :reconcile accept",
    ),
    "store": Rule(
        ALARM,
        "The store is locked, full, slow or corrupt: orders cannot be made durable.",
        "free the disk or end what holds the file; what waits is written later, in order",
    ),
    "store corrupt": Rule(
        ALARM,
        "The store was damaged or gone. Positions are the venues' own; pairs, episodes and history are lost.",
        "compare positions with the venue; flatten what you do not know; then resume REASON",
    ),
    "channel failed": Rule(
        WARNING,
        "A notification channel does not take messages.",
        "check its settings in Health",
    ),
    "latency": Rule(
        WARNING,
        "Nineteen of twenty requests to a venue should answer within half a second: they do not.",
        "see Health; a slow venue fills late, and its hedge with it",
    ),
    "watchdog": Rule(
        ALARM,
        "The engine did not answer and was ended; until the next start stood only what rests at the venues.",
        "check positions, then R and a reason",
    ),
    "machine": Rule(
        WARNING,
        "Processor, memory or disk of this machine is nearly used up, or the watchdog was ended.",
        "end other programs or free space",
    ),
}
