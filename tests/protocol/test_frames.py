"""Frames: any cut of the stream gives the same frames; nothing a peer sends raises but ProtocolError."""

from __future__ import annotations

import struct
from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from services.protocol.errors import ProtocolError
from services.protocol.frames import (
    MAX_FRAME,
    Cmd,
    Done,
    ErrorBody,
    Fault,
    Frame,
    FrameBuffer,
    Hello,
    Ping,
    Pong,
    Progress,
    Sub,
    View,
    decode_client,
    decode_server,
    encode,
    protocol_problem,
    to_json,
    topic_known,
)


def complaint(decode: Callable[[bytes], object], body: bytes) -> str:
    try:
        decode(body)
    except ProtocolError as error:
        return error.text
    return ""


text = st.text(st.characters(codec="utf-8"), max_size=30)
client_frames = st.one_of(
    st.builds(Hello, protocol=st.integers(0, 9), version=text, world=st.dictionaries(text, text, max_size=3)),
    st.builds(Cmd, id=text, name=text, args=st.dictionaries(text, text, max_size=3), origin=text),
    st.builds(Sub, topics=st.lists(text, max_size=4).map(tuple), hz=st.floats(0.1, 10)),
    st.builds(Ping, sent=st.integers(0, 2**62)),
)
server_frames = st.one_of(
    st.builds(Progress, id=text, text=text),
    st.builds(
        Done, id=text, ok=st.booleans(), error=st.builds(ErrorBody, code=text, text=text, exit=st.just(4))
    ),
    st.builds(
        View, topic=text, seq=st.integers(1, 9), ts=st.integers(0, 2**62), data=st.just(Raw(b'{"a":"1"}'))
    ),
    st.builds(Pong, sent=st.integers(0, 2**62)),
    st.builds(Fault, code=text, text=text),
)


@settings(max_examples=60)
@given(st.lists(client_frames, max_size=5), st.integers(1, 40))
def test_any_cut_of_the_stream_gives_the_same_frames(frames: list[Frame], piece: int) -> None:
    stream = b"".join(encode(frame) for frame in frames)
    buffer = FrameBuffer()
    bodies: list[bytes] = []
    for start in range(0, len(stream), piece):
        bodies += buffer.feed(stream[start : start + piece])
    assert [decode_client(body) for body in bodies] == frames


@settings(max_examples=60)
@given(server_frames)
def test_server_frames_come_back_as_they_were(frame: Frame) -> None:
    (body,) = FrameBuffer().feed(encode(frame))
    assert decode_server(body) == frame


@settings(max_examples=100)
@given(st.binary(max_size=200))
@example(b"{}")
@example(b'{"type":"cmd"}')
@example(b'{"type":"cmd","id":1,"name":"halt"}')
@example(b'{"type":"view","topic":"a","seq":1,"ts":1,"data":' + b"[" * 3000)
@example(b'{"type":"cmd","id":"1","name":"\xff"}')
def test_no_body_raises_anything_but_protocol_error(body: bytes) -> None:
    for decode in (decode_client, decode_server):
        assert "\n" not in complaint(decode, body)


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_stream_raises_anything_but_protocol_error(pieces: list[bytes]) -> None:
    buffer = FrameBuffer()
    for piece in pieces:
        try:
            for body in buffer.feed(piece):
                decode_client(body)
        except ProtocolError:
            return


@pytest.mark.parametrize("length", [0, MAX_FRAME + 1, 2**32 - 1])
def test_length_outside_the_limit_is_refused_before_its_bytes_come(length: int) -> None:
    with pytest.raises(ProtocolError, match="length"):
        FrameBuffer().feed(struct.pack(">I", length))


def test_frame_over_four_mebibytes_is_the_senders_error() -> None:
    with pytest.raises(ProtocolError, match="over the limit"):
        encode(Progress(id="1", text="x" * MAX_FRAME))


def test_unknown_fields_are_ignored_so_that_newer_clients_can_halt() -> None:
    frame = decode_client(b'{"type":"cmd","id":"1","name":"halt","args":{},"origin":"","urgency":"now"}')
    assert frame == Cmd(id="1", name="halt")


def test_server_frames_are_no_client_frames() -> None:
    with pytest.raises(ProtocolError):
        decode_client(encode(Pong())[4:])


def test_decimals_travel_as_strings_and_unknown_as_null() -> None:
    class Figures(msgspec.Struct):
        money: Decimal
        unknown: Decimal | None

    assert to_json(Figures(Decimal("1.10"), None)) == b'{"money":"1.10","unknown":null}'


def test_protocol_mismatch_names_the_side_to_upgrade() -> None:
    assert protocol_problem(1, 1, we_are="engine") is None
    assert "upgrade the engine" in (protocol_problem(1, 2, we_are="engine") or "")
    assert "upgrade the console" in (protocol_problem(2, 1, we_are="engine") or "")
    assert "upgrade the console" in (protocol_problem(1, 2, we_are="console") or "")


def test_topics() -> None:
    assert topic_known("strip")
    assert topic_known("book:BTC-USDT-PERP.alpha")
    assert not topic_known("book:")
    assert not topic_known("weather")
