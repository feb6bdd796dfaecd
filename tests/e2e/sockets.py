"""The simulator as a process of its own, profiles that trade on it over sockets, and its own books."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from services.venues.ftx.sign import signed_headers
from tests.e2e.builders import PROGRAM, environment

KEY, SECRET = "keyid-4711", "hush-hush-4711"
PROFILE = "sock"


@dataclass(frozen=True, slots=True)
class Served:
    ports: dict[str, int]

    def books(self, venue: str) -> dict[str, Decimal]:
        """Instrument -> signed size, by the server's own account of our key."""
        path = "/api/ext/books"
        now = time.time_ns() // 1_000_000
        headers = dict(signed_headers(KEY, SECRET.encode(), now, "GET", path, b"", None))
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[venue]}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = json.loads(answer.read(), parse_float=Decimal)["result"]["positions"]
        return {name: Decimal(size) for name, size in found.items() if Decimal(size)}

    def all_books(self) -> dict[str, Decimal]:
        return {name: size for venue in self.ports for name, size in self.books(venue).items()}


@contextmanager
def served(*flags: str) -> Iterator[Served]:
    """Two venues on free ports of this machine."""
    process = subprocess.Popen(
        [*PROGRAM, "sim", "--port", "0", "--key", KEY, "--secret", SECRET, *flags],
        env=environment(),
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.findall(r"(\w+) http://127\.0\.0\.1:(\d+)/api", line)
        assert len(found) == 2, line
        yield Served({venue: int(port) for venue, port in found})
    finally:
        process.terminate()
        process.communicate()


def profile(folder: Path, server: Served, mode: str = "sim", more: str = "") -> dict[str, str]:
    """A configuration file in `folder`; the variables that a process needs to run by it."""
    text = f'[profiles.{PROFILE}]\nmode = "{mode}"\n{more}\n'
    for venue, port in server.ports.items():
        text += (
            f"[profiles.{PROFILE}.venue.{venue}]\n"
            f'kind = "ftx"\nrest = "http://127.0.0.1:{port}"\nstream = "ws://127.0.0.1:{port}/ws/"\n'
            f'key = "{KEY}"\nextensions = true\n'
        )
    path = folder / "config.toml"
    path.write_text(text)
    return {
        "STABLECONSOLE_CONFIG": str(path),
        "XDG_STATE_HOME": str(folder),
        "STABLECONSOLE_SECRET_ALPHA": SECRET,
        "STABLECONSOLE_SECRET_BETA": SECRET,
    }
