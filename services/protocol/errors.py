"""What can be wrong with a frame, a command line or a flag: one exception family, one clear line each."""

from __future__ import annotations

from services.protocol.exits import Exit


class ProtocolError(Exception):
    """A peer's bytes are not a frame of this protocol. `code` is a short word for programs."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class UsageError(Exception):
    """A person typed something that is no command; the text says what was expected."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.exit = Exit.USAGE


class ProductError(Exception):
    """A failure with its exit status and the one line that says what and what to do."""

    def __init__(self, text: str, exit: Exit = Exit.FAILED, code: str = "failed") -> None:
        super().__init__(text)
        self.text = text
        self.exit = exit
        self.code = code
