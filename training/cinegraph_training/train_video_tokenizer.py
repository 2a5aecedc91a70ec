"""Train the video tokenizer's decoder on fixed codes; resumes from its last checkpoint.

`python -m cinegraph_training.train_video_tokenizer --steps 1500 [--until 05:25]`, after fit_codebook. The codebook, and
so the codes, stay as they are: the decoder can be trained on while a language model learns the codes.

Loss: the root mean square error of each block of the clip, in the units of the picture (robust, and sharper than the
square). Muon for the inner convolutions, AdamW (betas 0.9, 0.95) for the rest, cosine, whole clips in bfloat16; an
exponential moving average of the weights is shipped. Clips are rendered while training goes on, into a pool that is
renewed a few at a time. With `--until HH:MM` (UTC) the schedule follows the clock, and training ends then.
"""

import argparse
import copy
import io
import json
import math
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .checkpoint_parts import join_parts
from .fit_codebook import BLOCK, CODEBOOK
from .log import log_line, save_atomically
from .muon import orthogonalise, remember_rates, set_rates
from .paths import CHECKPOINTS, RUNS
from .tokenizer_data import KINDS, SHARES, Sources, fixed_clips, load_sources
from .video_tokenizer import TokenizerConfig, VideoTokenizer

RUN = RUNS / "video-tokenizer"
SHIPPED = CHECKPOINTS / "video-tokenizer.pt"
BATCH = 8  # clips
POOL = 1024  # clips
RENEWED = 3  # clips of the pool in each step
CHECKPOINT_SECONDS = 180
VALIDATION_CLIPS = 48


def loss_of(output: Tensor, target: Tensor) -> Tensor:
    """Mean over blocks of the root mean square error; coefficients `[B, T, E, h, w]`."""
    square = (output.float() - target).square().sum(2) / (BLOCK[0] * BLOCK[1] * BLOCK[2] * BLOCK[3])
    return (square + 1e-5).sqrt().mean()


def psnr(output: Tensor, target: Tensor) -> float:
    """Mean over clips of the peak signal-to-noise ratio, dB."""
    error = (output.clamp(0, 1) - target).square().flatten(1).mean(1)
    return float((-10 * torch.log10(error.clamp_min(1e-10))).mean())


class ConvolutionMuon(torch.optim.Optimizer):
    """Muon (muon.py) for convolutions: kernels as `[out, in * h * w]` matrices. Mutates its parameters."""

    def __init__(self, parameters, lr: float, momentum: float = 0.95, dtype: torch.dtype = torch.float32):
        self.dtype = dtype  # of the orthogonalisation
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure=None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "buffer" not in state:
                    state["buffer"] = torch.zeros_like(parameter)
                state["buffer"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(state["buffer"], group["momentum"]).flatten(1)
                scale = group["lr"] * max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                parameter.sub_(scale * orthogonalise(update[None], dtype=self.dtype)[0].view(parameter.shape))


def optimizers_for(
    model: VideoTokenizer, muon_lr: float, adam_lr: float, on_gpu: bool = False
) -> list[torch.optim.Optimizer]:
    """Muon for the inner convolutions, AdamW for those at both ends, for norms and biases.
    Each group remembers its full learning rate as `base_lr`. `on_gpu`: their steps can be recorded."""
    ends = ("decoder.enter.", "decoder.out.")
    inner, others = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            is_inner = parameter.ndim == 4 and parameter.shape[0] > 1 and not name.startswith(ends)
            (inner if is_inner else others).append(parameter)
    chosen = [
        ConvolutionMuon(inner, lr=muon_lr, dtype=torch.bfloat16 if on_gpu else torch.float32),
        torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.95), weight_decay=0.0, capturable=on_gpu),
    ]
    remember_rates(chosen)
    return chosen


class ClipPool:
    """Codes and true coefficients of rendered clips; each batch renews a few of them."""

    def __init__(self, tokenizer: VideoTokenizer, sources: Sources, size: int, rng: np.random.Generator):
        self.tokenizer, self.sources, self.rng = tokenizer, sources, rng
        drawn = [self._draw() for _ in tqdm(range(size), desc="pool")]
        self.codes = torch.stack([codes for codes, _ in drawn])
        self.targets = torch.stack([target for _, target in drawn])

    @torch.no_grad()
    def _draw(self) -> tuple[Tensor, Tensor]:
        clip, _ = self.sources.sample(self.rng, str(self.rng.choice(KINDS, p=SHARES)))
        target = self.tokenizer.coefficients(torch.from_numpy(clip[None]))
        codes = self.tokenizer.codebook.codes(target.flatten(0, 3)).unflatten(0, target.shape[:4])
        return codes[0], target[0].permute(0, 3, 1, 2)

    def batch(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Codes `[count, T, h, w, 2]` and coefficients `[count, T, E, h, w]`."""
        for place in rng.integers(len(self.codes), size=RENEWED):
            self.codes[place], self.targets[place] = self._draw()
        chosen = torch.from_numpy(rng.integers(len(self.codes), size=count))
        return self.codes[chosen], self.targets[chosen]


class Trainer:
    """Owns the model, its average, the optimizer and the random state; everything that a checkpoint holds."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        torch.manual_seed(options.seed)
        self.rng = np.random.default_rng(options.seed)
        self.model = VideoTokenizer(TokenizerConfig())
        load_start(self.model, options.fresh)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.optimizers = optimizers_for(self.model, options.muon_lr, options.lr)
        self.step = 0
        self.progress = 0.0
        self.seconds = 0.0

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimizer, kept in zip(self.optimizers, state.get("optimizers", ()), strict=False):
            optimizer.load_state_dict(kept)
        self.step, self.progress, self.seconds = state["step"], state["progress"], state["seconds"]
        self.rng.bit_generator.state = state["rng"]

    def save(self, path: Path) -> None:
        save_atomically(
            {
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
                "step": self.step,
                "progress": self.progress,
                "seconds": self.seconds,
                "rng": self.rng.bit_generator.state,
                "config": self.model.config.as_dict(),
            },
            path,
        )

    def train_step(self, pool: "ClipPool") -> float:
        codes, target = pool.batch(self.rng, BATCH)
        rate = min(1.0, (self.step + 1) / 40) * (0.02 + 0.98 * (1 + math.cos(math.pi * self.progress)) / 2)
        set_rates(self.optimizers, rate)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.options.bf16):
            loss = loss_of(self.model.correct(codes), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        decay = min(0.997, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        return float(loss.detach())

    @torch.no_grad()
    def validate(self, clips: np.ndarray) -> tuple[float, int]:
        """PSNR in dB of the average's reconstructions, and the number of distinct codes it used."""
        self.average.eval()
        values, codes = [], []
        for clip in clips:
            code = self.average.encode(torch.from_numpy(clip[None]))
            values.append(psnr(self.average.decode(code), torch.from_numpy(clip[None]).float() / 255))
            codes.append(code.view(-1, 2))
        return float(np.mean(values)), len(torch.unique(torch.cat(codes), dim=0))


def load_start(model: VideoTokenizer, fresh: bool) -> None:
    """Begin with the shipped weights, or (`fresh`, or where there are none) with the codebook just fitted."""
    if SHIPPED.exists() and not fresh:
        model.load_state_dict(load_shipped().state_dict())
        return
    stored = torch.load(CODEBOOK, weights_only=True)
    for name, buffer in model.codebook.named_buffers():
        buffer.copy_(stored[name])
    model.decoder.set_scales(model.codebook.scale())


def take(folder: Path) -> int:
    """Ships the decoder that train_decoder_on_gpu.py left in the folder with the codebook just fitted, or else with the
    shipped one; its steps."""
    stored = torch.load(io.BytesIO(join_parts(folder, "decoder")), weights_only=True)
    model = VideoTokenizer(TokenizerConfig(**stored["config"]))
    load_start(model, fresh=CODEBOOK.exists())
    model.decoder.load_state_dict({name: value.float() for name, value in stored["decoder"].items()})
    ship(model, SHIPPED, stored["step"])
    return stored["step"]


def ship(average: VideoTokenizer, path: Path, step: int) -> None:
    """Write the averaged weights as float16, with the configuration."""
    weights = {name: value.half() for name, value in average.state_dict().items()}
    save_atomically({"config": average.config.as_dict(), "step": step, "weights": weights}, path)


def load_shipped(path: Path = SHIPPED) -> VideoTokenizer:
    """The shipped tokenizer, float32, in evaluation mode."""
    state = torch.load(path, weights_only=True)
    tokenizer = VideoTokenizer(TokenizerConfig(**state["config"]))
    tokenizer.load_state_dict({name: value.float() for name, value in state["weights"].items()})
    return tokenizer.eval().requires_grad_(False)


def seconds_until(clock: str) -> float:
    """Seconds from now to the next `HH:MM` UTC."""
    hour, minute = map(int, clock.split(":"))
    now = datetime.now(UTC)
    end = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return ((end if end > now else end + timedelta(days=1)) - now).total_seconds()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--until", help="HH:MM UTC: end then, and let the schedule follow the clock")
    parser.add_argument("--lr", type=float, default=1e-3, help="of AdamW")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--no-bf16", dest="bf16", action="store_false", help="float32, for processors without bfloat16")
    parser.add_argument("--stage-share", type=float, default=0.5, help="part of the world clips taken from stage.py")
    parser.add_argument("--take", type=Path, help="ship what train_decoder_on_gpu wrote in this folder, and end")
    parser.add_argument("--ship-only", action="store_true", help="write the weights as they are, and end")
    parser.add_argument("--fresh", action="store_true", help="begin with the codebook that fit_codebook wrote")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    if options.take:
        print(f"shipped the decoder of {take(options.take)} steps")
        return
    RUN.mkdir(parents=True, exist_ok=True)
    sources, heldout = load_sources("train"), load_sources("heldout")
    sources.stage_share = options.stage_share
    validation, _ = fixed_clips(heldout, "world", VALIDATION_CLIPS)
    del heldout
    trainer = Trainer(options)
    checkpoint = RUN / "decoder.pt"
    if checkpoint.exists() and not options.fresh:
        trainer.load(checkpoint)
    ship(trainer.average, SHIPPED, trainer.step)
    if options.ship_only:
        return
    budget = seconds_until(options.until) if options.until else math.inf
    started, saved = time.monotonic(), time.monotonic()
    first_progress, first_seconds = trainer.progress, trainer.seconds
    pool = ClipPool(trainer.average, sources, POOL, trainer.rng)
    bar = tqdm(total=options.steps, initial=trainer.step, desc="video tokenizer")
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _: stopping.append(caught))
    while trainer.progress < 1 and not stopping:
        loss = trainer.train_step(pool)
        now = time.monotonic()
        trainer.seconds = first_seconds + now - started
        by_clock = first_progress + (1 - first_progress) * (now - started) / budget
        trainer.progress = by_clock if options.until else trainer.step / options.steps
        bar.update()
        bar.set_postfix(loss=f"{loss:.4f}", done=f"{trainer.progress:.1%}")
        if trainer.step % 200 == 0 or trainer.progress >= 1:
            decibels, used = trainer.validate(validation)
            record = {"step": trainer.step, "seconds": round(trainer.seconds), "loss": round(loss, 5)}
            record |= {"progress": round(trainer.progress, 4), "psnr": round(decibels, 3), "codes": used}
            with (RUN / "curve.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record) + "\n")
            bar.write(json.dumps(record))
        if now - saved > CHECKPOINT_SECONDS or trainer.progress >= 1 or stopping:
            trainer.save(checkpoint)
            ship(trainer.average, SHIPPED, trainer.step)
            saved = now
    bar.close()
    if stopping:
        raise SystemExit(f"stopped at step {trainer.step}; run again to go on")
    ship(trainer.average, SHIPPED, trainer.step)
    decibels, used = trainer.validate(validation)
    log_line(
        f"video tokenizer, {trainer.step} steps in {trainer.seconds / 60:.0f} min on one core"
        f": {decibels:.2f} dB on {VALIDATION_CLIPS} held-out world"
        f" clips, {used} codes used there."
    )


if __name__ == "__main__":
    main()
