"""Clips for training and judging the video tokenizer: the rendered world, panned photos, real clips, and the world's
control videos (control.py)."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .attributes import sample_scene
from .paths import CACHE
from .stage import sample_stage_scene
from .world import FRAMES, VIEW, World

KINDS = ("world", "photo", "clip", "control")
SHARES = (0.80, 0.10, 0.05, 0.05)
HELDOUT_PHOTOS = 20  # of each class, the last ones


@dataclass
class Sources:
    """Everything that clips are drawn from; `split` is "train" or "heldout"."""

    world: World
    photos: list[np.ndarray]  # each [256, 256, 3]
    clips: list[np.ndarray]  # each [frames, 128, 160, 3]
    split: str
    stage_share: float = 0.0  # of the world clips, how many are of the language model's present stage (stage.py)

    def sample(self, rng: np.random.Generator, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """`[17, 128, 128, 3]` uint8 and the `[17, 4]` boxes of what moves (the whole picture, if unknown)."""
        whole = np.tile([0.0, 0.0, VIEW, VIEW], (FRAMES, 1))
        if kind == "photo" and self.photos:
            return film_photo(self.photos[int(rng.integers(len(self.photos)))], rng), whole
        if kind == "clip" and self.clips:
            return _cut_clip(self.clips[int(rng.integers(len(self.clips)))], rng), whole
        scene = (sample_stage_scene if rng.random() < self.stage_share else sample_scene)(rng, self.split)
        if kind == "control":
            return self.world.render_with_control(scene, rng)[1], whole
        frames, placement = self.world.render_placed(scene, rng)
        return frames, placement.boxes()


def film_photo(
    photo: np.ndarray, rng: np.random.Generator, view: int = VIEW, zooms: tuple[float, float] = (0.6, 1.2)
) -> np.ndarray:
    """A camera that drifts and zooms (px of the clip per px of the photo) over it: `[17, view, view, 3]` uint8."""
    zoom0, zoom1 = np.exp(rng.uniform(np.log(zooms[0]), np.log(zooms[1]), 2))
    start, end = rng.uniform(-40, 40, (2, 2))
    frames = []
    for part in np.linspace(0, 1, FRAMES):
        zoom = zoom0 + (zoom1 - zoom0) * part
        offset = view / 2 - zoom * (photo.shape[0] / 2 + start + (end - start) * part)
        matrix = np.array([[zoom, 0, offset[0]], [0, zoom, offset[1]]])
        frames.append(
            cv2.warpAffine(photo, matrix, (view, view), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        )
    return np.stack(frames)


def _cut_clip(clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """17 frames in a row of a random square of the clip."""
    start = int(rng.integers(max(1, len(clip) - FRAMES + 1)))
    left = int(rng.integers(clip.shape[2] - VIEW + 1))
    cut = clip[start : start + FRAMES, :, left : left + VIEW]
    return np.concatenate([cut, np.repeat(cut[-1:], FRAMES - len(cut), axis=0)]) if len(cut) < FRAMES else cut


def load_sources(split: str, cache: Path = CACHE) -> Sources:
    """The prepared material; photos and real clips are left out where they were not prepared.
    Held out: the last 20 photos of each class and every fifth real clip."""
    photos: list[np.ndarray] = []
    clips: list[np.ndarray] = []
    if (cache / "photos.npz").exists():
        with np.load(cache / "photos.npz") as stored:
            for name in stored.files:
                chosen = slice(None, -HELDOUT_PHOTOS) if split == "train" else slice(-HELDOUT_PHOTOS, None)
                photos.extend(stored[name][chosen])
    if (cache / "clips.npz").exists():
        with np.load(cache / "clips.npz") as stored:
            for index, name in enumerate(sorted(stored.files)):
                if (index % 5 == 4) == (split == "heldout"):
                    clips.append(stored[name])
    return Sources(World(cache), photos, clips, split)


def fixed_clips(sources: Sources, kind: str, count: int, seed: int = 1234) -> tuple[np.ndarray, np.ndarray]:
    """The same clips every time: `[count, 17, 128, 128, 3]` uint8 and their boxes `[count, 17, 4]`."""
    rng = np.random.default_rng(seed)
    pairs = [sources.sample(rng, kind) for _ in range(count)]
    return np.stack([clip for clip, _ in pairs]), np.stack([boxes for _, boxes in pairs])
