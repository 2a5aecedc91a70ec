"""The audio tokenizer as two ONNX graphs (docs/BUNDLE.md), each with its weights beside it.

The decoder keeps frames on the batch axis of the right side of every product, `[N, C] x [F, C, 1]`: onnxruntime then
works on each frame by itself, so that decoding frame by frame is bit-equal to decoding the whole.
"""

import math
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from .audio_analysis import FLOOR, Analysis
from .audio_synthesis import STEPS_PER_TURN, Synthesis
from .audio_tokenizer import CONTEXT, AudioTokenizer, Block
from .onnx_graph import Graph, WeightFile
from .tiny_decoder import TO_THE_END


def export_audio_encoder(model: AudioTokenizer, folder: Path) -> None:
    """Writes `audio-encoder.onnx` and `.bin`: `samples` float32 `[F * samplesPerFrame]` -> `codes` int64
    `[F, levels]`."""
    config, weights = model.config, WeightFile(folder / "audio-encoder.bin")
    graph = Graph("audio-encoder", weights)
    samples = graph.input("samples", "float", ["S"])
    spectra = _analysis(graph, model.analysis, samples)  # [n, bands]
    frames = graph.node("Reshape", [spectra, graph.constant([-1, config.features])])
    centered = graph.node("Sub", [frames, graph.weight("mean", _array(model.mean))])
    rest = graph.node("MatMul", [centered, graph.weight("basis", _array(model.basis))])
    codes = []
    for level, vectors in enumerate(model.quantizer.codebooks):
        table = graph.weight(f"codebook.{level}", _array(vectors))
        products = graph.node("MatMul", [rest, graph.node("Transpose", [table], perm=[1, 0])])
        doubled = graph.node("Mul", [products, _number(graph, 2)])
        squares = graph.constant(np.square(_array(vectors)).sum(axis=1), np.float32)
        nearest = graph.node("ArgMin", [graph.node("Sub", [squares, doubled])], axis=1, keepdims=0)
        rest = graph.node("Sub", [rest, graph.node("Gather", [table, nearest])])
        codes.append(graph.node("Unsqueeze", [nearest, graph.constant([1])]))
    graph.node("Concat", codes, ["codes"], axis=1)
    graph.output("codes", "int64", ["F", config.levels])
    graph.save(folder / "audio-encoder.onnx")
    weights.write()


def _analysis(graph: Graph, analysis: Analysis, samples: str) -> str:
    """`[S]` -> log-mel spectra `[S / hop, bands]`."""
    behind = analysis.window - analysis.hop - analysis.ahead  # negative where a hop is longer than its window
    padded = graph.node("Pad", [samples, graph.constant([behind, analysis.ahead])])
    signal = graph.node("Unsqueeze", [padded, graph.constant([0, 1])])
    basis = graph.weight("dft", _array(analysis.basis).T[:, None])
    lines = graph.node("Conv", [signal, basis], strides=[analysis.hop])  # [1, 2 * lines, n]
    parts = graph.split(lines, [analysis.basis.shape[1] // 2] * 2, axis=1)
    power = graph.node("Add", [graph.node("Mul", [part, part]) for part in parts])
    rows = graph.node("Transpose", [graph.node("Squeeze", [power, graph.constant([0])])], perm=[1, 0])
    bands = graph.node("MatMul", [rows, graph.weight("mels", _array(analysis.mels))])
    return graph.node("Log", [graph.node("Add", [bands, _number(graph, FLOOR)])])


def export_audio_decoder(model: AudioTokenizer, folder: Path) -> list[list[int]]:
    """Writes `audio-decoder.onnx` and `.bin`: `codes` int64 `[F, levels]` and the states -> `samples` float32
    `[F * samplesPerFrame]` and the states after. Returns the states' shapes: the last inputs of every block, then the
    synthesis' counter, amplitudes, frequencies and phases."""
    config, weights = model.config, WeightFile(folder / "audio-decoder.bin")
    graph = Graph("audio-decoder", weights)
    codes = graph.input("codes", "int64", ["F", config.levels])
    shapes = [[CONTEXT - 1, config.width] for _ in model.decoder.blocks]
    shapes += [[1, 1], [1, 2 * config.bands], [1, config.bands], [1, config.bands]]
    states = [graph.input(f"state_in_{index}", "float", shape) for index, shape in enumerate(shapes)]
    points = _points(graph, model, codes)  # [F, D, 1]
    known = _product(graph, "basis", model.basis, points)
    known = graph.node("Add", [known, graph.weight("mean", _column(model.mean))])
    amplitudes, frequencies = _controls(graph, model, points, known, states)
    samples = _synthesis(graph, model.decoder.synthesis, amplitudes, frequencies, states[-4:], len(shapes) - 4)
    flat = graph.node("Reshape", [samples, graph.constant([-1])])
    graph.node("Clip", [flat, _number(graph, -1), _number(graph, 1)], ["samples"])
    graph.output("samples", "float", ["S"])
    for index, shape in enumerate(shapes):
        graph.output(f"state_out_{index}", "float", shape)
    graph.save(folder / "audio-decoder.onnx")
    weights.write()
    return shapes


def _points(graph: Graph, model: AudioTokenizer, codes: str) -> str:
    """The sum of the levels' vectors, `[F, D, 1]`."""
    total = ""
    for level, vectors in enumerate(model.quantizer.codebooks):
        column = graph.node("Gather", [codes, graph.constant([level])], axis=1)  # [F, 1]
        part = graph.node("Gather", [graph.weight(f"codebook.{level}", _array(vectors)), column])
        total = graph.node("Add", [total, part]) if total else part  # [F, 1, D]
    return graph.node("Transpose", [total], perm=[0, 2, 1])


def _controls(graph: Graph, model: AudioTokenizer, points: str, known: str, states: list[str]) -> tuple[str, str]:
    """Amplitudes `[F, hops, 2 * bands]` and frequencies `[F, bands]`; writes the blocks' states."""
    config, decoder = model.config, model.decoder
    x = graph.node("Div", [points, graph.constant(_column(decoder.scale), np.float32)])
    x = _linear(graph, "enter", decoder.enter, x)
    for index, block in enumerate(decoder.blocks):
        assert isinstance(block, Block)
        past = graph.node("Unsqueeze", [states[index], graph.constant([2])])
        seen = graph.node("Concat", [past, x], axis=0)  # [F + 2, C, 1]
        kept = graph.node("Slice", [seen, *_bounds(graph, 1 - CONTEXT, TO_THE_END)])
        graph.node("Squeeze", [kept, graph.constant([2])], [f"state_out_{index}"])
        before = [graph.node("Slice", [seen, *_bounds(graph, start, stop)]) for start, stop in ((0, -2), (1, -1))]
        h = _linear(graph, f"blocks.{index}.time", block.time, graph.node("Concat", [*before, x], axis=1))
        h = graph.silu(h)
        x = graph.node("Add", [x, _linear(graph, f"blocks.{index}.out", block.out, h)])
    out = _linear(graph, "out", decoder.out, x)
    correction, tonality, bends = graph.split(out, [config.features, config.features, config.bands], axis=1)
    shape = graph.constant([-1, config.hops, config.bands])
    powers = graph.node("Reshape", [graph.node("Add", [known, correction]), shape])
    roots = graph.node("Exp", [graph.node("Mul", [powers, _number(graph, 0.5)])])
    whole = graph.node("Relu", [graph.node("Sub", [roots, _number(graph, FLOOR**0.5)])])
    tonality = graph.node("Reshape", [tonality, shape])
    parts = []
    for sign, gain in ((tonality, decoder.gain_tone), (graph.node("Neg", [tonality]), decoder.gain_noise)):
        share = graph.node("Sqrt", [graph.node("Sigmoid", [sign])])
        part = graph.node("Mul", [whole, share])
        parts.append(graph.node("Mul", [part, graph.constant(_array(gain), np.float32)]))
    bends = graph.node("Squeeze", [graph.node("Tanh", [bends]), graph.constant([2])])
    return graph.node("Concat", parts, axis=2), _frequencies(graph, decoder.synthesis, bends)


def _frequencies(graph: Graph, synthesis: Synthesis, bends: str) -> str:
    """`Synthesis.frequencies`."""
    moved = graph.node("Mul", [bends, graph.constant(_array(synthesis.reach), np.float32)])
    turns = graph.node("Add", [moved, graph.constant(_array(synthesis.center), np.float32)])
    steps = graph.node("Round", [graph.node("Mul", [turns, _number(graph, STEPS_PER_TURN)])])
    return graph.node("Div", [steps, _number(graph, STEPS_PER_TURN)])


def _synthesis(
    graph: Graph, synthesis: Synthesis, amplitudes: str, frequencies: str, states: list[str], at: int
) -> str:
    """`Synthesis.forward`: samples `[F, 1, samplesPerFrame]`; writes the states from number `at` on."""
    counter, last_amplitude, last_frequency, last_phase = states
    count = graph.node("Shape", [frequencies], start=0, end=1)  # [1]
    noise = _noise(graph, synthesis, counter, count, f"state_out_{at}")
    is_first = graph.node("Equal", [counter, _number(graph, 0)])
    newest = graph.node("Slice", [frequencies, *_bounds(graph, 0, 1)])
    first = graph.node("Where", [is_first, newest, last_frequency])
    track = graph.node("Concat", [first, frequencies], axis=0)  # [F + 1, bands]
    before = graph.node("Slice", [track, *_bounds(graph, 0, -1)])
    half = graph.node("Mul", [graph.node("Add", [before, frequencies]), _number(graph, 0.5)])
    advance = graph.node("Concat", [last_phase, _fraction(graph, half)], axis=0)
    phases = _fraction(graph, graph.node("CumSum", [advance, graph.constant(0)]))  # [F + 1, bands]
    begin = graph.node("Slice", [phases, *_bounds(graph, 0, -1)])
    tones = _tones(graph, synthesis, before, frequencies, begin)
    carriers = graph.node("Concat", [tones, noise], axis=1)  # [F, 2 * bands, samples]

    ends = graph.node("Slice", [amplitudes, graph.constant([-1]), graph.constant([TO_THE_END]), graph.constant([1])])
    first_end = graph.node("Unsqueeze", [last_amplitude, graph.constant([1])])
    all_ends = graph.node("Concat", [first_end, ends], axis=0)  # [F + 1, 1, 2 * bands]
    starts = graph.node("Slice", [all_ends, *_bounds(graph, 0, -1)])
    knots = graph.node("Concat", [starts, amplitudes], axis=1)  # [F, hops + 1, 2 * bands]
    hats = graph.constant(_array(synthesis.hats), np.float32)
    sounds = graph.node("Mul", [graph.node("MatMul", [knots, carriers]), hats])
    final = graph.node("Slice", [all_ends, *_bounds(graph, -1, TO_THE_END)])
    graph.node("Squeeze", [final, graph.constant([1])], [f"state_out_{at + 1}"])
    graph.node("Slice", [track, *_bounds(graph, -1, TO_THE_END)], [f"state_out_{at + 2}"])
    graph.node("Slice", [phases, *_bounds(graph, -1, TO_THE_END)], [f"state_out_{at + 3}"])
    return graph.node("MatMul", [graph.constant(np.ones((1, 1, synthesis.hops + 1)), np.float32), sounds])


def _noise(graph: Graph, synthesis: Synthesis, counter: str, count: str, counter_out: str) -> str:
    """The bands' noise from the counter's place on, `[F, bands, samples]`; the table is folded once at load."""
    white = graph.weight("noise", _array(synthesis.noise)[None, None])
    banded = graph.node("Conv", [white, graph.weight("filters", _array(synthesis.filters)[:, None])])
    shape = graph.constant([synthesis.bands, synthesis.noise_frames, synthesis.samples])
    table = graph.node("Transpose", [graph.node("Reshape", [banded, shape])], perm=[1, 0, 2])
    period = graph.constant(synthesis.noise_frames)
    place = graph.node("Cast", [graph.node("Reshape", [counter, graph.constant([1])])], to=7)
    scalar = graph.node("Squeeze", [count])
    steps = graph.node("Range", [graph.constant(0), scalar, graph.constant(1)])
    places = graph.node("Mod", [graph.node("Add", [place, steps]), period])
    after = graph.node("Add", [graph.node("Mod", [graph.node("Add", [place, count]), period]), period])
    after = graph.node("Cast", [after], to=1)
    graph.node("Reshape", [after, graph.constant([1, 1])], [counter_out])
    return graph.node("Gather", [table, places])


def _tones(graph: Graph, synthesis: Synthesis, before: str, after: str, begin: str) -> str:
    """`Synthesis._tones`: `[F, bands, samples]`."""
    last = graph.constant([2])
    bend = graph.node("Mul", [graph.node("Sub", [after, before]), _number(graph, 0.5)])
    time = graph.constant(_array(synthesis.time), np.float32)
    wide = [graph.node("Unsqueeze", [value, last]) for value in (begin, before, bend)]
    turns = graph.node("Add", [wide[1], graph.node("Mul", [time, wide[2]])])
    turns = graph.node("Add", [wide[0], graph.node("Mul", [time, turns])])
    return graph.node("Sin", [graph.node("Mul", [_fraction(graph, turns), _number(graph, 2 * math.pi)])])


def _fraction(graph: Graph, x: str) -> str:
    return graph.node("Sub", [x, graph.node("Floor", [x])])


def _linear(graph: Graph, name: str, layer: nn.Linear, x: str) -> str:
    bias = graph.weight(f"{name}.bias", _column(layer.bias))
    return graph.node("Add", [_product(graph, name, layer.weight, x), bias])


def _product(graph: Graph, name: str, matrix: Tensor, x: str) -> str:
    """A matrix `[out, in]` by `[F, in, 1]`."""
    return graph.node("MatMul", [graph.weight(f"{name}.weight", _array(matrix)), x])


def _bounds(graph: Graph, start: int, stop: int) -> list[str]:
    """Start, end and axis of a Slice along time."""
    return [graph.constant([start]), graph.constant([stop]), graph.constant([0])]


def _number(graph: Graph, value: float) -> str:
    return graph.constant(value, np.float32)


def _column(values: Tensor) -> np.ndarray:
    return _array(values)[:, None]


def _array(values: Tensor) -> np.ndarray:
    return values.detach().numpy()
