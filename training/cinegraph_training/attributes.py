"""The attributes of the rendered world: what a clip shows, as words and as compact integers.

A scene is one animated object over one background. Everything that the picture shows is decided by a
`Scene`, so a caption, a reader's prediction and a rendered clip can be compared attribute by attribute.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

SIZES = ("small", "medium", "large")
PLACES = ("center", "left", "right", "top", "bottom")
PLAIN_BACKGROUNDS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray")
GRADIENT_BACKGROUNDS = ("sky", "sunset", "night", "meadow")
PHOTO_BACKGROUNDS = ("daisies", "dandelions", "roses", "sunflowers", "tulips")
BACKGROUNDS = PLAIN_BACKGROUNDS + GRADIENT_BACKGROUNDS + PHOTO_BACKGROUNDS
MOTIONS = (
    "still",
    "moves left",
    "moves right",
    "moves up",
    "moves down",
    "bounces",
    "grows",
    "shrinks",
    "spins",
    "sways",
)
CAMERAS = ("still", "pan left", "pan right", "pan up", "pan down", "zoom in", "zoom out")
STYLES = ("natural", "flat", "outline", "pixel", "sketch", "night")  # styles.py
SPLITS = ("train", "heldout")

# Objects with a sound of their own, and the class of sounds (ESC-10, DOI 10.1145/2733373.2806390). Their order
# numbers the kinds of sounds (sounds.KINDS): add at the end.
VOICES = {
    "dog": "dog_bark",
    "rooster": "rooster",
    "fire": "fire_crackling",
    "helicopter": "helicopter",
    "alarm clock": "clock_tick",
    "water wave": "sea_waves",
    "cloud with rain": "rain",
    "baby": "baby_cry",
    "sneezing face": "person_sneeze",
    "carpentry saw": "chainsaw",
}

CONCEPTS_FILE = Path(__file__).with_name("concepts.json")


@cache
def concepts() -> tuple[str, ...]:
    """Names (unicode) of the small world's objects, in a fixed order; the index is the class number."""
    return tuple(entry["name"] for entry in json.loads(CONCEPTS_FILE.read_text(encoding="utf-8")))


@cache
def concept_words() -> dict[str, tuple[str, ...]]:
    """What captions call each object: the first word is canonical, the others are emojilib synonyms."""
    return {entry["name"]: tuple(entry["words"]) for entry in json.loads(CONCEPTS_FILE.read_text(encoding="utf-8"))}


@dataclass(frozen=True)
class Scene:
    """One clip in words. `size`, `place`, `camera` and `style` have defaults that a caption may leave out."""

    object: str
    background: str
    motion: str = "still"
    size: str = "medium"
    place: str = "center"
    camera: str = "still"
    style: str = "natural"

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


# Columns of the integer form, in this order: [object, background, motion, size, place, camera, style].
COLUMNS = ("object", "background", "motion", "size", "place", "camera", "style")


@cache
def vocabulary() -> dict[str, tuple[str, ...]]:
    """The values of each column."""
    return {
        "object": concepts(),
        "background": BACKGROUNDS,
        "motion": MOTIONS,
        "size": SIZES,
        "place": PLACES,
        "camera": CAMERAS,
        "style": STYLES,
    }


def scene_to_ints(scene: Scene) -> list[int]:
    """`[7]` class numbers in the order of `COLUMNS`."""
    values = vocabulary()
    return [values[column].index(getattr(scene, column)) for column in COLUMNS]


def scene_from_ints(row) -> Scene:
    """The inverse of `scene_to_ints`."""
    values = vocabulary()
    return Scene(**{column: values[column][int(index)] for column, index in zip(COLUMNS, row, strict=True)})


def is_heldout_concept(name: str) -> bool:
    """Every tenth concept is kept out of all training, for image-to-video with an unseen subject."""
    return int(hashlib.sha1(name.encode()).hexdigest(), 16) % 10 == 0


def is_heldout(scene: Scene) -> bool:
    """Every tenth (object, motion, background) is kept out of the language model's training."""
    key = f"{scene.object}|{scene.motion}|{scene.background}"
    return int(hashlib.sha1(key.encode()).hexdigest(), 16) % 10 == 0


OPPOSITE_PAN = {
    "moves left": "pan right",
    "moves right": "pan left",
    "moves up": "pan down",
    "moves down": "pan up",
}
SIDEWAYS = ("left", "right")


def is_possible(scene: Scene) -> bool:
    """Whether the object stays in view. A moving camera, growing and shrinking need the middle; a moving object may be
    displaced across its path only; the camera never runs against the object."""
    if scene.camera == OPPOSITE_PAN.get(scene.motion):
        return False
    if scene.place != "center" and (scene.camera != "still" or scene.motion in ("grows", "shrinks")):
        return False
    if scene.motion in ("grows", "shrinks") and scene.size != "medium":
        return False
    if scene.motion in ("moves left", "moves right"):
        return scene.place not in SIDEWAYS
    if scene.motion in ("moves up", "moves down", "bounces"):
        return scene.place in ("center", *SIDEWAYS)
    return True


def sample_scene(rng: np.random.Generator, split: str = "train") -> Scene:
    """A random possible scene of the split (by `is_heldout`). Defaults are frequent: half of the cameras are still,
    half of the sizes medium, most places the centre. The object, the background and the motion are uniform."""
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}")
    while True:
        core = [str(rng.choice(values)) for values in (concepts(), BACKGROUNDS, MOTIONS)]
        if is_heldout(Scene(*core)) == (split == "heldout"):
            break
    while True:
        scene = Scene(
            *core,
            size=str(rng.choice(SIZES, p=(0.25, 0.5, 0.25))),
            place="center" if rng.random() < 0.6 else str(rng.choice(PLACES[1:])),
            camera="still" if rng.random() < 0.5 else str(rng.choice(CAMERAS[1:])),
            style="natural" if rng.random() < 0.5 else str(rng.choice(STYLES[1:])),
        )
        if is_possible(scene):
            return scene
