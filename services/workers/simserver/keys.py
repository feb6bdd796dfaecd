"""A key of the served exchange, as `--key` and `--keys` name it."""

from __future__ import annotations

import hashlib
from typing import Annotated
from urllib.parse import quote

from msgspec import Meta, Struct

LONGEST = 80
"""Letters of a name in the name of its folder; file systems take 255 in all."""
Name = Annotated[str, Meta(min_length=1, max_length=64)]


class Key(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may trade."""

    key: Name
    secret: Name
    subaccounts: tuple[Name, ...] = ()
    withdraw: bool = False
    """Says that it could withdraw, so that a client's refusal of such keys can be tried."""


def folder_name(key: str, subaccount: str) -> str:
    """Where an account's books lie: no two accounts in one place, whatever their names are made of."""
    return "-".join(_part(name) for name in (key, subaccount))


def _part(name: str) -> str:
    plain = quote(name, safe="").replace("-", "%2D")
    if len(plain) <= LONGEST:
        return plain
    return f"{plain[:LONGEST]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
