"""A process that runs an engine and prints its journal's head: `paced_child FOLDER SPEED SECONDS`."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

from services import engine, kept
from services.domain.effects import Send
from services.domain.events import StrategyOverrun
from services.protocol.options import RunOptions
from services.store.replay import JournalReader
from tests.drive.engines import layout_of


def main() -> None:
    folder, speed, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    end = engine.run(
        RunOptions(
            profile="sim",
            state_dir=folder,
            scenario="funding-harvest",
            seed=7,
            speed="max" if speed == "max" else Decimal(speed),
            for_sim_s=seconds,
        )
    )
    store = layout_of(Path(folder)).store
    verdict = kept.audit_verify(store)
    reader = JournalReader(store)
    events = overruns = decisions = sends = 0
    for row in reader.rows():
        if row.kind == "decision":
            decisions += 1
            sends += isinstance(row.effect(), Send)
        for event in row.events():
            events += 1
            overruns += isinstance(event, StrategyOverrun)
    reader.close()
    sys.stdout.write(
        json.dumps(
            {
                "exit": int(end.exit),
                "ok": verdict.ok,
                "head": verdict.head,
                "rows": verdict.rows,
                "events": events,
                "decisions": decisions,
                "sends": sends,
                "overruns": overruns,
                "replay": engine.replay(store).ok,
            }
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
