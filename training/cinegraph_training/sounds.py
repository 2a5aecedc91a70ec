"""The sound of a scene: 2.125 s, 16 kHz, mono, in step with the picture (world.py: 17 frames at 8 fps).

An object with a voice of its own has it (a recording of ESC-10); what others do is synthesised from the motion. A sound
depends on the object, on the motion and on a small choice of the generator: which recording, or which of a few noises.
Nothing else about the scene can be heard, so the sound fits every picture of that object in that motion.

Frame `t` shows at `t / 8` s. Something that bounces touches the ground at frames 0, 8 and 16 (it is lowest on the
screen where `|sin(pi t / 8)|` is 0), a turn takes 8 frames, and what sways passes its middle every 4.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from .attributes import VOICES, Scene, concepts
from .paths import CACHE
from .sound_variation import vary

RATE = 16_000  # Hz
FPS = 8
SAMPLES = 34_000  # 2.125 s
MOTION_KINDS = {
    "still": "hum",
    "moves left": "whoosh",
    "moves right": "whoosh",
    "moves up": "rise",
    "moves down": "fall",
    "bounces": "thuds",
    "grows": "swell",
    "shrinks": "fade",
    "spins": "whirr",
    "sways": "swish",
}
KINDS = (*VOICES.values(), *dict.fromkeys(MOTION_KINDS.values()))  # every class of sound; the index is its number
THUDS = (0.0, 1.0, 2.0)  # s
NOISES = 4  # variants of a synthesised noise
VOICE_UNDER_THUDS = 0.5
HELD_OUT_EVERY = 5  # sources of each class


@dataclass(frozen=True)
class SceneSound:
    """`samples` float32 `[34000]` in [-1, 1]; `onsets` of thuds in seconds, exact; `kind` is one of `KINDS`."""

    samples: np.ndarray
    onsets: tuple[float, ...]
    kind: str


def kind_of(scene: Scene) -> str:
    """What class of sound the scene has."""
    return VOICES.get(scene.object) or MOTION_KINDS[scene.motion]


class Sounds:
    """Holds the prepared recordings (prepare.py); makes the sounds of scenes."""

    def __init__(self, folder: Path = CACHE):
        self.recordings: dict[tuple[str, str], np.ndarray] = {}  # (class, split) -> int16 [n, samples]
        with np.load(folder / "sounds.npz") as stored:
            for kind in VOICES.values():
                for split, chosen in split_of(stored[f"{kind}.sources"]).items():
                    self.recordings[kind, split] = stored[kind][chosen]
        self.windows = {key: [_loudest(clip) for clip in clips] for key, clips in self.recordings.items()}

    def of(self, scene: Scene, rng: np.random.Generator, split: str = "train") -> SceneSound:
        """The scene's sound; draws one number from `rng`. The split says which recordings may be heard."""
        choice = int(rng.integers(1 << 16))
        voice = VOICES.get(scene.object)
        if voice is None:
            return self._made(scene, None, choice % NOISES)
        windows = self.windows[voice, split]
        return self._made(scene, windows[choice % len(windows)].astype(np.float32) / 32768)

    def another_take(self, scene: Scene, rng: np.random.Generator) -> SceneSound:
        """A sound of the scene as no recording has it (sound_variation.py): for hearing, not for saying. Of the train
        split; without a voice: as `of` has it, louder or softer."""
        voice = VOICES.get(scene.object)
        if voice is None:
            sound = self._made(scene, None, int(rng.integers(NOISES)))
            return replace(sound, samples=sound.samples * np.float32(rng.uniform(0.4, 1.0)))
        clips = self.recordings[voice, "train"]
        clip = clips[int(rng.integers(len(clips)))].astype(np.float32) / 32768
        return self._made(scene, vary(clip, SAMPLES, RATE, rng))

    @staticmethod
    def _made(scene: Scene, voice: np.ndarray | None, noise: int = 0) -> SceneSound:
        """Of what the object says `[34000]`, if anything, and what its motion does."""
        bounces = scene.motion == "bounces"
        pitch = 2 ** ((concepts().index(scene.object) % 5 - 2) / 4)
        if voice is None:
            samples = synthesise(scene.motion, pitch, noise)
        else:
            samples = voice * VOICE_UNDER_THUDS + synthesise("bounces", pitch, 0) if bounces else voice
        return SceneSound(_faded(samples, not bounces), THUDS if bounces else (), kind_of(scene))

    def recording(self, rng: np.random.Generator, split: str, samples: int) -> tuple[np.ndarray, str]:
        """A random part of a random recording, float32 `[samples]`, and its class."""
        kind = str(rng.choice(list(VOICES.values())))
        clips = self.recordings[kind, split]
        clip = clips[int(rng.integers(len(clips)))]
        start = int(rng.integers(len(clip) - samples + 1))
        return clip[start : start + samples].astype(np.float32) / 32768, kind


def split_of(sources: np.ndarray) -> dict[str, np.ndarray]:
    """Source recordings `[n]` (several clips may come from one) -> masks `[n]` by split: every fifth source is held
    out, with all its clips."""
    distinct = sorted(set(sources.tolist()))
    held_out = np.isin(sources, distinct[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])
    return {"train": ~held_out, "heldout": held_out}


@cache
def synthesise(motion: str, pitch: float, variant: int) -> np.ndarray:
    """What a motion sounds like, float32 `[34000]`; `pitch` multiplies frequencies, `variant` names a noise.
    The array is shared: not to be changed."""
    time = np.arange(SAMPLES) / RATE
    part = time / time[-1]
    noise = np.random.default_rng([2107, variant]).standard_normal(SAMPLES)
    if motion == "bounces":
        sound = sum(_thud(time - onset, pitch) for onset in THUDS)
    elif motion in ("moves up", "moves down"):
        way = part if motion == "moves up" else 1 - part
        sound = 0.3 * _voice(280 * pitch * 4**way, (1.0, 0.2))
    elif motion in ("grows", "shrinks"):
        way = part if motion == "grows" else 1 - part
        sound = (0.04 + 0.3 * way) * _voice(110 * pitch * 2**way, (1.0, 0.7, 0.5, 0.35, 0.25))
    elif motion == "spins":
        turn = 2 * np.pi * time  # once a second
        sound = 0.3 * (0.6 + 0.4 * np.cos(8 * turn)) * _voice(260 * pitch * (1 + 0.3 * np.sin(turn)), (1.0, 0.5, 0.3))
    elif motion == "sways":
        speed = np.abs(np.cos(2 * np.pi * time))  # largest in the middle, twice a second
        sound = 0.35 * speed**6 * _band(noise, 1500 * pitch, 1200)
    elif motion in ("moves left", "moves right"):
        near = np.exp(-0.5 * ((time - 1.0625) / 0.42) ** 2)
        sound = 0.4 * near * ((1 - part) * _band(noise, 1100 * pitch, 500) + part * _band(noise, 600 * pitch, 300))
    else:
        sound = 0.03 * _voice(np.full(SAMPLES, 110 * pitch), (1.0, 0.3))
    return np.asarray(sound, np.float32)


def _voice(frequency: np.ndarray, partials: tuple[float, ...]) -> np.ndarray:
    """A tone of the given frequency in Hz `[n]` with partials of the given strengths."""
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    parts = [strength * np.sin((number + 1) * phase) for number, strength in enumerate(partials)]
    return np.sum(parts, axis=0) / sum(partials)


def _thud(time: np.ndarray, pitch: float) -> np.ndarray:
    """A low tone that falls and dies away, and a click; `time` in s since the contact."""
    after = np.maximum(time, 0)
    phase = 2 * np.pi * pitch * (90 * after + 90 * 0.02 * (1 - np.exp(-after / 0.02)))
    click = np.sin(2 * np.pi * 1800 * after) * np.exp(-after / 0.004)
    return (time >= 0) * (0.7 * np.sin(phase) * np.exp(-after / 0.07) + 0.3 * click)


def _band(noise: np.ndarray, center: float, width: float) -> np.ndarray:
    """The noise within a bell around `center`, `width` wide (Hz, standard deviation), at standard deviation 0.5."""
    lines = np.fft.rfftfreq(len(noise), 1 / RATE)
    banded = np.fft.irfft(np.fft.rfft(noise) * np.exp(-0.5 * ((lines - center) / width) ** 2), len(noise))
    return banded * (0.5 / banded.std())


def _faded(samples: np.ndarray, at_start: bool) -> np.ndarray:
    """Without a click at the ends; a thud at the start keeps its own."""
    ramp = np.ones(SAMPLES, np.float32)
    if at_start:
        ramp[:80] = np.linspace(0, 1, 80)
    ramp[-240:] = np.linspace(1, 0, 240)
    return (samples * ramp).clip(-1, 1).astype(np.float32)


def _loudest(clip: np.ndarray) -> np.ndarray:
    """The part of 2.125 s with the most energy that begins on a frame of 40 ms."""
    sums = np.concatenate([[0.0], np.cumsum(np.square(clip.astype(np.float64)))])
    starts = np.arange(0, len(clip) - SAMPLES + 1, 640)
    start = starts[int(np.argmax(sums[starts + SAMPLES] - sums[starts]))]
    return clip[start : start + SAMPLES]
