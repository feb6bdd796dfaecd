"""Exceptions that cross rooms."""

from __future__ import annotations


class StrategyOverran(BaseException):
    """Raised in the main thread, by the watchdog's signal, inside a strategy call that takes too long.

    A BaseException, so that no `except Exception` in a strategy swallows it (RUNTIME 3).
    """
