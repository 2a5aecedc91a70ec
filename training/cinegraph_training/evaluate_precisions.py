"""What the precisions of the decode graph cost: the attribute reader on held-out prompts, drawn through the graphs in
onnxruntime with the same random numbers in each precision.

    python -m cinegraph_training.evaluate_precisions --count 200 --forms fp32 int8 dynamic int4 int8+q8 int4+q8

A form with `+q8` has int8 caches; their scales come from what the caches of the first prompts hold in float32.
"""

import argparse
import json
import tempfile
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from . import attributes, captions, paths
from .cache_scales import draw_clips, measure_scales
from .check_bundle import OnnxLanguageModel
from .evaluate_language_model import ASKED, accuracy, heldout_scenes
from .export import load_language_model, load_video_tokenizer
from .export_language_model import CacheScales, codebook_table, export_decode, export_language_model
from .language_model import LanguageModel
from .onnx_graph import Graph, WeightFile
from .reader import load_reader, read_classes
from .text_tokenizer import TextTokenizer

INT8_CACHES = "+q8"


class PrecisionEvaluator:
    """Owns the graphs, in a temporary folder of the caller's, and the reader."""

    def __init__(self, options: argparse.Namespace, folder: Path):
        self.options, self.folder = options, folder
        self.tokenizer = load_video_tokenizer(options.tokenizer)
        self.model: LanguageModel = load_language_model(options.language_model, options.weights, self.tokenizer)[0]
        self.reader = load_reader()
        self.scenes = heldout_scenes("video", options.count, options.seed)
        rng = np.random.default_rng([options.seed, 7])
        text_tokenizer = TextTokenizer.load(options.text_tokenizer)
        self.texts = [text_tokenizer.encode(captions.caption(scene, rng)) for scene in self.scenes]
        codebook = WeightFile(folder / "codebook.bin")
        codebook_table(self.model).add(Graph("codebook", codebook), codebook)
        export_language_model(self.model, folder, codebook)
        codebook.write()

    def open(self, form: str, scales: CacheScales | None, rows: int) -> OnnxLanguageModel:
        name = f"decode-{form}{'' if scales is None else INT8_CACHES}"
        if not (self.folder / f"lm-{name}.onnx").exists():
            export_decode(self.model, self.folder, f"lm-{name}", form, scales)
        return OnnxLanguageModel(self.folder, self.model.config, rows, decode=name, cache_scales=scales)

    @cached_property
    def scales(self) -> CacheScales:
        """Measured on the prompts of the first batch."""
        options = self.options
        texts = self.texts[: options.batch]
        return measure_scales(self.folder, self.model.config, texts, options.temperature, options.top_p)

    def measure(self, form: str, scales: CacheScales | None) -> dict[str, float]:
        options = self.options
        read = []
        for start in range(0, options.count, options.batch):
            texts = self.texts[start : start + options.batch]
            graphs = self.open(form, scales, len(texts))
            codes = draw_clips(graphs, texts, options.temperature, options.top_p, options.seed * 100_003 + start)
            clips = torch.cat([self.tokenizer.decode(clip[None]) for clip in codes])
            read.append(read_classes(self.reader, clips))
        wanted = np.array([attributes.scene_to_ints(scene) for scene in self.scenes])
        return accuracy(np.concatenate(read), wanted, ASKED["video"])


def main() -> None:
    parser = argparse.ArgumentParser(description="Prompt fidelity in each precision of the decode graph.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--forms", nargs="+", default=["fp32", "int8", "dynamic", "int4", "int8+q8", "int4+q8"])
    parser.add_argument("--tokenizer", type=Path, default=paths.CHECKPOINTS / "video-tokenizer.pt")
    parser.add_argument("--language-model", type=Path, default=paths.CHECKPOINTS / "language-model.pt")
    parser.add_argument("--weights", choices=("model", "average"), default="model")
    parser.add_argument("--text-tokenizer", type=Path, default=paths.CHECKPOINTS / "text-tokenizer.json")
    parser.add_argument("--temperature", type=float, default=0.3)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    report: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        evaluator = PrecisionEvaluator(options, Path(folder))
        for form in options.forms:
            scales = evaluator.scales if form.endswith(INT8_CACHES) else None
            report[form] = evaluator.measure(form.removesuffix(INT8_CACHES), scales)
            print(f"{form:10}", "  ".join(f"{name} {value:.3f}" for name, value in report[form].items()), flush=True)
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
