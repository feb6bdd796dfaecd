"""Where things lie: the folders of a user, and the names inside an engine's state folder (RUNTIME 1).

Names only: nothing here touches a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

PROGRAM = "stableconsole"


class StateLayout(Struct, frozen=True):
    """Everything of one engine lies in `root`."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "engine.lock"

    @property
    def socket(self) -> Path:
        return self.root / "engine.sock"

    @property
    def log(self) -> Path:
        return self.root / "engine.log"

    @property
    def latch(self) -> Path:
        return self.root / "latch"

    @property
    def store(self) -> Path:
        return self.root / "store.sqlite"

    @property
    def instances(self) -> Path:
        """Every instance that a store of this folder ever had: none is drawn twice."""
        return self.root / "instances"

    @property
    def ui(self) -> Path:
        return self.root / "ui.json"

    @property
    def bans(self) -> Path:
        """How long venues want to be left alone."""
        return self.root / "bans.json"

    @property
    def exchange(self) -> Path:
        return self.root / "exchange"


def state_root(profile: str, state_dir: str | None) -> Path:
    """`--state-dir`, else the profile's folder under the user's state directory; absolute."""
    if state_dir is not None:
        return Path(state_dir).expanduser().absolute()
    return _user_state() / profile


def accounts_folder() -> Path:
    """Locks of real accounts: always in the user's state directory, whatever `--state-dir` says."""
    return _user_state() / "accounts"


def config_file(environ: Mapping[str, str]) -> Path:
    """`STABLECONSOLE_CONFIG`, else `config.toml` in the user's configuration directory."""
    named = environ.get("STABLECONSOLE_CONFIG")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_config_path  # noqa: PLC0415 - 6 ms that not every caller needs

    return user_config_path(PROGRAM, appauthor=False) / "config.toml"


def named_and_missing(file: Path, environ: Mapping[str, str]) -> str | None:
    """What was expected where a person has named this file and it is not there; None = it may be missing.

    The limits of a file that is mistyped or not mounted yet are not known, and the defaults may be wider.
    """
    if not environ.get("STABLECONSOLE_CONFIG") or file != config_file(environ):
        return None
    return (
        "a file that is there, for STABLECONSOLE_CONFIG names it; unset that to run on the defaults, "
        "or make it: stableconsole config init"
    )


def _user_state() -> Path:
    from platformdirs import user_state_path  # noqa: PLC0415 - as above

    return user_state_path(PROGRAM, appauthor=False)
