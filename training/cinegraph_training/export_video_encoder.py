"""The video encoder as an ONNX graph: frames to codes without Python (`Codebook.codes` on the bundle's own table)."""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from .export_codebook import CodebookTable
from .onnx_graph import Graph, WeightFile


@dataclass(frozen=True)
class Projection:
    """Blocks `[n, block]` to points `[n, D]` = `(blocks - mean) @ basis`, and the cells' centres `[A, D]`.
    A block runs over frame, row, column, colour."""

    mean: np.ndarray
    basis: np.ndarray
    coarse: np.ndarray
    size: int  # px per side of a block
    frames: int = 4


def export_video_encoder(
    graph: Graph, projection: Projection, table: CodebookTable, file: WeightFile, height: int, width: int
) -> None:
    """Adds `frames` float32 `[4 T, 3, height, width]` in [0, 1] -> `codes` int64 `[T, height / size, width / size, 2]`:
    the nearest cell, then its nearest entry."""
    frames = graph.input("frames", "float", ["F", 3, height, width])
    rows, columns = height // projection.size, width // projection.size
    points = _points(graph, projection, frames, rows, columns)  # [n, D]
    a = _nearest_cell(graph, projection, points)  # [n]
    b = _nearest_entry(graph, table, file, points, a)
    pair = graph.node("Concat", [graph.node("Unsqueeze", [part, graph.constant([1])]) for part in (a, b)], axis=1)
    graph.node("Reshape", [pair, graph.constant([-1, rows, columns, 2])], ["codes"])
    graph.output("codes", "int64", ["T", rows, columns, 2])


def _points(graph: Graph, projection: Projection, frames: str, rows: int, columns: int) -> str:
    size, count = projection.size, projection.frames
    split = graph.node("Reshape", [frames, graph.constant([-1, count, 3, rows, size, columns, size])])
    blocks = graph.node("Transpose", [split], perm=[0, 3, 5, 1, 4, 6, 2])
    blocks = graph.node("Reshape", [blocks, graph.constant([-1, count * size * size * 3])])
    centered = graph.node("Sub", [blocks, graph.weight("codebook.mean", projection.mean)])
    return graph.node("MatMul", [centered, graph.weight("codebook.basis", projection.basis)])


def _nearest_cell(graph: Graph, projection: Projection, points: str) -> str:
    """Argmin of `|c|^2 - 2 p c`."""
    coarse = projection.coarse.astype(np.float16).astype(np.float32)
    products = graph.node("MatMul", [points, graph.weight("codebook.coarse", coarse.T)])
    doubled = graph.node("Mul", [products, graph.constant(2, np.float32)])
    distances = graph.node("Sub", [graph.constant(np.square(coarse).sum(axis=1), np.float32), doubled])
    return graph.node("ArgMin", [distances], axis=1, keepdims=0)


def _nearest_entry(graph: Graph, table: CodebookTable, file: WeightFile, points: str, a: str) -> str:
    count = table.sub_codebooks[1]
    first = graph.node("Mul", [graph.node("Unsqueeze", [a, graph.constant([1])]), graph.constant(count)])
    rows = graph.node("Add", [first, graph.constant(np.arange(count)[None])])  # [n, B]
    read = graph.node("Cast", [graph.node("Gather", [table.add(graph, file), rows])], to=TensorProto.FLOAT)
    scale, mean = table.scaling(graph)
    entries = graph.node("Add", [graph.node("Mul", [read, scale]), mean])  # [n, B, D + 1]
    padded = graph.node("Pad", [points, graph.constant([0, 0, 0, 1])])  # the table's last column is 0
    apart = graph.node("Sub", [entries, graph.node("Unsqueeze", [padded, graph.constant([1])])])
    distances = graph.node("ReduceSum", [graph.node("Mul", [apart, apart]), graph.constant([2])], keepdims=0)
    return graph.node("ArgMin", [distances], axis=1, keepdims=0)
