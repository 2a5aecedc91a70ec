"""Train the audio tokenizer: the encoder is fitted, then the decoder learns on fixed codes; resumes from checkpoints.

`python -m cinegraph_training.train_audio_tokenizer --fresh --steps 1500 [--until 05:25]`. Without `--fresh` it goes on
from its last checkpoint, or else from the shipped weights: the codes stay as they are, and what was learnt on them.

Loss: distances of log-mel spectra and of spectral lines at several resolutions; for pitches and tonalities, which
spectra do not teach, the strongest frequency of each band and how much of a tone it is, measured on the target. Half of
the parts of a second are of scenes, half of recordings; a part is heard from all levels of the quantizer or, a quarter
of the time, from fewer (quantizer dropout, SoundStream section III-C). AdamW, cosine; an exponential moving average of
the weights is shipped.
"""

import argparse
import copy
import json
import math
import signal
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .audio_losses import SpectralLoss, Tones
from .audio_tokenizer import (
    AUDIO_TOKENIZER,
    PRESETS,
    AudioTokenizer,
    load_audio_tokenizer,
    ship_audio_tokenizer,
)
from .fit_audio_codebook import fit_encoder
from .log import log_line, save_atomically
from .paths import RUNS
from .sound_batches import SoundBatches
from .sounds import Sounds
from .train_video_tokenizer import seconds_until

RUN = RUNS / "audio-tokenizer"
BATCH = 12  # parts
PART = 25  # frames
FEWER_LEVELS = 0.25
PITCH_WEIGHT = 0.5
TONALITY_WEIGHT = 1.0
CHECKPOINT_SECONDS = 180
VALIDATION_SOUNDS = 32


def loss_of(
    model: AudioTokenizer, samples: Tensor, codes: Tensor, levels: Tensor, spectra: SpectralLoss, tones: Tones
) -> Tensor:
    """Samples `[B, n]`, codes `[B, F, levels]`, levels heard `[B, 1]`."""
    decoder = model.decoder
    points = model.quantizer.decode(codes, levels)
    start = decoder.start(len(codes))
    controls, _ = decoder.controls(points, model.known(points), start.pasts)
    turns, tonality, loud = tones.measure(samples)
    synthesis = decoder.synthesis
    wanted = ((turns - synthesis.center) / synthesis.reach).clamp(-1, 1)
    weight = tonality * loud
    pitch = ((controls.bends - wanted).abs() * weight).sum() / weight.sum().clamp_min(1e-6)
    missed = (controls.tonality.sigmoid() - tonality[:, :, None]).abs().mean(2)  # its median, not its mean, is learnt
    tonal = (missed * loud).sum() / loud.sum().clamp_min(1e-6)
    controls = controls._replace(tonality=controls.tonality.detach())
    frequencies = synthesis.frequencies(controls.bends.detach())
    sound, _ = synthesis(decoder.amplitudes(controls), frequencies, start.synthesis)
    return spectra.log_mel(sound, samples) + PITCH_WEIGHT * pitch + TONALITY_WEIGHT * tonal


class Trainer:
    """Owns the model, its average, the optimizer and the random state; everything that a checkpoint holds."""

    def __init__(self, options: argparse.Namespace, model: AudioTokenizer):
        torch.manual_seed(options.seed)
        self.rng = np.random.default_rng(options.seed)
        self.model = model.train().requires_grad_(True)
        self.average = copy.deepcopy(model).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr, betas=(0.9, 0.95), weight_decay=0.01)
        self.base_lr = options.lr
        self.spectra = SpectralLoss()
        self.tones = Tones(model.config.bands, model.config.samples_per_frame)
        self.step = 0
        self.progress = 0.0
        self.seconds = 0.0

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.progress, self.seconds = state["step"], state["progress"], state["seconds"]
        self.rng.bit_generator.state = state["rng"]

    def save(self, path: Path) -> None:
        save_atomically(
            {
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "progress": self.progress,
                "seconds": self.seconds,
                "rng": self.rng.bit_generator.state,
            },
            path,
        )

    def train_step(self, batches: SoundBatches) -> float:
        config = self.model.config
        samples = torch.from_numpy(batches.draw(self.rng, BATCH, PART))
        codes = self.model.encode(samples)
        fewer = self.rng.integers(1, config.levels + 1, size=(BATCH, 1))
        levels = np.where(self.rng.random((BATCH, 1)) < FEWER_LEVELS, fewer, config.levels)
        rate = min(1.0, (self.step + 1) / 40) * (0.02 + 0.98 * (1 + math.cos(math.pi * self.progress)) / 2)
        for group in self.optimizer.param_groups:
            group["lr"] = self.base_lr * rate
        loss = loss_of(self.model, samples, codes, torch.from_numpy(levels), self.spectra, self.tones)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        decay = min(0.995, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        return float(loss.detach())

    @torch.no_grad()
    def validate(self, sounds: Tensor) -> float:
        """The spectral distance of whole held-out sounds to what the average makes of their codes."""
        return float(self.spectra.log_mel(self.average.decode(self.average.encode(sounds))[0], sounds))


def start_model(options: argparse.Namespace, sounds: Sounds) -> AudioTokenizer:
    """The shipped tokenizer, or (`--fresh`, or where there is none) a newly fitted one, which is shipped at once."""
    if AUDIO_TOKENIZER.exists() and not options.fresh:
        return load_audio_tokenizer()
    torch.manual_seed(options.seed)
    model = AudioTokenizer(PRESETS["small"])
    figures = fit_encoder(model, SoundBatches(sounds, "train"), np.random.default_rng(options.seed))
    log_line(f"audio tokenizer, encoder fitted: {json.dumps(figures)}")
    ship_audio_tokenizer(model)
    return model


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--until", help="HH:MM UTC: end then, and let the schedule follow the clock")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--fresh", action="store_true", help="fit a new encoder: all codes change their meaning")
    parser.add_argument("--fit-only", action="store_true", help="end when the encoder is fitted")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    RUN.mkdir(parents=True, exist_ok=True)
    sounds = Sounds()
    batches = SoundBatches(sounds, "train")
    trainer = Trainer(options, start_model(options, sounds))
    if options.fit_only:
        return
    checkpoint = RUN / "decoder.pt"
    if checkpoint.exists() and not options.fresh:
        trainer.load(checkpoint)
    held_out = SoundBatches(sounds, "heldout").draw(np.random.default_rng(5), VALIDATION_SOUNDS)
    validation = torch.from_numpy(held_out)
    budget = seconds_until(options.until) if options.until else math.inf
    started, saved = time.monotonic(), time.monotonic()
    first_progress, first_seconds = trainer.progress, trainer.seconds
    bar = tqdm(total=options.steps, initial=trainer.step, desc="audio tokenizer")
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _: stopping.append(caught))
    while trainer.progress < 1 and not stopping:
        loss = trainer.train_step(batches)
        now = time.monotonic()
        trainer.seconds = first_seconds + now - started
        by_clock = first_progress + (1 - first_progress) * (now - started) / budget
        trainer.progress = by_clock if options.until else trainer.step / options.steps
        bar.update()
        bar.set_postfix(loss=f"{loss:.4f}", done=f"{trainer.progress:.1%}")
        if trainer.step % 100 == 0 or trainer.step == 1 or trainer.progress >= 1:
            record = {"step": trainer.step, "seconds": round(trainer.seconds), "loss": round(loss, 4)}
            record |= {"progress": round(trainer.progress, 4), "distance": round(trainer.validate(validation), 4)}
            with (RUN / "curve.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record) + "\n")
            bar.write(json.dumps(record))
        if now - saved > CHECKPOINT_SECONDS or trainer.progress >= 1 or stopping:
            trainer.save(checkpoint)
            ship_audio_tokenizer(trainer.average)
            saved = now
    bar.close()
    if stopping:
        raise SystemExit(f"stopped at step {trainer.step}; run again to go on")
    log_line(
        f"audio tokenizer, {trainer.step} steps in {trainer.seconds / 60:.0f} min on one core: spectral distance"
        f" {trainer.validate(validation):.3f} on {VALIDATION_SOUNDS} held-out sounds (nats of power)."
    )


if __name__ == "__main__":
    main()
