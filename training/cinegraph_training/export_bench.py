"""Models of given shape with random weights for bench/engine-table.ts: our decode graph in every form, GGUF files
for llama.cpp, and a folder for transformers.js.

    python -m cinegraph_training.export_bench --shape 25M --out /tmp/cinegraph-bench
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from onnx import TensorProto

from .export_language_model import decode_blocks
from .gguf import vocabulary, write_gguf
from .language_model import NORM_EPSILON, ROTARY_BASE, LanguageModelConfig, rotary_tables
from .matrix_forms import FORMS, multiply
from .onnx_graph import Graph, WeightFile

# Text and grid make room for 640 entries of the cache; the vocabulary has 1,024.
COMMON = LanguageModelConfig(look_layers=(), grid=(9, 8, 8), sub_codebooks=(1023, 1))
CACHE_SCALES = (4 / 127, 4 / 127)  # keys and values are about normal
SHAPES = {
    "8M": replace(COMMON, layers=8, width=256, heads=8, kv_heads=8, head_dim=32, mlp_width=1024),
    "25M": replace(COMMON, layers=8, width=512, heads=8, kv_heads=8, head_dim=64, mlp_width=1408),
    "110M": replace(COMMON, layers=12, width=768, heads=12, kv_heads=12, head_dim=64, mlp_width=3072),
}


def shape_of(name: str) -> LanguageModelConfig:
    """`25M`, or `25M-kv4` with a quarter of the key-value heads."""
    base, _, fewer = name.partition("-kv")
    shape = SHAPES[base]
    return replace(shape, kv_heads=shape.heads // int(fewer)) if fewer else shape


def random_parameters(config: LanguageModelConfig) -> dict[str, np.ndarray]:
    """Matrices `[out, in]` by the names of LanguageModel."""
    rng = np.random.default_rng(1)
    inner, packed = config.heads * config.head_dim, (config.heads + 2 * config.kv_heads) * config.head_dim
    shapes = {"head_a": (config.output_size, config.width)}
    for layer in range(config.layers):
        shapes[f"blocks.{layer}.qkv"] = (packed, config.width)
        shapes[f"blocks.{layer}.out"] = (config.width, inner)
        shapes[f"blocks.{layer}.gate_up"] = (2 * config.mlp_width, config.width)
        shapes[f"blocks.{layer}.down"] = (config.width, config.mlp_width)
    parameters = {
        f"{name}.weight": (rng.standard_normal(shape, np.float32) * shape[1] ** -0.5) for name, shape in shapes.items()
    }
    norms = [
        "norm",
        *(f"blocks.{layer}.{kind}_norm" for layer in range(config.layers) for kind in ("attention", "mlp")),
    ]
    parameters |= {f"{name}.weight": np.ones(config.width, np.float32) for name in norms}
    parameters["table"] = rng.standard_normal((config.output_size, config.width), np.float32)
    return parameters


def write_decode_graphs(folder: Path, config: LanguageModelConfig, parameters: dict) -> None:
    """`decode-<form>.onnx`: like lm-decode, but a position is told one row of the table. `decode-<form>-q8.onnx` has
    int8 caches."""
    buffers = dict(
        zip(("cos", "sin"), (t.numpy() for t in rotary_tables(config.max_length, config.head_dim)), strict=True)
    )
    for form in FORMS:
        # Weights of their own, so that a form reads no more than its own from the disk.
        weights = WeightFile(folder / f"decode-{form}.bin")
        for suffix, scales in (("", None), ("-q8", [CACHE_SCALES] * config.layers)):
            graph = Graph(form, weights, form)
            ids = graph.input("ids", "int64", ["B", 1])
            rows = graph.node("Gather", [graph.weight("table", parameters["table"], widen=False), ids])
            residual = graph.node("Cast", [rows], to=TensorProto.FLOAT)
            decode_blocks(graph, config, parameters, buffers, residual, "", cache_scales=scales)
            graph.save(folder / f"decode-{form}{suffix}.onnx")
        weights.write()


def write_transformers_folder(folder: Path, config: LanguageModelConfig, parameters: dict) -> None:
    """`transformers/`: the same blocks with the inputs and outputs that transformers.js expects of a decoder. Its cache
    grows by a copy each step, which is that library's way."""
    onnx = folder / "transformers" / "onnx"
    onnx.mkdir(parents=True, exist_ok=True)
    buffers = dict(
        zip(("cos", "sin"), (t.numpy() for t in rotary_tables(config.max_length, config.head_dim)), strict=True)
    )
    for file, form in (("model", "fp32"), ("model_quantized", "dynamic")):
        weights = WeightFile(onnx / f"{file}.onnx_data")
        graph = Graph(file, weights, form)
        ids = graph.input("input_ids", "int64", ["B", "N"])
        mask = graph.input("attention_mask", "int64", ["B", "S"])
        rows = graph.node("Gather", [graph.weight("table", parameters["table"], widen=False), ids])
        residual = graph.node("Cast", [rows], to=TensorProto.FLOAT)
        length = graph.node("ReduceSum", [mask, graph.constant([1])], keepdims=0)
        graph.node("Cast", [graph.node("Sub", [length, graph.constant([1])])], ["seqlens_k"], to=TensorProto.INT32)
        size = graph.node("Squeeze", [graph.node("Shape", [mask], start=1, end=2), graph.constant([0])])
        graph.node("Cast", [size], ["total_sequence_length"], to=TensorProto.INT32)
        decode_blocks(graph, config, parameters, buffers, residual, "")
        _as_transformers(graph, config)
        graph.save(onnx / f"{file}.onnx")
        weights.write()
    described = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": config.output_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.mlp_width,
        "max_position_embeddings": config.max_length,
        "transformers.js_config": {"use_external_data_format": {"model.onnx": 1, "model_quantized.onnx": 1}},
    }
    (folder / "transformers" / "config.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def _as_transformers(graph: Graph, config: LanguageModelConfig) -> None:
    """Renames the caches, drops the sentinel and what the mask says already."""
    names = {
        f"{ours}_{kind}_{layer}": f"{theirs}.{layer}.{kind}"
        for layer in range(config.layers)
        for kind in ("key", "value")
        for ours, theirs in (("past", "past_key_values"), ("present", "present"))
    }
    graph.nodes = [node for node in graph.nodes if node.op_type != "SequenceConstruct"]
    for node in graph.nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    known = ("seqlens_k", "total_sequence_length", "aa_sentinel")
    for values, length in ((graph.inputs, "past"), (graph.outputs, "total")):
        values[:] = [value for value in values if value.name not in known]
        for value in values:
            if value.name in names:
                value.name = names[value.name]
                value.type.tensor_type.shape.dim[2].dim_param = length


def write_floor_graphs(folder: Path, size: int = 1024) -> None:
    """Square products in float32 and in int8: the multiply-adds per second of the machine under onnxruntime."""
    rng = np.random.default_rng(2)
    weights = WeightFile(folder / "floor.bin")
    matrix = rng.standard_normal((size, size), np.float32)
    for form in ("fp32", "dynamic"):
        graph = Graph(form, weights, form)
        value = graph.input("x", "float", [size, size])
        # One number out: a square would be copied.
        graph.node("ReduceMax", [multiply(graph, "w", matrix, value), graph.constant([0, 1])], ["y"], keepdims=0)
        graph.output("y", "float", [])
        graph.save(folder / f"floor-{form}.onnx")
    weights.write()


def write_llama_files(folder: Path, config: LanguageModelConfig, parameters: dict) -> None:
    """`llama-<form>.gguf`."""
    metadata = {
        "general.architecture": "llama",
        "general.name": "random",
        "llama.vocab_size": config.output_size,
        "llama.context_length": config.max_length,
        "llama.embedding_length": config.width,
        "llama.block_count": config.layers,
        "llama.feed_forward_length": config.mlp_width,
        "llama.rope.dimension_count": config.head_dim,
        "llama.rope.freq_base": ROTARY_BASE,
        "llama.attention.head_count": config.heads,
        "llama.attention.head_count_kv": config.kv_heads,
        "llama.attention.layer_norm_rms_epsilon": NORM_EPSILON,
        **vocabulary(config.output_size),
    }
    tensors = {
        "token_embd.weight": parameters["table"],
        "output_norm.weight": parameters["norm.weight"],
        "output.weight": parameters["head_a.weight"],
    }
    heads = np.cumsum([config.heads, config.kv_heads]) * config.head_dim
    for layer in range(config.layers):
        block, to = f"blocks.{layer}", f"blk.{layer}"
        query, key, value = np.split(parameters[f"{block}.qkv.weight"], heads)
        gate, up = np.split(parameters[f"{block}.gate_up.weight"], 2)
        tensors |= {
            f"{to}.attn_norm.weight": parameters[f"{block}.attention_norm.weight"],
            f"{to}.attn_q.weight": query,
            f"{to}.attn_k.weight": key,
            f"{to}.attn_v.weight": value,
            f"{to}.attn_output.weight": parameters[f"{block}.out.weight"],
            f"{to}.ffn_norm.weight": parameters[f"{block}.mlp_norm.weight"],
            f"{to}.ffn_gate.weight": gate,
            f"{to}.ffn_up.weight": up,
            f"{to}.ffn_down.weight": parameters[f"{block}.down.weight"],
        }
    for form in ("f32", "q8_0", "q4_0"):
        write_gguf(folder / f"llama-{form}.gguf", metadata, tensors, form)


def main() -> None:
    parser = argparse.ArgumentParser(description="Random models of one shape for bench/engine-table.ts.")
    parser.add_argument(
        "--shape", required=True, help=f"{', '.join(SHAPES)}; with -kv4: a quarter of the key-value heads"
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    folder = options.out / options.shape
    folder.mkdir(parents=True, exist_ok=True)
    config = shape_of(options.shape)
    parameters = random_parameters(config)
    write_decode_graphs(folder, config, parameters)
    write_llama_files(folder, config, parameters)
    write_transformers_folder(folder, config, parameters)
    write_floor_graphs(folder)
    sizes = {name: getattr(config, name) for name in ("layers", "width", "heads", "kv_heads", "head_dim", "mlp_width")}
    matrices = sum(value.size for name, value in parameters.items() if value.ndim == 2 and name != "table")
    facts = {**sizes, "max_length": config.max_length, "output_size": config.output_size, "matrices": matrices}
    (folder / "shape.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(f"{folder}: {matrices / 1e6:.1f} M weights in matrices")


if __name__ == "__main__":
    main()
