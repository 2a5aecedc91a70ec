"""A toy video codebook and causal decoder with the graph interfaces of the real ones, for the tiny test bundle.

(2+1)D like the real one: 3x3 Conv2d with frames on the batch axis, then a causal temporal Conv (3, 1) over
`[1, C, T, H*W]` whose last two inputs are the streaming state. Random weights: it draws coloured noise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .export_codebook import CodebookTable
from .export_video_encoder import Projection
from .onnx_graph import Graph, WeightFile

CHANNELS = 8
PATCH = 8  # px per position
FRAMES_PER_LATENT = 4
TO_THE_END = 2**63 - 1


class TinyCodebook(nn.Module):
    """A random codebook in a random orthonormal space: blocks of 4 frames x 8 x 8 px x 3 colours."""

    mean: Tensor
    basis: Tensor
    coarse: Tensor
    fine: Tensor

    def __init__(self, sub_codebooks: tuple[int, int], dimensions: int):
        super().__init__()
        first, second = sub_codebooks
        block = FRAMES_PER_LATENT * PATCH * PATCH * 3
        self.register_buffer("mean", torch.full((block,), 0.5))
        self.register_buffer("basis", torch.linalg.qr(torch.randn(block, dimensions))[0].half().float())
        coarse = torch.randn(first, dimensions) * 0.4
        self.register_buffer("coarse", coarse.half().float())
        self.register_buffer("fine", coarse[:, None] + torch.randn(first, second, dimensions) * 0.15)

    def projection(self) -> Projection:
        mean, basis, coarse = (array.numpy() for array in (self.mean, self.basis, self.coarse))
        return Projection(mean=mean, basis=basis, coarse=coarse, size=PATCH, frames=FRAMES_PER_LATENT)

    def codes(self, frames: Tensor) -> Tensor:
        """Frames `[4 T, 3, H, W]` in [0, 1] -> int64 `[T, H / 8, W / 8, 2]`: the nearest cell, its nearest entry."""
        split = frames.unflatten(0, (-1, FRAMES_PER_LATENT)).unflatten(4, (-1, PATCH)).unflatten(3, (-1, PATCH))
        blocks = split.permute(0, 3, 5, 1, 4, 6, 2).flatten(3)
        points = (blocks - self.mean) @ self.basis  # [T, h, w, D]
        a = (self.coarse.square().sum(1) - 2 * points @ self.coarse.T).argmin(-1)
        b = (self.fine[a] - points[..., None, :]).square().sum(-1).argmin(-1)
        return torch.stack((a, b), dim=-1)


class TinyDecoder(nn.Module):
    """`forward(codes [T, H, W, 2], states) -> (frames [4T, 3, 8H, 8W], states)`; two states `[1, 8, 2, H*W]`."""

    def __init__(self, codebook: TinyCodebook, height: int, width: int):
        super().__init__()
        self.codebook = codebook
        self.height, self.width = height, width
        self.enter = nn.Conv2d(codebook.fine.shape[2], CHANNELS, 3, padding=1)
        self.temporal = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, (3, 1)) for _ in range(2))
        self.grow = nn.Conv2d(CHANNELS, CHANNELS * FRAMES_PER_LATENT, 1)
        self.leave = nn.Conv2d(CHANNELS, 3 * PATCH * PATCH, 3, padding=1)

    def initial_states(self) -> list[Tensor]:
        return [torch.zeros(1, CHANNELS, 2, self.height * self.width) for _ in self.temporal]

    def forward(self, codes: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        new_states = []
        x = F.silu(self.enter(self.codebook.fine[codes[..., 0], codes[..., 1]].permute(0, 3, 1, 2)))
        x = self._over_time(x, 0, states, new_states)
        x = self.grow(x).reshape(-1, CHANNELS, self.height, self.width)  # [4T, C, H, W]
        x = self._over_time(x, 1, states, new_states)
        frames = F.pixel_shuffle(self.leave(x), PATCH)
        return (frames * 0.5 + 0.5).clamp(0, 1), new_states

    def _over_time(self, x: Tensor, index: int, states: list[Tensor], new_states: list[Tensor]) -> Tensor:
        flat = x.permute(1, 0, 2, 3).reshape(1, CHANNELS, -1, self.height * self.width)
        padded = torch.cat((states[index], flat), dim=2)
        new_states.append(padded[:, :, -2:])
        added = flat + F.silu(self.temporal[index](padded))
        return added.reshape(CHANNELS, -1, self.height, self.width).permute(1, 0, 2, 3)


def export_tiny_decoder(graph: Graph, decoder: TinyDecoder, table: CodebookTable, file: WeightFile) -> list[list[int]]:
    """Adds the decoder's nodes; returns the shapes of its streaming states."""
    height, width = decoder.height, decoder.width
    codes = graph.input("codes", "int64", ["T", height, width, 2])
    shapes = [list(state.shape) for state in decoder.initial_states()]
    for index, shape in enumerate(shapes):
        graph.input(f"state_in_{index}", "float", shape)
    x = graph.silu(
        _conv(graph, decoder.enter, "enter", table.entries(graph, table.add(graph, file), codes), [1, 1, 1, 1])
    )
    x = _over_time(graph, decoder, x, 0)
    x = graph.node("Reshape", [_conv(graph, decoder.grow, "grow", x), graph.constant([-1, CHANNELS, height, width])])
    x = _over_time(graph, decoder, x, 1)
    x = _conv(graph, decoder.leave, "leave", x, [1, 1, 1, 1])
    x = graph.node("DepthToSpace", [x], blocksize=PATCH, mode="CRD")
    half = graph.constant(0.5, "float32")
    x = graph.node("Add", [graph.node("Mul", [x, half]), half])
    graph.node("Clip", [x, graph.constant(0, "float32"), graph.constant(1, "float32")], ["frames"])
    graph.output("frames", "float", ["F", 3, height * PATCH, width * PATCH])
    for index, shape in enumerate(shapes):
        graph.output(f"state_out_{index}", "float", shape)
    return shapes


def _conv(graph: Graph, conv: nn.Conv2d, name: str, value: str, pads=(0, 0, 0, 0)) -> str:
    weight = graph.weight(f"{name}.weight", conv.weight.detach().numpy())
    bias = graph.weight(f"{name}.bias", conv.bias.detach().numpy())
    return graph.node("Conv", [value, weight, bias], pads=list(pads))


def _over_time(graph: Graph, decoder: TinyDecoder, value: str, index: int) -> str:
    height, width = decoder.height, decoder.width
    flat = graph.node("Transpose", [value], perm=[1, 0, 2, 3])
    flat = graph.node("Reshape", [flat, graph.constant([1, CHANNELS, -1, height * width])])
    padded = graph.node("Concat", [f"state_in_{index}", flat], axis=2)
    last = [graph.constant([-2]), graph.constant([TO_THE_END]), graph.constant([2])]
    graph.node("Slice", [padded, *last], [f"state_out_{index}"])
    added = graph.node("Add", [flat, graph.silu(_conv(graph, decoder.temporal[index], f"temporal.{index}", padded))])
    added = graph.node("Reshape", [added, graph.constant([CHANNELS, -1, height, width])])
    return graph.node("Transpose", [added], perm=[1, 0, 2, 3])
