"""Alerts as states: raised, acknowledged, resolved (SEMANTICS 13).

One row per key, however often it is raised: the count grows, the screen does not. Every change answers with
the effects to carry out (`Record` for the store, `Notify` for the channels); an open alert that nobody
acknowledges is notified again with growing distance, a graver severity at once. Notification never blocks:
the book neither waits nor knows whether a channel works; a failed channel is an alert like any other.
"""

from __future__ import annotations

from msgspec import Struct, field

from services.alerts.rules import rule_for
from services.domain.effects import Effect, Notify, Record
from services.domain.enums import Severity
from services.domain.records import AlertRecord
from services.views.desk import AlertView

SECOND = 1_000_000_000
FIRST_REPEAT_NS = {Severity.ALARM: 300 * SECOND, Severity.WARNING: 1_800 * SECOND, Severity.INFO: None}
"""Time to the first repeat; each further one comes after twice the time, at most `LONGEST_REPEAT_NS`."""

LONGEST_REPEAT_NS = 4 * 3_600 * SECOND
KEEP_RESOLVED_NS = 24 * 3_600 * SECOND
KEEP_RESOLVED = 200

RAISED, ACKNOWLEDGED, RESOLVED = "raised", "acknowledged", "resolved"
_GRAVITY = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ALARM: 2}
_SHOWN = {RAISED: "OPEN", ACKNOWLEDGED: "ACK", RESOLVED: "RESOLVED"}


class Alert(Struct):
    key: str
    severity: Severity
    text: str
    detail: str
    do: str
    state: str
    count: int
    """Of what happens: how often it did. Of what lasts: how often it came back after it was gone."""
    since: int
    """When it was raised first, of this spell."""
    ts: int
    """Last change."""
    acked_ts: int | None = None
    notified: int | None = None
    repeat_ns: int | None = None
    """Distance to the next repeat; None = is not repeated."""


class AlertState(Struct):
    alerts: dict[str, Alert] = field(default_factory=dict)
    """By key."""


class AlertBook:
    def __init__(self, state: AlertState | None = None) -> None:
        self.state = state if state is not None else AlertState()

    def raise_(
        self,
        key: str,
        text: str,
        now: int,
        *,
        severity: Severity | None = None,
        detail: str = "",
        do: str = "",
        looked: bool = False,
    ) -> tuple[Effect, ...]:
        """The condition `key` holds. Severity and remedy default to the rule of the key (`rules`).

        Raising an open alert again only counts, unless it became graver, which escalates: an acknowledged
        alert is open again. Raised anew after it was resolved it is a new spell: one that was quiet for as
        long as its first repeat takes is told at once, a flapping one not before its repeat is due.

        `looked`: it was found by one of many looks at what lasts, and nothing has happened since the one
        before. Of an open alert its words then tell the present figures, and it counts its spells.
        """
        rule = rule_for(key)
        grave = severity if severity is not None else rule.severity
        alert = self.state.alerts.get(key)
        if alert is None:
            alert = Alert(key, grave, text, detail, do or rule.do, RAISED, 1, now, now)
            alert.repeat_ns = FIRST_REPEAT_NS[grave]
            self.state.alerts[key] = alert
            return self._tell(alert, now)
        escalates = _GRAVITY[grave] > _GRAVITY[alert.severity]
        again = alert.state == RESOLVED
        changed = again or escalates or (text != alert.text and not looked)
        alert.count += again or not looked
        alert.text, alert.detail, alert.do = text, detail, do or rule.do
        if again:
            first = FIRST_REPEAT_NS[grave]
            if first is not None and now - alert.ts >= first:
                alert.notified, alert.repeat_ns = None, first
            alert.state, alert.since, alert.acked_ts, alert.severity = RAISED, now, None, grave
        if escalates:
            alert.severity, alert.state, alert.acked_ts = grave, RAISED, None
            alert.repeat_ns = FIRST_REPEAT_NS[grave]
        if changed:
            alert.ts = now
        if escalates or (again and self._due(alert, now)):
            return self._tell(alert, now)
        return (self._record(alert, now),) if changed else ()

    def retell(self, key: str, text: str, do: str = "") -> None:
        """What holds is the same, its figure has moved: an open alert tells the present one, and what to do
        now. Nobody is called and nothing is written for it: the store has the text of each change of state.
        """
        alert = self.state.alerts.get(key)
        if alert is not None and alert.state != RESOLVED:
            alert.text, alert.do = text, do or rule_for(key).do

    def told(self, key: str) -> tuple[str, str]:
        """(what, remedy) as an open alert says it at present; empty = none is open."""
        alert = self.state.alerts.get(key)
        return ("", "") if alert is None or alert.state == RESOLVED else (alert.text, alert.do)

    def resolve(self, key: str, now: int) -> tuple[Effect, ...]:
        """The condition is gone. The row stays for a day, so that the operator sees what was."""
        alert = self.state.alerts.get(key)
        if alert is None or alert.state == RESOLVED:
            return ()
        alert.state, alert.ts = RESOLVED, now
        text = f"resolved: {alert.text}"
        return (self._record(alert, now), Notify(key=key, severity=Severity.INFO, text=text))

    def ack(self, key: str, now: int) -> tuple[Effect, ...]:
        """The operator has seen it: no more repeats unless it gets graver. Nothing when it is not open. What
        tells of something that is over ends with it."""
        alert = self.state.alerts.get(key)
        if alert is None or alert.state != RAISED:
            return ()
        alert.state = RESOLVED if rule_for(key).over else ACKNOWLEDGED
        alert.acked_ts = alert.ts = now
        return (self._record(alert, now),)

    def tick(self, now: int) -> tuple[Effect, ...]:
        """Repeat what is open and due; forget what was resolved long ago."""
        effects: list[Effect] = []
        for alert in self.state.alerts.values():
            if alert.state == RAISED and alert.notified is not None and self._due(alert, now):
                effects.extend(self._tell(alert, now))
        self._prune(now)
        return tuple(effects)

    def next_due(self) -> int | None:
        """When `tick` has something to repeat; None = nothing."""
        dues = [
            alert.notified + alert.repeat_ns
            for alert in self.state.alerts.values()
            if alert.state == RAISED and alert.notified is not None and alert.repeat_ns is not None
        ]
        return min(dues) if dues else None

    def open(self) -> tuple[Alert, ...]:
        """Raised or acknowledged: unresolved first, the gravest first, then the oldest."""
        found = [alert for alert in self.state.alerts.values() if alert.state != RESOLVED]
        return tuple(sorted(found, key=_rank))

    def is_open(self, key: str) -> bool:
        alert = self.state.alerts.get(key)
        return alert is not None and alert.state != RESOLVED

    def views(self) -> tuple[AlertView, ...]:
        """All rows as the screen shows them: raised, acknowledged, resolved."""
        return tuple(
            AlertView(
                key=alert.key,
                severity=alert.severity,
                text=alert.text,
                detail=alert.detail,
                state=_SHOWN[alert.state],
                count=alert.count,
                since=alert.since,
                ts=alert.ts,
                acked_ts=alert.acked_ts,
                why=rule_for(alert.key).why,
                do=alert.do,
            )
            for alert in sorted(self.state.alerts.values(), key=_rank)
        )

    # -- inside ------------------------------------------------------------------------------------------

    def _due(self, alert: Alert, now: int) -> bool:
        if alert.notified is None:
            return True
        return alert.repeat_ns is not None and now - alert.notified >= alert.repeat_ns

    def _tell(self, alert: Alert, now: int) -> tuple[Effect, ...]:
        """Notify and put the next repeat twice as far."""
        if alert.notified is not None and alert.repeat_ns is not None and self._due(alert, now):
            alert.repeat_ns = min(alert.repeat_ns * 2, LONGEST_REPEAT_NS)
        alert.notified = now
        return (self._record(alert, now), Notify(key=alert.key, severity=alert.severity, text=alert.text))

    def _record(self, alert: Alert, now: int) -> Record:
        return Record(
            AlertRecord(
                ts=now,
                key=alert.key,
                severity=alert.severity,
                text=alert.text,
                detail=alert.detail,
                state=alert.state,
                count=alert.count,
                since=alert.since,
            )
        )

    def _prune(self, now: int) -> None:
        resolved = [alert for alert in self.state.alerts.values() if alert.state == RESOLVED]
        resolved.sort(key=lambda alert: alert.ts)
        surplus = max(0, len(resolved) - KEEP_RESOLVED)
        for position, alert in enumerate(resolved):
            if position < surplus or now - alert.ts >= KEEP_RESOLVED_NS:
                del self.state.alerts[alert.key]


def _rank(alert: Alert) -> tuple[int, int, int, str]:
    states = {RAISED: 0, ACKNOWLEDGED: 1, RESOLVED: 2}
    return states[alert.state], -_GRAVITY[alert.severity], alert.since, alert.key
