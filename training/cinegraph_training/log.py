"""Dated lines for training/LOG.md and atomic writes."""

import os
from datetime import UTC, datetime
from pathlib import Path

import torch

from .paths import LOG


def log_line(text: str) -> None:
    """Append a dated line to LOG.md and print it."""
    line = f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {text}"
    print(line, flush=True)
    if not LOG.exists():
        LOG.write_text("# Training log\n\nDated results, failures included.\n\n", encoding="utf-8")
    with LOG.open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def save_atomically(state: object, path: Path) -> None:
    """`torch.save` that leaves either the old or the new file behind, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(path.suffix + ".partial")
    torch.save(state, partial)
    os.replace(partial, path)
