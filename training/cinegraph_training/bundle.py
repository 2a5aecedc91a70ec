"""Writes a model bundle (docs/BUNDLE.md): graphs, text tokenizer, model card and the manifest that names them all."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import export_codebook, export_super_resolution
from .audio_tokenizer import AudioTokenizer
from .depth import DepthNet
from .export_audio import export_audio_decoder, export_audio_encoder
from .export_codebook import CodebookTable
from .export_depth import control_parameters, export_depth
from .export_language_model import (
    DECODE_FORMS,
    CacheScales,
    codebook_table,
    decode_file,
    export_language_model,
    graph_file,
)
from .language_model import SPECIAL_ROWS, TASK_ROWS, TEXT_START, LanguageModel
from .matrix_forms import Form
from .onnx_graph import Graph, WeightFile
from .super_resolution import SCALE, SuperResolution
from .text_tokenizer import TextTokenizer

FORMAT_VERSION = 3
FPS = 8
# A clip longer than the grid: latent frames of a window, and how many of them are the end of what is there.
WINDOWS = {"latents": 4, "overlap": 2}


@dataclass(frozen=True)
class BundleFacts:
    """What the manifest says beyond the shapes of the models."""

    name: str
    description: str
    created_at: str
    training_commit: str
    pixels_per_position: int
    known_words: list[str]
    examples: list[str]
    model_card: str
    evaluation: dict = field(default_factory=dict)
    licences: list[dict] = field(default_factory=list)
    sampling: dict = field(default_factory=lambda: {"temperature": 1.0, "topK": 0, "topP": 0.95, "guidance": 3.0})
    audio_sampling: dict = field(default_factory=lambda: {"temperature": 1.0, "topK": 0, "topP": 0.95, "guidance": 2.0})
    text_sampling: dict = field(default_factory=lambda: {"temperature": 0.2, "topK": 0, "topP": 0.95, "guidance": 1.0})
    task_sampling: dict = field(default_factory=dict)  # of tasks that are drawn in another way


def write_bundle(
    folder: Path,
    facts: BundleFacts,
    model: LanguageModel,
    tokenizer: TextTokenizer,
    add_decoder: Callable[[Graph, CodebookTable, WeightFile], list[list[int]]],
    add_encoder: Callable[[Graph, CodebookTable, WeightFile], None],
    audio: AudioTokenizer | None,
    depth: DepthNet | None,
    enlarger: SuperResolution | None,
    cache_scales: CacheScales | None = None,
    forms: tuple[Form, ...] = DECODE_FORMS,
) -> dict:
    """Fills `folder` (emptied first) and returns the manifest. `add_decoder` adds the video decoder's nodes to a graph
    and returns its state shapes, `add_encoder` the encoder's. Without `audio` the bundle neither hears nor sounds,
    without `depth` it does not stylize, without `enlarger` its clips have one size, without `cache_scales` it has no
    graphs that work on int8 caches. `forms`: of the decode graph. The same arguments always give the same bytes."""
    if tokenizer.size > model.config.text_size:
        raise ValueError(f"the tokenizer has {tokenizer.size} pieces, the model room for {model.config.text_size}")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    table, codebook = codebook_table(model), WeightFile(folder / export_codebook.FILE)
    export_language_model(model, folder, codebook, cache_scales, forms)
    states: list[list[int]] = []
    for name, add in (("video-decoder", add_decoder), ("video-encoder", add_encoder)):
        weights = WeightFile(folder / f"{name}.bin")
        graph = Graph(name, weights)
        states = add(graph, table, codebook) or states
        graph.save(folder / f"{name}.onnx")
        weights.write()
    codebook.write()
    audio_states: list[list[int]] = []
    if audio is not None:
        export_audio_encoder(audio, folder)
        audio_states = export_audio_decoder(audio, folder)
    enlarger_states = [] if enlarger is None else _enlarger(folder, model, facts.pixels_per_position, enlarger)
    tokenizer.save(folder / "text-tokenizer.json")
    (folder / "MODEL_CARD.md").write_text(facts.model_card, encoding="utf-8")
    manifest = _manifest(facts, model, states, forms)
    if cache_scales is not None:
        manifest["languageModel"]["int8Cache"] = {
            "scales": [list(layer) for layer in cache_scales],
            "given": graph_file("given", True),
            "together": graph_file("together", True),
            "decode": decode_file("fp32", True),
            "precisions": _precisions(forms, int8_cache=True),
        }
    if audio is not None:
        manifest["audio"] = _audio(model, audio, audio_states)
    else:
        manifest["tasks"] = [task for task in manifest["tasks"] if "AUDIO" not in task]
    if depth is not None:
        export_depth(depth, folder, manifest["video"]["height"], manifest["video"]["width"])
        manifest["control"] = control_parameters()
    else:
        manifest["tasks"].remove("STYLIZE_VIDEO")
    if enlarger is not None:
        manifest["superResolution"] = {
            "file": f"{export_super_resolution.FILE}.onnx",
            "scale": SCALE,
            "states": [{"shape": shape} for shape in enlarger_states],
        }
    manifest["files"] = [_file_entry(path) for path in sorted(folder.iterdir())]
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    return manifest


def _enlarger(folder: Path, model: LanguageModel, pixels: int, enlarger: SuperResolution) -> list[list[int]]:
    """Writes the graph of super-resolution for the model's pictures; returns its state shapes."""
    height, width = (size * pixels for size in model.config.grid[1:])
    weights = WeightFile(folder / f"{export_super_resolution.FILE}.bin")
    graph = Graph(export_super_resolution.FILE, weights)
    states = export_super_resolution.export_super_resolution(graph, enlarger, height, width)
    graph.save(folder / f"{export_super_resolution.FILE}.onnx")
    weights.write()
    return states


def _file_entry(path: Path) -> dict:
    content = path.read_bytes()
    return {"path": path.name, "byteSize": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _precisions(forms: tuple[Form, ...], int8_cache: bool = False) -> dict[str, str]:
    return {form: decode_file(form, int8_cache) for form in forms if form != "fp32"}


def _manifest(facts: BundleFacts, model: LanguageModel, states: list[list[int]], forms: tuple[Form, ...]) -> dict:
    config = model.config
    return {
        "formatVersion": FORMAT_VERSION,
        "name": facts.name,
        "description": facts.description,
        "createdAt": facts.created_at,
        "trainingCommit": facts.training_commit,
        "tasks": [*TASK_ROWS, "FILM"],
        "languages": ["en"],
        "video": {
            "width": config.grid[2] * facts.pixels_per_position,
            "height": config.grid[1] * facts.pixels_per_position,
            "fps": FPS,
            "grid": list(config.grid),
            "framesPerLatent": 4,
            "subCodebooks": list(config.sub_codebooks),
            "codebook": export_codebook.FILE,
            "encoder": {"file": "video-encoder.onnx"},
            "decoder": {"file": "video-decoder.onnx", "states": [{"shape": shape} for shape in states]},
        },
        "languageModel": {
            "layers": config.layers,
            "width": config.width,
            "heads": config.heads,
            "kvHeads": config.kv_heads,
            "headDim": config.head_dim,
            "maxLength": config.max_length,
            "outputSize": config.output_size,
            "windows": WINDOWS,
            "prefill": "lm-prefill.onnx",
            "given": "lm-given.onnx",
            "together": "lm-together.onnx",
            "decode": decode_file("fp32"),
            "precisions": _precisions(forms),
            "head": "lm-head.onnx",
            "audioHead": "lm-audio-head.onnx",
            "textHead": "lm-text-head.onnx",
            "audioContexts": [{"frames": frames, "level": level} for frames, level in config.audio_contexts],
            "outputRanges": {"video": {"start": 0, "size": config.sub_codebooks[0]}},
            "rows": _rows(model),
        },
        "text": {"file": "text-tokenizer.json", "maxTokens": config.max_text, "maxCharacters": 400},
        "sampling": facts.sampling,
        "audioSampling": facts.audio_sampling,
        "textSampling": facts.text_sampling,
        "taskSampling": facts.task_sampling,
        "knownWords": facts.known_words,
        "examples": facts.examples,
        "evaluation": facts.evaluation,
        "licences": facts.licences,
    }


def _audio(model: LanguageModel, audio: AudioTokenizer, states: list[list[int]]) -> dict:
    return {
        "sampleRate": audio.config.sample_rate,
        "samplesPerFrame": audio.config.samples_per_frame,
        "levels": audio.config.levels,
        "codebookSize": audio.config.codebook_size,
        "framesPerClip": model.config.audio_frames,
        "encoder": {"file": "audio-encoder.onnx"},
        "decoder": {"file": "audio-decoder.onnx", "states": [{"shape": shape} for shape in states]},
    }


def _rows(model: LanguageModel) -> dict:
    config = model.config
    return {
        "special": SPECIAL_ROWS,
        "tasks": TASK_ROWS,
        "text": {"start": TEXT_START, "size": config.text_size},
        "positions": dict(zip("tyx", config.position_starts, strict=True)),
        "audio": dict(zip(("frame", "level"), config.audio_starts, strict=True)),
        "contexts": [
            {
                "offset": list(offset),
                "source": "output" if index < len(config.output_contexts) else "condition",
                "a": start,
            }
            for index, (offset, start) in enumerate(zip(config.contexts, config.context_starts, strict=True))
        ],
    }
