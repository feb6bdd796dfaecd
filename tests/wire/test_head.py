"""The bytes of a request: what h11 makes of the same, and nothing that ends a line of the head early."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.venues.wire.head import request_bytes

NAMES = st.sampled_from(["accept", "x-mbx-apikey", "FTX-KEY", "FTX-TS", "FTX-SIGN", "FTX-SUBACCOUNT"])
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
TARGETS = VALUES.map(lambda text: "/api/" + text)


@settings(max_examples=40)
@given(
    st.sampled_from(["GET", "POST", "DELETE", "PUT"]),
    TARGETS,
    st.lists(st.tuples(NAMES, VALUES), max_size=6),
    st.booleans(),
    st.binary(max_size=60),
)
def test_the_bytes_are_those_of_h11(
    method: str, target: str, headers: list[tuple[str, str]], named: bool, body: bytes
) -> None:
    ours = request_bytes(method, target, "there:1", [("host", "here")] * named + headers, body)
    whole = [("host", "here" if named else "there:1")]
    whole += [("content-length", str(len(body)))] if body else []
    other = h11.Connection(h11.CLIENT)
    told = other.send(h11.Request(method=method, target=target, headers=whole + headers)) or b""
    told += (other.send(h11.Data(data=body)) or b"") if body else b""
    told += other.send(h11.EndOfMessage()) or b""
    assert ours == told


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [
        ("GET", "/a", ("x", "b\r\nFTX-KEY: other")),
        ("GET", "/a", ("x", "b\n")),
        ("GET", "/a", ("x\r\ny", "b")),
        ("GET", "/a b", ("x", "y")),
        ("GET", "/a\r\n", ("x", "y")),
        ("GET ", "/a", ("x", "y")),
        ("GET", "/a", ("x", "ä")),
        ("GET", "/a", ("x", "\0")),
    ],
)
def test_what_no_head_can_hold_is_refused(method: str, target: str, header: tuple[str, str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever of them
        request_bytes(method, target, "here", [header], b"")
