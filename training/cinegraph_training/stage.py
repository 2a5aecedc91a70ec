"""The part of the world that the language model is trained on.

It is the whole world: every object, background, motion, camera and style. Where there is too little time to teach it,
narrow the tuples below; evaluation, known words and the model card follow this file.
"""

import numpy as np

from . import attributes, captions
from .attributes import Scene

OBJECTS = attributes.concepts()
CAMERAS = attributes.CAMERAS


def in_stage(scene: Scene) -> bool:
    """Whether the language model was trained on scenes like this one."""
    return scene.object in OBJECTS and scene.camera in CAMERAS


def stage_mask(scenes: np.ndarray) -> np.ndarray:
    """`in_stage` for int `[N, 7]` (columns of `attributes.COLUMNS`): bool `[N]`."""
    objects = [attributes.concepts().index(name) for name in OBJECTS]
    cameras = [attributes.CAMERAS.index(name) for name in CAMERAS]
    columns = [attributes.COLUMNS.index(name) for name in ("object", "camera")]
    return np.isin(scenes[:, columns[0]], objects) & np.isin(scenes[:, columns[1]], cameras)


def sample_stage_scene(rng: np.random.Generator, split: str) -> Scene:
    """`attributes.sample_scene`, drawn until it lies in the stage."""
    while not in_stage(scene := attributes.sample_scene(rng, split)):
        pass
    return scene


def known_words(samples: int = 10_000) -> list[str]:
    """Words that captions of the stage contain: `captions.known_words` without those that only other objects and
    cameras bring along (found by sampling)."""
    rng = np.random.default_rng(0)
    met: set[str] = set()
    for _ in range(samples):
        scene = sample_stage_scene(rng, "train")
        heard = captions.sound_caption(scene, scene.object in attributes.VOICES)
        text = f"{captions.caption(scene, rng)} {heard}"
        met.update(text.lower().translate(str.maketrans(":,-", "   ")).split())
    return sorted(met & set(captions.known_words()))
