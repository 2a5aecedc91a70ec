"""Reads what the program made of the cases of quality_cases.py: figures with their anchors, as a table and as JSON.

`python -m cinegraph_training.quality_read --work FOLDER --out FOLDER [--bundle FOLDER]` writes `RESULTS.md`,
`results.json` and `extension.svg`. Every case counts: one that failed is wrong in every share.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch

from .bundle_codec import MODELS
from .quality_bench import Bench
from .quality_captions import audio_to_text, video_to_text
from .quality_clips import edit_video, film, image_to_video, text_to_image, text_to_video
from .quality_extension import Curve, extend_video
from .quality_filling import inpaint_video, outpaint_video
from .quality_outcome import Outcome, read_outcomes
from .quality_scores import Figure
from .quality_sounds import audio_to_video, text_to_audio, video_to_audio
from .quality_style import stylize_video
from .quality_table import curve_svg, table
from .quality_upscale import upscale

SCORES: dict[str, Callable[[Bench, list[Outcome]], list[Figure]]] = {
    "textToVideo": text_to_video,
    "textToImage": text_to_image,
    "imageToVideo": image_to_video,
    "upscale": upscale,
    "inpaintVideo": inpaint_video,
    "outpaintVideo": outpaint_video,
    "editVideo": edit_video,
    "stylizeVideo": stylize_video,
    "videoToAudio": video_to_audio,
    "textToAudio": text_to_audio,
    "audioToVideo": audio_to_video,
    "videoToText": video_to_text,
    "audioToText": audio_to_text,
    "createFilm": film,
}


def by_task(figures: list[Figure]) -> dict:
    """`{ task: { what: figure } }`."""
    tasks: dict[str, dict] = {}
    for figure in figures:
        tasks.setdefault(figure.task, {})[figure.what] = figure.as_dict()
    return tasks


def counts(outcomes: list[Outcome]) -> dict[str, dict[str, int]]:
    """How many cases each task had, and how many of them failed."""
    found: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        entry = found.setdefault(outcome.task, {"cases": 0, "failed": 0})
        entry["cases"] += 1
        entry["failed"] += outcome.error is not None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, default=MODELS / "cinegraph-small")
    options = parser.parse_args()
    torch.set_num_threads(1)
    facts, outcomes = read_outcomes(options.work)
    bench = Bench(options.bundle)
    figures: list[Figure] = []
    curve: Curve = {}
    for task, score in SCORES.items():
        if own := [outcome for outcome in outcomes if outcome.task == task]:
            figures += score(bench, own)
    if own := [outcome for outcome in outcomes if outcome.task == "extendVideo"]:
        extended, curve = extend_video(bench, own)
        figures += extended
    report = facts | {"counts": counts(outcomes), "tasks": by_task(figures), "extensionCurve": curve}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    text = table(report, figures)
    (options.out / "RESULTS.md").write_text(text, encoding="utf-8")
    if curve:
        (options.out / "extension.svg").write_text(curve_svg(curve), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
