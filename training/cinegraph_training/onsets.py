"""Finds thuds in a sound, and compares them with where they should be."""

import numpy as np
import torch

from .audio_analysis import Analysis

TOLERANCE = 0.0625  # s, half a frame of the picture
HOP = 160
LOWEST_BANDS = 4  # up to about 250 Hz: where thuds are
RISE = 1.5  # nats of power within 30 ms that make an onset
APART = 0.25  # s between two onsets
LOUD = -6.0  # nats of power below which nothing counts


def find_onsets(samples: np.ndarray, rate: int = 16_000) -> list[float]:
    """Times in s at which the low bands rise at once; float `[n]`, with silence before its start."""
    analysis = Analysis(rate, HOP, 640, 48)
    padded = np.pad(samples[: len(samples) // HOP * HOP].astype(np.float32), (4 * HOP, 0))
    low = analysis(torch.from_numpy(padded)[None])[0, :, :LOWEST_BANDS].exp().mean(1).log().numpy()
    rise = low.copy()
    rise[3:] -= np.minimum.reduce([low[2:-1], low[1:-2], low[:-3]])
    rise[:3] = 0
    found: list[float] = []
    for place in np.argsort(-rise):
        if rise[place] < RISE:
            break
        at = max(0.0, (int(place) - 4) * HOP / rate)
        if low[place : place + 3].max() > LOUD and all(abs(at - other) > APART for other in found):
            found.append(at)
    return sorted(found)


def matches(found: list[float], wanted: tuple[float, ...], tolerance: float = TOLERANCE) -> int:
    """How many of the wanted onsets have one of their own among those found."""
    left = list(found)
    count = 0
    for onset in wanted:
        near = [other for other in left if abs(other - onset) <= tolerance]
        if near:
            left.remove(min(near, key=lambda other: abs(other - onset)))
            count += 1
    return count


def onset_score(found: list[list[float]], wanted: list[tuple[float, ...]]) -> dict[str, float]:
    """Precision, recall and F1 over all sounds together."""
    hits = sum(matches(ours, theirs) for ours, theirs in zip(found, wanted, strict=True))
    precision = hits / max(1, sum(map(len, found)))
    recall = hits / max(1, sum(map(len, wanted)))
    f1 = 2 * hits / max(1, sum(map(len, found)) + sum(map(len, wanted)))
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}
