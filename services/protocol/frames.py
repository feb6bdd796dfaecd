"""Frames of the control socket: u32 big-endian length (at most 4 MiB) and one JSON object (RUNTIME 5).

Types are strict: a string where a number belongs is an error. Unknown *fields* are ignored, because the four
kept commands must work between any two versions. Nothing here does I/O: `encode` gives bytes,
`FrameBuffer` takes bytes as they come, in any pieces.
"""

from __future__ import annotations

import struct

import msgspec
from msgspec import Raw, Struct

from services.protocol.errors import ProtocolError

MAX_FRAME = 4 * 1024 * 1024
"""Bytes of JSON in one frame."""

MAX_HZ = 10.0
"""Views are never pulled more often than this."""

SILENCE_S = 5.0
"""A client that sent nothing for so long is dropped."""

PING_S = 1.0
"""How often a client says that it is there."""

KEPT_COMMANDS = ("halt", "flatten", "status", "stop")
"""They keep protocol 1 for ever: whatever else an old and a new side disagree on, these work."""

TOPICS = (
    "strip",
    "desk",
    "markets",
    "orders",
    "strategies",
    "performance",
    "health",
    "journal",
    "stress",
)
"""Beside them `book:INSTRUMENT`."""

WITH_ARGUMENT = ("book", "performance", "journal", "stress")
"""Kinds that may carry an argument after a colon; `book` always does."""
MAX_TOPIC = 400
"""Characters of a topic with its argument."""

_LENGTH = struct.Struct(">I")


class Hello(Struct, frozen=True, tag="hello", kw_only=True):
    """The first frame of both sides."""

    protocol: int
    version: str
    instance: str = ""
    pid: int = 0
    profile: str = ""
    mode: str = ""
    world: dict[str, str] = {}
    """What world the engine runs: the keys of `options.WORLD_FLAGS`, as text."""


class Cmd(Struct, frozen=True, tag="cmd", kw_only=True):
    id: str
    """Drawn by the client; a repeated id gets the stored answer."""
    name: str
    args: dict[str, str] = {}
    origin: str = ""
    """`console:PID` or `shell:PID`."""


class Progress(Struct, frozen=True, tag="progress", kw_only=True):
    id: str
    text: str


class ErrorBody(Struct, frozen=True, kw_only=True):
    code: str
    text: str
    exit: int


class Done(Struct, frozen=True, tag="done", kw_only=True):
    """The one answer. `error` stands exactly when not `ok`; a result may stand beside it (what is left)."""

    id: str
    ok: bool
    result: Raw = Raw(b"null")
    error: ErrorBody | None = None


class Sub(Struct, frozen=True, tag="sub", kw_only=True):
    """Replaces what this client watched before."""

    topics: tuple[str, ...]
    hz: float = MAX_HZ


class View(Struct, frozen=True, tag="view", kw_only=True):
    topic: str
    seq: int
    """Grows with each build of this topic; holes are frames a slow client was spared."""
    ts: int
    """The desk's time, ns."""
    data: Raw


class Ping(Struct, frozen=True, tag="ping", kw_only=True):
    sent: int = 0
    """Monotonic ns of the sender, given back in the pong."""


class Pong(Struct, frozen=True, tag="pong", kw_only=True):
    sent: int = 0


class Fault(Struct, frozen=True, tag="error", kw_only=True):
    """Something is wrong with the connection itself, not with a command."""

    code: str
    text: str


Frame = Hello | Cmd | Progress | Done | Sub | View | Ping | Pong | Fault
ClientFrame = Hello | Cmd | Sub | Ping
ServerFrame = Hello | Progress | Done | View | Pong | Fault

_encoder = msgspec.json.Encoder(decimal_format="string")
_client_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_server_decoder: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)


def to_json(value: object) -> bytes:
    """Any view or answer as the documented JSON: Decimals are strings, unknown is null."""
    return _encoder.encode(value)


def encode(frame: Frame) -> bytes:
    """Length and JSON. A frame over the limit is an error of the sender."""
    body = _encoder.encode(frame)
    if len(body) > MAX_FRAME:
        raise ProtocolError("too_long", f"a frame of {len(body)} bytes is over the limit of {MAX_FRAME}")
    return _LENGTH.pack(len(body)) + body


def decode_client(body: bytes) -> ClientFrame:
    """What a client may say."""
    try:
        return _client_decoder.decode(body)
    except _BAD_JSON as error:
        raise _bad(error) from None


def decode_server(body: bytes) -> ServerFrame:
    """What an engine may say."""
    try:
        return _server_decoder.decode(body)
    except _BAD_JSON as error:
        raise _bad(error) from None


_BAD_JSON = (msgspec.MsgspecError, ValueError, RecursionError)


def _bad(error: Exception) -> ProtocolError:
    return ProtocolError("bad_frame", f"not a frame of this protocol: {error}")


class FrameBuffer:
    """Cuts a byte stream into frame bodies."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies completed by `data`. A length outside 1..4 MiB raises: the stream is lost."""
        self._data += data
        bodies: list[bytes] = []
        start = 0
        while len(self._data) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data, start)
            if not 0 < length <= MAX_FRAME:
                raise ProtocolError("bad_length", f"a frame length of {length} is outside 1..{MAX_FRAME}")
            end = start + _LENGTH.size + length
            if len(self._data) < end:
                break
            bodies.append(bytes(self._data[start + _LENGTH.size : end]))
            start = end
        del self._data[:start]
        return bodies


def topic_known(topic: str) -> bool:
    """One of the fixed topics, or one with an argument."""
    if topic in TOPICS:
        return True
    kind, _, argument = topic.partition(":")
    return kind in WITH_ARGUMENT and bool(argument) and len(topic) <= MAX_TOPIC


def protocol_problem(ours: int, theirs: int, *, we_are: str) -> str | None:
    """None when both speak the same protocol, else which side to upgrade. `we_are`: `engine` or `console`."""
    if ours == theirs:
        return None
    other = "console" if we_are == "engine" else "engine"
    older = we_are if ours < theirs else other
    remedy = (
        "stop the engine and start it again with the newer version"
        if older == "engine"
        else "upgrade the stableconsole you typed"
    )
    kept = ", ".join(KEPT_COMMANDS)
    return (
        f"the {we_are} speaks protocol {ours}, the {other} {theirs}: upgrade the {older} ({remedy}); "
        f"{kept} work meanwhile"
    )


def release_problem(console: str, engine: str) -> str:
    """Both speak, but are of other releases: what one shows the other may not know. Empty = the same."""
    if console == engine:
        return ""
    return (
        f"the engine is version {engine}, this console {console}: stop the engine and start it again when it "
        "suits, so that both are the same"
    )
