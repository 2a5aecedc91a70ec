"""Where prepared data and runs lie: below the training folder, unless the environment says otherwise."""

import os
from pathlib import Path

TRAINING = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("CINEGRAPH_CACHE", TRAINING / ".cache"))
RUNS = TRAINING / "runs"
CHECKPOINTS = TRAINING / "checkpoints"
LOG = TRAINING / "LOG.md"


def data_folder() -> Path | None:
    """The local folder with `photos/<class>/*.jpg` and `clips/*.mp4`, if `CINEGRAPH_DATA` names one."""
    folder = os.environ.get("CINEGRAPH_DATA")
    return Path(folder) if folder else None
