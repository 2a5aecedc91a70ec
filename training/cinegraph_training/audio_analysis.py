"""What a sound is to its codes: log-mel spectra, four of them in a frame of 40 ms.

The windows are short behind their peak and long before it, so that a click is seen when it comes, and low tones are
still told apart. A window's peak lies at the end of its hop, its fall reaches 10 ms ahead.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FLOOR = 1e-6  # mean power of a spectral line that counts as silence (full scale is 1)
LOWEST_HZ = 40.0


def mel(hertz: float) -> float:
    """HTK's mel scale."""
    return 2595 * math.log10(1 + hertz / 700)


def band_edges(bands: int, sample_rate: int) -> Tensor:
    """`[bands + 2]` Hz: band k rises from edge k to edge k + 1 and falls to edge k + 2."""
    mels = torch.linspace(mel(LOWEST_HZ), mel(sample_rate / 2), bands + 2, dtype=torch.float64)
    return 700 * (10 ** (mels / 2595) - 1)


def triangles(hertz: Tensor, edges: Tensor) -> Tensor:
    """`[n, bands]`: the bands' triangles at the frequencies `[n]`; neighbours add up to one."""
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    position = hertz.double()[:, None]
    return torch.minimum((position - low) / (middle - low), (high - position) / (high - middle)).clamp_min(0)


def half_rounded(values: Tensor) -> Tensor:
    """float32 values that float16, the bundle's form, holds exactly."""
    return values.half().float()


class Analysis(nn.Module):
    """Samples `[B, n * hop]` in [-1, 1] -> natural logarithm of the power in mel bands, `[B, n, bands]`."""

    basis: Tensor
    mels: Tensor

    def __init__(self, sample_rate: int, hop: int, window: int, bands: int):
        super().__init__()
        self.hop, self.window = hop, window
        self.ahead = min(hop, window // 4)
        self.register_buffer("basis", half_rounded(self._basis()), persistent=False)  # [window, 2 * lines]
        lines = torch.arange(1, window // 2 + 1) * sample_rate / window
        mels = triangles(lines, band_edges(bands, sample_rate))
        nearest = (lines[:, None] - band_edges(bands, sample_rate)[1:-1]).abs().argmin(0)
        mels[nearest, torch.arange(bands)] += 1e-3  # a band narrower than the distance of two lines has one of them
        self.register_buffer("mels", half_rounded(mels / mels.sum(0)), persistent=False)  # [lines, bands]

    def _basis(self) -> Tensor:
        rise, fall = self.window - self.ahead, self.ahead
        shape = torch.cat(
            [
                torch.sin(torch.arange(rise, dtype=torch.float64) / rise * math.pi / 2) ** 2,
                torch.cos(torch.arange(fall, dtype=torch.float64) / fall * math.pi / 2) ** 2,
            ]
        )
        shape = shape / shape.square().sum().sqrt()
        lines = torch.arange(1, self.window // 2 + 1, dtype=torch.float64)
        turns = torch.arange(self.window, dtype=torch.float64)[:, None] * lines * (2 * math.pi / self.window)
        return torch.cat([turns.cos(), turns.sin()], 1) * shape[:, None]

    def forward(self, samples: Tensor) -> Tensor:
        padded = F.pad(samples, (self.window - self.hop - self.ahead, self.ahead))
        parts = padded.unfold(-1, self.window, self.hop) @ self.basis
        real, imaginary = parts.chunk(2, -1)
        return ((real.square() + imaginary.square()) @ self.mels + FLOOR).log()
