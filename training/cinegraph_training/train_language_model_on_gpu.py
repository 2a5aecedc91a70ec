"""Train the language model on one GPU, in minutes, from nothing or from a checkpoint.

`python -m cinegraph_training.train_language_model_on_gpu --seconds 480 --out FOLDER`, after fit_codebook (the shipped
tokenizer's codebook serves where none was fitted) and tokenize_sounds. Other processes render and tokenise fresh clips
all the time (render_farm.py); batches are made on the device (device_batches.py). Each step draws whole clips for
several tasks and, beside them, one other task. The schedule follows the clock: warm-up, constant, a linear decay to
zero. Writes the averaged weights as float16 (checkpoint_parts.py), as `train_language_model --compact` does.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import paths
from .audio_tokenizer import load_audio_tokenizer
from .checkpoint_parts import write_parts
from .device_batches import DeviceBatch, DeviceSounds, drawing_batch, picture_batch, source_batch
from .device_clips import DeviceClips
from .language_model import PRESETS, LanguageModelConfig
from .muon import set_rates
from .recorded import record as record_work
from .render_farm import CLIPS, CodeFarm
from .text_tokenizer import TextTokenizer
from .token_data import SoundShards
from .tokenizer_data import load_sources
from .train_decoder_on_gpu import new_tokenizer, rate_at
from .train_language_model import (
    ATTRIBUTE_WEIGHT,
    ENTRY_WEIGHT,
    SOURCE_ATTRIBUTE_WEIGHT,
    SOURCE_WEIGHT,
    Trainer,
    load_checkpoint,
    new_trainer,
)

# Rows of a step that draw whole clips, and of the part beside them, which changes from step to step.
DRAWN_ROWS = {"TEXT_TO_VIDEO": 120, "STYLIZE_VIDEO": 24, "EXTEND_VIDEO": 24, "INPAINT_VIDEO": 24}
BESIDE_ROWS = {
    "TEXT_TO_IMAGE": 192,
    "VIDEO_TO_AUDIO": 48,
    "TEXT_TO_AUDIO": 64,
    "AUDIO_TO_VIDEO": 64,
    "VIDEO_TO_TEXT": 64,
    "AUDIO_TO_TEXT": 96,
}
BESIDE_SHARES = (0.25, 0.20, 0.08, 0.25, 0.16, 0.06)
SECOND_SAVE = 0.75  # of the time: weights are written then, too
EMA_DECAY = 0.998
FILL_EVERY = 4  # steps


def batch_losses(trainer: Trainer, batch: DeviceBatch) -> tuple[Tensor, Tensor, Tensor]:
    """As `train_language_model.losses`, without shapes that depend on the data; and the loss of told attributes."""
    model = trainer.model
    prefix, hidden = model(batch.prefix, batch.prefix_valid, batch.inputs)
    told = trainer.attributes.loss(prefix, batch.prefix_valid, batch.scenes, batch.told)
    if batch.kind == "audio":
        levels = model.config.audio_levels
        parts = [
            F.cross_entropy(
                model.logits_audio(hidden[:, level::levels], level).flatten(0, 1).float(),
                batch.targets[:, level::levels].flatten(),
            )
            for level in range(levels)
        ]
        return torch.stack(parts).mean(), hidden.new_zeros(()), told
    if batch.kind == "text":
        logits = model.logits_text(hidden).flatten(0, 1).float()
        return F.cross_entropy(logits, batch.targets.flatten()), hidden.new_zeros(()), told
    a, b = batch.targets.flatten(0, 1).unbind(1)
    hidden = hidden.flatten(0, 1)
    loss_a = F.cross_entropy(model.logits_a(hidden).float(), a)
    return loss_a, F.cross_entropy(model.logits_b(hidden, a.clamp_min(0)).float(), b), told


def weighted(batch: DeviceBatch, a: Tensor, b: Tensor, told: Tensor) -> Tensor:
    """What a part of a step adds to its loss."""
    heard = batch.task.startswith(("VIDEO", "AUDIO"))
    own = (1.0 if batch.kind == "video" else SOURCE_WEIGHT) * (a + ENTRY_WEIGHT * b)
    return own + (SOURCE_ATTRIBUTE_WEIGHT if heard else ATTRIBUTE_WEIGHT) * told


class Step:
    """Draws the batches of a step beside which stands one task, and finds losses and gradients. On a GPU all of that is
    recorded once, as a CUDA graph, and played back: thousands of small kernels are started faster than one by one."""

    def __init__(self, trainer: Trainer, clips: DeviceClips, sounds: DeviceSounds, task: str, shrink: int):
        self.trainer, self.clips, self.sounds, self.task = trainer, clips, sounds, task
        self.parameters = [*trainer.model.parameters(), *trainer.attributes.parameters()]
        self.drawn = {name: max(1, count // shrink) for name, count in DRAWN_ROWS.items()}
        self.beside = max(2, BESIDE_ROWS[task] // shrink)
        self.rows = sum(self.drawn.values()) + self.beside
        self.graph: torch.cuda.CUDAGraph | None = None
        self.gradients: list[Tensor | None] = []
        self.losses = torch.zeros(2, 3, device=clips.device)

    def _work(self) -> None:
        config, model = self.trainer.model.config, self.trainer.model
        parts = [drawing_batch(config, self.clips, self.drawn)]
        if self.task == "TEXT_TO_IMAGE":
            parts.append(picture_batch(config, self.clips, self.beside))
        else:
            parts.append(source_batch(config, self.clips, self.sounds, self.task, self.beside))
        for row, batch in enumerate(parts):
            model.told = batch.has
            with torch.autocast(self.clips.device.type, torch.bfloat16):
                values = batch_losses(self.trainer, batch)
                loss = weighted(batch, *values)
            loss.backward()
            self.losses[row].copy_(torch.stack([value.detach().float() for value in values]))

    def record(self, pool) -> None:
        """Records the work; `pool`: of the memory that all recorded steps share."""
        graph = record_work(self._work, self._forget, pool)
        self.gradients = [parameter.grad for parameter in self.parameters]
        self._forget()
        self.graph = graph

    def _forget(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def __call__(self) -> None:
        """Leaves the gradients at the parameters and the losses (a, b, told) of both parts in `losses`."""
        if self.graph is None:
            self._forget()
            self._work()
            return
        self.graph.replay()
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient


class Curve:
    """Mean losses since the last line, printed and written to `curve.jsonl`."""

    def __init__(self, folder: Path, every: float):
        self.path, self.every, self.shown = folder / "curve.jsonl", every, time.monotonic()
        self.recent: dict[str, list[Tensor]] = {}

    def add(self, step: "Step") -> None:
        copied = step.losses.clone()
        for row, name in enumerate(("DRAW", step.task)):
            self.recent.setdefault(name, []).append(copied[row])

    def show(self, elapsed: float, step: int, rendered: int) -> None:
        """Writes a line every so many seconds; ends the program where a loss is no longer a number."""
        if time.monotonic() - self.shown < self.every:
            return
        self.shown = time.monotonic()
        means = {task: torch.stack(rows).mean(0).tolist() for task, rows in self.recent.items()}
        losses = {task: [round(value, 3) for value in row] for task, row in means.items()}
        line = json.dumps({"seconds": round(elapsed), "step": step, "rendered": rendered, "losses": losses})
        print(line, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if not all(math.isfinite(value) for row in losses.values() for value in row):
            raise SystemExit("the loss is no longer a number")
        self.recent = {}


def write_model(trainer: Trainer, average: list[Tensor], seconds: float, options: argparse.Namespace) -> None:
    """The averaged weights, after so many seconds of training in all."""
    names = [name for name, _ in trainer.model.named_parameters()]
    weights = {name: value.half().cpu() for name, value in zip(names, average, strict=True)}
    weights["sounds"] = trainer.model.sounds.half().cpu()
    config = trainer.model.config.as_dict()
    state = {"config": config, "step": trainer.step, "seconds": seconds, "clips": trainer.clips, "model": weights}
    write_parts(state, options.out, "language-model")


def record(steps: list[Step]) -> None:
    """Records every step; where that fails, says so and leaves them to run as they are."""
    pool = torch.cuda.graph_pool_handle()
    try:
        for step in steps:
            step.record(pool)
    except RuntimeError as error:
        print(f"steps are not recorded: {error}", flush=True)
        for step in steps:
            step.graph = None


def train(options: argparse.Namespace) -> None:
    device = torch.device(options.device)
    tokenizer = TextTokenizer.load(paths.CHECKPOINTS / "text-tokenizer.json")
    codebook = new_tokenizer().codebook
    farm = CodeFarm(load_sources("train"), codebook, tokenizer, options.processes, options.seed)
    state = load_checkpoint(options.resume_from) if options.resume_from else None
    config = LanguageModelConfig.from_dict(state["config"]) if state else PRESETS[options.preset]
    trainer = new_trainer(config, options.seed, options)
    if state:
        trainer.restore(state)
    trainer.model.contents.describe(codebook.fine)
    trainer.model.describe_sounds(load_audio_tokenizer().contents())
    trainer.model.to(device)
    trainer.attributes.to(device)
    sounds = DeviceSounds(SoundShards(paths.CACHE / "tokens", "train"), tokenizer, device)
    parameters = list(trainer.model.parameters())
    average = [value.detach().clone() for value in parameters]
    clips = DeviceClips(options.places, device)
    clips.fill(farm, max(1, min(options.places, options.first) // CLIPS), wait=True)
    rng = np.random.default_rng(options.seed)
    steps = [Step(trainer, clips, sounds, task, options.shrink) for task in BESIDE_ROWS]
    if device.type == "cuda" and options.record:
        record(steps)
    print(f"{sum(p.numel() for p in parameters) / 1e6:.2f} M parameters, {len(clips)} clips to begin with", flush=True)
    curve, saved, started, first = Curve(options.out, options.show), False, time.monotonic(), trainer.step
    seconds = options.until - time.time() if options.until else options.seconds
    done = torch.cuda.Event() if device.type == "cuda" else None
    while (elapsed := time.monotonic() - started) < seconds:
        if trainer.step % FILL_EVERY == 0:
            clips.fill(farm, options.slots, wait=False)
        rate = options.peak * rate_at(elapsed / seconds, trainer.step - first, options.decay_from)
        step = steps[int(rng.choice(len(steps), p=BESIDE_SHARES))]
        step()
        curve.add(step)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        set_rates(trainer.optimizers, rate)
        for optimizer in trainer.optimizers:
            optimizer.step()
        trainer.step += 1
        trainer.clips += step.rows
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 1 - min(EMA_DECAY, (1 + trainer.step) / (10 + trainer.step)))
        if done is not None:  # the clock is that of the device: at most one step lies ahead of it
            done.synchronize()
            done.record()
        curve.show(elapsed, trainer.step, clips.filled)
        if not saved and elapsed > SECOND_SAVE * seconds:
            saved = True
            write_model(trainer, average, trainer.seconds + elapsed, options)
    farm.close()
    write_model(trainer, average, trainer.seconds + elapsed, options)
    print(f"language model: {trainer.step} steps, {trainer.clips} clips read, {clips.filled} rendered", flush=True)
    if device.type == "cuda":
        print(f"{torch.cuda.get_device_name()}: {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--until", type=float, help="end at this time (seconds of the epoch) instead")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--resume-from", type=Path, help="a checkpoint to go on from")
    parser.add_argument("--peak", type=float, default=1.0, help="share of the full rates while they are constant")
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--processes", type=int, default=14, help="that render")
    parser.add_argument("--places", type=int, default=327_680, help="clips kept on the device")
    parser.add_argument("--first", type=int, default=16_384, help="clips rendered before training begins")
    parser.add_argument("--slots", type=int, default=16, help="slots of the farm taken at a time, at most")
    parser.add_argument("--shrink", type=int, default=1, help="divides the rows of a step")
    parser.add_argument("--decay-from", type=float, default=0.45, help="part of the time after which rates fall")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--table-lr", type=float, default=1.5e-2)
    parser.add_argument("--head-lr", type=float, default=4e-3)
    parser.add_argument("--no-record", dest="record", action="store_false", help="without CUDA graphs")
    parser.add_argument("--show", type=float, default=10, help="seconds between lines")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(optimizer="muon", bf16=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    train(options)


if __name__ == "__main__":
    main()
