"""Can this terminal show the console? One polite line when it cannot."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from services.protocol.errors import ProductError
from services.protocol.exits import Exit

MIN_COLUMNS = 40
MIN_LINES = 10
"""Below this not even the one-pane layout holds."""


def require_terminal(environ: Mapping[str, str] = os.environ) -> None:
    """Raises ProductError (exit 2) when the screens cannot be shown here."""
    problem = terminal_problem(environ)
    if problem:
        raise ProductError(problem, Exit.USAGE, "terminal")


def terminal_problem(environ: Mapping[str, str]) -> str | None:
    """None, or what is wrong and what to do."""
    for stream, name in (
        (sys.stdin, "standard input"),
        (sys.stdout, "standard output"),
        (sys.stderr, "stderr"),
    ):
        if stream is None or not stream.isatty():
            return f"no terminal ({name} is none): use --no-ui to run the engine without the console"
    if environ.get("TERM", "") in ("", "dumb", "unknown"):
        term = environ.get("TERM") or "unset"
        return f"TERM={term} cannot draw a console: use another terminal or --no-ui"
    columns, lines = _size(environ)
    if columns < MIN_COLUMNS or lines < MIN_LINES:
        return (
            f"the terminal is {columns}×{lines}, the console needs at least {MIN_COLUMNS}×{MIN_LINES} "
            "(80×24 for comfort): enlarge it, or use stableconsole status"
        )
    return None


def _size(environ: Mapping[str, str]) -> tuple[int, int]:
    """Of the terminal itself; a terminal that does not know its size (0×0) is taken as 80×24."""
    size = os.get_terminal_size(sys.stdout.fileno())
    columns = size.columns or int(environ.get("COLUMNS", "80"))
    lines = size.lines or int(environ.get("LINES", "24"))
    return columns, lines
