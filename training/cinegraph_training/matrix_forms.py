"""The forms in which a graph multiplies by one of the language model's matrices (docs/BUNDLE.md, "Precisions").

All read the same stored integers, so a bundle holds its weights once, whatever forms its graphs have.
"""

from typing import Literal, get_args

import numpy as np
from onnx import TensorProto

from .onnx_graph import Graph

MICROSOFT = "com.microsoft"
Form = Literal["fp32", "int8", "dynamic", "int4"]
FORMS: tuple[Form, ...] = get_args(Form)
BLOCK = 128  # inputs that share a scale in MatMulNBits with 8 bits
BLOCK_4 = 128  # and with 4 bits: an eighth faster than blocks of 32, and as accurate (bench/RESULTS.md)
ACCURACY_LEVEL = 4  # MatMulNBits quantises each row's block to int8 too and multiplies integers


def multiply(graph: Graph, name: str, matrix: np.ndarray, value: str) -> str:
    """`value` `[..., in]` times `matrix` `[in, out]`, in the graph's form.

    fp32: widened once at load. int8: MatMulNBits, each row quantised by itself. dynamic: the whole batch quantised with
    one scale, so a row's result depends on the rows beside it. int4: MatMulNBits with 15 levels per block, rounded from
    the stored integers at load.
    """
    match graph.form:
        case "fp32":
            return graph.node("MatMul", [value, graph.matrix(name, matrix)])
        case "dynamic":
            return graph.node("DynamicQuantizeMatMul", [value, *graph.integers(name, matrix)], domain=MICROSOFT)
        case "int8":
            return _multiply_blocks(graph, 8, BLOCK, matrix.shape, value, *_int8_blocks(graph, name, matrix))
        case "int4":
            return _multiply_blocks(graph, 4, BLOCK_4, matrix.shape, value, *_int4_blocks(graph, name, matrix))
    raise ValueError(f"there is no form {graph.form}")


def _multiply_blocks(graph: Graph, bits: int, block: int, shape: tuple, value: str, blocks: str, scales: str) -> str:
    size = {"K": shape[0], "N": shape[1], "bits": bits, "block_size": block, "accuracy_level": ACCURACY_LEVEL}
    return graph.node("MatMulNBits", [value, blocks, scales], domain=MICROSOFT, **size)


def _int8_blocks(graph: Graph, name: str, matrix: np.ndarray) -> tuple[str, str]:
    """From the stored integers `[in, out]`: unsigned blocks `[out, in / 128, 128]` and a scale per block. The nodes are
    constant, onnxruntime folds them once at load."""
    integers, scales = graph.integers(name, matrix)
    inputs, outputs = matrix.shape
    count = -(-inputs // BLOCK)
    wide = graph.node("Cast", [integers], to=6)  # int32
    padded = graph.node("Pad", [wide, graph.constant([0, 0, count * BLOCK - inputs, 0])])
    shifted = graph.node("Add", [padded, graph.constant(128, np.int32)])
    narrow = graph.node("Transpose", [graph.node("Cast", [shifted], to=2)], perm=[1, 0])  # uint8
    blocks = graph.node("Reshape", [narrow, graph.constant([outputs, count, BLOCK])])
    column = graph.node("Reshape", [scales, graph.constant([outputs, 1])])
    return blocks, graph.node("Expand", [column, graph.constant([outputs, count])])


def _int4_blocks(graph: Graph, name: str, matrix: np.ndarray) -> tuple[str, str]:
    """From the stored integers `[in, out]`: blocks `[out, in / 128, 64]` of two numbers a byte, the first low,
    where 8 stands for zero, and a scale per block. Folded once at load."""
    integers, scales = graph.integers(name, matrix)
    inputs, outputs = matrix.shape
    count = -(-inputs // BLOCK_4)
    wide = graph.node("Cast", [integers], to=TensorProto.FLOAT)
    padded = graph.node("Pad", [wide, graph.constant([0, 0, count * BLOCK_4 - inputs, 0])])
    turned = graph.node("Transpose", [padded], perm=[1, 0])
    blocks = graph.node("Reshape", [turned, graph.constant([outputs, count, BLOCK_4])])
    largest = graph.node("ReduceMax", [graph.node("Abs", [blocks]), graph.constant([2])], keepdims=1)
    step = graph.node("Div", [graph.node("Max", [largest, _float(graph, 1)]), _float(graph, 7)])
    levels = graph.node("Add", [graph.node("Round", [graph.node("Div", [blocks, step])]), _float(graph, 8)])
    pairs = graph.node("Reshape", [levels, graph.constant([outputs, count, BLOCK_4 // 2, 2])])
    low, high = graph.split(pairs, [1, 1], 3)
    packed = graph.node("Add", [low, graph.node("Mul", [high, _float(graph, 16)])])
    stored = graph.node("Cast", [graph.node("Squeeze", [packed, graph.constant([3])])], to=TensorProto.UINT8)
    column = graph.node("Reshape", [scales, graph.constant([outputs, 1, 1])])
    scaled = graph.node("Mul", [step, column])
    return stored, graph.node("Reshape", [scaled, graph.constant([outputs, count])])


def _float(graph: Graph, value: float) -> str:
    return graph.constant(value, np.float32)
