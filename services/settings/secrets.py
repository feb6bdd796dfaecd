"""The secret half of a venue's key: of the environment, else of the system keyring; never of a file.

A value goes into the adapter and nowhere else: what is told of it is where it was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.settings.venues import PASSPHRASED, VenueWire, passphrase_of, secret_variable

if TYPE_CHECKING:
    from types import ModuleType

KEYRING_SERVICE = "stableconsole"
BETWEEN = "\n"
"""Stands between a secret and its passphrase on the way to a builder; neither may hold it."""


class Needed(Struct, frozen=True):
    """One secret that a profile's venue needs for its key."""

    profile: str
    venue: str
    what: str
    """`secret` or `passphrase`."""

    @property
    def _kept_as(self) -> str:
        return passphrase_of(self.venue) if self.what == "passphrase" else self.venue

    @property
    def variable(self) -> str:
        """Of the environment."""
        return secret_variable(self._kept_as)

    @property
    def name(self) -> str:
        """In the keyring, under the service `stableconsole`."""
        return f"{self.profile}/{self._kept_as}"

    @property
    def command(self) -> str:
        """What keeps it there."""
        more = " --passphrase" if self.what == "passphrase" else ""
        return f"stableconsole config secrets --profile {self.profile} --set {self.venue}{more}"


class Found(Struct, frozen=True):
    where: str
    """`environment`, `keyring`; empty = nowhere."""
    value: str = ""
    why: str = ""
    """Why there is none."""

    def __repr__(self) -> str:
        return f"Found({self.where!r})"


def needed(profile: str, wires: Mapping[str, VenueWire]) -> tuple[Needed, ...]:
    """Every secret of the profile's keys; a venue without a key is market data and needs none."""
    rows = []
    for name, wire in wires.items():
        if wire.key:
            rows.append(Needed(profile, name, "secret"))
            if wire.kind == "ccxt" and wire.options["exchange"] in PASSPHRASED:
                rows.append(Needed(profile, name, "passphrase"))
    return tuple(rows)


def find(need: Needed, environ: Mapping[str, str]) -> Found:
    given = environ.get(need.variable)
    if given:
        return Found("environment", given)
    keyring, why = _keyring()
    if keyring is None:
        return Found("", why=why)
    try:
        kept = keyring.get_password(KEYRING_SERVICE, need.name)
    except keyring.errors.KeyringError as error:
        return Found("", why=f"the keyring does not answer: {type(error).__name__}")
    return Found("keyring", kept) if kept else Found("", why="nothing is kept there")


def secret_of(profile: str, venue: str, environ: Mapping[str, str], *, passphrase: bool = False) -> str:
    """Of the environment, else of the system keyring. Raises ProductError naming both places."""
    need = Needed(profile, venue, "passphrase" if passphrase else "secret")
    found = find(need, environ)
    if found.where:
        return found.value
    raise ProductError(
        f"venue {venue}: its key has no {need.what}: set {need.variable}, or keep it in the system keyring "
        f"as {KEYRING_SERVICE}, {need.name} ({found.why}): {need.command}",
        Exit.USAGE,
        "secret",
    )


def secrets_of(profile: str, name: str, wire: VenueWire, environ: Mapping[str, str]) -> str:
    """The secret, and its passphrase behind it where the key has one. Raises ProductError."""
    found = [
        secret_of(profile, name, environ, passphrase=need.what == "passphrase")
        for need in needed(profile, {name: wire})
    ]
    return BETWEEN.join(found)


def check_secrets(profile: str, wires: Mapping[str, VenueWire], environ: Mapping[str, str]) -> None:
    """Raises ProductError naming the first key whose secret is not there."""
    for name, wire in wires.items():
        secrets_of(profile, name, wire, environ)


def keep(need: Needed, value: str) -> None:
    """Into the keyring, in place of what was there. Raises ProductError; then what was there still is."""
    keyring = _keyring_or_raise()
    try:
        keyring.set_password(KEYRING_SERVICE, need.name, value)
        kept = keyring.get_password(KEYRING_SERVICE, need.name)
    except keyring.errors.KeyringError as error:
        raise _refused(need, error) from None
    if kept != value:
        raise ProductError(
            f"the keyring gives back something else for {need.name}: it is not kept", code="keyring"
        )


def forget(need: Needed) -> bool:
    """Out of the keyring. False = it was not there. Raises ProductError."""
    keyring = _keyring_or_raise()
    try:
        if keyring.get_password(KEYRING_SERVICE, need.name) is None:
            return False
        keyring.delete_password(KEYRING_SERVICE, need.name)
    except keyring.errors.KeyringError as error:
        raise _refused(need, error) from None
    return True


def _keyring_or_raise() -> ModuleType:
    keyring, why = _keyring()
    if keyring is None:
        raise ProductError(f"no keyring: {why}; or use the environment", Exit.USAGE, "keyring")
    return keyring


def _keyring() -> tuple[ModuleType | None, str]:
    try:
        import keyring  # noqa: PLC0415 - an extra
    except ImportError:
        return None, "the extra is not installed: pip install 'stableconsole[keyring]'"
    return keyring, ""


def _refused(need: Needed, error: Exception) -> ProductError:
    text = f"the keyring refuses {need.name}: {type(error).__name__}; unlock it, or use {need.variable}"
    return ProductError(text, code="keyring")
