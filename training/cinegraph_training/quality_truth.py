"""What the cases of bench/quality should look like: clips rendered again from a case's facts, the same every time."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .attributes import COLUMNS, Scene, vocabulary
from .captions import caption
from .paths import CACHE
from .prepare import UNSEEN
from .sounds import SceneSound, Sounds
from .world import FRAMES, VIEW, World, place

PERIOD = 8  # frames after which everything that does not travel comes back (world.py)
KEPT = 9  # frames of an edited clip that are kept: three latent frames
LARGE = 2  # times the size of a clip
NAMESAKE = "robot"  # stands in for an unseen concept in captions: it has one word only


@dataclass(frozen=True)
class Facts:
    """What a case is about. `seed` decides everything that the scene leaves open."""

    scene: Scene
    seed: int

    def rng(self, purpose: int = 0) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose])

    def as_dict(self) -> dict:
        return {"scene": self.scene.as_dict(), "seed": self.seed}

    @staticmethod
    def from_dict(stored: dict) -> "Facts":
        return Facts(Scene(**stored["scene"]), int(stored["seed"]))


def class_numbers(scene: Scene) -> list[int]:
    """`[7]` in the order of `attributes.COLUMNS`; an object that the reader does not know is -1."""
    values = vocabulary()
    words = {column: getattr(scene, column) for column in COLUMNS}
    return [values[column].index(word) if word in values[column] else -1 for column, word in words.items()]


def caption_of(scene: Scene, rng: np.random.Generator) -> str:
    """`captions.caption`, also for objects that it has no words for: they are called by their name."""
    if scene.object in vocabulary()["object"]:
        return caption(scene, rng)
    name = scene.object.lower()
    text = caption(Scene(**{**scene.as_dict(), "object": NAMESAKE}), rng)
    article = "an" if name[0] in "aeiou" else "a"
    return text.replace(f"a {NAMESAKE}", f"{article} {name}").replace(NAMESAKE, name)


class Truth:
    """Renders cases. With `unseen`, also the concepts that no training has seen."""

    def __init__(self, unseen: bool = True):
        self.world = World()
        self.unseen: list[str] = []
        if unseen:
            with np.load(CACHE / UNSEEN.name) as stored:
                self.unseen = [str(name) for name in stored["names"]]
                self.world.add_sprites(self.unseen, stored["sprites"])

    def clip(self, facts: Facts) -> np.ndarray:
        """uint8 `[17, 128, 128, 3]`."""
        return self.world.render(facts.scene, facts.rng())

    @cached_property
    def _large(self) -> World:
        return World(CACHE, LARGE)

    def large_clip(self, facts: Facts) -> np.ndarray:
        """uint8 `[17, 256, 256, 3]`: the same clip, drawn with twice as many pixels."""
        return self._large.render(facts.scene, facts.rng())

    def depth(self, facts: Facts) -> np.ndarray:
        """uint8 `[17, 128, 128]`: how much of each pixel the object covers, 255 all of it."""
        return self.world.depth_maps(facts.scene.object, place(facts.scene, facts.rng()))

    @cached_property
    def _sounds(self) -> Sounds:
        return Sounds()

    def sound(self, facts: Facts) -> SceneSound:
        """Of recordings that no training has heard."""
        return self._sounds.of(facts.scene, facts.rng(1), "heldout")

    def looped(self, facts: Facts, frames: int) -> np.ndarray:
        """uint8 `[frames, 128, 128, 3]` of a scene that does not travel: it comes back every second."""
        return self.clip(facts)[np.arange(frames) % PERIOD]

    def edited(self, before: Facts, after: Facts) -> np.ndarray:
        """uint8 `[25, 128, 128, 3]`: the last of the kept frames is the first of what was asked for."""
        return np.concatenate([self.looped(before, KEPT), self.clip(after)[1:]])


def edit_facts(after: Facts) -> Facts:
    """A thing at rest where the motion of `after` begins: at the start of its way, or of its size."""
    verb, _, heading = after.scene.motion.partition(" ")
    opposite = {"left": "right", "right": "left", "up": "bottom", "down": "top"}
    size = {"grows": "small", "shrinks": "large"}.get(verb, after.scene.size)
    place = opposite[heading] if verb == "moves" else after.scene.place
    return Facts(Scene(after.scene.object, after.scene.background, "still", size, place), after.seed)


def as_second(frames: np.ndarray, phase: int) -> np.ndarray:
    """Eight frames, the first of them in the given phase, as a clip of 17 that begins in phase 0: what the reader
    reads."""
    turned = np.roll(frames, phase, axis=0)
    return turned[np.arange(FRAMES) % PERIOD]


def hidden_places(box: list[int], shape: str) -> np.ndarray:
    """Bool `[128, 128]`: the rectangle (left, top, width, height), or the ellipse in it."""
    left, top, width, height = box
    y, x = np.mgrid[:VIEW, :VIEW] + 0.5
    across, down = (x - left - width / 2) / (width / 2), (y - top - height / 2) / (height / 2)
    return across**2 + down**2 <= 1 if shape == "ellipse" else (abs(across) < 1) & (abs(down) < 1)
