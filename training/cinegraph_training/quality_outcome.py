"""What came of a case of bench/quality: its facts, and the frames, samples and texts that the program made."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .quality_truth import Facts
from .world import FRAMES, VIEW


@dataclass(frozen=True)
class Outcome:
    """A case and its result. `outputs` and `round_trips` as bench/quality/cases.ts describes them."""

    id: str
    task: str
    group: str
    facts: list[Facts]
    more: dict
    error: str | None
    outputs: list[dict]
    round_trips: list[str]
    folder: Path

    @property
    def results(self) -> list[dict]:
        """The outputs without the shots of a film."""
        return [output for output in self.outputs if output["shot"] is None]

    def clip(self, frames: int = FRAMES, side: int = VIEW) -> np.ndarray | None:
        """The first output, `[frames, side, side, 3]`; None: there is none, or another shape."""
        return self.frames_of(self.results[0], frames, side) if self.results else None

    def frames_of(self, output: dict, frames: int, side: int = VIEW) -> np.ndarray | None:
        if output["file"] is None:
            return None
        pixels = np.load(self.folder / output["file"])
        return pixels if pixels.shape == (frames, side, side, 3) else None

    def sound(self) -> np.ndarray | None:
        """The samples of the first output, float32 `[n]` at 16 kHz; None: there is none."""
        file = self.results[0]["file"] if self.results else None
        samples = np.load(self.folder / file) if file is not None else None
        return samples if samples is not None and samples.ndim == 1 else None

    def text(self) -> str | None:
        return self.results[0]["text"] if self.results else None

    def round_trip(self) -> np.ndarray | None:
        """The first source as the program's own encoder leaves it."""
        return np.load(self.folder / self.round_trips[0]) if self.round_trips else None


def read_outcomes(work: Path) -> tuple[dict, list[Outcome]]:
    """The facts of the run (date, machine, bundle, what was not offered), and every case."""
    cases = json.loads((work / "cases.json").read_text(encoding="utf-8"))
    facts = json.loads((work / "results.json").read_text(encoding="utf-8"))
    results = facts.pop("cases")
    outcomes = []
    for case in cases["cases"]:
        result = results[case["id"]]
        told = [Facts.from_dict(stored) for stored in case["facts"]]
        named = {name: result[name] for name in ("error", "outputs")}
        trips = result["roundTrips"]
        outcomes.append(
            Outcome(
                case["id"], case["task"], case["group"], told, case["more"], **named, round_trips=trips, folder=work
            )
        )
    return facts | {"seed": cases["seed"]}, outcomes
