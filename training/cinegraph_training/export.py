"""Exports a trained model as a bundle (docs/BUNDLE.md) and checks it in onnxruntime against PyTorch.

    python -m cinegraph_training.export --tokenizer checkpoints/video-tokenizer.pt \\
        --language-model runs/language-model/decayed.pt --out ../models/cinegraph-small
"""

import argparse
import json
import subprocess
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch

from . import paths, stage
from .audio_tokenizer import AUDIO_TOKENIZER, load_audio_tokenizer
from .bundle import BundleFacts, write_bundle
from .cache_scales import measure_scales
from .check_bundle import compare_decoder, compare_encoder, compare_enlarger, compare_language_model
from .depth import DEPTH, load_depth
from .export_depth import check_depth
from .export_language_model import DECODE_FORMS
from .export_video_decoder import POSITION, export_video_decoder, projection_of
from .export_video_encoder import export_video_encoder
from .language_model import PRESETS, LanguageModel, LanguageModelConfig
from .model_card import LICENCES, model_card
from .super_resolution import SuperResolution
from .text_tokenizer import TextTokenizer
from .tiny_bundle import describe_codes, round_as_stored, round_contents, use_stored_entries
from .train_super_resolution import SHIPPED as SUPER_RESOLUTION
from .train_super_resolution import load_super_resolution
from .train_video_tokenizer import load_shipped
from .video_tokenizer import StreamingDecoder, TokenizerConfig, VideoTokenizer

DESCRIPTION = (
    "A small VideoPoet-like model, trained in ten minutes on one GPU: one animated object over a plain, gradient or "
    "flower background, in six styles, its sound, and captions of both. 128 x 128 px, 17 frames at 8 fps, 16 kHz."
)
EXAMPLES = (
    "a rocket moves up at night",
    "an octopus grows on a purple background",
    "a ghost moves right on a green background",
    "a large penguin sways on the left on a yellow background",
)
MAXIMUM_BYTES = 40_000_000
WORST_ROUNDING = 0.25  # of the largest hidden value, where products are of integers

# A caption says nearly all of a clip, so it needs no guidance. What is there of a clip that is edited says something
# else; a sound leaves most of the picture open, and the likeliest picture shows nothing.
TASK_SAMPLING = {
    "EDIT_VIDEO": {"temperature": 0.3, "topK": 0, "topP": 0.95, "guidance": 1.5},
    "AUDIO_TO_VIDEO": {"temperature": 1.0, "topK": 0, "topP": 0.95, "guidance": 7.0},
}


def load_language_model(
    path: Path | None, weights: str = "model", tokenizer: VideoTokenizer | None = None
) -> tuple[LanguageModel, dict]:
    """A checkpoint's model, rounded as the bundle stores it, and its counters. Without a path: untrained. What
    codes look like comes from `tokenizer` where the checkpoint does not say (untrained and compact ones do not)."""
    if path is None:
        torch.manual_seed(0)
        model, state = LanguageModel(PRESETS["small"]), {"step": 0, "seconds": 0.0, "clips": 0}
        described = False
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model = LanguageModel(LanguageModelConfig.from_dict(state["config"]))
        described = "contents.table" in state["model"]
        model.load_state_dict({name: value.float() for name, value in state["model"].items()}, strict=described)
        if weights == "average":  # of the parameters; what codes look like is fixed
            model.load_state_dict(state["average"], strict=False)
    if tokenizer is not None and not described:
        describe_codes(model, tokenizer.codebook.fine)
    model.clear_unused()
    round_as_stored(model)
    round_contents(model)
    return model.eval().requires_grad_(False), {name: state[name] for name in ("step", "seconds", "clips")}


def load_video_tokenizer(path: Path) -> VideoTokenizer:
    """The shipped form (float16 weights) or a training checkpoint (its averaged weights)."""
    state = torch.load(path, map_location="cpu", weights_only=False)
    if "weights" in state:
        return load_shipped(path)
    tokenizer = VideoTokenizer(TokenizerConfig(**state["config"]))
    tokenizer.load_state_dict(state["average"])
    return tokenizer.eval().requires_grad_(False)


def training_commit() -> str:
    """The repository's commit, or "uncommitted"."""
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=paths.TRAINING, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() if found.returncode == 0 else "uncommitted"


def export(options: argparse.Namespace, known_words: list[str]) -> dict:
    """Writes the bundle and compares it; returns the manifest. Raises when a graph differs from PyTorch."""
    tokenizer = load_video_tokenizer(options.tokenizer)
    model, counters = load_language_model(options.language_model, options.weights, tokenizer)
    use_stored_entries(model, tokenizer.codebook.fine)
    streaming = StreamingDecoder(tokenizer)
    enlarger = load_super_resolution() if SUPER_RESOLUTION.exists() else None
    if enlarger is not None:
        round_as_stored(enlarger)
    round_as_stored(streaming)
    text_tokenizer = TextTokenizer.load(options.text_tokenizer)
    evaluation = json.loads(options.evaluation.read_text(encoding="utf-8")) if options.evaluation else {}
    height, width = (size * POSITION for size in model.config.grid[1:])
    name = options.out.resolve().name
    facts = BundleFacts(
        name=name,
        description=DESCRIPTION,
        created_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        training_commit=training_commit(),
        pixels_per_position=POSITION,
        known_words=known_words,
        examples=list(EXAMPLES),
        model_card=model_card(name, model, counters, evaluation),
        evaluation=evaluation,
        licences=[dict(entry) for entry in LICENCES],
        sampling={"temperature": options.temperature, "topK": 0, "topP": options.top_p, "guidance": options.guidance},
        task_sampling=TASK_SAMPLING,
    )
    write = partial(
        write_bundle,
        options.out,
        facts,
        model,
        text_tokenizer,
        lambda graph, table, file: export_video_decoder(graph, streaming, table, file, height, width),
        lambda graph, table, file: export_video_encoder(
            graph, projection_of(tokenizer.codebook), table, file, height, width
        ),
        load_audio_tokenizer() if AUDIO_TOKENIZER.exists() else None,
        load_depth() if DEPTH.exists() else None,
        enlarger,
    )
    manifest = write()
    if options.int8_cache:
        texts = [text_tokenizer.encode(text) for text in EXAMPLES]
        manifest = write(cache_scales=measure_scales(options.out, model.config, texts))
    size = sum(entry["byteSize"] for entry in manifest["files"])
    print(f"{options.out}: {size / 1e6:.1f} MB, language model step {counters['step']}")
    if size > MAXIMUM_BYTES:
        raise SystemExit(f"the bundle is larger than {MAXIMUM_BYTES / 1e6:.0f} MB")
    check(options.out, model, streaming, manifest)
    if enlarger is not None:
        check_enlarger(options.out, enlarger, height, width)
    return manifest


def check(folder: Path, model: LanguageModel, streaming: StreamingDecoder, manifest: dict) -> None:
    """Raises SystemExit unless the graphs agree with PyTorch and the decoder streams bit for bit."""
    found = compare_language_model(folder, model, steps=40)
    print("language model:", {name: float(f"{value:.3g}") for name, value in found.items()})
    for form in DECODE_FORMS[1:]:
        rounded = compare_language_model(folder, model, steps=40, decode=f"decode-{form}")
        print(f"language model in {form}:", {name: float(f"{value:.3g}") for name, value in rounded.items()})
        if rounded["hidden"] > WORST_ROUNDING:
            raise SystemExit(f"the decode graph in {form} is too far from PyTorch")
    config = model.config
    shapes = [state["shape"] for state in manifest["video"]["decoder"]["states"]]
    codes = torch.stack([torch.randint(size, config.grid) for size in config.sub_codebooks], dim=-1)
    zeros = [torch.zeros(shape) for shape in shapes]
    frames = compare_decoder(folder, lambda clip: streaming(clip, zeros)[0], codes, shapes)
    print("video decoder:", {name: float(f"{value:.3g}") for name, value in frames.items()})
    drawn = streaming(codes, zeros)[0]
    encoded = compare_encoder(folder, lambda clip: _codes(streaming, clip), drawn)
    print("video encoder:", {name: float(f"{value:.3g}") for name, value in encoded.items()})
    if "control" in manifest:
        video = manifest["video"]
        print(f"depth: {check_depth(load_depth(), folder, video['height'], video['width']):.2g}")
    compared = ("keys", "logits", "hidden", "logits_b", "logits_audio", "logits_text", "given", "together")
    worst = max(found[name] for name in compared)
    if (
        worst > 1e-3
        or frames["frames"] > 1e-3
        or frames["streamed"] != 0
        or frames["states"] != 0
        or encoded["codes"] > 0.01
    ):
        raise SystemExit("the exported graphs do not agree with PyTorch")


def check_enlarger(folder: Path, enlarger: SuperResolution, height: int, width: int) -> None:
    """Raises SystemExit unless super-resolution agrees with PyTorch and streams bit for bit."""
    found = compare_enlarger(folder, enlarger, torch.rand(20, 3, height, width))
    print("super-resolution:", {name: float(f"{value:.3g}") for name, value in found.items()})
    if found["frames"] > 1e-3 or found["streamed"] != 0:
        raise SystemExit("the graph of super-resolution does not agree with PyTorch")


def _codes(streaming: StreamingDecoder, frames: torch.Tensor) -> torch.Tensor:
    """Frames `[4 T, 3, H, W]` in [0, 1] -> int64 codes `[T, H/16, W/16, 2]`."""
    split = frames.unflatten(0, (-1, 4)).unflatten(4, (-1, POSITION)).unflatten(3, (-1, POSITION))
    blocks = split.permute(0, 3, 5, 1, 4, 6, 2).flatten(3)  # frame, row, column, colour
    found = streaming.codebook.codes(streaming.codebook.coefficients(blocks.flatten(0, 2)))
    return found.unflatten(0, blocks.shape[:3])


def main() -> None:
    parser = argparse.ArgumentParser(description="Exports a bundle and checks it.")
    parser.add_argument("--tokenizer", type=Path, default=paths.CHECKPOINTS / "video-tokenizer.pt")
    parser.add_argument(
        "--language-model", type=Path, help="decayed.pt, checkpoint.pt or the compact one; else untrained"
    )
    parser.add_argument("--weights", choices=("model", "average"), default="model")
    parser.add_argument("--text-tokenizer", type=Path, default=paths.CHECKPOINTS / "text-tokenizer.json")
    parser.add_argument("--evaluation", type=Path, help="JSON of evaluate_language_model")
    parser.add_argument("--out", type=Path, default=paths.TRAINING.parent / "models" / "cinegraph-small")
    parser.add_argument("--temperature", type=float, default=0.3)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--int8-cache", action="store_true", help="also graphs that work on int8 caches")
    options = parser.parse_args()
    torch.set_num_threads(1)
    known = stage.known_words()
    for text in EXAMPLES:
        unknown = set(text.replace(",", "").split()) - set(known)
        if unknown:
            raise SystemExit(f"example words that no caption contains: {unknown}")
    export(options, known)


if __name__ == "__main__":
    main()
