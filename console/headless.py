"""The engine in the foreground: log lines, ready pipe, the summary as the last line. No screen library."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from console.progress import Bar
from services.domain.effects import Done
from services.protocol.errors import ProductError, UsageError
from services.protocol.exits import Exit
from services.protocol.frames import to_json
from services.protocol.options import FaultSpec, RunOptions
from services.protocol.ready import Ready, tell_ready
from services.protocol.redact import clean
from services.protocol.version import VERSION
from services.settings.layout import StateLayout

log = logging.getLogger("stableconsole")
OTHERS = ("py.warnings", "asyncio", "websockets")
"""Loggers of libraries that may have something to say: our handler knows the secrets."""


class HumanFormatter(logging.Formatter):
    """`12:00:01Z WARNING store: text`, in UTC; on a terminal without stacks."""

    def __init__(self, *, stacks: bool = True) -> None:
        super().__init__()
        self._stacks = stacks

    def format(self, record: logging.LogRecord) -> str:
        room = record.name.removeprefix("stableconsole").lstrip(".") or "engine"
        clock = time.strftime("%H:%M:%SZ", time.gmtime(record.created))
        text = f"{clock} {record.levelname:<7} {room}: {record.getMessage()}"
        return text + (_trace(record) if self._stacks else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ts (ns), level, logger, text; a daily summary has its figures under `daily`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "ts": int(record.created * 1e9),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": record.getMessage() + _trace(record),
            **getattr(record, "facts", {}),
        }
        return json.dumps(line, ensure_ascii=False)


def _trace(record: logging.LogRecord) -> str:
    """A failure's stack belongs into a log file; at a terminal only with `--debug`."""
    text = record.exc_text or ""
    if not text and record.exc_info:
        text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
    return f"\n{text}" if text else ""


def set_up_logging(*, as_json: bool, debug: bool) -> None:
    """Human lines on stderr, or JSON lines on stdout."""
    handler = logging.StreamHandler(sys.stdout if as_json else sys.stderr)
    stacks = debug or not sys.stderr.isatty()
    handler.setFormatter(JsonFormatter() if as_json else HumanFormatter(stacks=stacks))
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.DEBUG if debug else logging.INFO)
    logging.captureWarnings(capture=True)
    for name in OTHERS:
        logging.getLogger(name).handlers = [handler]


def run(options: RunOptions) -> int:
    """Runs until the engine ends; returns the exit status. Never raises but for `--debug`."""
    set_up_logging(as_json=options.log_json, debug=options.debug)
    try:
        from console import config, looks
        from console.paths import make_state_folder
        from console.places import layout_of

        gc.disable()
        from services import engine

        # What the imports made lives for ever: to walk over it meanwhile was a tenth of a start.
        gc.freeze()
        gc.enable()
        make_state_folder(layout_of(options.profile, options.state_dir))
        looks.check(config.load())
        end = engine.run(options)
    except (ProductError, UsageError) as error:
        return _failed(options, error.text, error.exit)
    except KeyboardInterrupt:
        return _failed(options, "interrupted", Exit.INTERRUPTED)
    except Exception as error:
        if options.debug:
            tell_ready(options.ready_fd, Ready(ok=False, text=clean(str(error)), exit=Exit.FAILED))
            raise
        return _failed(options, f"internal error: {type(error).__name__}: {error}", Exit.FAILED)
    if end.text:
        sys.stderr.write(f"stableconsole: {clean(end.text)}\n")
    if end.summary is not None:
        sys.stdout.write(summary_line(end.summary) + "\n")
    sys.stdout.flush()
    return int(end.exit)


def summary_line(summary: Struct) -> str:
    """The keys of `status` and, beside them, what the run did (CONSOLE): one flat object."""
    whole = msgspec.json.decode(to_json(summary))
    status = whole.pop("status")
    return to_json(status | whole).decode()


def _failed(options: RunOptions, text: str, status: Exit) -> int:
    text = clean(text)
    tell_ready(options.ready_fd, Ready(ok=False, text=text, exit=status))
    sys.stderr.write(f"stableconsole: {text}\n")
    return int(status)


def profile_of(layout: StateLayout) -> str:
    """Whose journal a folder holds; empty = there is none, or it is not told."""
    if not layout.store.exists():
        return ""
    from services import kept

    return str(kept.profile_of(layout.store))


def audit_verify(layout: StateLayout) -> tuple[str, bool, str]:
    """JSON, whether the chain holds, and a line for people. Works with no engine running."""
    store = _store(layout)
    from services import kept

    with Bar("checking") as tell:
        verdict = kept.audit_verify(store, tell)
    result = {
        "ok": verdict.ok,
        "head": verdict.head,
        "rows": verdict.rows,
        "first_broken": verdict.first_broken,
    }
    text = f"journal holds: {verdict.rows} rows, head {verdict.head}" if verdict.ok else verdict.text
    if verdict.gaps:
        text += f"; {verdict.gaps} blocks without their inputs (pruned or lost)"
    return to_json(result).decode(), verdict.ok, text


def audit_export(layout: StateLayout, out: Path) -> int:
    """Writes the journal as JSON lines; returns how many."""
    store = _store(layout)
    from services import kept

    try:
        return int(kept.audit_export(store, out))
    except OSError as error:
        raise ProductError(f"cannot write {out}: {error.strerror or error}") from None


def store_prune(layout: StateLayout, profile: str, keep_s: int | None, *, compact: bool) -> tuple[str, str]:
    """Empty old inputs: JSON, and a line for people."""
    _store(layout)
    from services import engine

    done = engine.store_prune(layout, profile, keep_s, compact=compact)
    text = f"{done.blocks} blocks of inputs emptied, {done.freed_bytes / 1e6:.1f} MB for new rows"
    return to_json(done).decode(), f"{text}; the file has {done.size_bytes / 1e6:.1f} MB"


def why(layout: StateLayout, asked: str) -> str:
    """The reason chain as JSON. Reads the store; works with and without a running engine."""
    store = _store(layout)
    from services import kept

    return to_json(kept.why_of(store, asked)).decode()


def overrides(layout: StateLayout) -> dict[str, str] | str:
    """What `:set` and `:limit` have left in a state folder, or why it is not known; none without a store."""
    if not layout.store.exists():
        return {}
    from services.store.migrate import UNREADABLE
    from services.store.reader import StoreReader

    try:
        with contextlib.closing(StoreReader(layout.store)) as reader:
            return reader.overrides()
    except UNREADABLE as error:
        return str(error)


def report(layout: StateLayout, profile: str, period: str) -> str:
    """The figures of a period as JSON. Reads the store; works with and without a running engine."""
    if not layout.store.exists():
        raise ProductError(f"nothing to report: {layout.store} does not exist; start the engine once")
    from services import kept

    with Bar("reading") as tell:
        return to_json(kept.report_of(layout.store, profile, period, tell)).decode()


def flatten_direct(layout: StateLayout, profile: str, what: str, say: Callable[[str], None]) -> Done:
    """Ends an engine that hangs and flattens with the venues alone. Raises ProductError."""
    if re.fullmatch(r"P-\d+", what):
        # Said before the engine is ended for nothing.
        text = f"{what}: without the engine no pair is known; name one of its legs, the other goes too"
        raise ProductError(text, Exit.USAGE, "unknown")
    from services import engine

    say(engine.end_engine(layout, profile))
    return engine.flatten_direct(layout, profile, what, say)


def replay(layout: StateLayout, journal: Path | None) -> tuple[str, bool, str]:
    """JSON, whether it came out the same, and a line for people."""
    store = journal or _store(layout)
    if not store.exists():
        raise ProductError(f"no journal here: {store} does not exist", Exit.FAILED, "no_journal")
    from services import engine

    with Bar("replaying") as tell:
        found = engine.replay(store, tell)
    result = {
        "ok": found.ok,
        "events": found.events,
        "decisions": found.decisions,
        "first_divergence": found.first_divergence,
        "written_by": found.written_by,
    }
    text = f"diverged at {found.first_divergence}"
    if found.ok:
        text = f"same: {found.events} events gave the same {found.decisions} decisions"
    elif "came out" in text:
        why = "another version, a changed strategy, or one that goes by chance"
        text += f"; what wrote it decided otherwise: {why}"
    others = [code for code in found.written_by if code != VERSION]
    if others:
        text += f"; written by version {', '.join(others)}, replayed by {VERSION}"
    return to_json(result).decode(), found.ok, text


def doctor(layout: StateLayout, profile: str) -> tuple[str, bool, str]:
    """JSON, whether nothing would stop trading, and a table for people."""
    from services import engine

    mode, rows = engine.doctor(layout, profile)
    stopped = [row for row in rows if row.verdict == "stop"]
    result = {
        "schema": 1,
        "ok": not stopped,
        "profile": profile,
        "mode": mode,
        "findings": [
            {
                "subject": row.subject,
                "check": row.check,
                "verdict": row.verdict.value,
                "text": row.text,
                "remedy": row.remedy,
            }
            for row in rows
        ],
    }
    wide = [max(len(getattr(row, name)) for row in rows) for name in ("subject", "check")]
    lines = []
    for row in rows:
        sign = {"ok": "✓ ok  ", "warn": "! warn", "stop": "✗ STOP"}[row.verdict.value]
        remedy = f"  → {row.remedy}" if row.remedy else ""
        lines.append(f"{sign}  {row.subject:<{wide[0]}}  {row.check:<{wide[1]}}  {row.text}{remedy}")
    said = f"{len(stopped)} would stop trading" if stopped else "nothing would stop trading"
    lines.append(f"profile {profile}, mode {mode}: {said}")
    return to_json(result).decode(), not stopped, "\n".join(lines)


def serve_sim(
    *,
    port: int,
    key: str,
    secret: str,
    keys: Path | None,
    scenario: str,
    seed: int,
    speed: float,
    instruments: int,
    latency_ms: float | None,
    faults: tuple[FaultSpec, ...],
    scenario_time: bool,
    lockstep: bool,
    books: Path | None,
    say: Callable[[str], None],
) -> int:
    """The simulated exchange as a server, until it is interrupted."""
    from services import simulator

    options = simulator.SimOptions(
        port=port,
        scenario=scenario,
        seed=seed,
        speed=speed,
        step_s=None,
        instruments=instruments,
        latency_ms=latency_ms,
        lockstep=lockstep,
        scenario_time=scenario_time,
        keys=simulator.keys_of(keys, key, secret),
        faults=faults,
        folder=books,
    )
    return simulator.serve(options, say)


def _store(layout: StateLayout) -> Path:
    if not layout.store.exists():
        raise ProductError(f"no journal here: {layout.store} does not exist", Exit.FAILED, "no_journal")
    return layout.store
