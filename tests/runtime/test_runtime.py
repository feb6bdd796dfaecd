"""Secrets stay out of log lines; waiting grows and is bounded; the clock's text is UTC."""

from __future__ import annotations

import io
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.protocol.redact import STRUCK, Redactor, protect, redactor_for
from services.runtime.backoff import Backoff
from services.runtime.clock import wall_ns, wall_text

LEAKS = [
    "api_key=abc123def456",
    "api-secret: 'abc123def456'",
    '{"secret": "abc123def456", "size": 5}',
    "Authorization: Bearer abc123def456",
    "password = abc123def456, user = ann",
    "STABLECONSOLE_ALPHA_SECRET=abc123def456",
    "signature=abc123def456&ts=5",
    "wss://here/private/ws?listenKey=abc123def456",
]


@pytest.mark.parametrize("text", LEAKS)
def test_what_a_secrets_name_introduces_is_struck_out(text: str) -> None:
    clean = Redactor().text(text)
    assert "abc123def456" not in clean
    assert STRUCK in clean


@given(before=st.text(max_size=20), secret=st.text(min_size=6, max_size=30), after=st.text(max_size=20))
def test_a_registered_secret_is_struck_out_wherever_it_stands(before: str, secret: str, after: str) -> None:
    redactor = Redactor()
    redactor.register(secret)
    if secret not in STRUCK:
        assert secret not in redactor.text(before + secret + after).replace(STRUCK, "\0")


def test_ordinary_text_stays() -> None:
    redactor = Redactor()
    redactor.register("x")
    text = "opened BTC-USDT-PERP.alpha 0.5 at 23000, tokens of trust aside"
    assert redactor.text(text) == text


def test_secrets_of_the_environment_are_known() -> None:
    redactor = redactor_for({"STABLECONSOLE_ALPHA_SECRET": "abc123def456", "PATH": "/usr/bin-and-more"})
    assert redactor.text("sent abc123def456 by /usr/bin-and-more") == f"sent {STRUCK} by /usr/bin-and-more"


def test_a_tree_is_cleaned_by_its_names() -> None:
    redactor = Redactor()
    redactor.register("hunter22")
    tree = {"venue": {"api_key": "k", "name": "alpha"}, "note": "uses hunter22", "n": 5}
    assert redactor.mapping(tree) == {
        "venue": {"api_key": STRUCK, "name": "alpha"},
        "note": f"uses {STRUCK}",
        "n": 5,
    }


def test_no_log_line_and_no_stack_carries_a_secret() -> None:
    """Bug B13: no secret in the open."""
    redactor = Redactor()
    redactor.register("hunter22-hunter22")
    stream = io.StringIO()
    logger = logging.getLogger("stableconsole.test_redaction")
    logger.handlers = [logging.StreamHandler(stream)]
    logger.propagate = False
    protect(logger, redactor)
    logger.warning("signing with %s and api_key=%s", "hunter22-hunter22", "zzz999zzz")
    try:
        raise RuntimeError("bad key hunter22-hunter22")
    except RuntimeError:
        logger.exception("failed")
    out = stream.getvalue()
    assert "hunter22" not in out
    assert "zzz999" not in out
    assert "RuntimeError" in out
    assert out.count(STRUCK) >= 3


def test_what_nobody_handles_is_clean_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`doctor` and a direct flatten set up no logging: python's last resort writes for them."""
    assert logging.lastResort is not None
    monkeypatch.setattr(logging.lastResort, "filters", [])
    logger = logging.getLogger("test_nobody_handles")
    logger.propagate = False
    redactor = Redactor()
    redactor.register("from-a-keyring")
    protect(logger, redactor)
    logger.warning("signed with %s", "from-a-keyring")
    assert capsys.readouterr().err == f"signed with {STRUCK}\n"


def test_a_private_key_is_struck_out_line_by_line() -> None:
    redactor = Redactor()
    redactor.register(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAbc\nxyz12345\n-----END PRIVATE KEY-----\n"
    )
    text = redactor.text(repr("MC4CAQAwBQYDK2VwBCIEIAbc\nxyz12345"))
    assert text == f"'{STRUCK}\\n{STRUCK}'"
    assert redactor.text("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


def test_waiting_grows_to_its_bound_and_starts_again_after_a_success() -> None:
    backoff = Backoff(first=1.0, most=5.0, random=lambda: 0.5)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff.failures == 5
    backoff.reset()
    assert backoff.next() == 1.0


@given(draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30))
def test_jitter_stays_inside_its_share(draws: list[float]) -> None:
    numbers = iter(draws)
    backoff = Backoff(first=1.0, most=8.0, jitter=0.25, random=lambda: next(numbers))
    for step in range(len(draws)):
        base = min(2.0**step, 8.0)
        assert base * 0.75 <= backoff.next() <= base * 1.25


@pytest.mark.parametrize("bad", [{"first": 0.0}, {"first": 9.0}, {"factor": 0.5}, {"jitter": 1.0}])
def test_a_backoff_that_could_not_work_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Backoff(**{"first": 1.0, "most": 8.0, **bad}, random=lambda: 0.5)


def test_readings_of_the_clock() -> None:
    assert wall_ns() > 1_600_000_000 * 10**9
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", wall_text())
