"""Measure the audio tokenizer and its reader on held-out sounds, with anchors.

`python -m cinegraph_training.evaluate_audio [--count 200] [--samples FOLDER]` writes `runs/audio-tokenizer.json` and,
with `--samples`, a few reconstructed sounds.

* `spectral`: mean absolute difference of log-mel spectra in dB (48 bands, 100 a second, floor -60 dB) between a sound
  and what the tokenizer makes of it. Anchors: silence, another sound of the set, and the codes' own spectra, which is
  what the decoder is told.
* `onsets`: thuds found by `onsets.py` (tolerance 62 ms) in bouncing scenes, in those with thuds alone and in those
  with a voice above them. Anchor: thuds at random times.
* `kinds`: what the reader hears, of scenes and of parts of recordings never trained on. Anchor: the most frequent kind.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor
from tqdm import tqdm

from .attributes import VOICES, Scene, sample_scene
from .audio_reader import Ear, load_ear
from .audio_tokenizer import AudioTokenizer, load_audio_tokenizer
from .log import log_line
from .onsets import find_onsets, onset_score
from .paths import RUNS
from .sound_batches import FRAMES, SAMPLES_PER_FRAME
from .sounds import KINDS, RATE, Sounds

LENGTH = FRAMES * SAMPLES_PER_FRAME
DECIBELS = 10 / math.log(10)  # per nat of power


@torch.no_grad()
def rebuilt(tokenizer: AudioTokenizer, sounds: np.ndarray) -> np.ndarray:
    """`[n, samples]` -> the same through the codes."""
    parts = [tokenizer.decode(tokenizer.encode(part))[0] for part in tqdm(torch.from_numpy(sounds).split(16))]
    return torch.cat(parts).numpy()


@torch.no_grad()
def spectral(tokenizer: AudioTokenizer, sounds: np.ndarray, made: np.ndarray) -> dict[str, float]:
    real, ours = (tokenizer.features(torch.from_numpy(x)) for x in (sounds, made))
    silence = tokenizer.features(torch.zeros(1, sounds.shape[1]))
    told = tokenizer.known(tokenizer.quantizer.decode(tokenizer.encode(torch.from_numpy(sounds))))

    def distance(other: Tensor) -> float:
        return round(float((other - real).abs().mean() * DECIBELS), 2)

    return {
        "tokenizer": distance(ours),
        "codes alone": distance(told),
        "another sound": distance(real.roll(1, 0)),
        "silence": distance(silence),
    }


def onsets(tokenizer: AudioTokenizer, sounds: Sounds, rng: np.random.Generator, count: int) -> dict:
    """Scores for bouncing scenes, half of them with a voice."""
    report = {}
    for name, has_voice in (("thuds alone", False), ("under a voice", True)):
        rows, wanted = [], []
        while len(rows) < count:
            scene = sample_scene(rng, "heldout")
            if (scene.object in VOICES) == has_voice:
                sound = sounds.of(Scene(scene.object, scene.background, "bounces"), rng, "heldout")
                rows.append(sound.samples[:LENGTH])
                wanted.append(sound.onsets)
        made = rebuilt(tokenizer, np.stack(rows))
        chance = [sorted(rng.uniform(0, LENGTH / RATE, 3).tolist()) for _ in rows]
        report[name] = {
            "real": onset_score([find_onsets(row) for row in rows], wanted),
            "reconstructed": onset_score([find_onsets(row) for row in made], wanted),
            "chance": onset_score(chance, wanted),
        }
    return report


def kinds(ear: Ear, sounds: np.ndarray, made: np.ndarray, true: np.ndarray) -> dict[str, float]:
    return {
        "real": round(float((ear.kinds(sounds) == true).mean()), 4),
        "reconstructed": round(float((ear.kinds(made) == true).mean()), 4),
        "chance": round(float(np.bincount(true).max() / len(true)), 4),
    }


def draw_sets(sounds: Sounds, rng: np.random.Generator, count: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Held-out scenes, and parts of held-out recordings that are not almost silent: sounds and classes."""
    scenes = [sounds.of(sample_scene(rng, "heldout"), rng, "heldout") for _ in range(count)]
    parts: list[tuple[np.ndarray, str]] = []
    while len(parts) < count:
        part = sounds.recording(rng, "heldout", LENGTH)
        if np.square(part[0]).mean() > 1e-4:
            parts.append(part)
    return {
        "scenes": (
            np.stack([sound.samples[:LENGTH] for sound in scenes]),
            np.array([KINDS.index(sound.kind) for sound in scenes]),
        ),
        "recordings": (np.stack([part for part, _ in parts]), np.array([KINDS.index(kind) for _, kind in parts])),
    }


def usage(codes: Tensor) -> dict[str, list]:
    """How many codes of each level the set uses, and their entropy in bits."""
    used, bits = [], []
    for level in codes.flatten(0, 1).T:
        counts = torch.bincount(level).float()
        shares = counts[counts > 0] / counts.sum()
        used.append(len(shares))
        bits.append(round(float(-(shares * shares.log2()).sum()), 2))
    return {"used": used, "entropy_bits": bits}


def write_samples(folder: Path, tokenizer: AudioTokenizer, sounds: Sounds) -> None:
    """Reconstructions of a few held-out scenes as OGG; what is synthesised is heard first as it was. Recordings are not
    copied."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for name, motion in (("dog", "bounces"), ("rooster", "still"), ("star", "spins")):
        sound = sounds.of(Scene(name, "blue", motion), rng, "heldout").samples[:LENGTH]
        made = rebuilt(tokenizer, sound[None])[0]
        parts = [made] if name in VOICES else [sound, np.zeros(RATE // 4, np.float32), made]
        soundfile.write(folder / f"{name}-{motion}.ogg", np.concatenate(parts), RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--samples", type=Path, help="write a few sounds and their reconstructions there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer, ear, sounds = load_audio_tokenizer(), load_ear(), Sounds()
    rng = np.random.default_rng(4321)
    report: dict = {"count": options.count}
    for name, (real, true) in draw_sets(sounds, rng, options.count).items():
        made = rebuilt(tokenizer, real)
        report[name] = {
            "spectral": spectral(tokenizer, real, made),
            "kinds": kinds(ear, real, made, true),
            "codes": usage(tokenizer.encode(torch.from_numpy(real))),
        }
    report["onsets"] = onsets(tokenizer, sounds, rng, options.count // 4)
    RUNS.mkdir(exist_ok=True)
    (RUNS / "audio-tokenizer.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    log_line(f"audio tokenizer on held-out sounds: {json.dumps(report)}")
    if options.samples:
        write_samples(options.samples, tokenizer, sounds)


if __name__ == "__main__":
    main()
