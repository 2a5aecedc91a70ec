"""Figures of stylization: the style and what should be kept are read, and the motion is held against the source's."""

from dataclasses import replace

import cv2
import numpy as np

from .attributes import Scene
from .control import SIDE, optical_flow
from .quality_bench import Bench, Clips
from .quality_outcome import Outcome
from .quality_scores import Figure
from .quality_sounds import group_of
from .quality_truth import Facts

TASK = "stylizeVideo"
WHOLE, ALONE = "whole", "alone"  # groups: prompted by a whole caption, or by the style alone
LABELS = {WHOLE: "whole caption: ", ALONE: "style alone: "}
COLUMNS_READ = {WHOLE: ("style", "object", "background", "motion"), ALONE: ("style", "object", "motion")}
AIMS = {"style": 90.0, "motion": 85.0}


def styled(source: Facts, style: str) -> Facts:
    """The same clip in another style."""
    return replace(source, scene=Scene(**{**source.scene.as_dict(), "style": style}))


def flow_error(flows: list[np.ndarray | None], true: list[np.ndarray], where: list[np.ndarray] | None = None) -> float:
    """Mean end-point error, px per frame, of flows `[F, 64, 64, 2]` that are there; with `where`, bool `[F, 64, 64]`
    each, there only. The first frame, whose flow is the second's, does not count."""
    errors = []
    for index, (flow, other) in enumerate(zip(flows, true, strict=True)):
        if flow is not None:
            error = np.linalg.norm(flow - other, axis=-1)[1:]
            errors.append(float((error if where is None else error[where[index][1:]]).mean()))
    return float(np.mean(errors)) if errors else float("nan")


def stylize_video(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    """`facts` of an outcome are the source and the same in the style that was asked for."""
    figures: list[Figure] = []
    for group in (WHOLE, ALONE):
        if own := group_of(outcomes, group):
            facts = [outcome.facts[1] for outcome in own]
            real = [bench.truth.clip(one) for one in facts]
            sources: Clips = [bench.truth.clip(outcome.facts[0]) for outcome in own]
            clips: Clips = [outcome.clip() for outcome in own]
            floors = {"the source": sources}
            figures += bench.shares(TASK, facts, clips, real, COLUMNS_READ[group], LABELS[group], AIMS, floors)
    return figures + _motion(bench, outcomes)


def _motion(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    """Everywhere, and on the object alone."""
    true = [optical_flow(bench.truth.clip(outcome.facts[0])) for outcome in outcomes]
    made = _flows([outcome.clip() for outcome in outcomes])
    real = [bench.truth.clip(outcome.facts[1]) for outcome in outcomes]
    above = {"real": _flows(list(real)), "codec": _flows(bench.through_codec(real))}
    below: dict[str, list[np.ndarray | None]] = {
        "still picture": [np.zeros_like(flow) for flow in true],
        "another clip": [true[index - 1] for index in range(len(true))],
    }
    objects = [_object_places(bench.truth.depth(outcome.facts[0])) for outcome in outcomes]
    figures = []
    for what, where in (("everywhere", None), ("on the object", objects)):
        ceilings = {name: flow_error(flows, true, where) for name, flows in above.items()}
        floors = {name: flow_error(flows, true, where) for name, flows in below.items()}
        error = flow_error(made, true, where)
        label = f"flow error against the source, {what}"
        figures.append(Figure(TASK, label, error, "px", len(outcomes), ceilings, floors))
    return figures


def _flows(clips: Clips) -> list[np.ndarray | None]:
    return [clip if clip is None else optical_flow(clip.astype(np.uint8)) for clip in clips]


def _object_places(depth: np.ndarray) -> np.ndarray:
    """Bool `[F, 64, 64]`."""
    return np.stack([cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 127 for frame in depth])
