"""Figures of the tasks that tell: attributes recovered from the text."""

import numpy as np

from .attributes import COLUMNS, vocabulary
from .caption_reader import UNNAMED, read_caption
from .quality_bench import Bench
from .quality_outcome import Outcome
from .quality_scores import NOTHING, Figure, most_frequent, share
from .quality_sounds import group_of
from .quality_truth import class_numbers
from .sounds import KINDS, kind_of

TOLD = ("object", "background", "motion", "camera", "style")
AIMS = {"object": 85.0, "motion": 85.0, "background": 95.0}


def told(text: str | None) -> np.ndarray:
    """Class numbers int `[7]` of what a text says; what it does not say is nothing. That nothing moves, in
    natural colours, may go without saying, but not of nothing."""
    row = np.full(len(COLUMNS), NOTHING)
    said = read_caption(text or "")
    for column, value in said.items():
        if value is not None and (value != UNNAMED.get(column) or said["object"] is not None):
            row[COLUMNS.index(column)] = vocabulary()[column].index(value)
    return row


def _recovered(
    task: str,
    outcomes: list[Outcome],
    columns: tuple[str, ...],
    label: str,
    ceilings: dict[str, np.ndarray],
    aims: dict[str, float],
) -> list[Figure]:
    """`ceilings` are class numbers int `[N, 7]` that others read from the same sources."""
    wanted = np.array([class_numbers(outcome.facts[0].scene) for outcome in outcomes])
    read = np.stack([told(outcome.text()) for outcome in outcomes])
    figures = []
    for name in (*columns, "all") if len(columns) > 1 else columns:
        picked = columns if name == "all" else (name,)
        what = f"{label}all of these at once" if name == "all" else f"{label}{name} told"
        above = {anchor: share(value, wanted, picked) for anchor, value in ceilings.items()}
        below = {
            "chance": share(most_frequent(wanted), wanted, picked),
            "another source": share(read, np.roll(wanted, 1, 0), picked),
        }
        figures.append(
            Figure(task, what, share(read, wanted, picked), "%", len(outcomes), above, below, aims.get(name))
        )
    return figures


def video_to_text(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    """Beside it: what the attribute reader sees in the same clips, and in what the codec leaves of them."""
    real = [bench.truth.clip(outcome.facts[0]) for outcome in outcomes]
    ceilings = {"reader on real": bench.read(list(real)), "reader on codec": bench.read(bench.through_codec(real))}
    return _recovered("videoToText", outcomes, TOLD, "", ceilings, AIMS)


def audio_to_text(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    """The object where it has a voice of its own, that it bounces where there are thuds; beside it what the reader
    hears."""
    figures = []
    thudding, voiced = group_of(outcomes, "bounces"), group_of(outcomes, "voices")
    if voiced:
        heard = {"reader on real": _heard(bench, voiced)}
        figures += _recovered("audioToText", voiced, ("object",), "things with a voice: ", heard, {})
    if thudding:
        column = COLUMNS.index("motion")
        wanted = vocabulary()["motion"].index("bounces")
        above = {"reader on real": 100 * float((_heard(bench, thudding)[:, column] == wanted).mean())}
        texts = {name: [told(one.text())[column] for one in own] for name, own in (("m", thudding), ("v", voiced))}
        made, other = (100 * float(np.mean([value == wanted for value in texts[name]] or [0.0])) for name in "mv")
        below = {"texts of voices": other}
        figures.append(Figure("audioToText", "thuds: told to bounce", made, "%", len(thudding), above, below))
    return figures


def _heard(bench: Bench, outcomes: list[Outcome]) -> np.ndarray:
    """Class numbers int `[N, 7]` of the scene whose sound the audio reader hears: its own where the kind is right."""
    sounds = np.stack([bench.truth.sound(outcome.facts[0]).samples for outcome in outcomes])
    rows = np.full((len(outcomes), len(COLUMNS)), NOTHING)
    for row, outcome, kind in zip(rows, outcomes, bench.ear.kinds(sounds), strict=True):
        if KINDS[kind] == kind_of(outcome.facts[0].scene):
            row[:] = class_numbers(outcome.facts[0].scene)
    return rows
