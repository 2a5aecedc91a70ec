"""Trains the language model on tokenised clips; made for one CPU core and many interruptions.

    python -m cinegraph_training.train_language_model --minutes 60                      # constant phase, resumes
    python -m cinegraph_training.train_language_model --decay-minutes 8                 # decay for a release
    python -m cinegraph_training.train_language_model --synthetic --minutes 3 --run /tmp/synthetic

Warm-up, constant, decay (WSD, arXiv 2404.06395): the constant phase goes on for as long as there is time, over many
sessions; a short decay branches off it for each release and writes `decayed.pt` beside `checkpoint.pt`.
"""

import argparse
import datetime
import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from . import attributes, paths
from .audio_tokenizer import AUDIO_TOKENIZER, load_audio_tokenizer
from .language_model import PRESETS, LanguageModel, LanguageModelConfig
from .log import log_line, save_atomically
from .muon import Muon, remember_rates, set_rates
from .text_tokenizer import TextTokenizer
from .token_data import Batch, SoundShards, SyntheticClips, TokenShards, make_batch, make_source_batch
from .train_video_tokenizer import load_shipped

# Clips per step by latent frames: about 2,500 positions each, prefixes included.
BATCH_SIZES = {1: 32, 2: 16, 3: 12, 4: 9, 5: 8}
WARM_UP_STEPS = 40
EMA_DECAY = 0.998
CHECKPOINT_SECONDS = 180
VALIDATION_SECONDS = 300
VALIDATION_CLIPS = {1: 96, 5: 24}
ATTRIBUTE_WEIGHT = 0.1
SOURCE_ATTRIBUTE_WEIGHT = 0.5  # where the prefix shows the scene instead of telling it
ENTRY_WEIGHT = 0.5  # of sub-token b's loss: which of some alike entries it is matters less than the cell
SOURCE_WEIGHT = 0.5  # of the loss of tasks that hear or tell, against those that draw
LABELS = {
    "TEXT_TO_IMAGE": "i",
    "TEXT_TO_VIDEO": "v",
    "EXTEND_VIDEO": "e",
    "INPAINT_VIDEO": "p",
    "STYLIZE_VIDEO": "s",
    "VIDEO_TO_AUDIO": "va",
    "TEXT_TO_AUDIO": "ta",
    "AUDIO_TO_VIDEO": "av",
    "VIDEO_TO_TEXT": "vt",
    "AUDIO_TO_TEXT": "at",
}
TASK_SHARES = {  # of the clips
    "TEXT_TO_VIDEO": 0.80,
    "EXTEND_VIDEO": 0.06,
    "INPAINT_VIDEO": 0.06,
    "STYLIZE_VIDEO": 0.08,
}
# Tasks that hear or tell: their share of all steps, and clips per step.
SOURCE_SHARES = {
    "VIDEO_TO_AUDIO": 0.09,
    "TEXT_TO_AUDIO": 0.04,
    "AUDIO_TO_VIDEO": 0.06,
    "VIDEO_TO_TEXT": 0.07,
    "AUDIO_TO_TEXT": 0.02,
}
SOURCE_BATCH_SIZES = {
    "VIDEO_TO_AUDIO": 5,
    "TEXT_TO_AUDIO": 11,
    "AUDIO_TO_VIDEO": 6,
    "VIDEO_TO_TEXT": 8,
    "AUDIO_TO_TEXT": 24,
}
RUN = paths.RUNS / "language-model"


class AttributeHead(nn.Module):
    """Reads the scene's attributes from the mean of the prefix's hidden states. It exists in training only: so that the
    prefix says early on, in so many numbers, what the text says in many words."""

    def __init__(self, width: int):
        super().__init__()
        self.sizes = [len(values) for values in attributes.vocabulary().values()]
        self.out = nn.Linear(width, sum(self.sizes))

    def loss(self, hidden: Tensor, valid: Tensor, scenes: Tensor, told: Tensor) -> Tensor:
        """Mean cross-entropy over the attributes that the prefixes tell of their clips: hidden states `[B, P, d]` and
        their validity `[B, P]`, class numbers `[B, columns]` and which of them are told, bool. Shapes do not depend on
        the data: recorded.py."""
        mean = (hidden * valid[..., None]).sum(1) / valid.sum(1, keepdim=True)
        logits = self.out(mean.float()).split(self.sizes, dim=1)
        each = [F.cross_entropy(part, scenes[:, i], reduction="none") for i, part in enumerate(logits)]
        counts = told.sum(0)
        means = (torch.stack(each, 1) * told).sum(0) / counts.clamp_min(1)
        return means.sum() / (counts > 0).sum().clamp_min(1)


@dataclass(frozen=True)
class SoundPair:
    """The sounds of both splits; None where none were tokenised."""

    train: SoundShards | None = None
    heldout: SoundShards | None = None


@dataclass
class Trainer:
    """Everything a resumed run needs; `state` and `restore` are inverses."""

    model: LanguageModel
    attributes: AttributeHead
    average: dict[str, Tensor]  # exponential moving average of the parameters
    optimizers: list[torch.optim.Optimizer]
    rng: np.random.Generator
    step: int = 0
    seconds: float = 0.0
    clips: int = 0
    fresh_from: int = 0  # the step at which the optimizers began without momentum: the warm-up counts from there

    def state(self) -> dict:
        return {
            "config": self.model.config.as_dict(),
            "model": self.model.state_dict(),
            "attributes": self.attributes.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "rng": self.rng.bit_generator.state,
            "step": self.step,
            "seconds": self.seconds,
            "clips": self.clips,
            "fresh_from": self.fresh_from,
        }

    def restore(self, state: dict) -> None:
        """Takes up a full checkpoint, or a compact one (weights and counters only: momentum starts afresh)."""
        grown = load_grown(self.model, state["model"])
        weights = state.get("average") or state["model"]
        own = {name: value.detach() for name, value in self.model.named_parameters()}
        self.average = {name: grow(weights[name].float(), own[name]) if name in weights else own[name].clone()
                        for name in own}  # fmt: skip
        if "attributes" in state:
            load_grown(self.attributes, state["attributes"])
        optimizers = [] if grown else state.get("optimizers", [])
        if grown:
            print(f"new or larger since the checkpoint: {', '.join(grown)}")
            state["fresh_from"] = state["step"]
        for optimizer, saved in zip(self.optimizers, optimizers, strict=False):
            rates = [group["base_lr"] for group in optimizer.param_groups]
            optimizer.load_state_dict(saved)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["base_lr"] = rate
        if "rng" in state:
            self.rng.bit_generator.state = state["rng"]
        self.step, self.seconds, self.clips = state["step"], state["seconds"], state["clips"]
        self.fresh_from = state.get("fresh_from", state["step"])


def grow(stored: Tensor, fresh: Tensor) -> Tensor:
    """`stored` with the last rows of `fresh` that it does not have yet: tables grow at their end."""
    missing = len(fresh) - len(stored) if fresh.ndim else 0
    return torch.cat([stored, fresh[-missing:]]) if missing > 0 else stored.clone()


def load_grown(module: nn.Module, stored: dict[str, Tensor]) -> list[str]:
    """Loads what a checkpoint has, in a model that may have grown since; returns the names of new or larger
    parameters."""
    own = module.state_dict()
    module.load_state_dict({name: grow(value.float(), own[name]) for name, value in stored.items()}, strict=False)
    return [name for name, _ in module.named_parameters() if name not in stored or len(stored[name]) < len(own[name])]


def new_trainer(config: LanguageModelConfig, seed: int, options: argparse.Namespace) -> Trainer:
    """Muon for the blocks' matrices, AdamW for tables, heads and norms."""
    torch.manual_seed(seed)
    model = LanguageModel(config)
    reader = AttributeHead(config.width)
    inner = [*model.blocks.parameters(), *model.looks.parameters(), model.look_in.weight, model.look_out.weight,
             model.audio_in.weight, model.audio_out.weight]  # fmt: skip
    matrices = [p for p in inner if p.ndim == 2]
    tables = [model.table, model.embedding_of_a]
    chosen = {id(p) for p in matrices + tables}
    heads = [p for p in [*model.parameters(), *reader.parameters()] if id(p) not in chosen]
    groups = [
        {"params": tables, "lr": options.table_lr},
        {"params": heads, "lr": options.head_lr},
    ]
    if options.optimizer == "adamw":
        groups.append({"params": matrices, "lr": options.head_lr})
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0, fused=True)
    ]
    if options.optimizer == "muon":
        optimizers.append(Muon(matrices, lr=options.muon_lr, dtype=torch.bfloat16 if options.bf16 else torch.float32))
    remember_rates(optimizers)
    average = {name: value.detach().clone() for name, value in model.named_parameters()}
    return Trainer(model, reader, average, optimizers, np.random.default_rng(seed))


def image_share(step: int, curriculum: int, final: float) -> float:
    """Share of text-to-image steps: objects are learnt on single latent frames first, 0.7 falling to `final`."""
    return 0.7 - (0.7 - final) * min(1.0, step / curriculum)


def draw_batch(
    trainer: Trainer, tokenizer: TextTokenizer, clips, sounds: SoundShards | None, options: argparse.Namespace
) -> Batch:
    """The next task, its clips and their length."""
    rng = trainer.rng
    focus = options.focus is not None and rng.random() < options.focus_share
    if focus or rng.random() < options.source_share:
        names = [options.focus] if focus else [name for name in SOURCE_SHARES if sounds or "AUDIO" not in name]
        shares = np.array([SOURCE_SHARES[name] for name in names])
        task = str(rng.choice(names, p=shares / shares.sum()))
        indices = clips.draw(rng, SOURCE_BATCH_SIZES[task])
        return make_source_batch(trainer.model.config, tokenizer, clips, sounds, indices, rng, task)
    if rng.random() < image_share(trainer.step, options.curriculum, options.image_share):
        task, frames = "TEXT_TO_IMAGE", 1
    else:
        task = str(rng.choice(list(TASK_SHARES), p=list(TASK_SHARES.values())))
        if task == "STYLIZE_VIDEO" and len(clips.controls) == 0:
            task = "TEXT_TO_VIDEO"
        frames = 4 if task == "EXTEND_VIDEO" else 5 if rng.random() < options.whole_share else 3
    draw = clips.draw_controlled if task == "STYLIZE_VIDEO" else clips.draw
    indices = draw(rng, BATCH_SIZES[frames])
    return make_batch(trainer.model.config, tokenizer, clips, indices, frames, rng, task)


def losses(model: LanguageModel, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Mean cross-entropy in nats of sub-tokens a and b over the output positions that count (of audio and text: of
    their one token, and 0); and the prefix's hidden states."""
    prefix, hidden = model(batch.prefix, batch.prefix_valid, batch.inputs)
    if batch.task.endswith("_TO_AUDIO"):
        levels = model.config.audio_levels
        parts = [
            F.cross_entropy(model.logits_audio(hidden[:, level::levels], level).float().flatten(0, 1),
                            batch.codes[:, level::levels].flatten())
            for level in range(levels)
        ]  # fmt: skip
        return torch.stack(parts).mean(), hidden.new_zeros(()), prefix
    if batch.task.endswith("_TO_TEXT"):
        logits = model.logits_text(hidden[batch.counted]).float()
        return F.cross_entropy(logits, batch.codes[batch.counted]), hidden.new_zeros(()), prefix
    a, b = batch.codes[batch.counted].unbind(1)
    hidden = hidden[batch.counted]
    loss_a = F.cross_entropy(model.logits_a(hidden).float(), a)
    return loss_a, F.cross_entropy(model.logits_b(hidden, a).float(), b), prefix


def train_step(trainer: Trainer, batch: Batch, rate: float, bf16: bool) -> tuple[float, float, float]:
    """One update with the learning rates scaled by `rate`; mutates the trainer."""
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        a, b, prefix = losses(trainer.model, batch)
    told = trainer.attributes.loss(prefix, batch.prefix_valid, batch.scenes, batch.told)
    weight = SOURCE_WEIGHT if batch.task in SOURCE_SHARES and not batch.task.endswith("VIDEO") else 1.0
    shown = SOURCE_ATTRIBUTE_WEIGHT if batch.task.startswith(("VIDEO", "AUDIO")) else ATTRIBUTE_WEIGHT
    (weight * (a + ENTRY_WEIGHT * b) + shown * told).backward()
    torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
    set_rates(trainer.optimizers, rate)
    for optimizer in trainer.optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    trainer.step += 1
    trainer.clips += len(batch.codes)
    decay = min(EMA_DECAY, (1 + trainer.step) / (10 + trainer.step))
    with torch.no_grad():
        for name, value in trainer.model.named_parameters():
            trainer.average[name].lerp_(value, 1 - decay)
    return a.item(), b.item(), told.item()


@torch.no_grad()
def validate(trainer: Trainer, tokenizer: TextTokenizer, clips, sounds: SoundShards | None) -> dict[str, float]:
    """Held-out loss in nats per sub-token, for images and whole clips, of the weights and of their average; of the
    tasks that hear or tell, of the average."""
    model, result = trainer.model, {}
    if len(clips) == 0:
        return result
    weights = {name: value.detach().clone() for name, value in model.named_parameters()}
    for prefix, values in (("", None), ("average.", trainer.average)):
        if values is not None:
            model.load_state_dict(values, strict=False)  # its parameters; what every code looks like is fixed
        for frames, count in VALIDATION_CLIPS.items():
            count = min(count, len(clips))
            size = min(count, 4 * BATCH_SIZES[frames])
            sums, seen = np.zeros(2), 0
            for start in range(0, count, size):
                indices = np.arange(start, min(start + size, count))
                batch = make_batch(model.config, tokenizer, clips, indices, frames, None)
                sums += np.array([loss.item() for loss in losses(model, batch)[:2]]) * len(indices)
                seen += len(indices)
            name = "image" if frames == 1 else "video"
            result[f"{prefix}{name}.a"], result[f"{prefix}{name}.b"] = (round(float(x), 4) for x in sums / seen)
    for task in SOURCE_SHARES:
        if sounds is None and "AUDIO" in task:
            continue
        indices = np.arange(min(VALIDATION_CLIPS[5], len(clips)))
        batch = make_source_batch(model.config, tokenizer, clips, sounds, indices, None, task)
        result[f"average.{task.lower()}"] = round(losses(model, batch)[0].item(), 4)
    model.load_state_dict(weights, strict=False)
    return result


def load_checkpoint(path: Path) -> dict:
    return torch.load(path, map_location="cpu", weights_only=True)


def train(
    trainer: Trainer, tokenizer: TextTokenizer, clips, heldout, sounds: SoundPair, options: argparse.Namespace
) -> dict:
    """The loop; returns the last validation. Stops at the time limit or at SIGTERM/SIGINT, checkpointed."""
    stopping = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(True))
    decaying = options.decay_minutes is not None
    target = options.run / ("decayed.pt" if decaying else "checkpoint.pt")
    budget = 60 * (options.decay_minutes if decaying else options.minutes)
    started = saved = validated = time.monotonic()
    first_seconds = trainer.seconds
    recent: dict[str, list[float]] = {}
    bar = tqdm(total=round(budget), unit="s", mininterval=20, maxinterval=60, desc="decay" if decaying else "train")
    while not stopping and (elapsed := time.monotonic() - started) < budget:
        batch = draw_batch(trainer, tokenizer, clips, sounds.train, options)
        warm_up = min(1.0, (trainer.step - trainer.fresh_from + 1) / WARM_UP_STEPS)
        rate = warm_up * max(0.0, 1 - elapsed / budget) if decaying else warm_up
        values = train_step(trainer, batch, rate, options.bf16)
        trainer.seconds = first_seconds + time.monotonic() - started
        for name, value in zip(("a", "b", "told"), values, strict=True):
            recent.setdefault(f"{LABELS[batch.task]}{name}", []).append(value)
        now = time.monotonic()
        bar.update(min(round(now - started), round(budget)) - bar.n)
        shown = {name: f"{np.mean(numbers[-50:]):.2f}" for name, numbers in recent.items()}
        bar.set_postfix({"step": trainer.step, "clips": len(clips), **shown})
        if now - validated > VALIDATION_SECONDS:
            validated = now
            record(trainer, tokenizer, heldout, sounds.heldout, recent, target.stem, options.run)
            recent = {}
            clips.rescan()
            heldout.rescan()
        if now - saved > CHECKPOINT_SECONDS:
            saved = now
            save_atomically(trainer.state(), target)
    bar.close()
    save_atomically(trainer.state(), target)
    return record(trainer, tokenizer, heldout, sounds.heldout, recent, target.stem, options.run)


def record(
    trainer: Trainer, tokenizer: TextTokenizer, heldout, sounds: SoundShards | None, recent: dict, phase: str, run: Path
) -> dict:
    """Validates and appends one line to the run's curve."""
    line = {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "phase": phase,
        "step": trainer.step,
        "seconds": round(trainer.seconds),
        "clips": trainer.clips,
        "train": {name: round(float(np.mean(values)), 4) for name, values in recent.items()},
        "heldout": validate(trainer, tokenizer, heldout, sounds),
    }
    with (run / "curve.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    tqdm.write(json.dumps(line))
    return line


def write_compact(source: Path, out: Path, halfway_to: Path | None) -> None:
    """A checkpoint small enough to commit: float16 weights and counters, without what the video tokenizer says about
    its codes; a run resumes from it with fresh momentum. `halfway_to`: the mean with the weights that a run on one task
    began with keeps what these knew better (WiSE-FT, arXiv 2109.01903)."""
    state = load_checkpoint(source)
    compact = {name: state[name] for name in ("config", "step", "seconds", "clips")}
    kept = {name: value for name, value in state["model"].items() if not name.startswith("contents.")}
    if halfway_to is not None:
        other = load_checkpoint(halfway_to)["model"]
        kept = {name: (value.float() + other[name].float()) / 2 for name, value in kept.items()}
    compact["model"] = {name: value.half() for name, value in kept.items()}
    save_atomically(compact, out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, step {state['step']}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains the language model (see training/README.md).")
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--decay-minutes", type=float, help="decay the checkpoint instead, into decayed.pt")
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--tokens", type=Path, default=paths.CACHE / "tokens")
    parser.add_argument("--text-tokenizer", type=Path, default=paths.CHECKPOINTS / "text-tokenizer.json")
    parser.add_argument("--resume-from", type=Path, help="another checkpoint to start from, compact or full")
    parser.add_argument("--compact", type=Path, help="only write the run's checkpoint in compact form here")
    parser.add_argument("--halfway-to", type=Path, help="with --compact: the mean with this checkpoint's weights")
    parser.add_argument("--synthetic", action="store_true", help="made-up codes instead of tokenised clips")
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--table-lr", type=float, default=1.5e-2)
    parser.add_argument("--head-lr", type=float, default=4e-3)
    parser.add_argument("--curriculum", type=int, default=1200, help="steps until the final share of images")
    parser.add_argument("--image-share", type=float, default=0.1, help="share of images after that")
    parser.add_argument("--whole-share", type=float, default=0.5, help="share of clips trained in full length")
    parser.add_argument("--source-share", type=float, default=0.28, help="share of steps that hear or tell")
    parser.add_argument("--focus", choices=SOURCE_SHARES, help="a task that hears or tells, trained more than others")
    parser.add_argument("--focus-share", type=float, default=0.3, help="share of steps that are of it")
    parser.add_argument("--no-bf16", dest="bf16", action="store_false", help="float32, for processors without bfloat16")
    parser.add_argument(
        "--compile", action="store_true", help="a fifth faster after half a minute; needs a C++ compiler"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.compact:
        write_compact(options.resume_from or options.run / "checkpoint.pt", options.compact, options.halfway_to)
        return
    torch.set_num_threads(options.threads)
    options.run.mkdir(parents=True, exist_ok=True)
    source = options.resume_from or options.run / "checkpoint.pt"
    state = load_checkpoint(source) if source.exists() else None
    config = LanguageModelConfig.from_dict(state["config"]) if state else PRESETS[options.preset]
    trainer = new_trainer(config, options.seed, options)
    if state:
        trainer.restore(state)
    if not options.synthetic:
        trainer.model.contents.describe(load_shipped().codebook.fine)
        if AUDIO_TOKENIZER.exists():
            trainer.model.describe_sounds(load_audio_tokenizer().contents())
    if options.compile:
        for block in trainer.model.blocks:
            block.compile(dynamic=True)
    tokenizer = TextTokenizer.load(options.text_tokenizer)
    if options.synthetic:
        clips, heldout = SyntheticClips(2000, "train"), SyntheticClips(200, "heldout")
        sounds = SoundPair()
    else:
        pair = SoundPair(*(SoundShards(options.tokens, split) for split in ("train", "heldout")))
        sounds = pair if pair.train and pair.heldout else SoundPair()
        clips, heldout = TokenShards(options.tokens, "train"), TokenShards(options.tokens, "heldout")
    print(f"{sum(p.numel() for p in trainer.model.parameters()) / 1e6:.2f} M parameters, step {trainer.step}, "
          f"{len(clips)} clips, {len(heldout)} held out")  # fmt: skip
    before, started = trainer.step, time.monotonic()
    line = train(trainer, tokenizer, clips, heldout, sounds, options)
    if not options.synthetic:
        minutes = (time.monotonic() - started) / 60
        phase = "decay" if options.decay_minutes is not None else "constant"
        log_line(
            f"language model, {phase}: {minutes:.1f} min, steps {before} to {trainer.step} ({options.optimizer}), "
            f"{len(clips)} clips on disk, held-out loss in nats {json.dumps(line['heldout'])}"
        )


if __name__ == "__main__":
    main()
