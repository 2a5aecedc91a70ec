"""Prompt fidelity of codes that the engine made in several ways (bench/fewer-steps.ts), read by the attribute reader.

python -m cinegraph_training.read_codes --write /tmp/prompts.json --count 200
node bench/fewer-steps.ts models/cinegraph-small /tmp/prompts.json /tmp/codes.json
python -m cinegraph_training.read_codes --read /tmp/codes.json
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from . import attributes, captions, paths
from .evaluate_language_model import ASKED, accuracy, heldout_scenes
from .export import load_video_tokenizer
from .reader import load_reader, read_classes

SEED = 2026


def write_prompts(path: Path, count: int) -> None:
    """Prompts of held-out scenes, and what their clips should show, int `[N, 7]`."""
    scenes = heldout_scenes("video", count, SEED)
    rng = np.random.default_rng([SEED, 7])
    prompts = [captions.caption(scene, rng) for scene in scenes]
    wanted = [[int(value) for value in attributes.scene_to_ints(scene)] for scene in scenes]
    path.write_text(json.dumps({"prompts": prompts, "wanted": wanted}), encoding="utf-8")


@torch.no_grad()
def read_codes(path: Path, tokenizer_path: Path, grid: tuple[int, int, int]) -> None:
    """Prints accuracy per asked attribute and of all at once, a line for each way."""
    found = json.loads(path.read_text(encoding="utf-8"))
    tokenizer, reader = load_video_tokenizer(tokenizer_path), load_reader()
    for name, clips in found["codes"].items():
        codes = torch.tensor(clips).view(-1, *grid, 2)
        frames = torch.cat([tokenizer.decode(clip[None]) for clip in codes])
        figures = accuracy(read_classes(reader, frames), np.array(found["wanted"]), ASKED["video"])
        print(f"{name:16}", "  ".join(f"{column} {value:.3f}" for column, value in figures.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Prompts for bench/fewer-steps.ts, and what its clips show.")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--read", type=Path)
    parser.add_argument("--tokenizer", type=Path, default=paths.CHECKPOINTS / "video-tokenizer.pt")
    parser.add_argument("--grid", type=int, nargs=3, default=(5, 8, 8))
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.write:
        write_prompts(options.write, options.count)
    if options.read:
        read_codes(options.read, options.tokenizer, tuple(options.grid))


if __name__ == "__main__":
    main()
