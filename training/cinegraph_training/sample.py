"""Draws clips from the language model in PyTorch: the reference for the TypeScript engine, and a look at a checkpoint.

python -m cinegraph_training.sample --bundle ../models/cinegraph-small "a fox bounces on a red background"
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from .language_model import Inputs, KeyValueCache, LanguageModel, output_inputs, prefix_rows

FRAMES_OF_TASK = {"TEXT_TO_IMAGE": 1, "TEXT_TO_VIDEO": None}  # latent frames; None: the whole grid


def pad_prefixes(prefixes: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Left-padded row ids int64 `[B, P]` and their validity bool `[B, P]`."""
    longest = max(len(prefix) for prefix in prefixes)
    rows = torch.tensor([[0] * (longest - len(prefix)) + prefix for prefix in prefixes])
    valid = torch.tensor([[False] * (longest - len(prefix)) + [True] * len(prefix) for prefix in prefixes])
    return rows, valid


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


@torch.no_grad()
def generate(
    model: LanguageModel,
    texts: list[list[int]],
    task: str = "TEXT_TO_VIDEO",
    *,
    guidance: float = 1.0,
    temperature: float = 1.0,
    top_p: float = 1.0,
    top_k: int = 0,
    seed: int = 0,
    given: Tensor | None = None,
    condition: Tensor | None = None,
) -> Tensor:
    """Codes int64 `[B, T, H, W, 2]` for the tokenised prompts; guidance 1 skips the unconditional rows. `given` and
    `condition` int64 `[N]` hold a code or the null code per position: what is not drawn, and what is seen beside it.

    Both sub-tokens are drawn from guided logits; the two rows of a guided pair continue with the same tokens.
    """
    config = model.config
    batch = len(texts)
    prefixes = [prefix_rows(config, task, text) for text in texts]
    if guidance != 1.0:
        prefixes += [prefix_rows(config, task, None)] * batch
    rows, valid = pad_prefixes(prefixes)
    cache = KeyValueCache(config, len(prefixes))
    model.prefill(rows, valid, cache)
    frames = FRAMES_OF_TASK.get(task) or config.grid[0]
    count = frames * config.grid[1] * config.grid[2]
    codes = torch.zeros(len(prefixes), count, dtype=torch.int64)
    seen = None if condition is None else condition.expand(len(prefixes), -1)
    generator = torch.Generator().manual_seed(seed)
    for index in range(count):
        valid = torch.cat((valid, torch.ones(len(prefixes), 1, dtype=torch.bool)), dim=1)
        inputs = output_inputs(config, codes, index, index + 1, condition=seen)
        hidden = model.step(Inputs(inputs.rows[:, 0], inputs.codes[:, 0]), valid, cache)
        logits = guide(model.logits_a(hidden), batch, guidance)[:, : config.sub_codebooks[0]]
        a = choose(logits, temperature, top_p, top_k, generator).repeat(len(prefixes) // batch)
        logits = guide(model.logits_b(hidden, a), batch, guidance)
        b = choose(logits, temperature, top_p, top_k, generator).repeat(len(prefixes) // batch)
        drawn = a * config.sub_codebooks[1] + b
        codes[:, index] = drawn if given is None or given[index] == config.null_code else given[index]
    codes = codes[:batch].view(batch, frames, *config.grid[1:])
    return torch.stack((codes // config.sub_codebooks[1], codes % config.sub_codebooks[1]), dim=-1)


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
        [text_tokenizer.encode(prompt) for prompt in options.prompts],
        options.task,
        guidance=options.guidance,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
    )
    clips = video_tokenizer.decode(codes)
    write_png(options.out, strip((clips * 255).round().byte().numpy()))
    print(f"{options.out}: a row per prompt, step {counters['step']}")


if __name__ == "__main__":
    main()
