"""The list of symbols read anew each hour: ends that are announced, symbols that were closed, other steps.

The venue takes contracts off its list while we run and says so by a delivery date that it pulls in
(binance.md 4); a pair that nobody told of it would lose one leg to the venue's own settlement. Fees and
brackets stay those of the start.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from services.domain.instrument import Instrument

EVERY_S = 3_600.0


def ended(spec: Instrument, now: int) -> bool:
    """It is closed: a question that names it may be refused whole."""
    return spec.delisting_ts is not None and spec.delisting_ts <= now


def relisted(
    listed: Mapping[str, Instrument], present: Mapping[str, Instrument | None], now: int
) -> dict[str, Instrument]:
    """By symbol, what of `listed` is other than before. `present`: as the venue has it; None, or no row at
    all = not open: it keeps its facts and has ended now, unless its end had been told."""
    changed: dict[str, Instrument] = {}
    for name, known in listed.items():
        found = present.get(name)
        if found is None:
            spec = known if ended(known, now) else replace(known, delisting_ts=now)
        else:
            spec = replace(
                known,
                price_increment=found.price_increment,
                size_increment=found.size_increment,
                min_size=found.min_size,
                min_notional=found.min_notional,
                delisting_ts=found.delisting_ts,
            )
        if spec != known:
            changed[name] = spec
    return changed
