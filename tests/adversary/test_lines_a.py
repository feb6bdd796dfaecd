"""The first half of the adversarial runs (SEMANTICS 7: "after faults end, hedged or flat within 60 s")."""

from __future__ import annotations

from tests.adversary.share import check
from tests.figures import Say


def test_whatever_the_line_did_it_ends_hedged_or_flat_and_the_books_agree(figure: Say) -> None:
    check(0, figure)
