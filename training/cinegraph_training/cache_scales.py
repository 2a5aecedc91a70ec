"""Scales of int8 caches (docs/BUNDLE.md, "Int8 caches"), measured on clips that the graphs draw."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .check_bundle import OnnxLanguageModel
from .export_language_model import CacheScales
from .language_model import LanguageModelConfig, output_inputs, prefix_inputs
from .sample import choose

TASK = "TEXT_TO_VIDEO"


def measure_scales(
    folder: Path, config: LanguageModelConfig, texts: list[list[int]], temperature: float = 0.3, top_p: float = 0.95
) -> CacheScales:
    """Per layer the largest key and value of clips of `texts`, over 127."""
    graphs = OnnxLanguageModel(folder, config, len(texts))
    draw_clips(graphs, texts, temperature, top_p, seed=1)
    largest = {name: float(np.abs(value.numpy()).max()) / 127 for name, value in graphs.cache.items()}
    return [(largest[f"key_{layer}"], largest[f"value_{layer}"]) for layer in range(config.layers)]


@torch.no_grad()
def draw_clips(
    graphs: OnnxLanguageModel, texts: list[list[int]], temperature: float, top_p: float, seed: int
) -> Tensor:
    """Video codes int64 `[B, T, H, W, 2]`, without guidance."""
    config = graphs.config
    for row, text in enumerate(texts):
        graphs.prefill(row, prefix_inputs(config, TASK, text))
    generator = torch.Generator().manual_seed(seed)
    second = config.sub_codebooks[1]
    codes = torch.zeros(len(texts), int(np.prod(config.grid)), dtype=torch.int64)
    for index in range(codes.shape[1]):
        told = output_inputs(config, codes, index, index + 1).map(lambda part: part[:, 0])
        logits, hidden = graphs.step(told)
        a = choose(torch.from_numpy(logits)[:, : config.sub_codebooks[0]], temperature, top_p, 0, generator)
        b = choose(torch.from_numpy(graphs.head(hidden, a.numpy())), temperature, top_p, 0, generator)
        codes[:, index] = a * second + b
    return torch.stack((codes // second, codes % second), dim=-1).view(len(texts), *config.grid, 2)
