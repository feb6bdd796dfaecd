"""How long an order may be silent before it is in doubt, when it is probed, when its cancel is asked again.

A cancel is idempotent, so it is repeated until the venue says that the order is gone: after an error, after a
refusal, and when the venue shows the order alive although its cancel was sent (SEMANTICS 7, 10).

An order that is shown alive when its end is overdue (*overstays*) is no matter of doubt: it was to end at
once, or its cancel should have been heard. It is canceled, and asked after until it is gone. Only a question
without an answer makes a doubt of it again.
"""

from __future__ import annotations

from services.domain.enums import OrderState
from services.execution.entries import OrderEntry
from services.execution.life import ENDED
from services.settings.parameters import Execution

_SECOND = 10**9
_MILLISECOND = 10**6


class Patience:
    """The clocks of one order; probes and repeated cancels share their steps."""

    def __init__(self, settings: Execution) -> None:
        self._timeout = settings.send_timeout_ms * _MILLISECOND
        self._offsets = tuple(int(offset * _SECOND) for offset in settings.in_doubt_probes_s)

    def watch(self, entry: OrderEntry, now: int) -> None:
        """Keep the probe schedule in step with the doubt."""
        doubtful = entry.in_doubt
        if doubtful and entry.doubt_since is None:
            entry.doubt_since = now
            entry.probes = 0
            entry.next_probe = self.probe_at(entry, now)
        elif not doubtful:
            entry.doubt_since = None
            if not entry.overstays:
                entry.next_probe = None
            elif entry.next_probe is None:
                entry.probes = 0
                entry.next_probe = self.probe_at(entry, now)

    def probe_at(self, entry: OrderEntry, now: int) -> int:
        since = entry.doubt_since if entry.doubt_since is not None else now
        if entry.probes < len(self._offsets):
            return max(since + self._offsets[entry.probes], now)
        return now + self._offsets[-1]

    def probe_due(self, entry: OrderEntry, now: int) -> bool:
        return (
            (entry.in_doubt or entry.overstays) and entry.next_probe is not None and now >= entry.next_probe
        )

    def probed(self, entry: OrderEntry, now: int) -> None:
        """It is asked after in this turn."""
        entry.probes += 1
        entry.next_probe = self.probe_at(entry, now)
        if entry.overstays and entry.asked_since is None:
            entry.asked_since = now

    def deadline(self, entry: OrderEntry) -> int | None:
        """When silence becomes doubt; None for an order that may rest, or that waits for the disk."""
        if entry.state in ENDED or entry.state is OrderState.INITIALIZED:
            return None
        if entry.overstays:
            return None if entry.asked_since is None else entry.asked_since + self._timeout
        sent = (entry.sent if entry.sent is not None else entry.created) + self._timeout
        if entry.state is OrderState.PENDING_CANCEL and entry.cancel_sent is not None:
            since = entry.cancel_since if entry.cancel_since is not None else entry.cancel_sent
            # An order that was never acknowledged is in doubt when its own answer is overdue, if not before.
            return since + self._timeout if entry.answered is not None else min(since + self._timeout, sent)
        if entry.state is OrderState.SUBMITTED or entry.immediate:
            return sent
        return None

    def cancel_sent(self, entry: OrderEntry, now: int, *, pending: bool) -> None:
        """`pending`: one was under way already; its doubt comes when it was due."""
        entry.cancel_sent = now
        if not pending:
            entry.cancel_since = now
        entry.cancels += 1
        entry.next_cancel = None

    def cancel_failed(self, entry: OrderEntry, now: int) -> None:
        """The cancel brought an error or was refused: it is asked again, each time a little later."""
        if entry.cancel_sent is None or entry.ended:
            return
        step = min(max(entry.cancels, 1), len(self._offsets)) - 1
        again = now + self._offsets[step]
        entry.next_cancel = again if entry.next_cancel is None else min(again, entry.next_cancel)

    def still_alive(self, entry: OrderEntry, ts_event: int, now: int) -> None:
        """The venue shows an order that works: a cancel sent before that was lost. One whose end is overdue
        is asked to go, and asked after."""
        if entry.ended:
            return
        entry.asked_since = None
        begun = (entry.sent if entry.sent is not None else entry.created) if entry.immediate else None
        if entry.cancel_sent is not None and ts_event > entry.cancel_sent:
            self.cancel_failed(entry, now)
            begun = entry.cancel_since if begun is None else begun
        elif entry.cancel_sent is not None and entry.state is not OrderState.PENDING_CANCEL:
            # By its stamp the picture is older than the cancel, as every one is where the venue's clock is
            # behind. It has ended the doubt, so nothing else would ask again for a cancel that was lost.
            self.cancel_failed(entry, now)
        if begun is not None and entry.rests_since is None and now >= begun + self._timeout:
            entry.rests_since = now
            if entry.cancel_sent is None:
                entry.next_cancel = now

    def stays_doubtful(self, entry: OrderEntry, ts_event: int, now: int) -> bool:
        """An accept has come of an order in doubt. It proves that the order arrived, and nothing of its end:
        where that is overdue, or a cancel is under way, a doubt that ended here would begin again at once.
        It is asked after soon, and a cancel from before the accept is sent again.
        """
        if entry.state is not OrderState.IN_DOUBT:
            return False
        sent = entry.sent if entry.sent is not None else entry.created
        overdue = entry.immediate and now >= sent + self._timeout
        if not overdue and entry.cancel_sent is None:
            return False
        self.refused(entry, now)
        if entry.cancel_sent is not None and ts_event > entry.cancel_sent:
            self.cancel_failed(entry, now)
        return True

    def refused(self, entry: OrderEntry, now: int) -> None:
        """The cancel of an order that overstays was refused: whether it is gone is asked for soon."""
        soon = now + self._offsets[0]
        entry.next_probe = soon if entry.next_probe is None else min(entry.next_probe, soon)

    def cancel_due(self, entry: OrderEntry, now: int) -> bool:
        return entry.next_cancel is not None and now >= entry.next_cancel and not entry.ended

    def next_look(self, entry: OrderEntry) -> int | None:
        """The next moment at which the clock says something about this open order."""
        # Asked of every open order after every event: without lists and generators.
        doubtful = entry.in_doubt
        look = None if doubtful else self.deadline(entry)
        probe, again = entry.next_probe, entry.next_cancel
        if probe is not None and (look is None or probe < look) and (doubtful or entry.overstays):
            look = probe
        if again is not None and (look is None or again < look) and not entry.ended:
            look = again
        return look
