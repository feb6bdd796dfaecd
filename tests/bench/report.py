"""How a bench tells what it measured: one table, printed at once."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Sequence


def table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    load = os.getloadavg()[0]
    width = max(len(name) for name, _ in rows)
    lines = [
        "",
        title,
        f"  (Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f})",
        *(f"  {name:<{width}}  {value}" for name, value in rows),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
