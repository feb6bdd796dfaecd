"""The watchdog process: breaks off a strategy that does not return, ends an engine that hangs (RUNTIME 3).

A thread would not do: C code that holds the interpreter lock silences it. Run as
`python -P -m services.drive.watchdog PID LATCH CALL_MS HEARTBEAT_S` with the pipe as standard input; the
engine's side is `services.drive.guard`. Standard library only, and little of it: it starts fast, stays small.
Each heartbeat is answered with a byte on standard output: a watchdog that stands is killed and replaced.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from struct import Struct as Packed

from services.drive.latch import Latch

IDLE = 0
IN_CALL = 1
GOODBYE = 2
BEAT = Packed("<BQq")
"""What (one of the above), number of the strategy call, desk time ns."""

ANSWER = b"."

_TICK_S = 0.05
_TURN_MOST_S = 0.5
"""More than this no turn counts: in a longer one this process did not run either (a sleeping machine, a
stopped container, a starved core), and an engine that slept beside it is not silent."""
_GRACE_S = 3.0
"""After SIGABRT the engine may dump its stacks for this long, then SIGKILL."""


def watch(pid: int, latch: str, call_s: float, heartbeat_s: float, pipe: int = 0, back: int = 1) -> int:
    """Returns when the engine says goodbye or ends. Armed by the first beat."""
    try:
        engine = os.pidfd_open(pid)
    except ProcessLookupError:
        return 0  # killed while this process was starting
    os.set_blocking(pipe, False)
    os.set_blocking(back, False)
    rest = b""
    what, call, desk_ts = IDLE, 0, 0
    last_beat: float | None = None
    call_since = 0.0
    told = -1
    now, turned, answered = 0.0, time.monotonic(), -1.0
    while True:
        select.select([pipe], [], [], _TICK_S)
        data = _drain(pipe)
        before_turn, turned = turned, time.monotonic()
        now += min(turned - before_turn, _TURN_MOST_S)
        if data is None:
            return 0
        rest += data
        whole = len(rest) - len(rest) % BEAT.size
        if whole:
            before = (what, call)
            what, call, desk_ts = BEAT.unpack_from(rest, whole - BEAT.size)
            rest = rest[whole:]
            last_beat = now
            if now - answered >= _TICK_S:  # marks around strategy calls may come by the thousand
                answered = now
                _answer(back)
            if (what, call) != before:
                call_since = now
        if what == GOODBYE:
            return 0
        if last_beat is None:
            continue
        if what == IN_CALL and call != told and now - call_since >= call_s:
            told = call
            if not _send(engine, signal.SIGUSR1):
                return 0
        if now - last_beat >= heartbeat_s:
            _end(engine, latch, heartbeat_s, desk_ts)
            return 1


def _drain(pipe: int) -> bytes | None:
    """All that lies in the pipe; None = the engine is gone."""
    data = b""
    while True:
        try:
            piece = os.read(pipe, 65_536)
        except BlockingIOError:
            return data
        if not piece:
            return None
        data += piece


def _answer(back: int) -> None:
    try:
        os.write(back, ANSWER)
    except OSError:
        return  # full, since the engine hangs, or closed, since it has gone: both are seen elsewhere


def _end(engine: int, latch: str, heartbeat_s: float, desk_ts: int) -> None:
    text = f"no heartbeat for {heartbeat_s:g} s: the engine was ended"
    try:
        Latch(latch).write("HALTED", "watchdog", text, desk_ts)
    except OSError as error:
        sys.stderr.write(f"watchdog: the latch cannot be written: {error}\n")
    sys.stderr.write(f"watchdog: {text}\n")
    sys.stderr.flush()
    _send(engine, signal.SIGABRT)
    _send(engine, signal.SIGCONT)  # a stopped process acts on nothing else
    ended, _, _ = select.select([engine], [], [], _GRACE_S)
    if not ended:
        _send(engine, signal.SIGKILL)


def _send(engine: int, number: int) -> bool:
    try:
        signal.pidfd_send_signal(engine, number)
    except ProcessLookupError:
        return False
    return True


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it goes when the engine goes
    pid, latch, call_ms, heartbeat_s = sys.argv[1:5]
    return watch(int(pid), latch, int(call_ms) / 1000, float(heartbeat_s))


if __name__ == "__main__":
    raise SystemExit(main())
