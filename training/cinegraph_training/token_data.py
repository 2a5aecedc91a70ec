"""Tokenised clips as training batches: shards on disk (the part in the stage), captions drawn fresh at each use."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import attributes, captions
from .attributes import Scene
from .language_model import LanguageModelConfig, output_rows, prefix_rows
from .sample import pad_prefixes
from .stage import stage_mask
from .text_tokenizer import TextTokenizer

UNCONDITIONAL_SHARE = 0.1  # prompts removed, for classifier-free guidance (arXiv 2207.12598)
# Motions whose first frame looks the same as that of a scene without motion (world.place).
STARTS_LIKE_STILL = ("still", "spins", "sways")


class TokenShards:
    """All shards `<split>-*.npz` of tokenize_clips.py: `codes` uint16 `[N, T, H, W, 2]` and `scenes` uint8 `[N, 6]`
    (`attributes.scene_to_ints`). `rescan` picks up shards that were written since."""

    def __init__(self, folder: Path, split: str):
        self.folder, self.split = folder, split
        self.encoder: str | None = None  # digest of the encoder's weights; all shards must agree
        self._seen: set[str] = set()
        self.codes = np.zeros((0, 5, 8, 8, 2), np.uint16)
        self.scenes = np.zeros((0, 6), np.uint8)
        self.rescan()

    def __len__(self) -> int:
        return len(self.codes)

    def rescan(self) -> int:
        """Loads new shards; returns how many clips were added."""
        codes, scenes = [], []
        for path in sorted(self.folder.glob(f"{self.split}-*.npz")):
            if path.name in self._seen or ".partial" in path.name:
                continue
            with np.load(path) as shard:
                encoder = str(shard["encoder"])
                if self.encoder not in (None, encoder):
                    raise ValueError(f"{path.name} comes from another encoder than the shards before it")
                self.encoder = encoder
                kept = stage_mask(shard["scenes"])
                codes.append(shard["codes"][kept])
                scenes.append(shard["scenes"][kept])
            self._seen.add(path.name)
        if codes:
            first = [] if len(self.codes) == 0 else [self.codes]
            self.codes = np.concatenate(first + codes)
            self.scenes = np.concatenate(([self.scenes] if first else []) + scenes)
        return sum(len(part) for part in codes)


class SyntheticClips:
    """Learnable clips without a tokenizer, to prove the training loop: an object is a patch of 3 x 3 codes of its
    own, the background one code, and motion shifts the patch by one position per latent frame."""

    def __init__(self, count: int, split: str, seed: int = 0):
        rng = np.random.default_rng([seed, len(split)])
        scenes = [attributes.sample_scene(rng, split) for _ in range(count)]
        self.scenes = np.array([attributes.scene_to_ints(scene) for scene in scenes], np.uint8)
        self.codes = np.stack([self._draw(scene, row) for scene, row in zip(scenes, self.scenes, strict=True)])

    def __len__(self) -> int:
        return len(self.codes)

    def rescan(self) -> int:
        return 0

    @staticmethod
    def _draw(scene: Scene, row: np.ndarray) -> np.ndarray:
        clip = np.empty((5, 8, 8, 2), np.uint16)
        clip[..., 0], clip[..., 1] = int(row[1]) * 23 + 1, int(row[1]) * 5
        patch = np.random.default_rng(int(row[0])).integers(0, (512, 125), (3, 3, 2))
        y, x = {"left": (3, 1), "right": (3, 4), "top": (1, 3), "bottom": (4, 3)}.get(scene.place, (3, 3))
        moves = {"moves left": (0, -1), "moves right": (0, 1), "moves up": (-1, 0), "moves down": (1, 0)}
        dy, dx = moves.get(scene.motion, (0, 0))
        for t in range(5):
            top, left = np.clip((y + dy * t, x + dx * t), 0, 5)
            clip[t, top : top + 3, left : left + 3] = patch
        return clip


@dataclass(frozen=True)
class Batch:
    """One step's input: prefixes `[B, P]` with validity, input rows `[B, N, K]`, target codes `[B, N, 2]`."""

    task: str
    prefix: Tensor
    prefix_valid: Tensor
    rows: Tensor
    codes: Tensor


def picture_scene(scene: Scene, rng: np.random.Generator | None) -> Scene:
    """What a caption may say of the scene's first frame alone: motion is left out, half of the time, where the first
    frame does not show it. Without `rng`: always."""
    hidden = scene.motion in STARTS_LIKE_STILL and scene.camera == "still"
    if not hidden or (rng is not None and rng.random() < 0.5):
        return scene
    return replace(scene, motion="still")


def make_batch(
    config: LanguageModelConfig,
    tokenizer: TextTokenizer,
    clips,
    indices: np.ndarray,
    frames: int,
    rng: np.random.Generator | None,
) -> Batch:
    """Clips `indices` cut to `frames` latent frames (1: text to image). Without `rng`: canonical captions, all kept."""
    task = "TEXT_TO_IMAGE" if frames == 1 else "TEXT_TO_VIDEO"
    prefixes = []
    for index in indices:
        scene = attributes.scene_from_ints(clips.scenes[index])
        if frames == 1:
            scene = picture_scene(scene, rng)
        if rng is None:
            text = captions.canonical_caption(scene)
        else:
            text = None if rng.random() < UNCONDITIONAL_SHARE else captions.caption(scene, rng)
        prefixes.append(prefix_rows(config, task, tokenizer.encode(text) if text else None))
    prefix, valid = pad_prefixes(prefixes)
    codes = torch.from_numpy(clips.codes[indices, :frames].astype(np.int64)).flatten(1, 3)
    return Batch(task, prefix, valid, output_rows(config, codes), codes)
