"""Super-resolution as an ONNX graph: `super_resolution.SuperResolution`, walked module by module.

Latent frames lie on the batch axis: `[T, C, h, w]`. A state is the input of a block that remembers, of the latent frame
before: `[1, C, h, w]`. Kernels are stored as int8, the rest as float16.
"""

import numpy as np
from torch import nn

from .onnx_graph import Graph
from .super_resolution import FRAMES, SCALE, Block, SuperResolution
from .tiny_decoder import TO_THE_END

FILE = "super-resolution"


def export_super_resolution(graph: Graph, model: SuperResolution, height: int, width: int) -> list[list[int]]:
    """Adds the network for frames of `height` x `width` px; returns the shapes of its streaming states."""
    patch = model.config.patch
    shape = [1, model.config.inner_width, height // (2 * patch), width // (2 * patch)]
    shapes = [shape for _ in model.inner]
    frames = graph.input("frames", "float", ["F", 3, height, width])
    for index in range(len(shapes)):
        graph.input(f"state_in_{index}", "float", shape)
    latents = graph.node("Reshape", [frames, graph.constant([-1, FRAMES * 3, height, width])])
    x = _conv(graph, model.enter, "enter", _unshuffled(graph, latents, patch, height, width))
    place = graph.weight("place", model.place.detach().numpy())
    tiles = [1, height // patch // model.place.shape[1], width // patch // model.place.shape[2]]
    x = graph.node("Add", [x, graph.node("Tile", [place, graph.constant(tiles)])])
    x = _block(graph, model.first, "first", x, None)
    inner = _conv(graph, model.down, "down", graph.node("Relu", [x]))
    for index, block in enumerate(model.inner):
        inner = _block(graph, block, f"inner.{index}", inner, index)
    grown = _conv(graph, model.up, "up", graph.node("Relu", [inner]))
    x = graph.node("Add", [x, graph.node("DepthToSpace", [grown], blocksize=2, mode="CRD")])
    x = _block(graph, model.last, "last", x, None)
    seen = graph.node("Relu", [x])
    detail = graph.node("DepthToSpace", [_conv(graph, model.out, "out", seen)], blocksize=SCALE * patch, mode="CRD")
    fine = _fine(graph, model, seen, frames, height, width)
    whole = graph.node("Add", [graph.node("Add", [_bicubic(graph, model, latents), detail]), fine])
    large = graph.node("Reshape", [whole, graph.constant([-1, 3, SCALE * height, SCALE * width])])
    graph.node("Clip", [large, graph.constant(0, np.float32), graph.constant(1, np.float32)], ["enlarged"])
    graph.output("enlarged", "float", ["F", 3, SCALE * height, SCALE * width])
    for index in range(len(shapes)):
        graph.output(f"state_out_{index}", "float", shape)
    return shapes


def _fine(graph: Graph, model: SuperResolution, seen: str, frames: str, height: int, width: int) -> str:
    """The convolutions on every frame, `[T, 12, 2 h, 2 w]`; `seen`: what the U-Net tells them from."""
    told = graph.node(
        "DepthToSpace", [_conv(graph, model.tell, "tell", seen)], blocksize=model.config.patch, mode="CRD"
    )
    told = graph.node("Reshape", [told, graph.constant([-1, model.config.fine_width, height, width])])
    x = _conv(graph, model.fine_in, "fine_in", graph.node("Sub", [frames, graph.constant(0.5, np.float32)]))
    x = _conv(graph, model.fine_middle, "fine_middle", graph.node("Relu", [graph.node("Add", [x, told])]))
    x = _conv(graph, model.fine_out, "fine_out", graph.node("Relu", [x]))
    x = graph.node("DepthToSpace", [x], blocksize=SCALE, mode="CRD")
    return graph.node("Reshape", [x, graph.constant([-1, FRAMES * 3, SCALE * height, SCALE * width])])


def _unshuffled(graph: Graph, latents: str, patch: int, height: int, width: int) -> str:
    """Pixels around zero, those of a position as channels (colour of a frame, row, column)."""
    centered = graph.node("Sub", [latents, graph.constant(0.5, np.float32)])
    rows, columns = height // patch, width // patch
    split = graph.node("Reshape", [centered, graph.constant([-1, FRAMES * 3, rows, patch, columns, patch])])
    channels = graph.node("Transpose", [split], perm=[0, 1, 3, 5, 2, 4])
    return graph.node("Reshape", [channels, graph.constant([-1, FRAMES * 3 * patch**2, rows, columns])])


def _bicubic(graph: Graph, model: SuperResolution, latents: str) -> str:
    """`[T, 12, h, w]` -> `[T, 12, 2 h, 2 w]`."""
    channels = FRAMES * 3
    padded = graph.node("Pad", [latents, graph.constant([0, 0, 2, 2, 0, 0, 2, 2])], mode="edge")
    kernel = graph.constant(model.kernel.repeat(channels, 1, 1, 1).numpy(), np.float32)
    return graph.node(
        "DepthToSpace", [graph.node("Conv", [padded, kernel], group=channels)], blocksize=SCALE, mode="CRD"
    )


def _block(graph: Graph, block: nn.Module, name: str, x: str, state: int | None) -> str:
    if not isinstance(block, Block):
        raise TypeError(f"{name} is not a block")
    h = _conv(graph, block.first, f"{name}.first", x)
    if block.before is not None and state is not None:
        seen = graph.node("Concat", [f"state_in_{state}", x], axis=0)  # [T + 1, C, h, w]
        graph.node("Slice", [seen, *_bounds(graph, -1, TO_THE_END)], [f"state_out_{state}"])
        before = graph.node("Slice", [seen, *_bounds(graph, 0, -1)])
        h = graph.node("Add", [h, graph.node("Conv", [before, _kernel(graph, block.before, f"{name}.before")])])
    return graph.node("Add", [x, _conv(graph, block.second, f"{name}.second", graph.node("Relu", [h]))])


def _kernel(graph: Graph, conv: nn.Conv2d, name: str) -> str:
    return graph.kernel(f"{name}.weight", conv.weight.detach().contiguous().numpy())


def _conv(graph: Graph, conv: nn.Conv2d, name: str, x: str) -> str:
    if conv.bias is None:
        raise ValueError(f"{name} has no bias")
    bias = graph.weight(f"{name}.bias", conv.bias.detach().numpy())
    rows, columns = conv.padding
    kernel = _kernel(graph, conv, name)
    return graph.node("Conv", [x, kernel, bias], pads=[rows, columns, rows, columns], strides=list(conv.stride))


def _bounds(graph: Graph, start: int, stop: int) -> list[str]:
    """Start, end and axis of a Slice along time."""
    return [graph.constant([start]), graph.constant([stop]), graph.constant([0])]
