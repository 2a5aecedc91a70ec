"""Sounds for training and checking the audio tokenizer: those of scenes, and parts of recordings."""

import numpy as np

from .attributes import sample_scene
from .sounds import SAMPLES, Sounds

SAMPLES_PER_FRAME = 640
FRAMES = SAMPLES // SAMPLES_PER_FRAME  # 53 of a clip


class SoundBatches:
    """Draws sounds of one split; half are those of scenes."""

    def __init__(self, sounds: Sounds, split: str):
        self.sounds, self.split = sounds, split

    def scene(self, rng: np.random.Generator) -> np.ndarray:
        """A whole scene's sound, float32 `[53 * 640]`."""
        sound = self.sounds.of(sample_scene(rng, self.split), rng, self.split)
        return sound.samples[: FRAMES * SAMPLES_PER_FRAME]

    def recording(self, rng: np.random.Generator, frames: int = FRAMES) -> np.ndarray:
        """A part of a recording at a random loudness (0 to -20 dB), float32 `[frames * 640]`."""
        samples, _ = self.sounds.recording(rng, self.split, frames * SAMPLES_PER_FRAME)
        return samples * np.float32(10 ** (-(rng.random() ** 2)))

    def draw(self, rng: np.random.Generator, count: int, frames: int = FRAMES) -> np.ndarray:
        """float32 `[count, frames * 640]`; scenes first. Half of the shorter parts of scenes are their beginnings."""
        rows = []
        for _ in range(count // 2):
            start = int(rng.integers(FRAMES - frames + 1)) if rng.random() < 0.5 else 0
            rows.append(self.scene(rng)[start * SAMPLES_PER_FRAME : (start + frames) * SAMPLES_PER_FRAME])
        rows += [self.recording(rng, frames) for _ in range(count - count // 2)]
        return np.stack(rows)
