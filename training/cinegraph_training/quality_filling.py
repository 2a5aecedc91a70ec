"""Figures of in- and outpainting: the part that was made new against the truth, and the part that was to be kept."""

import numpy as np

from .quality_bench import Bench, Clips, mean_psnr
from .quality_outcome import Outcome
from .quality_scores import Figure, mean_fill
from .quality_truth import hidden_places

AIM = 6.0  # dB over the mean colour


def inpaint_video(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    hidden = [hidden_places(outcome.more["box"], outcome.more["shape"]) for outcome in outcomes]
    return _filled(bench, "inpaintVideo", outcomes, hidden)


def outpaint_video(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    hidden = [~hidden_places(outcome.more["box"], "rectangle") for outcome in outcomes]
    return _filled(bench, "outpaintVideo", outcomes, hidden)


def _filled(bench: Bench, task: str, outcomes: list[Outcome], hidden: list[np.ndarray]) -> list[Figure]:
    facts, count = [outcome.facts[0] for outcome in outcomes], len(outcomes)
    real = [bench.truth.clip(one) for one in facts]
    clips = [outcome.clip() for outcome in outcomes]
    kept = [~where for where in hidden]
    codec = bench.through_codec(real)
    by_kept: Clips = [mean_fill(*one) for one in zip(real, hidden, kept, strict=True)]
    by_hidden: Clips = [mean_fill(*one) for one in zip(real, hidden, hidden, strict=True)]
    made, best, floor, own = (mean_psnr(one, real, hidden) for one in (clips, codec, by_kept, by_hidden))
    filled: Clips = [clip if clip is None else clip.round().astype(np.uint8) for clip in by_kept]
    gain = "hidden part: better than the kept part's mean colour by"
    touched = {"encoder alone": mean_psnr([_kept_round(*one) for one in zip(outcomes, real, strict=True)], real, kept)}
    lossy = {"codec": mean_psnr(codec, real, kept)}
    floors = {"kept part's mean colour": floor, "its own mean colour": own}
    return [
        Figure(task, "hidden part", made, "dB", count, {"codec": best}, floors),
        Figure(
            task, gain, made - floor, "dB", count, {"codec": best - floor}, {"its own mean colour": own - floor}, AIM
        ),
        Figure(task, "kept part, after MP4", mean_psnr(clips, real, kept), "dB", count, touched, lossy),
        *bench.shares(task, facts, clips, real, ("object", "motion"), floors={"mean colour": filled}),
    ]


def _kept_round(outcome: Outcome, real: np.ndarray) -> np.ndarray | None:
    """The true clip, its part that was sent as the program's own encoder leaves it."""
    sent = outcome.round_trip()
    if sent is None or sent.shape == real.shape:
        return sent
    left, top, width, height = outcome.more["box"]
    placed = real.copy()
    placed[:, top : top + height, left : left + width] = sent
    return placed
