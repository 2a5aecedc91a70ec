"""Figures of clips that were made at twice the size."""

import cv2
import numpy as np

from .quality_bench import Bench, Clips
from .quality_outcome import Outcome
from .quality_scores import Figure, psnr
from .quality_truth import LARGE
from .world import FRAMES, VIEW

GAIN_AIM = 1.0  # dB
SIDE = LARGE * VIEW


def upscale(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    """The first frame of pictures that came alive, against the same picture drawn large; and what the clips show when
    they are scaled down again. Bicubic interpolation enlarges what the codec leaves of the picture, and the picture.
    And the scenes as they are rendered, 17 frames each, enlarged by the bundle's own graph: of the model's clips, the
    codec leaves too little for detail to count."""
    facts = [outcome.facts[0] for outcome in outcomes]
    count = len(outcomes)
    clips = [outcome.clip(FRAMES, SIDE) for outcome in outcomes]
    large = [bench.truth.large_clip(one) for one in facts]
    truths = [clip[:1] for clip in large]
    real = [bench.truth.clip(one) for one in facts]
    pictures = [clip[:1] for clip in real]
    through = bench.through_codec(pictures)
    plain = {"codec, bicubic": _mean(_bicubic(through), truths)}
    best = {"picture, bicubic": _mean(_bicubic(list(pictures)), truths)}
    value = _mean([clip if clip is None else clip[:1] for clip in clips], truths)
    gain = value - plain["codec, bicubic"]
    small: Clips = [clip if clip is None else _resized(clip, VIEW, cv2.INTER_AREA) for clip in clips]
    rendered = _mean([bench.enlarger.enlarge(clip) for clip in real], large)
    interpolated = {"bicubic": _mean(_bicubic(list(real)), large)}
    return [
        Figure("upscale", "scenes as rendered", rendered, "dB", count, {}, interpolated),
        Figure(
            "upscale",
            "scenes as rendered: better than bicubic by",
            rendered - interpolated["bicubic"],
            "dB",
            count,
            aim=GAIN_AIM,
        ),
        Figure("upscale", "first frame to the large picture", value, "dB", count, best, plain),
        Figure("upscale", "first frame: better than bicubic by", gain, "dB", count),
        *bench.shares("upscale", facts, small, real, ("object", "motion", "camera"), "scaled down: "),
    ]


def _resized(clip: np.ndarray, side: int, how: int) -> np.ndarray:
    return np.stack([cv2.resize(frame, (side, side), interpolation=how) for frame in clip])


def _bicubic(clips: Clips) -> Clips:
    return [clip if clip is None else _resized(clip, SIDE, cv2.INTER_CUBIC) for clip in clips]


def _mean(clips: Clips, truths: list[np.ndarray]) -> float:
    """Mean over the clips that are there, dB."""
    values = [psnr(clip, true) for clip, true in zip(clips, truths, strict=True) if clip is not None]
    return float(np.mean(values)) if values else float("nan")
