"""Held-out cases for bench/quality: what to send to the program, with the files that it takes.

`python -m cinegraph_training.quality_cases --out FOLDER --tasks textToVideo=200 imageToVideo=60 ...` writes
`cases.json` and `sources/`. A case holds the mutation's input, the files that are uploaded first, and the facts from
which quality_read.py makes its truth again.
"""

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from .prepare import LARGE, UNSEEN, prepare_large, prepare_unseen
from .quality_case import CaseMaker
from .quality_clip_cases import CLIP_CASES
from .quality_sound_cases import SOUND_CASES
from .quality_truth import Truth

SEED = 2026
CASES = CLIP_CASES | SOUND_CASES


def wanted(text: str) -> tuple[str, int]:
    """`textToVideo=200`."""
    task, _, count = text.partition("=")
    return task, int(count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", type=wanted, required=True, metavar="TASK=COUNT")
    parser.add_argument("--sounding", action="store_true", help="ask for sound where a task can add it")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    if not UNSEEN.exists():
        prepare_unseen()
    if not LARGE.exists():
        prepare_large()
    maker = CaseMaker(options.out, Truth(), options.seed, options.sounding)
    cases = []
    for task, count in options.tasks:
        made = tqdm(CASES[task](maker, count), desc=task, total=count, unit="case")
        cases += [case.as_dict(index) for index, case in enumerate(made)]
    stored = {"seed": options.seed, "cases": cases}
    (options.out / "cases.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
