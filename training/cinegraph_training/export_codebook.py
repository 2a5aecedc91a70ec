"""The codebook as the graphs share it: one table of what each code looks like, and how to read it.

`content` `[codes + 1, D + 1]`: a row per code `a * B + b`, its entry in PCA space scaled per dimension, then 0; the
last row is the null code's, zeros and a 1. An entry is `content[:, :D] * scale + mean`.
"""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from .onnx_graph import Graph, WeightFile

FILE = "codebook.bin"


@dataclass(frozen=True)
class CodebookTable:
    """`content` float16 `[codes + 1, D + 1]`, `scale` and `mean` float32 `[D]`, `sub_codebooks` (A, B)."""

    content: np.ndarray
    scale: np.ndarray
    mean: np.ndarray
    sub_codebooks: tuple[int, int]

    def __post_init__(self) -> None:
        first, second = self.sub_codebooks
        expected = (first * second + 1, len(self.scale) + 1)
        if self.content.shape != expected:
            raise ValueError(f"the content table is {self.content.shape}, the codebooks ask for {expected}")

    @property
    def dimensions(self) -> int:
        return len(self.scale)

    def add(self, graph: Graph, file: WeightFile) -> str:
        """The float16 table as an initializer of `graph`, stored once in `file`."""
        return graph.weight("codebook.content", self.content, widen=False, file=file)

    def scaling(self, graph: Graph) -> tuple[str, str]:
        """Scale and mean with one more column, 0, for the table's last."""
        return graph.constant(np.append(self.scale, 0), np.float32), graph.constant(np.append(self.mean, 0), np.float32)

    def rows_of(self, graph: Graph, codes: str) -> str:
        """Codes int64 `[T, h, w, 2]` -> rows of the table `[T, h, w]`."""
        a, b = (graph.node("Gather", [codes, graph.constant(sub)], axis=3) for sub in (0, 1))
        return graph.node("Add", [graph.node("Mul", [a, graph.constant(self.sub_codebooks[1])]), b])

    def entries(self, graph: Graph, table: str, codes: str) -> str:
        """Codes int64 `[T, h, w, 2]` -> entries float32 `[T, D, h, w]`."""
        read = graph.node("Cast", [graph.node("Gather", [table, self.rows_of(graph, codes)])], to=TensorProto.FLOAT)
        kept = graph.split(read, [self.dimensions, 1], -1)[0]
        scale, mean = (graph.constant(values, np.float32) for values in (self.scale, self.mean))
        scaled = graph.node("Add", [graph.node("Mul", [kept, scale]), mean])
        return graph.node("Transpose", [scaled], perm=[0, 3, 1, 2])
