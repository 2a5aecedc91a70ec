"""A checkpoint as files of at most 15 MiB, and back: `python -m cinegraph_training.checkpoint_parts DIR NAME OUT`."""

import io
import sys
from pathlib import Path

import torch

PART = 15 * 2**20


def write_parts(state: dict, folder: Path, name: str) -> None:
    """Writes `NAME.0`, `NAME.1`, ... in the folder."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    for number, start in enumerate(range(0, len(data), PART)):
        (folder / f"{name}.{number}").write_bytes(data[start : start + PART])


def join_parts(folder: Path, name: str) -> bytes:
    """The checkpoint's bytes."""
    parts = sorted(folder.glob(f"{name}.[0-9]*"), key=lambda path: int(path.suffix[1:]))
    if not parts:
        raise FileNotFoundError(f"no parts of {name} in {folder}")
    return b"".join(path.read_bytes() for path in parts)


if __name__ == "__main__":
    Path(sys.argv[3]).write_bytes(join_parts(Path(sys.argv[1]), sys.argv[2]))
