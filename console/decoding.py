"""Views as they come over the socket. What stands unchanged from frame to frame is decoded once.

The funding board is most of the Desk's bytes and the same for many frames.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import NODEFAULT, Raw, Struct
from msgspec.structs import fields

from services.views.topics import view_type

STANDING = {"desk": "funding"}
"""By kind of topic: the field that stands for many frames."""


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(view_type(kind))


@cache
def _parts(kind: str) -> tuple[msgspec.json.Decoder[Any], msgspec.json.Decoder[Any]]:
    """(of the view with its standing field left as bytes, of that field)."""
    standing = STANDING[kind]
    wire: list[Any] = []
    inside: Any = None
    for each in fields(view_type(kind)):
        if each.name == standing:
            inside = each.type
            wire.append((each.name, Raw))
        elif each.default is not NODEFAULT:
            wire.append((each.name, each.type, each.default))
        elif each.default_factory is not NODEFAULT:
            wire.append((each.name, each.type, msgspec.field(default_factory=each.default_factory)))
        else:
            wire.append((each.name, each.type))
    made = msgspec.defstruct(f"{kind}_wire", wire, kw_only=True)
    return msgspec.json.Decoder(made), msgspec.json.Decoder(inside)


class Decoding:
    """One per connection. `view` raises msgspec.DecodeError, or KeyError for a kind that has no view."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[bytes, Any]] = {}

    def view(self, topic: str, raw: bytes) -> object:
        kind = topic.partition(":")[0]
        if kind not in STANDING:
            return _decoder(kind).decode(raw)
        whole, part = _parts(kind)
        found: Struct = whole.decode(raw)
        values = {name: getattr(found, name) for name in found.__struct_fields__}
        standing = bytes(values[STANDING[kind]])
        kept = self._kept.get(kind)
        if kept is None or kept[0] != standing:
            kept = self._kept[kind] = (standing, part.decode(standing))
        values[STANDING[kind]] = kept[1]
        return view_type(kind)(**values)
