"""What a funding strategy says of a decision that enters nothing: its best chance, and what is against it."""

from __future__ import annotations

from collections.abc import Sequence

from services.market.board import Evaluation


def best_chance(judged: Sequence[Evaluation]) -> str:
    """`judged` as the board ranks them."""
    if not judged:
        return "no two perps here hedge each other"
    best = judged[0]
    figures = "" if best.net_edge is None else f" net {best.net_edge:.1f} bps"
    return f"short {best.short}, long {best.long}{figures}: {best.refusals[0] if best.refusals else 'enter'}"
