"""A key's secret part: shown by nobody, compared by nobody, printed as a mark."""

from __future__ import annotations

from services.protocol.redact import STRUCK, Redactor


class Secret:
    """Holds the bytes; `reveal` is for the line that signs and for nothing else."""

    __slots__ = ("_value",)

    def __init__(self, value: str, redactor: Redactor | None = None) -> None:
        """`redactor` learns to strike the value out of every log line."""
        if not value:
            raise ValueError("a secret must not be empty")
        self._value = value.encode()
        if redactor is not None:
            redactor.register(value)

    def reveal(self) -> bytes:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({STRUCK})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not written down")
