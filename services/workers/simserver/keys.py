"""A key of the served exchange, as `--key` and `--keys` name it."""

from __future__ import annotations

from msgspec import Struct


class Key(Struct, frozen=True):
    """Who may trade."""

    key: str
    secret: str
    subaccounts: tuple[str, ...] = ()
    withdraw: bool = False
    """Says that it could withdraw, so that a client's refusal of such keys can be tried."""
