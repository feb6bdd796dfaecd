"""Books of served accounts that a version before kept under other names.

It took 16 letters of a key and left its dashes alone, so that two accounts could share one folder. An account
whose folder is now called otherwise must not come back empty: a client would believe that it is flat.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from services.workers.simserver.keys import Key, folder_name


def take_over(folder: Path, keys: Iterable[Key]) -> None:
    """Give each account its folder of before under the name of today. Raises ValueError."""
    owners: dict[str, list[str]] = {}
    for key in keys:
        for name in ("", *key.subaccounts):
            owners.setdefault(_former_name(key.key, name), []).append(folder_name(key.key, name))
    today = {name for names in owners.values() for name in names}
    for old, names in owners.items():
        fresh = [folder / name for name in names]
        if old in today or not (folder / old).is_dir() or any(path.exists() for path in fresh):
            continue
        if len(fresh) > 1:
            raise ValueError(
                f"--books {folder}: {old} was shared by {len(fresh)} accounts: rename it to the one that "
                f"it is of, {' or '.join(names)}"
            )
        try:
            (folder / old).rename(fresh[0])
        except OSError as error:
            raise ValueError(f"--books {folder}: {old}: {error.strerror or error}") from None


def _former_name(key: str, subaccount: str) -> str:
    return f"{key[:16]}-{subaccount}".replace("/", "_")
