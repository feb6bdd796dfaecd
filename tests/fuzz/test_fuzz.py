"""No parser lets an exception out, nor a number that is none: the share of `make fuzz` that runs always."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import FOUND, TARGETS

BAD = (
    None, "NaN", "-NaN", "sNaN", "Infinity", "-Infinity", "1e999999999", "1e-999999999", "1_000", "١", "",
    " 1", "x", 10**400, -1, 0, 1e-300, 1e300, 2**63, 2**64, True, [], {}, [None], {"a": 1}, "1e19", "1e21",
)  # fmt: skip
"""Put in the place of a value: each must be refused or harmless."""


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value within a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(found for key, each in inner for found in places(each, (*way, key)))]


def spoilt(value: Any, way: tuple[Any, ...], bad: Any, *, gone: bool) -> Any:
    """A copy with one value replaced, or taken out."""
    if not way:
        return bad
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(way) == 1 and gone:
        del copy[way[0]]
    else:
        copy[way[0]] = spoilt(value[way[0]], way[1:], bad, gone=gone)
    return copy


def parts(seed: bytes) -> tuple[bytes, Any] | None:
    """What stands before the JSON, and the JSON; None = it is none."""
    for at in (0, 1, 4):
        try:
            return seed[:at], json.loads(seed[at:])
        except ValueError:
            continue
    return None


@pytest.mark.parametrize("name", TARGETS)
def test_every_value_of_every_sample_may_be_anything(name: str) -> None:
    run, seeds = TARGETS[name]
    tried = 0
    for seed in seeds:
        run(seed)
        found = parts(seed)
        if found is None:
            continue
        head, value = found
        for way in places(value):
            for gone in (False, True):
                for bad in BAD[: 1 if gone else None]:
                    run(head + json.dumps(spoilt(value, way, bad, gone=gone)).encode())
                    tried += 1
    assert tried > 20 or name in ("command-line", "number")


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_the_fuzzer_has_found_stays_mended(name: str, data: bytes) -> None:
    TARGETS[name][0](data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(BAD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_two_values_at_once_and_bytes_of_any_kind(name: str, data: st.DataObject) -> None:
    run, seeds = TARGETS[name]
    seed = data.draw(st.sampled_from(seeds))
    run(data.draw(st.binary(max_size=40)))
    cut = data.draw(st.integers(0, len(seed)))
    run(seed[:cut] + data.draw(st.binary(max_size=4)) + seed[cut:])
    found = parts(seed)
    if found is not None:
        head, value = found
        for _ in range(2):
            way = data.draw(st.sampled_from(places(value)))
            value = spoilt(value, way, data.draw(JSON), gone=False)
        run(head + json.dumps(value).encode())
