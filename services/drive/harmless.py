"""Listeners that draw pictures of a run: whatever goes wrong in one, the desk goes on trading without it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger("stableconsole.engine")


def harmless(hear: Callable[..., None], what: str) -> Callable[..., None]:
    """`hear` until it raises once: that is logged, and from then on nothing is told to it.

    The machine takes an exception of its own turn for a failed desk and halts everything (RUNTIME 3); a
    screen's list is no reason for that.
    """
    broken = False

    def told(*args: Any) -> None:
        nonlocal broken
        if broken:
            return
        try:
            hear(*args)
        except Exception:
            broken = True
            log.exception("%s is not kept for the screens any more", what)

    return told
