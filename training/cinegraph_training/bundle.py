"""Writes a model bundle (docs/BUNDLE.md): graphs, text tokenizer, model card and the manifest that names them all."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .export_language_model import export_language_model
from .language_model import SPECIAL_ROWS, TASK_ROWS, TEXT_START, LanguageModel
from .onnx_graph import Graph, WeightFile
from .text_tokenizer import TextTokenizer

FORMAT_VERSION = 1
FPS = 8


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


def write_bundle(
    folder: Path,
    facts: BundleFacts,
    model: LanguageModel,
    tokenizer: TextTokenizer,
    add_decoder: Callable[[Graph], list[list[int]]],
) -> dict:
    """Fills `folder` (emptied first) and returns the manifest. `add_decoder` adds the video decoder's nodes to a graph
    and returns its state shapes. The same arguments always give the same bytes."""
    if tokenizer.size > model.config.text_size:
        raise ValueError(f"the tokenizer has {tokenizer.size} pieces, the model room for {model.config.text_size}")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    export_language_model(model, folder)
    weights = WeightFile(folder / "video-decoder.bin")
    graph = Graph("video-decoder", weights)
    states = add_decoder(graph)
    graph.save(folder / "video-decoder.onnx")
    weights.write()
    tokenizer.save(folder / "text-tokenizer.json")
    (folder / "MODEL_CARD.md").write_text(facts.model_card, encoding="utf-8")
    manifest = _manifest(facts, model, states)
    manifest["files"] = [_file_entry(path) for path in sorted(folder.iterdir())]
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    return manifest


def _file_entry(path: Path) -> dict:
    content = path.read_bytes()
    return {"path": path.name, "byteSize": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _manifest(facts: BundleFacts, model: LanguageModel, states: list[list[int]]) -> dict:
    config = model.config
    return {
        "formatVersion": FORMAT_VERSION,
        "name": facts.name,
        "description": facts.description,
        "createdAt": facts.created_at,
        "trainingCommit": facts.training_commit,
        "tasks": list(TASK_ROWS),
        "languages": ["en"],
        "video": {
            "width": config.grid[2] * facts.pixels_per_position,
            "height": config.grid[1] * facts.pixels_per_position,
            "fps": FPS,
            "grid": list(config.grid),
            "framesPerLatent": 4,
            "subCodebooks": list(config.sub_codebooks),
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
            "prefill": "lm-prefill.onnx",
            "decode": "lm-decode.onnx",
            "head": "lm-head.onnx",
            "outputRanges": {"video": {"start": 0, "size": config.sub_codebooks[0]}},
            "rows": _rows(model),
        },
        "text": {"file": "text-tokenizer.json", "maxTokens": config.max_text, "maxCharacters": 400},
        "sampling": facts.sampling,
        "knownWords": facts.known_words,
        "examples": facts.examples,
        "evaluation": facts.evaluation,
        "licences": facts.licences,
    }


def _rows(model: LanguageModel) -> dict:
    config = model.config
    return {
        "special": SPECIAL_ROWS,
        "tasks": TASK_ROWS,
        "text": {"start": TEXT_START, "size": config.text_size},
        "positions": dict(zip("tyx", config.position_starts, strict=True)),
        "contexts": [
            {"offset": list(offset), "a": a, "b": b}
            for offset, (a, b) in zip(config.contexts, config.context_starts, strict=True)
        ],
    }
