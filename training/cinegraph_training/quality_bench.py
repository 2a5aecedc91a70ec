"""What scoring needs: the attribute reader, the bundle's codec and the world; and the figures that most tasks share."""

from functools import cached_property
from pathlib import Path

import numpy as np

from .attributes import COLUMNS
from .audio_reader import Ear, load_ear
from .bundle_codec import AudioCodec, Enlarger, VideoCodec
from .quality_scores import NOTHING, Figure, most_frequent, psnr, share
from .quality_truth import Facts, Truth, class_numbers
from .reader import load_reader, read_classes
from .world import FRAMES, VIEW

Clips = list[np.ndarray | None]
ALL = np.ones((VIEW, VIEW), bool)  # every place of a frame


class Bench:
    """Owns the models."""

    def __init__(self, bundle: Path):
        self.bundle = bundle
        self.reader = load_reader()
        self.codec = VideoCodec(bundle)
        self.truth = Truth()

    @cached_property
    def ear(self) -> Ear:
        return load_ear()

    @cached_property
    def audio_codec(self) -> AudioCodec:
        return AudioCodec(self.bundle)

    @cached_property
    def enlarger(self) -> Enlarger:
        return Enlarger(self.bundle)

    def read(self, clips: Clips) -> np.ndarray:
        """Class numbers int `[N, 7]` of clips of 17 frames; one that is not there reads as nothing."""
        nothing = np.full(len(COLUMNS), NOTHING)
        return np.stack([nothing if clip is None else read_classes(self.reader, clip[None])[0] for clip in clips])

    def through_codec(self, clips: list[np.ndarray]) -> Clips:
        return [self.codec.reconstruct(clip) for clip in clips]

    def shares(
        self,
        task: str,
        facts: list[Facts],
        clips: Clips,
        real: list[np.ndarray],
        columns: tuple[str, ...],
        label: str = "",
        aims: dict[str, float] | None = None,
        floors: dict[str, Clips] | None = None,
    ) -> list[Figure]:
        """How many clips show each column of their scene as asked, and of several all at once; with the same of the
        real clips, of those through the codec, by chance, for another case's scene, and of the clips in `floors`."""
        wanted = np.array([class_numbers(one.scene) for one in facts])
        read = self.read(clips)
        ceilings = {"real": self.read(list(real)), "codec": self.read(self.through_codec(real))}
        others = {name: self.read(floor) for name, floor in (floors or {}).items()}
        figures = []
        for name in (*columns, "all") if len(columns) > 1 else columns:
            picked = columns if name == "all" else (name,)
            what = f"{label}all of these at once" if name == "all" else f"{label}{name} as asked"
            above = {anchor: share(value, wanted, picked) for anchor, value in ceilings.items()}
            below = {
                "chance": share(most_frequent(wanted), wanted, picked),
                "wrong prompt": share(read, np.roll(wanted, 1, 0), picked),
            }
            below |= {anchor: share(value, wanted, picked) for anchor, value in others.items()}
            aim = (aims or {}).get(name)
            figures.append(Figure(task, what, share(read, wanted, picked), "%", len(facts), above, below, aim))
        return figures


def standing(picture: np.ndarray) -> np.ndarray:
    """One frame `[1, H, W, 3]`, shown 17 times: the reader wants clips."""
    return np.repeat(picture, FRAMES, 0)


def mean_psnr(clips: Clips, real: list[np.ndarray], where: list[np.ndarray] | None = None) -> float:
    """Mean over the clips that are there, dB; with `where`, bool `[128, 128]` each, there only."""
    places = where or [ALL] * len(real)
    values = [
        psnr(clip, true, place) for clip, true, place in zip(clips, real, places, strict=True) if clip is not None
    ]
    return float(np.mean(values)) if values else float("nan")
