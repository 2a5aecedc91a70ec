"""The causal video decoder as an ONNX graph: `video_tokenizer.StreamingDecoder`, walked module by module.

Latent frames lie on the batch axis: `[T, C, h, w]`. A state is the two inputs before a temporal convolution,
`[2, C, h, w]`.
"""

import numpy as np
from torch import nn

from .export_codebook import CodebookTable
from .export_video_encoder import Projection
from .onnx_graph import Graph, WeightFile
from .tiny_decoder import TO_THE_END
from .video_tokenizer import Codebook, DecoderBlock, PositionNorm, StreamingDecoder

POSITION = 16  # px per position of the code grid
FRAMES_PER_LATENT = 4
NORM_EPSILON = 1e-6


def projection_of(codebook: Codebook) -> Projection:
    """What the encoder's graph needs of the codebook."""
    dimensions = codebook.coarse.shape[1]
    arrays = (codebook.mean, codebook.basis[:, :dimensions], codebook.coarse)
    mean, basis, coarse = (array.numpy() for array in arrays)
    return Projection(mean=mean, basis=basis, coarse=coarse, size=POSITION, frames=FRAMES_PER_LATENT)


def export_video_decoder(
    graph: Graph, streaming: StreamingDecoder, table: CodebookTable, file: WeightFile, height: int, width: int
) -> list[list[int]]:
    """Adds the decoder for pictures of `height` x `width` px; returns the shapes of its streaming states."""
    decoder = streaming.decoder
    shapes = streaming.state_shapes(height, width)
    codes = graph.input("codes", "int64", ["T", height // POSITION, width // POSITION, 2])
    for index, shape in enumerate(shapes):
        graph.input(f"state_in_{index}", "float", shape)
    entries = table.entries(graph, table.add(graph, file), codes)
    x = _conv(graph, decoder.enter, "enter", graph.node("Div", [entries, _channels(graph, decoder.scale_in)]))
    for index, block in enumerate(decoder.blocks):
        x = _block(graph, block, f"blocks.{index}", x, index)
    x = _conv(graph, decoder.out, "out", graph.silu(_norm(graph, decoder.norm, "norm", x)))
    correction = graph.node("Mul", [x, _channels(graph, decoder.scale_out)])
    more = len(decoder.scale_out) - len(decoder.scale_in)
    known = graph.node("Pad", [entries, graph.constant([0, 0, 0, 0, 0, more, 0, 0])])
    drawn = _draw(graph, streaming.codebook, graph.node("Add", [known, correction]), height, width)
    graph.node("Clip", [drawn, graph.constant(0, np.float32), graph.constant(1, np.float32)], ["frames"])
    graph.output("frames", "float", ["F", 3, height, width])
    for number, shape in enumerate(shapes):
        graph.output(f"state_out_{number}", "float", shape)
    return shapes


def _channels(graph: Graph, values) -> str:
    """`[C]` as `[C, 1, 1]`."""
    return graph.constant(values.detach().numpy()[:, None, None], np.float32)


def _draw(graph: Graph, codebook: Codebook, coefficients: str, height: int, width: int) -> str:
    """Coefficients -> their blocks side by side, frames `[4 T, 3, height, width]` (`Codebook.draw`)."""
    weight, bias = codebook.block_weights()
    names = [graph.weight("codebook.blocks", weight.numpy()), graph.weight("codebook.mean", bias.numpy())]
    x = graph.node("Conv", [coefficients, *names])
    shape = [-1, len(bias) // FRAMES_PER_LATENT, height // POSITION, width // POSITION]
    return graph.node("DepthToSpace", [graph.node("Reshape", [x, graph.constant(shape)])], blocksize=16, mode="CRD")


def _block(graph: Graph, block: DecoderBlock, name: str, x: str, index: int) -> str:
    """The residual (2+1)D block; reads `state_in_<index>`, writes `state_out_<index>`."""
    h = graph.silu(_norm(graph, block.space_norm, f"{name}.space_norm", x))
    h = _conv(graph, block.space, f"{name}.space", h)
    h = graph.silu(_norm(graph, block.time_norm, f"{name}.time_norm", h))
    seen = graph.node("Concat", [f"state_in_{index}", h], axis=0)  # [T + 2, C, h, w]
    before = [_slice(graph, seen, 0, -2), _slice(graph, seen, 1, -1), h]
    graph.node("Slice", [seen, *_bounds(graph, -2, TO_THE_END)], [f"state_out_{index}"])
    stacked = graph.node("Concat", before, axis=1)
    return graph.node("Add", [x, _conv(graph, block.time.conv, f"{name}.time", stacked)])


def _norm(graph: Graph, norm: PositionNorm, name: str, x: str) -> str:
    """RMS over channels. onnxruntime's ReduceMean adds in another order when the batch is a single frame, so a
    convolution takes the mean: streaming stays bit-equal to the whole clip."""
    square = graph.node("Mul", [x, x])
    width = norm.weight.numel()
    mean = graph.node("Conv", [square, graph.constant(np.full((1, width, 1, 1), 1 / width), np.float32)])
    root = graph.node("Sqrt", [graph.node("Add", [mean, graph.constant(NORM_EPSILON, np.float32)])])
    weight = graph.weight(f"{name}.weight", norm.weight.detach().numpy())
    return graph.node("Mul", [graph.node("Div", [x, root]), weight])


def is_int8(name: str) -> bool:
    """Whether the kernel of this name is stored as int8: those of the inner blocks."""
    return name.startswith("decoder.blocks.") and name.endswith(("space.weight", "conv.weight"))


def _conv(graph: Graph, conv: nn.Conv2d, name: str, x: str) -> str:
    store = graph.kernel if name.startswith("blocks.") else graph.weight
    weight = store(f"{name}.weight", conv.weight.detach().numpy())
    bias = graph.weight(f"{name}.bias", conv.bias.detach().numpy())
    rows, columns = conv.padding
    return graph.node("Conv", [x, weight, bias], pads=[rows, columns, rows, columns])


def _slice(graph: Graph, x: str, start: int, stop: int) -> str:
    return graph.node("Slice", [x, *_bounds(graph, start, stop)])


def _bounds(graph: Graph, start: int, stop: int) -> list[str]:
    """Start, end and axis of a Slice along time."""
    return [graph.constant([start]), graph.constant([stop]), graph.constant([0])]
