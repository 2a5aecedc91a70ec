"""A complete bundle with random weights, of about 1 MB, and its golden fixtures: what the TypeScript tests run on.

python -m cinegraph_training.tiny_bundle --out ../test/support/tiny-bundle --golden ../test/golden
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .audio_tokenizer import AudioTokenizer, random_tokenizer
from .bundle import BundleFacts, write_bundle
from .captions import STYLE_WORDS
from .depth import DepthNet
from .export_language_model import DECODE_FORMS, CacheScales, is_int8
from .export_video_decoder import is_int8 as is_int8_kernel
from .export_video_encoder import export_video_encoder
from .golden import write_golden
from .language_model import PRESETS, KeyValueCache, LanguageModel, prefix_inputs
from .onnx_graph import to_int8
from .sample import pad_prefixes
from .super_resolution import SuperResolution, SuperResolutionConfig
from .text_tokenizer import TextTokenizer, train_text_tokenizer
from .tiny_decoder import PATCH, TinyCodebook, TinyDecoder, export_tiny_decoder
from .video_tokenizer import StreamingDecoder

SEED = 2312_14125
TEXTS = (
    "a fox bounces on a red background",
    "a polar bear moves to the left on a blue background, the camera pans right",
    "a small rocket rises in front of tulips, zoom in",
    "an octopus spins against a green backdrop",
    "on a yellow background, a large balloon grows",
)
STYLES = tuple(words[0] for words in STYLE_WORDS.values())
FACTS = BundleFacts(
    name="tiny-random",
    description="Random weights in the real shapes' likeness: for tests only, it draws coloured noise.",
    created_at="2026-11-23T00:00:00Z",
    training_commit="none",
    pixels_per_position=PATCH,
    known_words=sorted({word.strip(",") for text in (*TEXTS, *STYLES) for word in text.split()}),
    examples=[TEXTS[0], TEXTS[1]],
    model_card="# tiny-random\n\nRandom weights for tests, made by `cinegraph_training.tiny_bundle`. It draws noise.\n",
    licences=[{"name": "Cinegraph", "licence": "MIT", "use": "random weights"}],
)


def round_as_stored(module: nn.Module) -> None:
    """Every parameter to what the bundle stores: int8 for the large matrices and kernels, else float16."""
    for name, parameter in module.named_parameters():
        in_language_model = isinstance(module, LanguageModel) and is_int8(name.removesuffix(".weight"))
        in_enlarger = isinstance(module, SuperResolution) and parameter.ndim == 4
        if in_language_model or in_enlarger or (isinstance(module, StreamingDecoder) and is_int8_kernel(name)):
            rows = parameter.detach().flatten(0, -2) if in_language_model else parameter.detach().flatten(1)
            integers, scales = to_int8(rows.numpy().T)
            stored = torch.from_numpy((integers.astype(np.float32) * scales).T.copy())
            parameter.data = stored.view_as(parameter)
        else:
            parameter.data = parameter.data.half().float()


def describe_codes(model: LanguageModel, fine: Tensor) -> None:
    """Tells the model what codes look like, from the codebook's entries `[A, B, D]`, and rounds both as stored."""
    model.contents.describe(fine)
    round_contents(model)
    use_stored_entries(model, fine)


def round_contents(model: LanguageModel) -> None:
    """The model's own table and cells to float16, as the bundle stores them."""
    for values in (model.contents.table, model.contents.center, model.contents.inv_spread):
        values.copy_(values.half().float())


def use_stored_entries(model: LanguageModel, fine: Tensor) -> None:
    """Writes the entries as the graphs read them into `fine`."""
    contents = model.contents
    fine.copy_((contents.table[:-1, :-1] * contents.scale + contents.mean).view_as(fine))


def tiny_models() -> tuple[LanguageModel, TinyDecoder, TextTokenizer, AudioTokenizer]:
    """The models of the tiny bundle: the same on every machine (seeded normal numbers, rounded to float16)."""
    audio = random_tokenizer("tiny")
    torch.manual_seed(SEED)
    model = LanguageModel(PRESETS["tiny"])
    codebook = TinyCodebook(model.config.sub_codebooks, model.config.content_dimensions)
    decoder = TinyDecoder(codebook, *model.config.grid[1:])
    with torch.no_grad():
        model.head_a.weight.normal_(std=0.4)  # zero in a fresh model; these make clear argmaxes
        model.head_b_out.weight.normal_(std=0.2)
        model.bias_b.normal_(std=0.3)
        model.audio_out.weight.normal_(std=0.3)
        model.audio_head.normal_(std=0.4)
        model.text_head.weight.normal_(std=0.4)
        for look in model.looks.values():
            look.out.weight.normal_(std=0.3)
        model.describe_sounds(audio.contents())
        describe_codes(model, codebook.fine)
        for name, parameter in model.named_parameters():
            if name.endswith("norm.weight"):
                parameter.add_(torch.randn_like(parameter) * 0.1)  # ones would hide a forgotten norm weight
        for parameter in decoder.parameters():
            parameter.normal_(std=0.25)
    round_as_stored(model)
    round_as_stored(decoder)
    return model.eval(), decoder.eval(), train_text_tokenizer(TEXTS * 3, PRESETS["tiny"].text_size), audio


def tiny_depth() -> DepthNet:
    """The tiny bundle's depth net: random weights as well, rounded to float16."""
    torch.manual_seed(SEED + 1)
    net = DepthNet()
    for parameter in net.parameters():
        parameter.data = parameter.data.half().float()
    return net.eval().requires_grad_(False)


def tiny_enlarger() -> SuperResolution:
    """Super-resolution of the tiny bundle: its noise on top of bicubic interpolation."""
    generator = torch.Generator().manual_seed(SEED)
    enlarger = SuperResolution(SuperResolutionConfig(patch=2, width=8, inner_width=8, fine_width=4))
    for parameter in enlarger.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    round_as_stored(enlarger)
    return enlarger.eval().requires_grad_(False)


@torch.no_grad()
def prefix_scales(model: LanguageModel, tokenizer: TextTokenizer) -> CacheScales:
    """Per layer, what one step of an int8 key and value stands for: half as much again as the prefixes' largest."""
    prefixes = [prefix_inputs(model.config, "TEXT_TO_VIDEO", tokenizer.encode(text)) for text in TEXTS]
    cache = KeyValueCache(model.config, len(prefixes))
    model.prefill(*pad_prefixes(model.config, prefixes), cache)
    steps = [[float(1.5 / 127 * layer.abs().max()) for layer in side] for side in (cache.keys, cache.values)]
    return list(zip(*steps, strict=True))


def write_tiny_bundle(
    folder: Path,
    model: LanguageModel,
    decoder: TinyDecoder,
    tokenizer: TextTokenizer,
    audio: AudioTokenizer,
) -> dict:
    """Fills `folder`; returns the manifest."""
    height, width = (size * PATCH for size in model.config.grid[1:])
    projection = decoder.codebook.projection()
    return write_bundle(
        folder,
        FACTS,
        model,
        tokenizer,
        lambda graph, table, file: export_tiny_decoder(graph, decoder, table, file),
        lambda graph, table, file: export_video_encoder(graph, projection, table, file, height, width),
        audio,
        tiny_depth(),
        tiny_enlarger(),
        prefix_scales(model, tokenizer),
        (*DECODE_FORMS, "int4"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the tiny test bundle and its golden fixtures.")
    parser.add_argument("--out", type=Path, default=Path("../test/support/tiny-bundle"))
    parser.add_argument("--golden", type=Path, default=Path("../test/golden"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, decoder, tokenizer, audio = tiny_models()
    manifest = write_tiny_bundle(options.out, model, decoder, tokenizer, audio)
    size = sum(entry["byteSize"] for entry in manifest["files"])
    print(f"{options.out}: {len(manifest['files'])} files, {size / 1e6:.2f} MB")
    write_golden(options.golden, model, decoder, tokenizer, audio, tiny_enlarger())


if __name__ == "__main__":
    main()
