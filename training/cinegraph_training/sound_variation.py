"""Other takes of a recording: smaller and larger animals, nearer and farther, in other rooms.

A language model that hears a class in 32 recordings, each cut in one way, knows these recordings and no other. Speed
and pitch (together, by resampling), the part that is heard, loudness, tone colour and noise are drawn anew for each
take (as audio classifiers are trained: Salamon and Bello, arXiv 1608.04363).
"""

import numpy as np

SPEED_OCTAVES = 0.35
LOUDNESS_DB = (-8.0, 5.0)
TILT = 0.35  # exponent of the frequency
BUMP_DB = 8.0
NOISE_SHARE = 0.4
NOISE_DB = (-45.0, -22.0)
PARTS_LISTENED_TO = 3
PIVOT_HZ = 1000.0


def vary(clip: np.ndarray, samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Another take of a recording in [-1, 1], float32 `[n]` -> float32 `[samples]`; `rate` in Hz."""
    speed = 2 ** rng.uniform(-SPEED_OCTAVES, SPEED_OCTAVES)
    length = min(len(clip), int(samples * speed) + 1)
    starts = rng.integers(len(clip) - length + 1, size=PARTS_LISTENED_TO)
    part = max((clip[start : start + length] for start in starts), key=lambda heard: float(np.square(heard).sum()))
    take = np.interp(np.arange(samples) * speed, np.arange(length), part, right=0.0)
    take = _coloured(take, rate, rng) * _amplitude(rng.uniform(*LOUDNESS_DB))
    if rng.random() < NOISE_SHARE:
        take = take + rng.standard_normal(samples) * _amplitude(rng.uniform(*NOISE_DB))
    return take.clip(-1, 1).astype(np.float32)


def _coloured(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Brighter or darker, with one band louder or softer; as loud as before."""
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(samples), 1 / rate), 50.0) / PIVOT_HZ)
    bump = rng.uniform(-BUMP_DB, BUMP_DB) * np.exp(-0.5 * ((octaves - rng.uniform(-2.5, 2.5)) / 0.7) ** 2)
    shaped = np.fft.irfft(
        np.fft.rfft(samples) * 2 ** (rng.uniform(-TILT, TILT) * octaves) * _amplitude(bump), len(samples)
    )
    power, shaped_power = np.square(samples).mean(), np.square(shaped).mean()
    return shaped * np.sqrt(power / shaped_power) if shaped_power > 0 else samples


def _amplitude(decibels):
    return 10 ** (decibels / 20)
