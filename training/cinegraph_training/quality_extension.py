"""Figures of clips that were extended to half a minute, second by second. Nothing travels in them: the true frame comes
back every second, so the truth is known to the end."""

from dataclasses import dataclass

import numpy as np

from .quality_bench import Bench
from .quality_outcome import Outcome
from .quality_scores import Figure, colors, most_frequent, psnr, rounded, share
from .quality_truth import PERIOD, as_second, class_numbers
from .world import FRAMES

LONG = 241  # frames of an extended clip: 30 s
SECONDS = (LONG - FRAMES) // PERIOD  # whole seconds after the source
PHASE = FRAMES % PERIOD  # of the first new frame
OBJECT_AIM, DRIFT_AIM = 85.0, 1.5  # %, dB
TASK = "extendVideo"
Curve = dict[str, list[float | None]]  # by what is measured, a value a second; None: no clip is there


@dataclass(frozen=True)
class Seconds:
    """By clip and second, `[N, S]`: what is read (0 or 1), and dB to the true pixels and colours (nan: no clip)."""

    object: np.ndarray
    motion: np.ndarray
    pixels: np.ndarray
    color: np.ndarray

    def curve(self) -> Curve:
        """Means over the clips, by second."""
        shares = {name: 100 * getattr(self, name).mean(0) for name in ("object", "motion")}
        decibels = {name: np.nanmean(getattr(self, name), 0) for name in ("pixels", "color")}
        return {name: [rounded(float(v)) for v in values] for name, values in (shares | decibels).items()}


def measure(bench: Bench, clips: list[np.ndarray | None], truths: list[np.ndarray], wanted: np.ndarray) -> Seconds:
    """`clips` are whole seconds `[8 S, H, W, 3]`, `truths` one second each, `wanted` class numbers `[N, 7]`."""
    rows = []
    for clip, truth, row in zip(clips, truths, wanted, strict=True):
        if clip is None:
            rows.append([[0.0, 0.0, np.nan, np.nan]] * SECONDS)
            continue
        parts = clip.reshape(-1, PERIOD, *clip.shape[1:])
        read = bench.read([as_second(part, PHASE) for part in parts])
        right = (read == row)[:, [0, 2]].astype(float)
        rows.append([[*r, psnr(p, truth), psnr(colors(p), colors(truth))] for r, p in zip(right, parts, strict=True)])
    return Seconds(*np.moveaxis(np.array(rows), 2, 0))


def extend_video(bench: Bench, outcomes: list[Outcome]) -> tuple[list[Figure], Curve]:
    """The figures, and the curve over the seconds."""
    wanted = np.array([class_numbers(outcome.facts[0].scene) for outcome in outcomes])
    looped = [bench.truth.looped(outcome.facts[0], FRAMES + PERIOD) for outcome in outcomes]
    truths = [clip[FRAMES:] for clip in looped]
    whole = [outcome.clip(LONG) for outcome in outcomes]
    clips = [clip if clip is None else clip[FRAMES:] for clip in whole]
    made = measure(bench, clips, truths, wanted)
    real = measure(bench, list(truths), truths, wanted)
    codec = measure(bench, [clip[FRAMES:] for clip in bench.through_codec(looped) if clip is not None], truths, wanted)
    still = wanted[:, 2] == 0
    drift = (made.color[:, 0] - made.color[:, -1])[still]
    count = len(outcomes)

    def last(name: str, aim: float | None) -> Figure:
        column, values = (name,), getattr(made, name)
        above = {"first new second": values[:, 0], "real": getattr(real, name), "codec": getattr(codec, name)}
        below = {"chance": share(most_frequent(wanted), wanted, column)}
        shares = {anchor: 100 * float(value.mean()) for anchor, value in above.items()}
        what = f"{name} as asked in the last of 30 s"
        return Figure(TASK, what, 100 * float(values[:, -1].mean()), "%", count, shares, below, aim)

    def decibels(values: Seconds, name: str, which: np.ndarray, second: int) -> float:
        return float(np.nanmean(getattr(values, name)[which, second]))

    every = np.ones(count, bool)
    colored = {"codec": decibels(codec, "color", still, 0), "first new second": decibels(made, "color", still, 0)}
    drawn = {"codec": decibels(codec, "pixels", every, 0), "first new second": decibels(made, "pixels", every, 0)}
    worst = {"worst clip": float(np.nanmax(drift))}
    resting = int(still.sum())
    loss = "things at rest: colour lost from the first new second to the last"
    return [
        last("object", OBJECT_AIM),
        last("motion", None),
        Figure(TASK, loss, float(np.nanmean(drift)), "dB", resting, {}, worst, DRIFT_AIM),
        Figure(
            TASK,
            "things at rest: colour in the last second",
            decibels(made, "color", still, -1),
            "dB",
            resting,
            colored,
        ),
        Figure(TASK, "last second to the true one", decibels(made, "pixels", every, -1), "dB", count, drawn),
    ], made.curve()
