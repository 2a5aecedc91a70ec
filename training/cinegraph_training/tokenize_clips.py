"""Render scenes and store their video tokens, for the language model.

`python -m cinegraph_training.tokenize_clips --clips 40000 [--split train] [--stage]` writes shards of 2,048 clips to
`.cache/tokens/<split>-<index>.npz`: `codes` uint16 `[N, 5, 8, 8, 2]` (sub-tokens a, b) and `scenes` uint8 `[N, 7]`
(class numbers in the order of `attributes.COLUMNS`); of every fourth clip also a control video (control.py):
`controls` uint16 `[M, 5, 8, 8, 2]`, and `control_of` int32 `[M]`, whose it is. A shard depends only on its index and
the codebook, so an interrupted run goes on where it stopped; shards of another codebook are refused.
"""

import argparse
import hashlib
import os
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from .attributes import SPLITS, STYLES, Scene, sample_scene, scene_to_ints
from .paths import CACHE
from .render_farm import NATURAL_SHARE
from .stage import sample_stage_scene
from .train_video_tokenizer import load_shipped
from .video_tokenizer import VideoTokenizer
from .world import World

SHARD = 2048
BATCH = 8
CONTROLLED = 4  # every fourth clip has its control video stored


def encoder_digest(tokenizer: VideoTokenizer) -> str:
    """The first 16 hex digits of the sha256 of the codebook: codes are comparable only if it agrees."""
    digest = hashlib.sha256()
    for name, value in sorted(tokenizer.codebook.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.no_grad()
def encode_clips(tokenizer: VideoTokenizer, clips: np.ndarray) -> np.ndarray:
    """`[B, 17, 128, 128, 3]` uint8 -> uint16 `[B, 5, 8, 8, 2]`."""
    return tokenizer.encode(torch.from_numpy(clips)).numpy().astype(np.uint16)


def make_shard(
    tokenizer: VideoTokenizer, world: World, scenes: list[Scene], rng: np.random.Generator
) -> dict[str, Any]:
    """The arrays of one shard, but for the digest."""
    codes, controls = [], []
    for start in range(0, len(scenes), BATCH):
        clips, filmed = [], []
        for index, scene in enumerate(scenes[start : start + BATCH], start):
            if index % CONTROLLED == 0:
                seen_in = "natural" if rng.random() < NATURAL_SHARE else str(rng.choice(STYLES))
                clip, control = world.render_with_control(scene, rng, seen_in)
                filmed.append(control)
            else:
                clip = world.render(scene, rng)
            clips.append(clip)
        encoded = encode_clips(tokenizer, np.stack(clips + filmed))
        codes.append(encoded[: len(clips)])
        controls.append(encoded[len(clips) :])
    return {
        "codes": np.concatenate(codes),
        "scenes": np.array([scene_to_ints(scene) for scene in scenes], np.uint8),
        "controls": np.concatenate(controls),
        "control_of": np.arange(0, len(scenes), CONTROLLED, dtype=np.int32),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=40 * SHARD)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--stage", action="store_true", help="only scenes of the language model's stage (stage.py)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = CACHE / "tokens"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = load_shipped()
    digest = encoder_digest(tokenizer)
    world = World()
    sample = sample_stage_scene if options.stage else sample_scene
    shards = -(-options.clips // SHARD)
    with tqdm(total=shards * SHARD, desc=f"tokens ({options.split})") as bar:
        for shard in range(shards):
            path = folder / f"{options.split}-{'stage-' if options.stage else ''}{shard:04d}.npz"
            if path.exists():
                with np.load(path) as stored:
                    if str(stored["encoder"]) != digest:
                        raise SystemExit(f"{path.name} comes from another encoder; remove the token cache first")
                bar.update(SHARD)
                continue
            rng = np.random.default_rng([SPLITS.index(options.split), shard, *([1] if options.stage else [])])
            scenes = [sample(rng, options.split) for _ in range(SHARD)]
            arrays = make_shard(tokenizer, world, scenes, rng)
            bar.update(SHARD)
            partial = path.with_suffix(".partial.npz")
            np.savez_compressed(partial, **arrays, encoder=np.array(digest))
            os.replace(partial, path)


if __name__ == "__main__":
    main()
