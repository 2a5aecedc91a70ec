"""A toy causal video decoder with the graph interface of the real one, for the tiny test bundle.

(2+1)D like the real one: 3x3 Conv2d with frames on the batch axis, then a causal temporal Conv (3, 1) over
`[1, C, T, H*W]` whose last two inputs are the streaming state. Random weights: it draws coloured noise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .onnx_graph import Graph

CHANNELS = 16
PATCH = 8  # px per position
FRAMES_PER_LATENT = 4
LEVELS = (8, 8, 8, 5, 5, 5)
TO_THE_END = 2**63 - 1


def fsq_values(codes: Tensor, levels: tuple[int, ...] = LEVELS) -> Tensor:
    """Sub-tokens int64 `[..., 2]` -> FSQ values float32 `[..., 6]` in [-1, 1] (arXiv 2309.15505)."""
    a, b = codes[..., 0], codes[..., 1]
    digits = []
    for value, group in ((a, levels[:3]), (b, levels[3:])):
        digits += [value // (group[1] * group[2]), value // group[2] % group[1], value % group[2]]
    scale = torch.tensor([2.0 / (level - 1) for level in levels])
    return torch.stack(digits, dim=-1).float() * scale - 1.0


class TinyDecoder(nn.Module):
    """`forward(codes [T, H, W, 2], states) -> (frames [4T, 3, 8H, 8W], states)`; two states `[1, 16, 2, H*W]`."""

    def __init__(self, height: int, width: int):
        super().__init__()
        self.height, self.width = height, width
        self.enter = nn.Conv2d(len(LEVELS), CHANNELS, 3, padding=1)
        self.temporal = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, (3, 1)) for _ in range(2))
        self.grow = nn.Conv2d(CHANNELS, CHANNELS * FRAMES_PER_LATENT, 1)
        self.leave = nn.Conv2d(CHANNELS, 3 * PATCH * PATCH, 3, padding=1)

    def initial_states(self) -> list[Tensor]:
        return [torch.zeros(1, CHANNELS, 2, self.height * self.width) for _ in self.temporal]

    def forward(self, codes: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        new_states = []
        x = F.silu(self.enter(fsq_values(codes).permute(0, 3, 1, 2)))
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


def export_fsq_values(graph: Graph, codes: str, levels: tuple[int, ...] = LEVELS) -> str:
    """Graph of `fsq_values` for `codes` int64 `[T, H, W, 2]`, channels first: float32 `[T, 6, H, W]`."""
    digits = []
    for sub, group in enumerate((levels[:3], levels[3:])):
        value = graph.node("Gather", [codes, graph.constant(sub)], axis=3)  # [T, H, W]
        high = graph.node("Div", [value, graph.constant(group[1] * group[2])])
        middle = graph.node("Mod", [graph.node("Div", [value, graph.constant(group[2])]), graph.constant(group[1])])
        digits += [high, middle, graph.node("Mod", [value, graph.constant(group[2])])]
    stacked = graph.node("Concat", [graph.node("Unsqueeze", [digit, graph.constant([1])]) for digit in digits], axis=1)
    scale = graph.constant([[[2.0 / (level - 1)]] for level in levels], "float32")  # [6, 1, 1]
    scaled = graph.node("Mul", [graph.node("Cast", [stacked], to=1), scale])
    return graph.node("Sub", [scaled, graph.constant(1.0, "float32")])


def export_tiny_decoder(graph: Graph, decoder: TinyDecoder) -> list[list[int]]:
    """Adds the decoder's nodes; returns the shapes of its streaming states."""
    height, width = decoder.height, decoder.width
    codes = graph.input("codes", "int64", ["T", height, width, 2])
    shapes = [list(state.shape) for state in decoder.initial_states()]
    for index, shape in enumerate(shapes):
        graph.input(f"state_in_{index}", "float", shape)
    x = _silu(graph, _conv(graph, decoder.enter, "enter", export_fsq_values(graph, codes), [1, 1, 1, 1]))
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


def _silu(graph: Graph, value: str) -> str:
    return graph.node("Mul", [value, graph.node("Sigmoid", [value])])


def _over_time(graph: Graph, decoder: TinyDecoder, value: str, index: int) -> str:
    height, width = decoder.height, decoder.width
    flat = graph.node("Transpose", [value], perm=[1, 0, 2, 3])
    flat = graph.node("Reshape", [flat, graph.constant([1, CHANNELS, -1, height * width])])
    padded = graph.node("Concat", [f"state_in_{index}", flat], axis=2)
    last = [graph.constant([-2]), graph.constant([TO_THE_END]), graph.constant([2])]
    graph.node("Slice", [padded, *last], [f"state_out_{index}"])
    added = graph.node("Add", [flat, _silu(graph, _conv(graph, decoder.temporal[index], f"temporal.{index}", padded))])
    added = graph.node("Reshape", [added, graph.constant([CHANNELS, -1, height, width])])
    return graph.node("Transpose", [added], perm=[1, 0, 2, 3])
