"""Pairs of clips for super-resolution: 128 px as the video decoder draws them, and the same scene drawn at 256 px."""

import cv2
import numpy as np
import torch
from torch import Tensor

from .attributes import sample_scene
from .paths import CACHE
from .stage import sample_stage_scene
from .super_resolution import FRAMES, SCALE
from .tokenizer_data import Sources, film_photo, load_sources
from .video_tokenizer import VideoTokenizer
from .world import VIEW, World

PHOTO_SHARE = 0.1
PHOTO_ZOOM = (1.0, 1.4)  # of photos, px of the large clip per px of the photo
STAGE_SHARE = 0.6


class Pairs:
    """Draws pairs of clips of one split."""

    def __init__(self, split: str):
        self.sources: Sources = load_sources(split)
        self.large = World(CACHE, SCALE)

    def world(self, rng: np.random.Generator, stage_share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """uint8 `[17, 128, 128, 3]`, `[17, 256, 256, 3]` and the object's boxes `[17, 4]` in px of the first."""
        scene = (sample_stage_scene if rng.random() < stage_share else sample_scene)(rng, self.sources.split)
        seed = int(rng.integers(2**32))
        small, placement = self.sources.world.render_placed(scene, np.random.default_rng(seed))
        return small, self.large.render(scene, np.random.default_rng(seed)), placement.boxes()

    def photo(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same of a photo, which is all that moves."""
        photo = self.sources.photos[int(rng.integers(len(self.sources.photos)))]
        large = film_photo(photo, rng, VIEW * SCALE, PHOTO_ZOOM)
        small = np.stack([cv2.resize(frame, (VIEW, VIEW), interpolation=cv2.INTER_AREA) for frame in large])
        return small, large, np.tile([0.0, 0.0, VIEW, VIEW], (len(small), 1))

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A pair for training."""
        if self.sources.photos and rng.random() < PHOTO_SHARE:
            return self.photo(rng)
        return self.world(rng, STAGE_SHARE)


def fixed_pairs(pairs: Pairs, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same world clips every time."""
    rng = np.random.default_rng(seed)
    return [pairs.world(rng, 0.0)[:2] for _ in range(count)]


@torch.no_grad()
def decoded(tokenizer: VideoTokenizer, clip: np.ndarray) -> np.ndarray:
    """uint8 `[17, 128, 128, 3]` through the video tokenizer, as the decoder gives it: `[20, 128, 128, 3]`, four frames
    for the first one, too."""
    coefficients = tokenizer.correct(tokenizer.encode(torch.from_numpy(clip[None])))[0]
    drawn = tokenizer.codebook.draw(coefficients).clamp(0, 1)
    return (drawn * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def latent_frames(clip: np.ndarray) -> Tensor:
    """uint8 clip `[4 T or 4 T - 3, H, W, 3]` -> float `[T, 12, H, W]` in [0, 1]; the first frame of one that has it
    once only is repeated."""
    padded = np.concatenate([np.repeat(clip[:1], -len(clip) % FRAMES, 0), clip])
    channels = torch.from_numpy(padded.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    return channels.unflatten(0, (-1, FRAMES)).flatten(1, 2)


def frames_of(latents: Tensor) -> np.ndarray:
    """The inverse: float `[T, 12, H, W]` -> float32 clip `[4 T - 3, H, W, 3]`."""
    return latents.unflatten(1, (FRAMES, 3)).flatten(0, 1)[FRAMES - 1 :].permute(0, 2, 3, 1).numpy()
