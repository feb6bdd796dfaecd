"""Clients that nobody here wrote trade on the served exchange, unmodified: `make foreign` installs and runs.

Not part of CI's share: an old ccxt wants an environment of its own, the other one Node.js.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.foreign

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FOLDER = Path(os.environ.get("STABLECONSOLE_FOREIGN", ROOT / ".foreign"))
"""Where `make foreign` has put the clients."""
SPEED = "120"
"""Market seconds a second: an hour, with its funding, in half a minute."""


@pytest.fixture
def port() -> Iterator[str]:
    words = ["sim", "--port", "0", "--key", "trader", "--secret", "secret", "--speed", SPEED]
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "console", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert server.stdout is not None
    with server.stdout as said:
        # Beta pays funding each hour, as that exchange did.
        yield said.readline().partition("beta http://127.0.0.1:")[2].partition("/")[0]
        server.terminate()
        server.wait(10)


def run(words: list[str], cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("script", ["client.py", "stream.py", "sample.py"])
def test_python_clients_of_2021_and_2022(port: str, script: str) -> None:
    """The library's REST, its streams, and a client that knows this one exchange."""
    assert run([str(FOLDER / "venv/bin/python"), str(HERE / script), port], HERE) == "ok"


def test_a_javascript_client(port: str) -> None:
    env_path = FOLDER / "node_modules"
    assert env_path.is_dir()
    script = FOLDER / "client.js"
    script.write_text((HERE / "client.js").read_text())
    assert run(["node", str(script), port], FOLDER) == "ok"
