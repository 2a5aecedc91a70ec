"""The depth net as an ONNX graph with its weights beside it (docs/BUNDLE.md)."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from . import control
from .depth import SIDE, DepthNet
from .onnx_graph import Graph, WeightFile

FILE = "depth.onnx"
WORST = 2e-3  # of the whole range


def control_parameters() -> dict:
    """The manifest's `control`: the depth graph, and how control.py estimates flow."""
    return {
        "depth": {"file": FILE},
        "side": control.SIDE,
        "pyramidScale": control.PYRAMID_SCALE,
        "pyramidLevels": control.PYRAMID_LEVELS,
        "window": control.WINDOW,
        "iterations": control.ITERATIONS,
        "neighbourhood": control.NEIGHBOURHOOD,
        "neighbourhoodSigma": control.NEIGHBOURHOOD_SIGMA,
        "flowZero": control.FLOW_ZERO,
        "flowGain": control.FLOW_GAIN,
        "depthBlur": control.DEPTH_BLUR,
        "flowBlur": control.FLOW_BLUR,
    }


def export_depth(net: DepthNet, folder: Path, height: int, width: int) -> None:
    """Writes `depth.onnx` and `depth.bin`: `frames` float32 `[F, 3, height, width]` in [0, 1] -> `depth` float32
    `[F, height, width]` in [0, 1]."""
    weights = WeightFile(folder / "depth.bin")
    graph = Graph("depth", weights)
    frames = graph.input("frames", "float", ["F", 3, height, width])
    small = _resized(graph, frames, SIDE / height, SIDE / width)
    doubled = graph.node("Mul", [small, graph.constant(2, np.float32)])
    x, kept = graph.node("Sub", [doubled, graph.constant(1, np.float32)]), []
    for index, layer in enumerate(net.down):
        x = graph.node("Relu", [_conv(graph, layer, f"down.{index}", x)])
        kept.append(x)
    kept.pop()
    mean = _conv(graph, net.whole, "whole", graph.node("GlobalAveragePool", [x]))
    x = graph.node("Relu", [graph.node("Add", [_conv(graph, net.middle, "middle", x), mean])])
    for index, layer in enumerate(net.up):
        x = _doubled(graph, x)
        x = graph.node("Relu", [_conv(graph, layer, f"up.{index}", graph.node("Concat", [x, kept.pop()], axis=1))])
    nearness = graph.node("Sigmoid", [_conv(graph, net.head, "head", x)])
    large = _resized(graph, nearness, height / SIDE, width / SIDE)
    graph.node("Squeeze", [large, graph.constant([1])], ["depth"])
    graph.output("depth", "float", ["F", height, width])
    graph.save(folder / FILE)
    weights.write()


def _resized(graph: Graph, x: str, down: float, across: float) -> str:
    """`[N, C, H, W]` by these factors, linearly."""
    if down == across == 1:
        return x
    scales = graph.constant([1, 1, down, across], np.float32)
    return graph.node("Resize", [x, "", scales], mode="linear", coordinate_transformation_mode="half_pixel")


def _doubled(graph: Graph, x: str) -> str:
    """Every value of `[N, C, H, W]` four times."""
    scales = graph.constant([1, 1, 2, 2], np.float32)
    return graph.node(
        "Resize", [x, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )


def _conv(graph: Graph, layer: nn.Module, name: str, x: str) -> str:
    if not isinstance(layer, nn.Conv2d) or layer.bias is None:
        raise TypeError(f"{name} is not a convolution with a bias")
    names = [
        graph.weight(f"{name}.{kind}", values.detach().numpy())
        for kind, values in (("weight", layer.weight), ("bias", layer.bias))
    ]
    pad = layer.kernel_size[0] // 2
    return graph.node("Conv", [x, *names], strides=list(layer.stride), pads=[pad] * 4)


@torch.no_grad()
def check_depth(net: DepthNet, folder: Path, height: int, width: int) -> float:
    """The largest difference between the graph and PyTorch. Raises SystemExit when it is too large."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / FILE, options, providers=["CPUExecutionProvider"])
    frames = torch.rand(5, 3, height, width, generator=torch.Generator().manual_seed(1))
    found = np.asarray(session.run(["depth"], {"frames": frames.numpy()})[0])
    worst = float(np.abs(found - net(frames).numpy()).max())
    if worst > WORST:
        raise SystemExit(f"depth: differs from PyTorch by {worst:.1e}")
    return worst
