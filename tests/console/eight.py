"""The console's eight screens by name, for pictures: a picture must not change because a screen was added."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from screens.draw import topbar
from screens.rooms import BY_NAME, Entry

NAMES = ["Desk", "Markets", "Orders", "Strategies", "Performance", "Health", "Journal", "Stress"]
EIGHT = tuple(
    BY_NAME.get(name.lower(), Entry(str(key), name.lower(), name, "", ""))
    for key, name in enumerate(NAMES, 1)
)


@pytest.fixture(autouse=True)
def eight_screens() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topbar, "ROOMS", EIGHT)
        yield
