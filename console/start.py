"""A start as asked for: the engine in the foreground, or the screen on an engine found or spawned."""

from __future__ import annotations

import signal

from services.protocol import flags


def begin(given: dict[str, object], *, no_ui: bool, attach: bool, read_only: bool) -> int:
    """Runs the engine in the foreground, or the screen on an engine found or started."""
    options = flags.build(given)
    if no_ui:
        from console import headless

        ended = headless.run(options)
        # All is written: another signal has nothing left to end, and would only spoil the exit status.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        return ended
    from console import terminal

    terminal.require_terminal()
    from console import opening

    return opening.show(options, attach=attach, read_only=read_only)
