"""What a profile says of an exchange of the library."""

from __future__ import annotations

from msgspec import Struct


class CcxtSettings(Struct, frozen=True, kw_only=True):
    exchange: str
    symbols: tuple[str, ...]
    """As the venue writes them."""
    key: str = ""
    environment: str = "production"
    """`production`, `demo`, `testnet`; with `local` an address on this machine."""
    local: str = ""
    spot: bool = False
    """Spot pairs instead of perpetuals."""
