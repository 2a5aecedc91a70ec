"""Train super-resolution from 128 to 256 px; resumes from its last checkpoint.

`python -m cinegraph_training.train_super_resolution --minutes 60` (or `--until HH:MM`, UTC). It learns on what the
shipped video tokenizer draws of rendered clips, and on the clips themselves, so train it after the decoder; `--more`
begins a new schedule with the weights that are shipped, for a decoder that was trained further.

Loss: the mean square error of each crop in decibels, which is what is measured: clips that are drawn well count as
much as those that are not. Muon for the inner convolutions, AdamW for the rest, cosine by the clock, in bfloat16; an
exponential moving average of the weights is shipped. Crops of rendered clips lie in a pool that is renewed a few at a
time.
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

from .log import log_line, save_atomically
from .muon import remember_rates, set_rates
from .paths import CHECKPOINTS, RUNS
from .super_resolution import FRAMES, SCALE, SuperResolution, SuperResolutionConfig
from .super_resolution_data import Pairs, decoded, fixed_pairs, frames_of, latent_frames
from .train_video_tokenizer import ConvolutionMuon, load_shipped, seconds_until
from .video_tokenizer import VideoTokenizer

RUN = RUNS / "super-resolution"
SHIPPED = CHECKPOINTS / "super-resolution.pt"
BATCH = 8  # crops
CROP = 64  # px, of the small clip
GRID = 16  # px: crops keep their place among the codes
POOL = 800  # crops
LATENTS = 2  # latent frames of a crop, which begins like a clip: with nothing to remember
CROPS_PER_CLIP = 5
LAST_STEP = 0.1  # learning rate of the last matrix, as a part of that of the others
CLEAN_SHARE = 0.3  # of clips that did not go through the tokenizer
MIXED_SHARE = 0.25  # of clips between those and what a better tokenizer might make of them
CHECKPOINT_SECONDS = 150
VALIDATION_SECONDS = 240
VALIDATION_CLIPS = 16


def decibels_of(error: Tensor, crops: int) -> Tensor:
    """Mean over crops of the mean square error in dB, `[crops * T, C, h, w]`."""
    square = error.square().mean((1, 2, 3)).unflatten(0, (crops, -1)).mean(1)
    return 10 * torch.log10(square + 1e-5).mean()


def mean_psnr(clips: list[np.ndarray], truths: list[np.ndarray]) -> float:
    """Mean over clips, dB; float clips in [0, 1] against uint8."""
    errors = [np.square(a - b.astype(np.float32) / 255).mean() for a, b in zip(clips, truths, strict=True)]
    return float(np.mean([-10 * np.log10(max(error, 1e-10)) for error in errors]))


class CropPool:
    """Small crops and what bicubic interpolation of them leaves out; each batch renews a few of them."""

    def __init__(self, model: SuperResolution, tokenizer: VideoTokenizer, pairs: Pairs, rng: np.random.Generator):
        self.model, self.tokenizer, self.pairs = model, tokenizer, pairs
        shape = (POOL, LATENTS, FRAMES * 3)
        self.inputs = torch.empty(*shape, CROP, CROP, dtype=torch.float16)
        self.targets = torch.empty(*shape, SCALE * CROP, SCALE * CROP, dtype=torch.float16)
        for place in tqdm(range(0, POOL, CROPS_PER_CLIP), desc="pool"):
            for index, crop in enumerate(self._draw(rng)):
                self.inputs[place + index], self.targets[place + index] = crop

    @torch.no_grad()
    def _draw(self, rng: np.random.Generator) -> list[tuple[Tensor, Tensor]]:
        """Pairs of `[T, 12, 64, 64]` and `[T, 12, 128, 128]`."""
        small, large, boxes = self.pairs.draw(rng)
        inputs = latent_frames(small)
        kind = rng.random()
        if kind >= CLEAN_SHARE:
            part = rng.random() if kind < CLEAN_SHARE + MIXED_SHARE else 1.0
            inputs = inputs.lerp(latent_frames(decoded(self.tokenizer, small)), part)
        missing = latent_frames(large) - self.model.bicubic(inputs)
        crops = []
        for _ in range(CROPS_PER_CLIP):
            x, y = self._corner(boxes, rng)
            wide = slice(SCALE * y, SCALE * (y + CROP)), slice(SCALE * x, SCALE * (x + CROP))
            start = int(rng.integers(len(inputs) - LATENTS + 1))
            times = slice(start, start + LATENTS)
            crops.append((inputs[times, :, y : y + CROP, x : x + CROP], missing[times, :, wide[0], wide[1]]))
        return crops

    def _corner(self, boxes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Left and top of a crop, most of them around what moves."""
        last = 128 - CROP
        if rng.random() < 0.25:
            return rng.integers(last // GRID + 1, size=2) * GRID
        x0, y0, x1, y1 = boxes[int(rng.integers(len(boxes)))]
        middle = np.array([rng.uniform(x0, max(x1, x0 + 1)), rng.uniform(y0, max(y1, y0 + 1))]) - CROP / 2
        return np.clip((middle / GRID).round().astype(int) * GRID, 0, last)

    def batch(self, rng: np.random.Generator, count: int, renewed: float) -> tuple[Tensor, Tensor]:
        """`[count, T, 12, 64, 64]` and `[count, T, 12, 128, 128]`."""
        if rng.random() < renewed:
            for crop in self._draw(rng):
                place = int(rng.integers(len(self.inputs)))
                self.inputs[place], self.targets[place] = crop
        chosen = torch.from_numpy(rng.integers(len(self.inputs), size=count))
        return self.inputs[chosen], self.targets[chosen]


def optimizers_for(model: SuperResolution, muon_lr: float, adam_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the inner convolutions, AdamW for both ends and biases; `base_lr` is the full rate. What is missing is
    of a few hundredths, and so are the steps of the last matrix."""
    named = dict(model.named_parameters())
    last = {name for name in named if name.startswith("out.")}
    ends = ("enter.", "out.", "fine_")
    inner = {name for name, p in named.items() if p.ndim == 4 and not name.startswith(ends)}
    groups = [
        {"params": [p for name, p in named.items() if name not in inner | last]},
        {"params": [named[name] for name in sorted(last)], "lr": LAST_STEP * adam_lr},
    ]
    chosen = [
        ConvolutionMuon([named[name] for name in sorted(inner)], lr=muon_lr),
        torch.optim.AdamW(groups, lr=adam_lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    remember_rates(chosen)
    return chosen


class Trainer:
    """Owns the model, its average, the optimizers and the random state; everything that a checkpoint holds."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        torch.manual_seed(options.seed)
        self.rng = np.random.default_rng(options.seed)
        if options.more:
            self.model = load_super_resolution()
            self.model.requires_grad_(True).train()
        else:
            self.model = SuperResolution(SuperResolutionConfig())
        self.model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.optimizers = optimizers_for(self.model, options.muon_lr, options.lr)
        self.step, self.progress, self.seconds = 0, 0.0, 0.0
        self.gain = 0.0  # dB over bicubic interpolation, lately

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.step, self.progress, self.seconds = state["step"], state["progress"], state["seconds"]
        self.rng.bit_generator.state = state["rng"]

    def save(self, path: Path) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "progress": self.progress,
            "seconds": self.seconds,
            "rng": self.rng.bit_generator.state,
        }
        save_atomically(state, path)

    def train_step(self, pool: CropPool) -> float:
        small, missing = pool.batch(self.rng, BATCH, self.options.renewed)
        target = missing.flatten(0, 1).float()
        rate = min(1.0, (self.step + 1) / 40) * (0.02 + 0.98 * (1 + math.cos(math.pi * self.progress)) / 2)
        set_rates(self.optimizers, rate)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.options.bf16):
            detail, _ = self.model.detail(small.float(), self.model.initial_states(len(small), CROP, CROP))
        loss = decibels_of(detail.float() - target, BATCH)
        self.gain += 0.03 * (float(decibels_of(target, BATCH) - loss.detach()) - self.gain)
        (loss / 20).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        decay = min(0.995, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        return float(loss.detach())


def enlarge(model: SuperResolution, clip: np.ndarray) -> np.ndarray:
    """uint8 `[17, 128, 128, 3]` -> float32 `[17, 256, 256, 3]` in [0, 1]."""
    with torch.no_grad():
        return frames_of(model.enlarge(latent_frames(clip)[None])[0])


def enlarge_bicubic(model: SuperResolution, clip: np.ndarray) -> np.ndarray:
    """The baseline, in the same form."""
    with torch.no_grad():
        return frames_of(model.bicubic(latent_frames(clip)).clamp(0, 1))


class Judge:
    """Held-out world clips, as the video tokenizer draws them and as they are, and how bicubic interpolation does."""

    def __init__(self, model: SuperResolution, tokenizer: VideoTokenizer):
        pairs = fixed_pairs(Pairs("heldout"), VALIDATION_CLIPS, seed=1234)
        self.truths = [large for _, large in pairs]
        self.clips = {"decoded": [decoded(tokenizer, small) for small, _ in pairs], "clean": [c for c, _ in pairs]}
        self.bicubic = {
            name: mean_psnr([enlarge_bicubic(model, clip) for clip in clips], self.truths)
            for name, clips in self.clips.items()
        }

    def gains(self, model: SuperResolution) -> dict[str, float]:
        """dB over bicubic interpolation."""
        return {
            name: round(mean_psnr([enlarge(model, clip) for clip in clips], self.truths) - self.bicubic[name], 3)
            for name, clips in self.clips.items()
        }


def ship(average: SuperResolution, path: Path, step: int) -> None:
    """Write the averaged weights as float16, with the configuration."""
    weights = {name: value.half().contiguous() for name, value in average.state_dict().items()}
    save_atomically({"config": average.config.as_dict(), "step": step, "weights": weights}, path)


def load_super_resolution(path: Path = SHIPPED) -> SuperResolution:
    """The shipped network, float32, in evaluation mode."""
    state = torch.load(path, weights_only=True)
    model = SuperResolution(SuperResolutionConfig(**state["config"]))
    model.load_state_dict({name: value.float() for name, value in state["weights"].items()})
    return model.eval().requires_grad_(False)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--until", help="HH:MM UTC: end then")
    parser.add_argument("--more", action="store_true", help="begin with the shipped weights")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where the weights are written")
    parser.add_argument("--lr", type=float, default=1.5e-3, help="of AdamW")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--renewed", type=float, default=0.25, help="clips drawn in each step, up to 1")
    parser.add_argument("--no-bf16", dest="bf16", action="store_false", help="float32, for processors without bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    run = RUN if options.out == SHIPPED else RUNS / options.out.stem
    run.mkdir(parents=True, exist_ok=True)
    tokenizer = load_shipped()
    trainer = Trainer(options)
    checkpoint = run / "checkpoint.pt"
    if checkpoint.exists():
        trainer.load(checkpoint)
    judge = Judge(trainer.average, tokenizer)
    pool = CropPool(trainer.average, tokenizer, Pairs("train"), trainer.rng)
    budget = seconds_until(options.until) if options.until else 60 * options.minutes - trainer.seconds
    started = time.monotonic()
    saved = validated = started
    first_progress, first_seconds = trainer.progress, trainer.seconds
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _: stopping.append(caught))
    bar = tqdm(total=round(budget), unit="s", desc="super-resolution")
    gains = {"decoded": 0.0, "clean": 0.0}
    while trainer.progress < 1 and not stopping:
        loss = trainer.train_step(pool)
        now = time.monotonic()
        trainer.seconds = first_seconds + now - started
        trainer.progress = min(1.0, first_progress + (1 - first_progress) * (now - started) / budget)
        bar.n = min(bar.total, round(now - started))
        bar.set_postfix({"step": trainer.step, "crops": f"{trainer.gain:.2f} dB"} | gains)
        if now - validated > VALIDATION_SECONDS or trainer.progress >= 1:
            gains = judge.gains(trainer.average)
            record = {"step": trainer.step, "seconds": round(trainer.seconds), "loss": round(loss, 3)} | gains
            with (run / "curve.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record) + "\n")
            bar.write(json.dumps(record))
            validated = now
        if now - saved > CHECKPOINT_SECONDS or trainer.progress >= 1 or stopping:
            trainer.save(checkpoint)
            ship(trainer.average, options.out, trainer.step)
            saved = now
    bar.close()
    if stopping:
        raise SystemExit(f"stopped at step {trainer.step}; run again to go on")
    checkpoint.unlink()
    log_line(
        f"super-resolution, {trainer.step} steps in {trainer.seconds / 60:.0f} min on one core: on {VALIDATION_CLIPS}"
        f" held-out world clips {gains['decoded']:.2f} dB over bicubic for decoded clips, {gains['clean']:.2f} dB for"
        " clean ones."
    )


if __name__ == "__main__":
    main()
