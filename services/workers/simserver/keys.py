"""A key of the served exchange, as `--key` and `--keys` name it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Name = Annotated[str, Meta(min_length=1)]


class Key(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may trade."""

    key: Name
    secret: Name
    subaccounts: tuple[Name, ...] = ()
    withdraw: bool = False
    """Says that it could withdraw, so that a client's refusal of such keys can be tried."""
