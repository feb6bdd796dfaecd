"""Style sheets and palettes, found beside this file."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """The real folder of the style sheets."""
    return Path(__file__).parent
