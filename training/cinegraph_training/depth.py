"""Nearness of what a frame shows: a small net for stylization's control video (control.py).

It looks at one frame at half size and says for each pixel how much of it the object covers, 1 all of it, 0 none. A
U-Net (arXiv 1505.04597) of plain 3 x 3 convolutions, with the mean over all places added at its narrowest point.
Trained on the rendered world's exact coverage, in all styles, and on what the video tokenizer makes of it
(train_depth.py). It knows this world alone: one object over a background.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .paths import CHECKPOINTS

DEPTH = CHECKPOINTS / "depth.pt"
SIDE = 64  # px, of the frames that it looks at
WIDTHS = (12, 20, 32, 48)  # channels at 64, 32, 16 and 8 px
BATCH = 64


class DepthNet(nn.Module):
    """Frames `[N, 3, H, W]` in [0, 1] -> nearness `[N, H, W]` in [0, 1]."""

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, 1 if inputs == 3 else 2, 1)
            for inputs, outputs in zip((3, *WIDTHS[:-1]), WIDTHS, strict=True)
        )
        self.whole = nn.Conv2d(WIDTHS[-1], WIDTHS[-1], 1)
        self.middle = nn.Conv2d(WIDTHS[-1], WIDTHS[-1], 3, 1, 1)
        self.up = nn.ModuleList(
            nn.Conv2d(below + beside, beside, 3, 1, 1)
            for below, beside in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(WIDTHS[0], 1, 3, 1, 1)

    def logits(self, frames: Tensor) -> Tensor:
        """Frames `[N, 3, 64, 64]` in [0, 1] -> logits `[N, 64, 64]`."""
        x, kept = frames * 2 - 1, []
        for layer in self.down:
            x = F.relu(layer(x))
            kept.append(x)
        kept.pop()
        x = F.relu(self.middle(x) + self.whole(x.mean((2, 3), keepdim=True)))
        for layer in self.up:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = F.relu(layer(torch.cat([x, kept.pop()], 1)))
        return self.head(x)[:, 0]

    def forward(self, frames: Tensor) -> Tensor:
        size = [frames.shape[2], frames.shape[3]]
        small = frames if size == [SIDE, SIDE] else F.interpolate(frames, [SIDE, SIDE], mode="bilinear")
        nearness = self.logits(small).sigmoid()[:, None]
        return (nearness if size == [SIDE, SIDE] else F.interpolate(nearness, size, mode="bilinear"))[:, 0]


def parameters_of(net: DepthNet) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def load_depth(path: Path = DEPTH) -> DepthNet:
    """The trained net in evaluation mode."""
    net = DepthNet()
    weights = torch.load(path, weights_only=True)["weights"]
    net.load_state_dict({name: value.float() for name, value in weights.items()})
    return net.eval().requires_grad_(False)


@torch.no_grad()
def estimate_depth(net: DepthNet, frames: np.ndarray) -> np.ndarray:
    """uint8 RGB `[F, H, W, 3]` -> uint8 `[F, H, W]`: what `control.control_video` takes beside the frames."""
    parts = []
    for start in range(0, len(frames), BATCH):
        x = torch.from_numpy(np.ascontiguousarray(frames[start : start + BATCH])).permute(0, 3, 1, 2).float() / 255
        parts.append((net(x) * 255).round().to(torch.uint8))
    return torch.cat(parts).numpy()
