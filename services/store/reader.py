"""Read-only queries beside a running engine (signatures first)."""

from __future__ import annotations
from collections.abc import Iterator
from pathlib import Path
from msgspec import Struct
from services.domain.records import (
    AlertRecord,
    EpisodeRecord,
    EquityRecord,
    FillRecord,
    FundingRecord,
    OrderRecord,
    PairRecord,
    RiskRecord,
)


class Head(Struct, frozen=True):
    seq: int
    hash: bytes


class StoreReader:
    def __init__(self, path: Path) -> None: ...
    def head(self) -> Head:
        raise NotImplementedError

    def instance(self) -> str:
        raise NotImplementedError

    def overrides(self) -> dict[str, str]:
        raise NotImplementedError

    def episodes(self, strategy: str | None = None, since: int = 0) -> list[EpisodeRecord]:
        raise NotImplementedError

    def alerts(self, open_only: bool = False, limit: int = 200) -> list[AlertRecord]:
        raise NotImplementedError

    def orders(self, limit: int = 200) -> list[OrderRecord]:
        raise NotImplementedError

    def order(self, client_order_id: str) -> OrderRecord | None:
        raise NotImplementedError

    def pairs(self, limit: int = 200) -> list[PairRecord]:
        raise NotImplementedError

    def fills(
        self, client_order_id: str | None = None, since: int = 0, limit: int = 1000
    ) -> list[FillRecord]:
        raise NotImplementedError

    def funding(self, since: int = 0, limit: int = 1000) -> list[FundingRecord]:
        raise NotImplementedError

    def equity(self, account: str = "all", since: int = 0) -> list[EquityRecord]:
        raise NotImplementedError

    def risk_events(self, limit: int = 200) -> list[RiskRecord]:
        raise NotImplementedError

    def close(self) -> None: ...
