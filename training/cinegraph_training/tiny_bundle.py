"""A complete bundle with random weights, below 1 MB, and its golden fixtures: what the TypeScript tests run on.

python -m cinegraph_training.tiny_bundle --out ../test/support/tiny-bundle --golden ../test/golden
"""

import argparse
from pathlib import Path

import torch
from torch import nn

from .bundle import BundleFacts, write_bundle
from .golden import write_golden
from .language_model import PRESETS, LanguageModel
from .text_tokenizer import TextTokenizer, train_text_tokenizer
from .tiny_decoder import PATCH, TinyDecoder, export_tiny_decoder

SEED = 2312_14125
TEXTS = (
    "a fox bounces on a red background",
    "a polar bear moves to the left on a blue background, the camera pans right",
    "a small rocket rises in front of tulips, zoom in",
    "an octopus spins against a green backdrop",
    "on a yellow background, a large balloon grows",
)
FACTS = BundleFacts(
    name="tiny-random",
    description="Random weights in the real shapes' likeness: for tests only, it draws coloured noise.",
    created_at="2026-11-23T00:00:00Z",
    training_commit="none",
    pixels_per_position=PATCH,
    known_words=sorted({word.strip(",") for text in TEXTS for word in text.split()}),
    examples=[TEXTS[0], TEXTS[1]],
    model_card="# tiny-random\n\nRandom weights for tests, made by `cinegraph_training.tiny_bundle`. It draws noise.\n",
    licences=[{"name": "Cinegraph", "licence": "MIT", "use": "random weights"}],
)


def round_to_half(module: nn.Module) -> None:
    """Every parameter to the nearest float16, as the bundle stores it."""
    for parameter in module.parameters():
        parameter.data = parameter.data.half().float()


def tiny_models() -> tuple[LanguageModel, TinyDecoder, TextTokenizer]:
    """The models of the tiny bundle: the same on every machine (seeded normal numbers, rounded to float16)."""
    torch.manual_seed(SEED)
    model = LanguageModel(PRESETS["tiny"])
    decoder = TinyDecoder(*model.config.grid[1:])
    with torch.no_grad():
        model.head_a.weight.normal_(std=0.4)  # zero in a fresh model; these make clear argmaxes
        model.head_b_out.weight.normal_(std=0.4)
        for name, parameter in model.named_parameters():
            if name.endswith("norm.weight"):
                parameter.add_(torch.randn_like(parameter) * 0.1)  # ones would hide a forgotten norm weight
        for parameter in decoder.parameters():
            parameter.normal_(std=0.25)
    round_to_half(model)
    round_to_half(decoder)
    return model.eval(), decoder.eval(), train_text_tokenizer(TEXTS * 3, PRESETS["tiny"].text_size)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the tiny test bundle and its golden fixtures.")
    parser.add_argument("--out", type=Path, default=Path("../test/support/tiny-bundle"))
    parser.add_argument("--golden", type=Path, default=Path("../test/golden"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, decoder, tokenizer = tiny_models()
    manifest = write_bundle(options.out, FACTS, model, tokenizer, lambda graph: export_tiny_decoder(graph, decoder))
    size = sum(entry["byteSize"] for entry in manifest["files"])
    print(f"{options.out}: {len(manifest['files'])} files, {size / 1e6:.2f} MB")
    write_golden(options.golden, model, decoder, tokenizer)


if __name__ == "__main__":
    main()
