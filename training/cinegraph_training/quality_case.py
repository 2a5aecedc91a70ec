"""A case of bench/quality: one job, the files that it takes, and what it is about; and the folder that holds them."""

import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from .attributes import Scene
from .quality_truth import Facts, Truth
from .sounds import RATE
from .stage import sample_stage_scene


@dataclass(frozen=True)
class Source:
    """A file to upload; its asset's id takes the place `field` of the input."""

    field: tuple[str, ...]
    kind: str
    file: str
    round_trip: bool = False  # also through the program's own encoder and back


@dataclass
class Case:
    """One job. `more` is what quality_read.py needs beyond the facts; `mutation`: where the task is not named so."""

    task: str
    group: str
    facts: list[Facts]
    input: dict
    sources: list[Source] = field(default_factory=list)
    more: dict = field(default_factory=dict)
    mutation: str | None = None

    def as_dict(self, index: int) -> dict:
        return {
            "id": f"{self.task}-{self.group}-{index:03d}",
            "task": self.task,
            "mutation": self.mutation or self.task,
            "group": self.group,
            "facts": [facts.as_dict() for facts in self.facts],
            "input": self.input,
            "sources": [
                {"field": list(s.field), "kind": s.kind, "file": s.file, "roundTrip": s.round_trip}
                for s in self.sources
            ],
            "more": self.more,
        }


class CaseMaker:
    """Draws scenes, and writes the files of cases below `folder`. `sounding`: clips are asked for with their sound
    where a task can add it."""

    def __init__(self, folder: Path, truth: Truth, seed: int, sounding: bool):
        self.folder, self.truth, self.seed, self.sounding = folder, truth, seed, sounding
        self.files = 0
        (folder / "sources").mkdir(parents=True, exist_ok=True)

    def rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose])

    def scenes(self, purpose: int, count: int, fits: Callable[[Scene], bool] = lambda scene: True) -> list[Facts]:
        """Held-out compositions of the stage."""
        rng = self.rng(purpose)
        found: list[Facts] = []
        while len(found) < count:
            scene = sample_stage_scene(rng, "heldout")
            if fits(scene):
                found.append(Facts(scene, int(rng.integers(2**31))))
        return found

    def _next(self, extension: str) -> str:
        self.files += 1
        return f"sources/{self.files:04d}.{extension}"

    def clip(self, field: tuple[str, ...], frames: np.ndarray, round_trip: bool = False) -> Source:
        """uint8 `[F, H, W, 3]` as `.npy`: the sender encodes it without loss."""
        name = self._next("npy")
        np.save(self.folder / name, np.ascontiguousarray(frames))
        return Source(field, "VIDEO", name, round_trip)

    def picture(self, field: tuple[str, ...], pixels: np.ndarray, kind: str = "IMAGE") -> Source:
        """uint8 `[H, W, 3]`, or a mask `[H, W]`, as PNG."""
        name = self._next("png")
        cv2.imwrite(str(self.folder / name), pixels[..., ::-1] if pixels.ndim == 3 else pixels)
        return Source(field, kind, name)

    def sound(self, field: tuple[str, ...], samples: np.ndarray) -> Source:
        """float `[n]` in [-1, 1] as WAV of 16 bits."""
        name = self._next("wav")
        with wave.open(str(self.folder / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((samples.clip(-1, 1) * 32767).round().astype("<i2").tobytes())
        return Source(field, "AUDIO", name)
