"""The control socket's bytes and the command line's text, as functions of bytes."""

from __future__ import annotations

from services.protocol import grammar
from services.protocol.errors import ProtocolError, UsageError
from services.protocol.frames import Cmd, FrameBuffer, Hello, Ping, Sub, decode_client, decode_server, encode
from services.protocol.version import PROTOCOL
from services.venues.wire.numbers import BadNumber, wire_decimal
from tests.fuzz.sane import sane


def socket(data: bytes) -> None:
    """A stream of bytes cut into frames, as either end takes them."""
    try:
        bodies = FrameBuffer().feed(data)
    except ProtocolError:
        return
    for body in (*bodies, data):
        for decode in (decode_client, decode_server):
            try:
                decode(body)
            except ProtocolError:
                continue


def line(data: bytes) -> None:
    """A `:` line; what is a command must be one that the engine's own check takes too."""
    try:
        found = grammar.parse(data.decode("utf-8", "replace"))
        grammar.check(found.name, found.args)
    except UsageError:
        return


def number(data: bytes) -> None:
    try:
        sane(wire_decimal(data.decode("utf-8", "replace"), "field"))
    except BadNumber:
        return


SOCKET_SEEDS: tuple[bytes, ...] = (
    encode(Hello(protocol=PROTOCOL, version="1")),
    encode(Cmd(id="1", name="halt", args={"scope": "venue:alpha"})),
    encode(Sub(topics=("strip", "book:BTC-PERP.alpha"), hz=10.0)),
    encode(Ping()),
)
LINE_SEEDS: tuple[bytes, ...] = (
    b":halt venue:alpha", b":flatten", b':resume "all is well"', b":set gate.orders_per_second 5",
    b":limit BTC-PERP.alpha max_notional 1000", b":fault latency alpha 0.5", b":pair close P-01",
)  # fmt: skip
NUMBER_SEEDS: tuple[bytes, ...] = (
    b"1.5",
    b"-1e10",
    b"NaN",
    b"Infinity",
    b"1_000",
    b"1e999999999",
    b"0x10",
    b"",
)
