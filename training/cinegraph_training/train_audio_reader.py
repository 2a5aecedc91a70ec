"""Train the audio reader on real sounds: half of scenes, half parts of recordings.

`python -m cinegraph_training.train_audio_reader [--steps 800]`; evaluate_audio.py checks it.
"""

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from .attributes import sample_scene
from .audio_reader import AUDIO_READER, AudioReader, Ear
from .log import save_atomically
from .sound_batches import FRAMES, SAMPLES_PER_FRAME
from .sounds import KINDS, Sounds

BATCH = 48
LENGTH = FRAMES * SAMPLES_PER_FRAME


def draw(sounds: Sounds, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Sounds `[count, 33920]` of the training split and their classes `[count]`."""
    rows, kinds = [], []
    for number in range(count):
        if number % 2:
            samples, kind = sounds.recording(rng, "train", LENGTH)
            samples = samples * np.float32(10 ** (-0.7 * rng.random()))
        else:
            sound = sounds.of(sample_scene(rng, "train"), rng)
            samples, kind = sound.samples[:LENGTH], sound.kind
        rows.append(samples)
        kinds.append(KINDS.index(kind))
    return np.stack(rows), np.array(kinds)


def roughen(spectra: Tensor, rng: np.random.Generator) -> Tensor:
    """Every sound a little off: another loudness and colour, a mask over a few bands, ripples as a decoder leaves."""
    batch, _, bands = spectra.shape
    colour = torch.randn(batch, 1, 7) * 0.6
    colour = F.interpolate(colour, bands, mode="linear", align_corners=True)
    ripples = torch.randn_like(spectra) * torch.from_numpy(rng.uniform(0, 0.6, (batch, 1, 1))).float()
    rough = spectra + colour + torch.randn(batch, 1, 1) * 0.7 + ripples
    for row, start in zip(rough, rng.integers(0, 2 * bands, batch), strict=True):
        row[:, start : start + 8] = -12
    return rough.clamp_min(-13.8)


def train(sounds: Sounds, steps: int, seed: int) -> AudioReader:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    reader = AudioReader()
    ear = Ear(reader)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    bar = tqdm(range(steps), desc="audio reader")
    for step in bar:
        samples, kinds = draw(sounds, rng, BATCH)
        with torch.no_grad():
            spectra = roughen(ear.spectra(samples), rng)
        loss = F.cross_entropy(reader(spectra), torch.from_numpy(kinds), label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            bar.set_postfix(loss=f"{float(loss.detach()):.3f}")
    return reader.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    reader = train(Sounds(), options.steps, options.seed)
    weights = {name: v.half() if v.is_floating_point() else v for name, v in reader.state_dict().items()}
    save_atomically({"weights": weights}, AUDIO_READER)


if __name__ == "__main__":
    main()
