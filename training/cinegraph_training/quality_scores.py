"""Measures of bench/quality: numbers from clips, and figures that stand beside their anchors."""

from dataclasses import dataclass, field

import numpy as np

from .attributes import COLUMNS

NOTHING = -2  # read from a clip that is not there: never right
BLOCK = 16  # px


@dataclass(frozen=True)
class Figure:
    """One row of the table. `ceiling` and `floor` are named anchors in the same unit as the value."""

    task: str
    what: str
    value: float
    unit: str
    count: int
    ceiling: dict[str, float] = field(default_factory=dict)
    floor: dict[str, float] = field(default_factory=dict)
    aim: float | None = None

    def as_dict(self) -> dict:
        anchors = {name: rounded(value) for name, value in {**self.ceiling, **self.floor}.items()}
        described = {"value": rounded(self.value), "unit": self.unit, "count": self.count, "anchors": anchors}
        aim = {} if self.aim is None else {"aim": self.aim}
        return described | aim


def rounded(value: float) -> float | None:
    """What JSON can say: a figure of no clip at all is null."""
    return None if np.isnan(value) else round(float(value), 2)


def psnr(made: np.ndarray, true: np.ndarray, where: np.ndarray | None = None) -> float:
    """dB between uint8 or float (0 to 255) `[..., H, W, 3]`, at most 60; `where` bool `[H, W]`: there only."""
    error = (made.astype(np.float32) - true.astype(np.float32)) ** 2
    mean = float(error.mean() if where is None else error[..., where, :].mean())
    return float(min(60.0, 10 * np.log10(255**2 / max(mean, 1e-9))))


def colors(frames: np.ndarray) -> np.ndarray:
    """`[8, 8, 3]`: the mean colours of blocks of 16 px, over all frames `[F, 128, 128, 3]`."""
    mean = frames.astype(np.float32).mean(0)
    side = mean.shape[0] // BLOCK
    return mean.reshape(side, BLOCK, side, BLOCK, 3).mean((1, 3))


def mean_fill(clip: np.ndarray, hidden: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The clip `[F, H, W, 3]` with the mean colour of the places `known` in the places `hidden`, as float32."""
    filled = clip.astype(np.float32)
    filled[:, hidden] = filled[:, known].mean((0, 1))
    return filled


def share(read: np.ndarray, wanted: np.ndarray, columns: tuple[str, ...]) -> float:
    """Per cent of rows (int `[N, 7]`) in which all of the columns are right."""
    picked = [COLUMNS.index(name) for name in columns]
    return 100 * float((read == wanted)[:, picked].all(1).mean())


def most_frequent(wanted: np.ndarray) -> np.ndarray:
    """`[N, 7]`: in each column always the class that is asked for most."""
    best = [np.unique(column, return_counts=True) for column in wanted.T]
    return np.broadcast_to([values[counts.argmax()] for values, counts in best], wanted.shape)
