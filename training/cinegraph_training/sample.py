"""Draws clips from the language model in PyTorch: the reference for the TypeScript engine, and a look at a checkpoint.

python -m cinegraph_training.sample --bundle ../models/cinegraph-small "a fox bounces on a red background"
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from .language_model import (
    NONE,
    Inputs,
    KeyValueCache,
    LanguageModel,
    LanguageModelConfig,
    audio_inputs,
    join,
    output_inputs,
    plain_inputs,
    prefix_inputs,
    text_inputs,
)

FRAMES_OF_TASK = {"TEXT_TO_IMAGE": 1, "TEXT_TO_VIDEO": None}  # latent frames; None: the whole grid


def pad_prefixes(config: LanguageModelConfig, prefixes: list[Inputs]) -> tuple[Inputs, Tensor]:
    """Left-padded prefixes `[B, P, ...]` and their validity bool `[B, P]`."""
    longest = max(len(prefix.rows) for prefix in prefixes)
    padded, valid = [], torch.zeros(len(prefixes), longest, dtype=torch.bool)
    for row, prefix in enumerate(prefixes):
        missing = longest - len(prefix.rows)
        padded.append(join(plain_inputs(config, torch.full((missing,), NONE)), prefix) if missing else prefix)
        valid[row, missing:] = True
    stacked = Inputs(*(torch.stack([getattr(part, name) for part in padded]) for name in ("rows", "codes", "sounds")))
    return stacked, valid


def guide(logits: Tensor, batch: int, guidance: float) -> Tensor:
    """Classifier-free guidance: rows `[0, batch)` are conditional, `[batch, 2 batch)` unconditional, if present.
    `unconditional + guidance * (conditional - unconditional)`."""
    if logits.shape[0] == batch:
        return logits
    conditional, unconditional = logits[:batch], logits[batch:]
    return unconditional + guidance * (conditional - unconditional)


def choose(logits: Tensor, temperature: float, top_p: float, top_k: int, generator: torch.Generator | None) -> Tensor:
    """One token per row of `[B, V]`; temperature 0 is the argmax. Temperature first, then top-k, then top-p."""
    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities, order = (logits / temperature).softmax(dim=-1).sort(dim=-1, descending=True)
    if top_k:
        probabilities[:, top_k:] = 0
    before = probabilities.cumsum(dim=-1) - probabilities
    probabilities[before >= top_p * probabilities.sum(dim=-1, keepdim=True)] = 0
    picked = torch.multinomial(probabilities, 1, generator=generator)
    return order.gather(1, picked)[:, 0]


@dataclass(frozen=True)
class Prompt:
    """What a generation starts from: text pieces, and the source that its task has. `video` int64 `[N]`, `sound` int64
    `[F, levels]`."""

    text: list[int] | None = None
    video: Tensor | None = None
    sound: Tensor | None = None


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn; guidance 1 skips the unconditional rows."""

    guidance: float = 1.0
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0


class Decoding:
    """A batch of prompts that grows token by token. Both rows of a guided pair go on with the same tokens."""

    def __init__(self, model: LanguageModel, task: str, prompts: list[Prompt], sampling: Sampling):
        config = model.config
        self.model, self.sampling, self.batch = model, sampling, len(prompts)
        prefixes = [prefix_inputs(config, task, prompt.text, prompt.video, prompt.sound) for prompt in prompts]
        if sampling.guidance != 1.0:
            prefixes += [prefix_inputs(config, task, None)] * self.batch
        self.rows = len(prefixes)
        prefix, self.valid = pad_prefixes(config, prefixes)
        self.cache = KeyValueCache(config, self.rows)
        model.prefill(prefix, self.valid, self.cache)
        self.generator = torch.Generator().manual_seed(sampling.seed)

    def step(self, inputs: Inputs) -> Tensor:
        """Inputs `[rows, 1, ...]` of one position -> hidden `[rows, d]`."""
        self.valid = torch.cat((self.valid, torch.ones(self.rows, 1, dtype=torch.bool)), dim=1)
        return self.model.step(inputs.map(lambda part: part[:, 0]), self.valid, self.cache)

    def draw(self, logits: Tensor) -> Tensor:
        """Logits `[rows, V]` -> the drawn token of every row `[rows]`."""
        sampling = self.sampling
        guided = guide(logits, self.batch, sampling.guidance)
        chosen = choose(guided, sampling.temperature, sampling.top_p, sampling.top_k, self.generator)
        return chosen.repeat(self.rows // self.batch)


@torch.no_grad()
def generate(
    model: LanguageModel,
    prompts: list[Prompt],
    task: str = "TEXT_TO_VIDEO",
    sampling: Sampling | None = None,
    *,
    given: Tensor | None = None,
    condition: Tensor | None = None,
) -> Tensor:
    """Video codes int64 `[B, T, H, W, 2]`. `given` `[N]` or `[B, N]` and `condition` int64 `[N]` hold a code or the
    null code per position: what is not drawn, and what is seen beside it."""
    config = model.config
    decoding = Decoding(model, task, prompts, sampling or Sampling())
    frames = FRAMES_OF_TASK.get(task) or config.grid[0]
    count = frames * config.grid[1] * config.grid[2]
    codes = torch.zeros(decoding.rows, count, dtype=torch.int64)
    seen = None if condition is None else condition.expand(decoding.rows, -1)
    known = None if given is None else given.expand(decoding.batch, -1).repeat(decoding.rows // decoding.batch, 1)
    for index in range(count):
        hidden = decoding.step(output_inputs(config, codes, index, index + 1, condition=seen))
        a = decoding.draw(model.logits_a(hidden)[:, : config.sub_codebooks[0]])
        b = decoding.draw(model.logits_b(hidden, a))
        drawn = a * config.sub_codebooks[1] + b
        codes[:, index] = (
            drawn if known is None else torch.where(known[:, index] == config.null_code, drawn, known[:, index])
        )
    codes = codes[: decoding.batch].view(decoding.batch, frames, *config.grid[1:])
    return torch.stack((codes // config.sub_codebooks[1], codes % config.sub_codebooks[1]), dim=-1)


@torch.no_grad()
def generate_sounds(
    model: LanguageModel, prompts: list[Prompt], task: str = "TEXT_TO_AUDIO", sampling: Sampling | None = None
) -> Tensor:
    """Audio codes int64 `[B, F, levels]`."""
    config = model.config
    decoding = Decoding(model, task, prompts, sampling or Sampling())
    sounds = torch.zeros(decoding.rows, config.audio_frames, config.audio_levels, dtype=torch.int64)
    for index in range(config.audio_positions):
        frame, level = divmod(index, config.audio_levels)
        inputs = audio_inputs(config, sounds).map(lambda part, index=index: part[:, index : index + 1])
        sounds[:, frame, level] = decoding.draw(model.logits_audio(decoding.step(inputs), level))
    return sounds[: decoding.batch]


@torch.no_grad()
def generate_texts(
    model: LanguageModel, prompts: list[Prompt], task: str = "VIDEO_TO_TEXT", sampling: Sampling | None = None
) -> list[list[int]]:
    """Pieces of text, up to the end."""
    config = model.config
    decoding = Decoding(model, task, prompts, sampling or Sampling())
    texts = torch.zeros(decoding.rows, config.max_text, dtype=torch.int64)
    ended = torch.zeros(decoding.rows, dtype=torch.bool)
    lengths = torch.full((decoding.rows,), config.max_text)
    for index in range(config.max_text):
        inputs = text_inputs(config, texts).map(lambda part, index=index: part[:, index : index + 1])
        piece = decoding.draw(model.logits_text(decoding.step(inputs)))
        lengths = torch.where((piece == config.text_size) & ~ended, index, lengths)
        ended |= piece == config.text_size
        texts[:, index] = piece.clamp_max(config.text_size - 1)
        if ended.all():
            break
    return [text[:length].tolist() for text, length in zip(texts[: decoding.batch], lengths, strict=False)]


def strip(clips: np.ndarray, every: int = 4) -> np.ndarray:
    """Clips uint8 `[B, F, H, W, 3]` as one picture: a row per clip, a column per `every`-th frame."""
    return np.concatenate([np.concatenate(list(clip[::every]), axis=1) for clip in clips], axis=0)


def write_png(path: Path, picture: np.ndarray) -> None:
    """`picture` uint8 RGB `[H, W, 3]`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1])


def main() -> None:
    from . import paths
    from .export import load_language_model, load_video_tokenizer
    from .text_tokenizer import TextTokenizer

    parser = argparse.ArgumentParser(description="Draws clips for prompts with PyTorch, as rows of one PNG.")
    parser.add_argument("prompts", nargs="+")
    parser.add_argument("--tokenizer", type=Path, default=paths.CHECKPOINTS / "video-tokenizer.pt")
    parser.add_argument("--language-model", type=Path, default=paths.RUNS / "language-model" / "checkpoint.pt")
    parser.add_argument("--weights", choices=("model", "average"), default="average")
    parser.add_argument("--text-tokenizer", type=Path, default=paths.CHECKPOINTS / "text-tokenizer.json")
    parser.add_argument("--task", choices=FRAMES_OF_TASK, default="TEXT_TO_VIDEO")
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("sample.png"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    video_tokenizer = load_video_tokenizer(options.tokenizer)
    model, counters = load_language_model(options.language_model, options.weights, video_tokenizer)
    text_tokenizer = TextTokenizer.load(options.text_tokenizer)
    codes = generate(
        model,
        [Prompt(text_tokenizer.encode(prompt)) for prompt in options.prompts],
        options.task,
        Sampling(options.guidance, options.temperature, options.top_p, seed=options.seed),
    )
    clips = video_tokenizer.decode(codes)
    write_png(options.out, strip((clips * 255).round().byte().numpy()))
    print(f"{options.out}: a row per prompt, step {counters['step']}")


if __name__ == "__main__":
    main()
