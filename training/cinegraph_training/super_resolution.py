"""From 128 to 256 px: a small causal network that adds what bicubic interpolation leaves out (docs/BUNDLE.md).

Shapes: a latent frame is 4 frames of `h x w` px; a clip is `[B, T, 12, h, w]` in [0, 1] with channels (frame, colour).

* It works on positions of 4 x 4 px of all four frames at once (pixel unshuffle, arXiv 1609.05158), where a picture of
  128 px has 32 x 32 positions, and says the 8 x 8 px of four frames of each by one matrix (depth to space). In between
  most of its weights look at positions of 8 x 8 px, which cost a quarter (a U-Net of two levels, arXiv 1505.04597).
* Edges are drawn where the pixels are, by three small convolutions on every frame, which the U-Net tells what they see.
* (2+1)D as the video decoder: 3 x 3 convolutions within a latent frame; the inner blocks also read what came in one
  latent frame before (zeros at the start of a clip), so that streams and whole clips agree.
* Each position knows its place within the 16 x 16 px of a code, whose edges the video decoder draws less well.
* No normalisation; bicubic interpolation is a fixed convolution, so that all of it runs as convolutions.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FRAMES = 4  # of a latent frame
SCALE = 2
BLOCK = 16  # px that a code describes
CUBIC = (-0.03515625, 0.26171875, 0.87890625, -0.10546875)  # at a quarter of a pixel, for a = -0.75


@dataclass(frozen=True)
class SuperResolutionConfig:
    patch: int = 4  # px per position
    width: int = 96
    inner_width: int = 144
    inner_blocks: int = 2
    fine_width: int = 16

    def as_dict(self) -> dict:
        return asdict(self)


def cubic_kernel() -> Tensor:
    """`[4, 1, 5, 5]`: the four pixels (row, column) that a pixel becomes, from the 5 x 5 around it."""
    before = torch.tensor([*CUBIC, 0.0])
    phases = (before, before.flip(0))
    return torch.stack([torch.outer(row, column) for row in phases for column in phases])[:, None]


class Block(nn.Module):
    """Two 3 x 3 convolutions, and the latent frame before where it `remembers`; residual."""

    def __init__(self, width: int, remembers: bool):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.before = nn.Conv2d(width, width, 1, bias=False) if remembers else None

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` `[B, T, C, h, w]`, `past` `[B, 1, C, h, w]` (of blocks that remember) -> the same two."""
        flat = x.flatten(0, 1)
        h = self.first(flat)
        if self.before is not None and past is not None:
            seen = torch.cat([past, x], 1)
            h = h + self.before(seen[:, :-1].flatten(0, 1))
            past = x[:, -1:]
        h = self.second(F.relu(h))
        return x + h.unflatten(0, x.shape[:2]), past


class SuperResolution(nn.Module):
    kernel: Tensor

    def __init__(self, config: SuperResolutionConfig | None = None):
        super().__init__()
        self.config = config or SuperResolutionConfig()
        patch, width, inner = self.config.patch, self.config.width, self.config.inner_width
        self.enter = nn.Conv2d(FRAMES * 3 * patch**2, width, 1)
        self.place = nn.Parameter(torch.zeros(width, BLOCK // patch, BLOCK // patch))
        self.first = Block(width, remembers=False)
        self.down = nn.Conv2d(width, inner, 2, stride=2)
        self.inner = nn.ModuleList(Block(inner, remembers=True) for _ in range(self.config.inner_blocks))
        self.up = nn.Conv2d(inner, width * 4, 1)
        self.last = Block(width, remembers=False)
        fine = self.config.fine_width
        self.tell = nn.Conv2d(width, FRAMES * fine * patch**2, 1)
        self.fine_in = nn.Conv2d(3, fine, 5, padding=2)
        self.fine_middle = nn.Conv2d(fine, fine, 3, padding=1)
        self.fine_out = nn.Conv2d(fine, 3 * SCALE**2, 3, padding=1)
        nn.init.zeros_(self.fine_out.weight)
        self.out = nn.Conv2d(width, FRAMES * 3 * (SCALE * patch) ** 2, 1)
        nn.init.zeros_(self.out.weight)
        if self.out.bias is not None:
            nn.init.zeros_(self.out.bias)
        self.register_buffer("kernel", cubic_kernel(), persistent=False)

    def initial_states(self, batch: int, height: int, width: int) -> list[Tensor]:
        """What a clip of `height x width` px begins with: zeros `[batch, 1, C, h, w]` for each inner block."""
        step = 2 * self.config.patch
        shape = (batch, 1, self.config.inner_width, height // step, width // step)
        return [torch.zeros(shape) for _ in self.inner]

    def bicubic(self, frames: Tensor) -> Tensor:
        """`[N, C, h, w]` -> `[N, C, 2 h, 2 w]`."""
        channels = frames.shape[1]
        padded = F.pad(frames, (2, 2, 2, 2), mode="replicate")
        return F.pixel_shuffle(F.conv2d(padded, self.kernel.repeat(channels, 1, 1, 1), groups=channels), SCALE)

    def detail(self, frames: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """`[B, T, 12, h, w]` -> what is missing in the enlarged clip, `[B T, 12, 2 h, 2 w]`, and the new states."""
        patch, batch = self.config.patch, frames.shape[:2]
        centered = frames.flatten(0, 1) - 0.5
        x = self.enter(F.pixel_unshuffle(centered, patch))
        times = (x.shape[-2] // self.place.shape[-2], x.shape[-1] // self.place.shape[-1])
        x, _ = self.first((x + self.place.repeat(1, *times)).unflatten(0, batch), None)
        x = x.flatten(0, 1)
        inner = self.down(F.relu(x)).unflatten(0, batch)
        new_states = []
        for block, state in zip(self.inner, states, strict=True):
            inner, state = block(inner, state)
            new_states.append(state)
        x = x + F.pixel_shuffle(self.up(F.relu(inner.flatten(0, 1))), 2)
        x, _ = self.last(x.unflatten(0, batch), None)
        seen = F.relu(x.flatten(0, 1))
        told = F.pixel_shuffle(self.tell(seen), patch).unflatten(1, (FRAMES, -1)).flatten(0, 1)  # [B T 4, fine, h, w]
        fine = F.relu(self.fine_in(centered.unflatten(1, (FRAMES, 3)).flatten(0, 1)) + told)
        fine = F.pixel_shuffle(self.fine_out(F.relu(self.fine_middle(fine))), SCALE)
        fine = fine.unflatten(0, (-1, FRAMES)).flatten(1, 2)
        return F.pixel_shuffle(self.out(seen), SCALE * patch) + fine, new_states

    def forward(self, frames: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """`[B, T, 12, h, w]` and states -> `[B, T, 12, 2 h, 2 w]` (not clipped), the new states."""
        detail, states = self.detail(frames, states)
        return (self.bicubic(frames.flatten(0, 1)) + detail).unflatten(0, frames.shape[:2]), states

    def enlarge(self, frames: Tensor) -> Tensor:
        """A whole clip, `[B, T, 12, h, w]` -> `[B, T, 12, 2 h, 2 w]` in [0, 1]."""
        states = self.initial_states(len(frames), *frames.shape[-2:])
        return self(frames, states)[0].clamp(0, 1)
