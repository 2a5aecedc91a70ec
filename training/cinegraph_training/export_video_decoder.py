"""The causal video decoder as an ONNX graph: `video_tokenizer.StreamingDecoder`, walked module by module.

Frames lie on the batch axis: `[T, C, h, w]`. A state is the two inputs before a temporal convolution, `[2, C, h, w]`.
"""

import numpy as np
from onnx import TensorProto
from torch import nn

from .onnx_graph import Graph
from .tiny_decoder import TO_THE_END
from .video_tokenizer import Codebook, DecoderBlock, PositionNorm, StreamingDecoder

POSITION = 16  # px per position of the code grid
FRAMES_PER_LATENT = 4
NORM_EPSILON = 1e-6


def export_video_decoder(graph: Graph, streaming: StreamingDecoder, height: int, width: int) -> list[list[int]]:
    """Adds the decoder for pictures of `height` x `width` px; returns the shapes of its streaming states."""
    decoder = streaming.decoder
    shapes = streaming.state_shapes(height, width)
    codes = graph.input("codes", "int64", ["T", height // POSITION, width // POSITION, 2])
    for index, shape in enumerate(shapes):
        graph.input(f"state_in_{index}", "float", shape)
    values = _entries(graph, streaming.codebook, codes)
    drawn = _drawn_blocks(graph, streaming.codebook, values, height, width)
    x = _conv(graph, decoder.enter, "enter", values)
    index = 0
    for stage, blocks in enumerate(decoder.stages):
        for depth, block in enumerate(blocks):
            x = _block(graph, block, f"stages.{stage}.{depth}", x, index)
            index += 1
        if stage < len(decoder.ups):
            x = _up(graph, decoder.ups[stage], stage, x, shapes[index])
        if stage == 2:
            x = graph.node("Add", [x, _look(graph, decoder.look, drawn)])
    x = _silu(graph, _norm(graph, decoder.norm, "norm", x))
    x = graph.node("DepthToSpace", [_conv(graph, decoder.out, "out", x)], blocksize=4, mode="CRD")
    x = graph.node("Add", [x, drawn])
    graph.node("Clip", [x, graph.constant(0, np.float32), graph.constant(1, np.float32)], ["frames"])
    graph.output("frames", "float", ["F", 3, height, width])
    for number, shape in enumerate(shapes):
        graph.output(f"state_out_{number}", "float", shape)
    return shapes


def _entries(graph: Graph, codebook: Codebook, codes: str) -> str:
    """Codes `[T, h, w, 2]` -> the entries `[T, D, h, w]`. The table stays float16, what is read is widened."""
    table = graph.weight("codebook.fine", codebook.fine.flatten(0, 1).numpy(), widen=False)
    a, b = (graph.node("Gather", [codes, graph.constant(sub)], axis=3) for sub in (0, 1))
    row = graph.node("Add", [graph.node("Mul", [a, graph.constant(codebook.fine.shape[1])]), b])
    read = graph.node("Cast", [graph.node("Gather", [table, row], axis=0)], to=TensorProto.FLOAT)
    return graph.node("Transpose", [read], perm=[0, 3, 1, 2])


def _drawn_blocks(graph: Graph, codebook: Codebook, values: str, height: int, width: int) -> str:
    """Entries -> their blocks side by side, frames `[4 T, 3, height, width]` (`Codebook.draw`)."""
    weight, bias = codebook.block_weights()
    names = [graph.weight("codebook.blocks", weight.numpy()), graph.weight("codebook.mean", bias.numpy())]
    x = graph.node("Conv", [values, *names])
    shape = [-1, len(bias) // FRAMES_PER_LATENT, height // POSITION, width // POSITION]
    return graph.node("DepthToSpace", [graph.node("Reshape", [x, graph.constant(shape)])], blocksize=16, mode="CRD")


def _look(graph: Graph, conv: nn.Conv2d, drawn: str) -> str:
    """The drawn blocks, 4 x 4 pixels at each place. SpaceToDepth puts the colour last, PyTorch's unshuffle first."""
    weight = conv.weight.detach()
    reordered = weight.unflatten(1, (3, 16)).transpose(1, 2).flatten(1, 2).numpy()
    names = [graph.weight("look.weight", reordered), graph.weight("look.bias", conv.bias.detach().numpy())]
    return graph.node("Conv", [graph.node("SpaceToDepth", [drawn], blocksize=4), *names])


def _block(graph: Graph, block: DecoderBlock, name: str, x: str, index: int) -> str:
    """The residual (2+1)D block; reads `state_in_<index>`, writes `state_out_<index>`."""
    one_frame = name.startswith("stages.0")  # later stages see at least two frames
    h = _silu(graph, _norm(graph, block.space_norm, f"{name}.space_norm", x, one_frame))
    h = _conv(graph, block.space, f"{name}.space", h)
    h = _silu(graph, _norm(graph, block.time_norm, f"{name}.time_norm", h, one_frame))
    seen = graph.node("Concat", [f"state_in_{index}", h], axis=0)  # [T + 2, C, h, w]
    before = [_slice(graph, seen, 0, -2), _slice(graph, seen, 1, -1), h]
    graph.node("Slice", [seen, *_bounds(graph, -2, TO_THE_END)], [f"state_out_{index}"])
    stacked = graph.node("Concat", before, axis=1)
    return graph.node("Add", [x, _conv(graph, block.time.conv, f"{name}.time", stacked)])


def _up(graph: Graph, conv: nn.Conv2d, stage: int, x: str, next_shape: list[int]) -> str:
    """Stage 0 doubles space and time, 1 doubles time, 2 doubles space (`Decoder._up`)."""
    x = _conv(graph, conv, f"ups.{stage}", x)
    if stage != 1:
        x = graph.node("DepthToSpace", [x], blocksize=2, mode="CRD")
    if stage == 2:
        return x
    return graph.node("Reshape", [x, graph.constant([-1, *next_shape[1:]])])  # [T, 2 C, ...] -> [2 T, C, ...]


def _norm(graph: Graph, norm: PositionNorm, name: str, x: str, one_frame: bool = False) -> str:
    """RMS over channels. onnxruntime's ReduceMean adds in another order when the batch is a single frame, so where
    that can happen (`one_frame`) a convolution takes the mean: streaming stays bit-equal to the whole clip."""
    square = graph.node("Mul", [x, x])
    if one_frame:
        width = norm.weight.numel()
        mean = graph.node("Conv", [square, graph.constant(np.full((1, width, 1, 1), 1 / width), np.float32)])
    else:
        mean = graph.node("ReduceMean", [square, graph.constant([1])], keepdims=1)
    root = graph.node("Sqrt", [graph.node("Add", [mean, graph.constant(NORM_EPSILON, np.float32)])])
    weight = graph.weight(f"{name}.weight", norm.weight.detach().numpy())
    return graph.node("Mul", [graph.node("Div", [x, root]), weight])


def _conv(graph: Graph, conv: nn.Conv2d, name: str, x: str) -> str:
    weight = graph.weight(f"{name}.weight", conv.weight.detach().numpy())
    bias = graph.weight(f"{name}.bias", conv.bias.detach().numpy())
    rows, columns = conv.padding
    return graph.node("Conv", [x, weight, bias], pads=[rows, columns, rows, columns])


def _silu(graph: Graph, x: str) -> str:
    return graph.node("Mul", [x, graph.node("Sigmoid", [x])])


def _slice(graph: Graph, x: str, start: int, stop: int) -> str:
    return graph.node("Slice", [x, *_bounds(graph, start, stop)])


def _bounds(graph: Graph, start: int, stop: int) -> list[str]:
    """Start, end and axis of a Slice along time."""
    return [graph.constant([start]), graph.constant([stop]), graph.constant([0])]
