"""A whole HTTP/1.1 request as the bytes of one write.

What h11 would make of the same request, without its states: those are only asked when an answer comes.
"""

from __future__ import annotations

from collections.abc import Sequence


def request_bytes(
    method: str, target: str, authority: str, headers: Sequence[tuple[str, str]], body: bytes
) -> bytes:
    """Head and body. `authority` stands in `host` where no header says it; a body's length is added too.

    Raises ValueError for anything that would end a line of the head early, or that no head can hold.
    """
    lines = [f"{method} {target} HTTP/1.1"]
    host, length = authority, f"{len(body)}" if body else ""
    for name, value in headers:
        low = name.lower()
        if low == "host":
            host = value
        elif low == "content-length":
            length = value
        else:
            lines.append(f"{name}: {value}")
    lines.insert(1, f"host: {host}")
    if length:
        lines.insert(2, f"content-length: {length}")
    head = "\r\n".join(lines)
    ends = len(lines) - 1
    if head.count("\n") != ends or head.count("\r") != ends or "\0" in head:
        raise ValueError("a line break inside a header")
    if method == "" or target == "" or " " in target or " " in method:
        raise ValueError("a space inside a method or an address")
    return f"{head}\r\n\r\n".encode("ascii") + body
