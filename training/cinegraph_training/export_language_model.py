"""The language model's ONNX graphs (docs/BUNDLE.md): prefill, decode, and one head for each kind of token. Shapes as in
language_model.py."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from .export_codebook import CodebookTable
from .language_model import NORM_EPSILON, LanguageModel, LanguageModelConfig
from .matrix_forms import MICROSOFT, Form, multiply
from .onnx_graph import Graph, WeightFile

# Matrices of the blocks and looks: stored as int8 per output channel. The rest is float16.
INT8 = (".qkv", ".out", ".gate_up", ".down", ".gate", ".far")


# Of each layer: what one step of an int8 key, and of an int8 value, stands for.
CacheScales = list[tuple[float, float]]
INT8_CACHE = {"k_quant_type": "PER_TENSOR", "v_quant_type": "PER_TENSOR", "kv_cache_bit_width": 8}

# The decode graph has a file for each; all read the same weights.
DECODE_FORMS: tuple[Form, ...] = ("fp32", "int8", "dynamic")


# Rows of which one run of lm-together.onnx computes windows of positions.
ROWS_TOGETHER = 8


def decode_file(form: str, int8_cache: bool = False) -> str:
    return graph_file("decode" if form == "fp32" else f"decode-{form}", int8_cache)


def graph_file(name: str, int8_cache: bool = False) -> str:
    """Of the graph of this name that works on float32 caches, or on int8 ones."""
    return f"lm-{name}{'-q8' if int8_cache else ''}.onnx"


def is_int8(name: str) -> bool:
    """Whether the matrix of this name is stored as int8."""
    return name in ("audio_head", "text_head") or (name.startswith(("blocks.", "looks.")) and name.endswith(INT8))


def codebook_table(model: LanguageModel) -> CodebookTable:
    return CodebookTable(
        content=model.contents.table.numpy().astype(np.float16),
        scale=model.contents.scale.numpy(),
        mean=model.contents.mean.numpy(),
        sub_codebooks=model.config.sub_codebooks,
    )


def export_language_model(
    model: LanguageModel,
    folder: Path,
    codebook: WeightFile,
    cache_scales: CacheScales | None = None,
    forms: tuple[Form, ...] = DECODE_FORMS,
) -> None:
    """Writes `lm-prefill.onnx`, `lm-decode.onnx`, `lm-given.onnx`, `lm-together.onnx`, `lm-head.onnx`,
    `lm-audio-head.onnx`, `lm-text-head.onnx` and their shared `lm-weights.bin`; the table of what codes look like goes
    to `codebook`. With `cache_scales` also the graphs that work on int8 caches. `forms`: of the decode graph."""
    weights = WeightFile(folder / "lm-weights.bin")
    parameters = {name: value.detach().float().numpy() for name, value in model.named_parameters()}
    buffers = {name: value.numpy() for name, value in model.named_buffers()}
    table = codebook_table(model)
    for scales in (None,) if cache_scales is None else (None, cache_scales):
        for form in forms:
            graph = Graph("lm-decode", weights, form)
            _decode(graph, model.config, parameters, buffers, table.add(graph, codebook), scales)
            graph.save(folder / decode_file(form, scales is not None))
        for name, rows in (("given", 1), ("together", ROWS_TOGETHER)):
            graph = Graph(f"lm-{name}", weights)
            _given(graph, model.config, parameters, buffers, table.add(graph, codebook), rows, scales)
            graph.save(folder / graph_file(name, scales is not None))
    for file, write in (("lm-prefill", _prefill), ("lm-head", _head)):
        graph = Graph(file, weights)
        write(graph, model.config, parameters, buffers, table.add(graph, codebook))
        graph.save(folder / f"{file}.onnx")
    for file, write in (("lm-audio-head", _audio_head), ("lm-text-head", _text_head)):
        graph = Graph(file, weights)
        write(graph, model.config, parameters)
        graph.save(folder / f"{file}.onnx")
    weights.write()


def _linear(graph: Graph, parameters: dict, name: str, value: str) -> str:
    matrix = parameters[f"{name}.weight"].T
    if is_int8(name):
        return multiply(graph, name, matrix, value)
    return graph.node("MatMul", [value, graph.weight(name, matrix)])


def _norm_weight(graph: Graph, parameters: dict, name: str) -> str:
    return graph.weight(name, parameters[f"{name}.weight"])


def _swiglu(graph: Graph, config: LanguageModelConfig, parameters: dict, block: str, value: str) -> str:
    """Packed gate|up, SiLU (`x * sigmoid(x)` is QuickGelu with alpha 1), down."""
    packed = _linear(graph, parameters, f"{block}.gate_up", value)
    gate, up = graph.split(packed, [config.mlp_width] * 2, -1)
    active = graph.node("QuickGelu", [gate], domain=MICROSOFT, alpha=1.0)
    return _linear(graph, parameters, f"{block}.down", graph.node("Mul", [active, up]))


def export_decode(
    model: LanguageModel, folder: Path, name: str, form: Form, cache_scales: CacheScales | None = None
) -> None:
    """One decode graph with weights of its own, `<name>.onnx` and `<name>.bin`: what the evaluation of a precision
    runs before a bundle lists it. `cache_scales`: its caches are int8."""
    weights = WeightFile(folder / f"{name}.bin")
    parameters = {key: value.detach().float().numpy() for key, value in model.named_parameters()}
    buffers = {key: value.numpy() for key, value in model.named_buffers()}
    graph = Graph("lm-decode", weights, form)
    _decode(graph, model.config, parameters, buffers, codebook_table(model).add(graph, weights), cache_scales)
    graph.save(folder / f"{name}.onnx")
    weights.write()


def _decode(
    graph: Graph,
    config: LanguageModelConfig,
    parameters: dict,
    buffers: dict,
    content: str,
    cache_scales: CacheScales | None = None,
) -> None:
    """One output position per row; the caches are read and written in place (past and present share memory)."""
    residual, far = _outputs(graph, config, parameters, buffers, content)
    decode_blocks(graph, config, parameters, buffers, residual, far, cache_scales=cache_scales)


def _given(
    graph: Graph,
    config: LanguageModelConfig,
    parameters: dict,
    buffers: dict,
    content: str,
    rows: int = 1,
    cache_scales: CacheScales | None = None,
) -> None:
    """The next output positions of each of `rows` rows, whose codes are given or guessed, in one run."""
    residual, far = _outputs(graph, config, parameters, buffers, content)
    seen = (config.far_contexts.stop - config.far_contexts.start) * (config.content_dimensions + 1)
    residual = graph.node("Reshape", [residual, graph.constant([1, -1, config.width])])
    far = graph.node("Reshape", [far, graph.constant([1, -1, seen])])
    decode_blocks(graph, config, parameters, buffers, residual, far, rows=rows, cache_scales=cache_scales)


def _outputs(
    graph: Graph, config: LanguageModelConfig, parameters: dict, buffers: dict, content: str
) -> tuple[str, str]:
    """What `B` output positions are told `[B, 1, d]`, and what their looks see `[B, 1, contexts (D + 1)]`."""
    rows = graph.input("row_ids", "int64", ["B", config.rows_per_position])
    codes = graph.input("code_ids", "int64", ["B", len(config.contexts)])
    sounds = graph.input("audio_ids", "int64", ["B", len(config.audio_contexts)])
    table = graph.weight("table", parameters["table"], widen=False)
    gathered = graph.node("Cast", [graph.node("Gather", [table, rows])], to=TensorProto.FLOAT)
    summed = graph.node("ReduceSum", [gathered, graph.constant([1])], keepdims=1)  # [B, 1, d]
    seen = graph.node("Cast", [graph.node("Gather", [content, codes])], to=TensorProto.FLOAT)  # [B, C, D + 1]
    residual = graph.node("Add", [summed, _first_look(graph, config, parameters, seen)])
    residual = graph.node("Add", [residual, _heard(graph, config, parameters, buffers, sounds, [-1, 1])])
    return residual, _far(graph, config, seen)


def decode_blocks(
    graph: Graph,
    config: LanguageModelConfig,
    parameters: dict,
    buffers: dict,
    residual: str,
    far: str,
    rows: int | None = None,
    cache_scales: CacheScales | None = None,
) -> None:
    """The blocks on one position `residual` `[B, 1, d]` per row, and the logits of sub-token a. `far`: what the looks
    see, `[B, 1, contexts (D + 1)]`. `rows`: on the next positions `[1, N, d]` of that many rows, one after the other,
    logits `[N, V]`; of several, `counts` `[rows]` says how many positions each has, and each has a cache and lengths
    of its own. `cache_scales`: the caches are int8."""
    of_row = [f"_{row}" for row in range(rows)] if rows is not None and rows > 1 else [""]
    cache_shape = ["B" if rows is None else 1, config.kv_heads, "M", config.head_dim]
    cache_type = "float" if cache_scales is None else "int8"
    for suffix in of_row:
        for layer in range(config.layers):
            graph.input(f"past_key_{layer}{suffix}", cache_type, cache_shape)
            graph.input(f"past_value_{layer}{suffix}", cache_type, cache_shape)
        graph.input(f"seqlens_k{suffix}", "int32", ["B" if rows is None else 1])
        graph.input(f"total_sequence_length{suffix}", "int32", [])
    if len(of_row) > 1:
        graph.input("counts", "int64", [rows])
    # First output: a Sequence. onnxruntime-node throws on it after the run, before it would copy every fetched tensor;
    # the engine catches exactly that and reads the tensors that it bound.
    graph.node("SequenceConstruct", [f"total_sequence_length{of_row[0]}"], ["aa_sentinel"])
    graph.outputs.append(
        helper.make_value_info(
            "aa_sentinel", helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.INT32, []))
        )
    )
    cos, sin = (graph.constant(buffers[name], np.float32) for name in ("cos", "sin"))
    update = None
    for layer in range(config.layers):
        block = f"blocks.{layer}"
        if layer in config.look_layers:
            residual, update = _look(graph, parameters, f"looks.{layer}", far, residual, update)
        normed, residual = _skip_norm(graph, parameters, f"{block}.attention_norm", residual, update)
        qkv = _linear(graph, parameters, f"{block}.qkv", normed)
        parts = [qkv] if len(of_row) == 1 else [f"qkv_{layer}{suffix}" for suffix in of_row]
        if len(of_row) > 1:
            graph.node("Split", [qkv, "counts"], parts, axis=1)
        attended = [
            _attend_cached(graph, config, part, layer, suffix, cos, sin, cache_scales)
            for part, suffix in zip(parts, of_row, strict=True)
        ]
        attended = attended[0] if len(attended) == 1 else graph.node("Concat", attended, axis=1)
        update = _linear(graph, parameters, f"{block}.out", attended)
        normed, residual = _skip_norm(graph, parameters, f"{block}.mlp_norm", residual, update)
        update = _swiglu(graph, config, parameters, block, normed)
    _predict(graph, config, parameters, residual, update, 1 if rows is None else 0)
    for suffix in of_row:
        for layer in range(config.layers):
            graph.output(f"present_key_{layer}{suffix}", cache_type, cache_shape)
            graph.output(f"present_value_{layer}{suffix}", cache_type, cache_shape)


def _attend_cached(
    graph: Graph,
    config: LanguageModelConfig,
    qkv: str,
    layer: int,
    suffix: str,
    cos: str,
    sin: str,
    cache_scales: CacheScales | None,
) -> str:
    """Causal attention over a cache and what is new, which it writes into the cache. `suffix`: of the row's names."""
    return graph.node(
        "GroupQueryAttention",
        [
            *(qkv, "", "", f"past_key_{layer}{suffix}", f"past_value_{layer}{suffix}"),
            *(f"seqlens_k{suffix}", f"total_sequence_length{suffix}", cos, sin),
            *_cache_scales(graph, cache_scales, layer),
        ],
        [f"attended_{layer}{suffix}", f"present_key_{layer}{suffix}", f"present_value_{layer}{suffix}"],
        domain=MICROSOFT,
        num_heads=config.heads,
        kv_num_heads=config.kv_heads,
        do_rotary=1,
        rotary_interleaved=0,
        scale=config.head_dim**-0.5,
        **({} if cache_scales is None else INT8_CACHE),
    )


def _cache_scales(graph: Graph, scales: CacheScales | None, layer: int) -> list[str]:
    """The last inputs of GroupQueryAttention on int8 caches: three unused ones, then the scales."""
    if scales is None:
        return []
    return ["", "", "", *(graph.constant([value], np.float32) for value in scales[layer])]


def _predict(
    graph: Graph, config: LanguageModelConfig, parameters: dict, residual: str, update: str | None, squeezed: int
) -> None:
    """`hidden` and `logits` from the residual stream after the last block, whose axis `squeezed` has one entry."""
    normed, _ = _skip_norm(graph, parameters, "norm", residual, update)
    graph.node("Squeeze", [normed, graph.constant([squeezed])], ["hidden"])
    graph.node("MatMul", ["hidden", graph.weight("head_a", parameters["head_a.weight"].T)], ["logits"])
    graph.output("logits", "float", ["B", config.output_size])
    graph.output("hidden", "float", ["B", config.width])


def _heard(
    graph: Graph, config: LanguageModelConfig, parameters: dict, buffers: dict, sounds: str, leading: list[int]
) -> str:
    """What the audio contexts `[..., A]` say, `[*leading, d]`."""
    table = graph.weight("sounds", buffers["sounds"], widen=False)
    found = graph.node("Cast", [graph.node("Gather", [table, sounds])], to=TensorProto.FLOAT)
    width = len(config.audio_contexts) * config.audio_dimensions
    flat = graph.node("Reshape", [found, graph.constant([*leading, width])])
    return _linear(graph, parameters, "audio_out", graph.silu(_linear(graph, parameters, "audio_in", flat)))


def _first_look(graph: Graph, config: LanguageModelConfig, parameters: dict, seen: str) -> str:
    """What the contexts look like, `[B, C, D + 1]` -> `[B, 1, d]`."""
    width = len(config.contexts) * (config.content_dimensions + 1)
    flat = graph.node("Reshape", [seen, graph.constant([-1, 1, width])])
    inner = graph.node("QuickGelu", [_linear(graph, parameters, "look_in", flat)], domain=MICROSOFT, alpha=1.0)
    return _linear(graph, parameters, "look_out", inner)


def _far(graph: Graph, config: LanguageModelConfig, seen: str) -> str:
    """The contents of the contexts in earlier latent frames, `[B, 1, contexts (D + 1)]`."""
    start, stop = config.far_contexts.start, config.far_contexts.stop
    part = graph.node("Slice", [seen, *(graph.constant([bound]) for bound in (start, stop, 1))])
    width = (stop - start) * (config.content_dimensions + 1)
    return graph.node("Reshape", [part, graph.constant([-1, 1, width])])


def _look(graph: Graph, parameters: dict, name: str, far: str, residual: str, update: str | None) -> tuple[str, str]:
    """A second look before a block: the residual stream, and what is added to it."""
    normed, residual = _skip_norm(graph, parameters, f"{name}.norm", residual, update)
    gate = graph.node("QuickGelu", [_linear(graph, parameters, f"{name}.gate", normed)], domain=MICROSOFT, alpha=1.0)
    shown = graph.node("Mul", [gate, _linear(graph, parameters, f"{name}.far", far)])
    return residual, _linear(graph, parameters, f"{name}.out", shown)


def _skip_norm(graph: Graph, parameters: dict, name: str, residual: str, update: str | None) -> tuple[str, str]:
    """RMSNorm of `residual + update` and that sum."""
    weight = _norm_weight(graph, parameters, name)
    if update is None:
        normed = graph.node("SimplifiedLayerNormalization", [residual, weight], axis=-1, epsilon=NORM_EPSILON)
        return normed, residual
    stem = name.replace(".", "_")
    graph.node(
        "SkipSimplifiedLayerNormalization",
        [residual, update, weight],
        [f"{stem}_normed", "", "", f"{stem}_sum"],
        domain=MICROSOFT,
        epsilon=NORM_EPSILON,
    )
    return f"{stem}_normed", f"{stem}_sum"


def _rms_norm(graph: Graph, parameters: dict, name: str, value: str) -> str:
    """RMSNorm from standard operators."""
    square = graph.node("Mul", [value, value])
    mean = graph.node("ReduceMean", [square, graph.constant([-1])], keepdims=1)
    root = graph.node("Sqrt", [graph.node("Add", [mean, graph.constant(NORM_EPSILON, np.float32)])])
    return graph.node("Mul", [graph.node("Div", [value, root]), _norm_weight(graph, parameters, name)])


def _rotate(graph: Graph, value: str, half: int, cos: str, sin: str) -> str:
    """Half-split rotary form on `[..., P, hd]` with tables `[P, hd / 2]`."""
    first, second = graph.split(value, [half, half], -1)
    left = graph.node("Sub", [graph.node("Mul", [first, cos]), graph.node("Mul", [second, sin])])
    right = graph.node("Add", [graph.node("Mul", [second, cos]), graph.node("Mul", [first, sin])])
    return graph.node("Concat", [left, right], axis=-1)


def _prefill(graph: Graph, config: LanguageModelConfig, parameters: dict, buffers: dict, content: str) -> None:
    """The prefix in both directions: rotated keys, and values, of every layer. The last layer stops there."""
    rows = graph.input("row_ids", "int64", [1, "P", config.rows_per_position])
    codes = graph.input("code_ids", "int64", [1, "P", len(config.contexts)])
    sounds = graph.input("audio_ids", "int64", [1, "P", len(config.audio_contexts)])
    table = graph.weight("table", parameters["table"], widen=False)
    gathered = graph.node("Cast", [graph.node("Gather", [table, rows])], to=TensorProto.FLOAT)  # [1, P, 3 + C, d]
    x = graph.node("ReduceSum", [gathered, graph.constant([2])], keepdims=0)  # [1, P, d]
    x = graph.node("Add", [x, _shown(graph, config, parameters, content, codes)])
    x = graph.node("Add", [x, _heard(graph, config, parameters, buffers, sounds, [1, -1])])
    length = graph.node("Shape", [rows], start=1, end=2)
    zero = graph.constant([0])
    cos, sin = (
        graph.node("Slice", [graph.constant(buffers[name], np.float32), zero, length, zero]) for name in ("cos", "sin")
    )
    for layer in range(config.layers):
        block = f"blocks.{layer}"
        qkv = _linear(graph, parameters, f"{block}.qkv", _rms_norm(graph, parameters, f"{block}.attention_norm", x))
        query, key, value = _prefill_heads(graph, config, qkv, cos, sin, layer)
        if layer == config.layers - 1:
            break
        attended = _attend(graph, config, query, key, value)
        x = graph.node("Add", [x, _linear(graph, parameters, f"{block}.out", attended)])
        normed = _rms_norm(graph, parameters, f"{block}.mlp_norm", x)
        packed = _linear(graph, parameters, f"{block}.gate_up", normed)
        gate, up = graph.split(packed, [config.mlp_width] * 2, -1)
        active = graph.silu(gate)
        x = graph.node("Add", [x, _linear(graph, parameters, f"{block}.down", graph.node("Mul", [active, up]))])
    for kind in ("key", "value"):
        for layer in range(config.layers):
            graph.output(f"{kind}_{layer}", "float", [1, config.kv_heads, "P", config.head_dim])


def _shown(graph: Graph, config: LanguageModelConfig, parameters: dict, content: str, codes: str) -> str:
    """What the contexts `[1, P, C]` of tokens of a video source look like, `[1, P, d]`; zeros for tokens without
    any."""
    seen = graph.node("Cast", [graph.node("Gather", [content, codes])], to=TensorProto.FLOAT)
    width = len(config.contexts) * (config.content_dimensions + 1)
    flat = graph.node("Reshape", [seen, graph.constant([1, -1, width])])
    looked = _linear(graph, parameters, "look_out", graph.silu(_linear(graph, parameters, "look_in", flat)))
    first = graph.node("ReduceMin", [codes, graph.constant([2])], keepdims=1)
    known = graph.node("Cast", [graph.node("Less", [first, graph.constant(config.null_code)])], to=TensorProto.FLOAT)
    return graph.node("Mul", [looked, known])


def _prefill_heads(graph: Graph, config: LanguageModelConfig, qkv: str, cos: str, sin: str, layer: int):
    """Packed qkv `[1, P, (H + 2 Kv) hd]` -> rotated query `[1, H, P, hd]`, rotated key and value `[1, Kv, P, hd]`."""
    heads = config.heads + 2 * config.kv_heads
    split = graph.node("Reshape", [qkv, graph.constant([1, -1, heads, config.head_dim])])
    split = graph.node("Transpose", [split], perm=[0, 2, 1, 3])
    query, key, value = graph.split(split, [config.heads, config.kv_heads, config.kv_heads], 1)
    half = config.head_dim // 2
    key = graph.node("Identity", [_rotate(graph, key, half, cos, sin)], [f"key_{layer}"])
    value = graph.node("Identity", [value], [f"value_{layer}"])
    if layer == config.layers - 1:
        return query, key, value
    return _rotate(graph, query, half, cos, sin), key, value


def _attend(graph: Graph, config: LanguageModelConfig, query: str, key: str, value: str) -> str:
    """Softmax attention without a mask; `H / Kv` query heads share a key-value head. -> `[1, P, H hd]`."""
    group = config.heads // config.kv_heads
    query = graph.node("Reshape", [query, graph.constant([config.kv_heads, group, -1, config.head_dim])])
    key = graph.node("Reshape", [key, graph.constant([config.kv_heads, 1, -1, config.head_dim])])
    value = graph.node("Reshape", [value, graph.constant([config.kv_heads, 1, -1, config.head_dim])])
    scaled = graph.node("Mul", [query, graph.constant(config.head_dim**-0.5, np.float32)])
    scores = graph.node("MatMul", [scaled, graph.node("Transpose", [key], perm=[0, 1, 3, 2])])
    attended = graph.node("MatMul", [graph.node("Softmax", [scores], axis=-1), value])
    merged = graph.node("Reshape", [attended, graph.constant([1, config.heads, -1, config.head_dim])])
    merged = graph.node("Transpose", [merged], perm=[0, 2, 1, 3])
    return graph.node("Reshape", [merged, graph.constant([1, -1, config.heads * config.head_dim])])


def _head(graph: Graph, config: LanguageModelConfig, parameters: dict, buffers: dict, content: str) -> None:
    """Sub-token `b` from the hidden state and the chosen sub-token `a`: how well each entry of the cell, seen from the
    cell's centre, fits a query."""
    hidden = graph.input("hidden", "float", ["B", config.width])
    chosen = graph.input("a", "int64", ["B"])
    table = graph.weight("embedding_of_a", parameters["embedding_of_a"], widen=False)
    embedded = graph.node("Cast", [graph.node("Gather", [table, chosen])], to=TensorProto.FLOAT)
    inner = _linear(graph, parameters, "head_b_in", graph.node("Add", [hidden, embedded]))
    active = graph.node("QuickGelu", [inner], domain=MICROSOFT, alpha=1.0)
    query = _linear(graph, parameters, "head_b_out", active)  # [B, D + 1]
    cells, squares = _cells(graph, config, buffers, content)
    values, square = (graph.node("Gather", [table, chosen]) for table in (cells, squares))  # [B, b, D + 1], [B, b]
    fits = graph.node("MatMul", [values, graph.node("Unsqueeze", [query, graph.constant([2])])])
    strength = graph.split(query, [config.content_dimensions, 1], -1)[1]
    strength = graph.node("Mul", [strength, graph.constant(1 / config.content_dimensions, np.float32)])
    fit = graph.node("Squeeze", [fits, graph.constant([2])])
    logits = graph.node("Add", [fit, graph.node("Mul", [square, strength])])
    bias = graph.weight("bias_b", parameters["bias_b"], widen=False)
    own = graph.node("Cast", [graph.node("Gather", [bias, chosen])], to=TensorProto.FLOAT)
    graph.node("Add", [logits, own], ["logits_b"])
    graph.output("logits_b", "float", ["B", config.sub_codebooks[1]])


def _cells(graph: Graph, config: LanguageModelConfig, buffers: dict, content: str) -> tuple[str, str]:
    """The entries of every cell, centred and scaled, `[A, b, D + 1]` with a last column of zeros, and the sums of their
    squares `[A, b]`. The nodes are constant, onnxruntime folds them once at load."""
    cells, count = config.sub_codebooks
    bounds = (graph.constant([bound]) for bound in (0, cells * count))
    known = graph.node("Slice", [graph.node("Cast", [content], to=TensorProto.FLOAT), *bounds])
    split = graph.node("Reshape", [known, graph.constant([cells, count, config.content_dimensions + 1])])
    center = graph.weight("center", np.pad(buffers["contents.center"], ((0, 0), (0, 1)))[:, None])
    spread = graph.weight("inv_spread", buffers["contents.inv_spread"][:, None, None])
    entries = graph.node("Mul", [graph.node("Sub", [split, center]), spread])
    squares = graph.node("ReduceSum", [graph.node("Mul", [entries, entries]), graph.constant([2])], keepdims=0)
    return entries, squares


def _audio_head(graph: Graph, config: LanguageModelConfig, parameters: dict) -> None:
    """Audio codes of each row's own level."""
    hidden = graph.input("hidden", "float", ["B", config.width])
    level = graph.input("level", "int64", ["B"])
    every = graph.node(
        "MatMul", [hidden, graph.matrix("audio_head", parameters["audio_head"].reshape(-1, config.width).T)]
    )
    every = graph.node("Reshape", [every, graph.constant([-1, config.audio_levels, config.audio_size])])
    chosen = graph.node("Unsqueeze", [level, graph.constant([1])])
    graph.node("GatherND", [every, chosen], ["logits"], batch_dims=1)
    graph.output("logits", "float", ["B", config.audio_size])


def _text_head(graph: Graph, config: LanguageModelConfig, parameters: dict) -> None:
    """Pieces of text; the last entry is the end."""
    hidden = graph.input("hidden", "float", ["B", config.width])
    graph.node("MatMul", [hidden, graph.matrix("text_head", parameters["text_head.weight"].T)], ["logits"])
    graph.output("logits", "float", ["B", config.text_size + 1])
