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
    they are scaled down again. Bicubic interpolation enlarges what the codec leaves of the picture, and the picture."""
    facts = [outcome.facts[0] for outcome in outcomes]
    count = len(outcomes)
    clips = [outcome.clip(FRAMES, SIDE) for outcome in outcomes]
    truths = [bench.truth.large_clip(one)[:1] for one in facts]
    real = [bench.truth.clip(one) for one in facts]
    pictures = [clip[:1] for clip in real]
    through = bench.through_codec(pictures)
    plain = {"codec, bicubic": _mean(_bicubic(through), truths)}
    best = {"picture, bicubic": _mean(_bicubic(list(pictures)), truths)}
    value = _mean([clip if clip is None else clip[:1] for clip in clips], truths)
    gain = value - plain["codec, bicubic"]
    small: Clips = [clip if clip is None else _resized(clip, VIEW, cv2.INTER_AREA) for clip in clips]
    return [
        Figure("upscale", "first frame to the large picture", value, "dB", count, best, plain),
        Figure("upscale", "first frame: better than bicubic by", gain, "dB", count, aim=GAIN_AIM),
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
