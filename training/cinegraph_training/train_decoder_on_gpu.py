"""Train the video tokenizer's decoder on one GPU, in minutes.

`python -m cinegraph_training.train_decoder_on_gpu --seconds 150 --out FOLDER`, after fit_codebook; the shipped
tokenizer's codebook serves where none was fitted, and `--go-on` begins with its decoder. Other processes render fresh
clips all the time (render_farm.py); a step is recorded (recorded.py). The schedule follows the clock: warm-up,
constant, a linear decay to zero. Writes the averaged weights as float16 (checkpoint_parts.py); `train_video_tokenizer
--take FOLDER` joins them with the codebook and ships both.

Loss: that of train_video_tokenizer.py, and the logarithm of each clip's error, which is what PSNR is a mean of.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .checkpoint_parts import write_parts
from .fit_codebook import CODEBOOK, FINE, clip_blocks
from .muon import keep_rates_on, set_rates
from .recorded import record
from .render_farm import CLIPS, FrameFarm
from .tokenizer_data import KINDS, fixed_clips, load_sources
from .train_video_tokenizer import load_shipped, loss_of, optimizers_for, psnr
from .video_tokenizer import TokenizerConfig, VideoTokenizer

SHARES = {"world": 0.84, "photo": 0.10, "clip": 0.06}
PLACES = 65_536  # clips whose true coefficients are kept, 330 KB each
BATCH = 192
GRID = (5, 8, 8)
WARM_UP_STEPS = 100
LOGARITHM_WEIGHT = 0.027  # makes both parts of the loss pull alike at 25 dB
EMA_DECAY = 0.999
FILL_EVERY = 3  # steps


def rate_at(progress: float, step: int, decay_from: float) -> float:
    """Share of the full learning rates when `progress` of the time is over."""
    return min(1.0, (step + 1) / WARM_UP_STEPS) * min(1.0, max(0.0, (1 - progress) / (1 - decay_from)))


def new_tokenizer() -> VideoTokenizer:
    """The codebook just fitted, or that of the shipped tokenizer, with a decoder that knows nothing yet."""
    if CODEBOOK.exists():
        model, stored = VideoTokenizer(TokenizerConfig()), torch.load(CODEBOOK, weights_only=True)
        for name, buffer in model.codebook.named_buffers():
            buffer.copy_(stored[name].float())
    else:
        shipped = load_shipped()
        model = VideoTokenizer(shipped.config)
        model.codebook.load_state_dict(shipped.codebook.state_dict())
    model.decoder.set_scales(model.codebook.scale())
    return model


class CoefficientRing:
    """Codes `[N, T, h, w, 2]` and true coefficients `[N, T, E, h, w]` of rendered clips, and of each clip the mean
    square error that the components leave out, `[N]`."""

    def __init__(self, model: VideoTokenizer, places: int, device: torch.device):
        self.codebook, self.device, self.places, self.filled = model.codebook, device, places, 0
        self.codes = torch.zeros(places, *GRID, 2, dtype=torch.int64, device=device)
        self.targets = torch.zeros(places, GRID[0], model.config.drawn, *GRID[1:], device=device)
        self.floor = torch.zeros(places, device=device)
        self.count = torch.zeros((), dtype=torch.int64, device=device)  # `len`, where recorded work reads it

    def __len__(self) -> int:
        return min(self.filled, self.places)

    @torch.no_grad()
    def fill(self, farm: FrameFarm, slots: int, wait: bool) -> None:
        """Takes at most `slots` slots of the farm (all of them, with `wait`)."""
        for _ in range(slots):
            index = farm.take(wait)
            if index is None:
                return
            frames = torch.from_numpy(farm.slots[index]).to(self.device)
            blocks = clip_blocks(frames).flatten(0, 3).float() / 255
            farm.give_back(index)
            points = self.codebook.coefficients(blocks)
            here = slice(self.filled % self.places, self.filled % self.places + CLIPS)
            self.codes[here] = self.codebook.codes(points).view(CLIPS, *GRID, 2)
            self.targets[here] = points.view(CLIPS, *GRID, -1).permute(0, 1, 4, 2, 3)
            left = (blocks - self.codebook.mean).square().sum(1) - points.square().sum(1)
            self.floor[here] = left.view(CLIPS, -1).mean(1).clamp_min(0) / blocks.shape[-1]
            self.filled += CLIPS
            self.count.fill_(len(self))

    def draw(self, count: int) -> Tensor:
        """Places of `count` random clips."""
        return (torch.rand(count, dtype=torch.float64, device=self.device) * self.count).long()


class Step:
    """One update of the decoder and of the average of its weights. On a GPU it is recorded, rates and all."""

    def __init__(self, model: VideoTokenizer, ring: CoefficientRing, options: argparse.Namespace):
        self.model, self.ring, self.rows = model, ring, options.rows
        self.weights = list(model.decoder.parameters())
        self.average = [value.detach().clone() for value in self.weights]
        on_gpu = ring.device.type == "cuda"
        self.optimizers = optimizers_for(model, options.muon_lr, 1e-3, on_gpu)
        self.pixels = model.codebook.mean.numel() * GRID[0] * GRID[1] * GRID[2]
        self.shown = torch.zeros(2, device=ring.device)  # loss, dB
        self.graph: torch.cuda.CUDAGraph | None = None
        if on_gpu:
            keep_rates_on(self.optimizers, ring.device)

    def record(self) -> None:
        """Where that fails, says so and leaves the step to run as it is."""
        set_rates(self.optimizers, 0.0)
        try:
            self.graph = record(self._work, self._forget)
        except RuntimeError as error:
            print(f"the step is not recorded: {error}", flush=True)

    def _forget(self) -> None:
        for value in self.weights:
            value.grad = None

    def _work(self) -> None:
        chosen = self.ring.draw(self.rows)
        target = self.ring.targets[chosen]
        with torch.autocast(self.ring.device.type, torch.bfloat16):
            output = self.model.correct(self.ring.codes[chosen])
        error = (output.float() - target).square().flatten(1).sum(1) / self.pixels + self.ring.floor[chosen]
        loss = loss_of(output, target) + LOGARITHM_WEIGHT * (error + 1e-6).log().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.weights, 1 - EMA_DECAY)
            self.shown.copy_(torch.stack([loss.detach(), (-10 * error.detach().log10()).mean()]))

    def __call__(self, rate: float) -> None:
        set_rates(self.optimizers, rate)
        if self.graph is not None:
            self.graph.replay()
        else:
            self._forget()
            self._work()


@torch.no_grad()
def held_out(model: VideoTokenizer, clips: np.ndarray, device: torch.device) -> float:
    """PSNR in dB of uint8 clips `[n, 17, 128, 128, 3]`, coded and decoded."""
    found = []
    for clip in clips:
        frames = torch.from_numpy(clip[None]).to(device)
        found.append(psnr(model.decode(model.encode(frames)), frames.float() / 255))
    return float(np.mean(found))


def train(options: argparse.Namespace) -> None:
    device = torch.device(options.device)
    torch.manual_seed(options.seed)
    model = load_shipped() if options.go_on else new_tokenizer()
    model.decoder.requires_grad_(True)
    assert model.codebook.fine.shape[1] == FINE
    clips, _ = fixed_clips(load_sources("heldout"), "world", options.heldout)
    shares = tuple(SHARES.get(kind, 0.0) for kind in KINDS)
    farm = FrameFarm(load_sources("train"), options.processes, options.seed, shares)
    model.to(device=device, memory_format=torch.channels_last)
    ring = CoefficientRing(model, options.places, device)
    ring.fill(farm, max(1, min(ring.places, options.first) // CLIPS), wait=True)
    update = Step(model, ring, options)
    if device.type == "cuda" and options.record:
        update.record()
    started = shown = time.monotonic()
    done = torch.cuda.Event() if device.type == "cuda" else None
    step = 0
    while (elapsed := time.monotonic() - started) < options.seconds:
        if step % FILL_EVERY == 0:
            ring.fill(farm, 1, wait=False)
        update(rate_at(elapsed / options.seconds, step, options.decay_from))
        step += 1
        if done is not None:  # the clock is that of the device: at most one step lies ahead of it
            done.synchronize()
            done.record()
        if time.monotonic() - shown > options.show:
            shown = time.monotonic()
            loss, decibels = update.shown.tolist()
            line = f"{elapsed:5.0f} s  step {step}  clips {ring.filled}  loss {loss:.4f}"
            print(f"{line}  {decibels:.2f} dB in training", flush=True)
    farm.close()
    with torch.no_grad():
        for value, mean in zip(update.weights, update.average, strict=True):
            value.copy_(mean)
    model.to(memory_format=torch.contiguous_format)
    decibels = held_out(model, clips, device)
    print(f"decoder: {step} steps, {ring.filled} clips, {decibels:.2f} dB on {len(clips)} held-out clips", flush=True)
    stored = {name: value.half().cpu().contiguous() for name, value in model.decoder.state_dict().items()}
    write_parts({"config": model.config.as_dict(), "step": step, "decoder": stored}, options.out, "decoder")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--go-on", action="store_true", help="from the shipped decoder")
    parser.add_argument("--no-record", dest="record", action="store_false", help="without CUDA graphs")
    parser.add_argument("--first", type=int, default=3072, help="clips rendered before training begins")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--processes", type=int, default=14, help="that render")
    parser.add_argument("--places", type=int, default=PLACES, help="clips kept on the device")
    parser.add_argument("--rows", type=int, default=BATCH, help="clips of a step")
    parser.add_argument("--heldout", type=int, default=64, help="clips on which the result is measured")
    parser.add_argument("--decay-from", type=float, default=0.45, help="part of the time after which rates fall")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--show", type=float, default=10, help="seconds between lines")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    train(options)


if __name__ == "__main__":
    main()
