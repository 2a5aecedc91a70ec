"""The causal video tokenizer: 4 x 16 x 16 compression to 64,000 codes (docs/BUNDLE.md, "Video tokens").

Shapes: a clip is `[B, F, H, W, 3]` in [0, 1] with `F = 1 + 4 (T - 1)` frames; codes are `[B, T, H/16, W/16, 2]` (a, b).

* A code describes one block of 4 frames x 16 x 16 px. It is the nearest entry of a two-level codebook in the blocks'
  PCA space: `a` names one of 512 coarse cells, `b` one of its 125 entries (fit_codebook.py; tree-structured vector
  quantisation, Gray 1984). The encoder sees nothing beyond the block, so equal blocks have equal codes at every time
  and place, and a picture that moves by 16 px moves its codes by one place: easy to predict.
* The decoder works in the same PCA space, where a clip has as many positions as it has codes: from the entries of all
  blocks so far it predicts each block's true coefficients, more of them than the codebook keeps, and draws them. So it
  is small and fast. It is (2+1)D (MAGVIT-v2, arXiv 2310.05737, made causal): 3 x 3 convolutions within a
  latent frame, temporal ones of kernel 3 over the present and the two latent frames before, zeros before the clip.
* Normalisation is RMS over channels at each position (arXiv 1910.07467), so whole clips and streams agree.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .fit_codebook import BLOCK, COARSE, DRAWN, FINE, clip_blocks

SUB_CODEBOOKS = (COARSE, FINE)
FRAMES_PER_LATENT = 4
ENTRIES_CHUNK = 8192  # points whose cell's entries are read at once, on a GPU


@dataclass(frozen=True)
class TokenizerConfig:
    dimensions: int = 64
    drawn: int = DRAWN
    decoder_width: int = 256
    decoder_depth: int = 7

    def as_dict(self) -> dict:
        return asdict(self)


class PositionNorm(nn.Module):
    """RMS over the channels of each position. `[N, C, H, W]` -> same."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)
        return x * (scale * self.weight.to(x.dtype))


def _runs(values: Tensor, members: Tensor) -> tuple[list[int], list[Tensor]]:
    """The distinct values of a sorted `[n]`, and the members `[n]` that go with each."""
    distinct, counts = torch.unique_consecutive(values, return_counts=True)
    return distinct.tolist(), list(members.split(counts.tolist()))


class Codebook(nn.Module):
    """The two-level codebook: PCA of the blocks, coarse centres, and 125 entries in each coarse cell. Codes know the
    first `dimensions` coefficients (D); drawing takes `drawn` of them (E)."""

    mean: Tensor
    basis: Tensor
    coarse: Tensor
    fine: Tensor

    def __init__(self, dimensions: int, drawn: int):
        super().__init__()
        block = BLOCK[0] * BLOCK[1] * BLOCK[2] * BLOCK[3]
        self.register_buffer("mean", torch.zeros(block))
        self.register_buffer("basis", torch.zeros(block, drawn))
        self.register_buffer("coarse", torch.zeros(COARSE, dimensions))
        self.register_buffer("fine", torch.zeros(COARSE, FINE, dimensions))

    def coefficients(self, blocks: Tensor) -> Tensor:
        """Blocks `[n, 3072]` in [0, 1] -> coefficients `[n, E]`."""
        return (blocks - self.mean) @ self.basis

    def codes(self, points: Tensor) -> Tensor:
        """Coefficients `[n, E]` -> int64 codes `[n, 2]`: the nearest cell, then its nearest entry."""
        points = points[:, : self.coarse.shape[1]]
        if points.is_cuda:
            return torch.cat([self._codes_at_once(part) for part in points.split(ENTRIES_CHUNK)])
        a = (self.coarse.square().sum(1) - 2 * points @ self.coarse.T).argmin(1)
        order = a.argsort()  # one cell at a time: its entries are read once
        b = torch.empty_like(a)
        for cell, members in zip(*_runs(a[order], order), strict=True):
            entries = self.fine[cell]
            b[members] = (entries.square().sum(1) - 2 * points[members] @ entries.T).argmin(1)
        return torch.stack([a, b], 1)

    def _codes_at_once(self, points: Tensor) -> Tensor:
        """The same without a loop over cells, for which a GPU would wait: every point's entries are read."""
        a = (self.coarse.square().sum(1) - 2 * points @ self.coarse.T).argmin(1)
        entries = self.fine[a]
        b = (entries.square().sum(2) - 2 * torch.bmm(entries, points[:, :, None])[:, :, 0]).argmin(1)
        return torch.stack([a, b], 1)

    def values(self, codes: Tensor) -> Tensor:
        """int64 codes `[..., 2]` -> entries `[..., D]`."""
        return self.fine.flatten(0, 1)[codes[..., 0] * FINE + codes[..., 1]]

    def scale(self) -> Tensor:
        """Spread of the entries in each dimension, `[D]`."""
        return self.fine.flatten(0, 1).std(0)

    def block_weights(self) -> tuple[Tensor, Tensor]:
        """The linear map from coefficients to their block as a 1 x 1 convolution: weight `[3072, E, 1, 1]`, bias
        `[3072]`, with channels in the order (frame, colour, row, column) that a pixel shuffle by 16 expects."""
        basis = self.basis.view(*BLOCK, -1).permute(0, 3, 1, 2, 4).flatten(0, 3)
        mean = self.mean.view(BLOCK).permute(0, 3, 1, 2).flatten()
        return basis[..., None, None], mean

    def draw(self, coefficients: Tensor) -> Tensor:
        """Coefficients `[N, E, h, w]` -> their blocks side by side, frames `[4 N, 3, 16 h, 16 w]` (not clipped)."""
        weight, bias = self.block_weights()
        x = F.conv2d(coefficients, weight, bias)
        return F.pixel_shuffle(x.reshape(-1, x.shape[1] // FRAMES_PER_LATENT, *x.shape[2:]), BLOCK[1])


class CausalTime(nn.Module):
    """Temporal convolution of kernel 3 over the present and the two frames before.

    `past` is `[B, 2, C, H, W]`, the inputs just before `x` (`[B, T, C, H, W]`); returns the output and the new past.
    Weight `[C, 3 C]`: columns for the frame two before, one before, now.
    """

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(3 * width, width, 1)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        steps = x.shape[1]
        seen = torch.cat([past, x], 1)
        stacked = torch.cat([seen[:, :steps], seen[:, 1 : steps + 1], x], 2)
        return self.conv(stacked.flatten(0, 1)).unflatten(0, x.shape[:2]), seen[:, steps:]


class DecoderBlock(nn.Module):
    """Residual (2+1)D block: 3 x 3 within the frame, then three frames in time."""

    def __init__(self, width: int):
        super().__init__()
        self.space_norm = PositionNorm(width)
        self.space = nn.Conv2d(width, width, 3, padding=1)
        self.time_norm = PositionNorm(width)
        self.time = CausalTime(width)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """`x` `[B, T, C, H, W]`, `past` `[B, 2, C, H, W]` -> the same two."""
        flat = x.flatten(0, 1)
        h = self.space(F.silu(self.space_norm(flat)))
        h, past = self.time(F.silu(self.time_norm(h)).unflatten(0, x.shape[:2]), past)
        return x + h, past


class Decoder(nn.Module):
    """Entries `[B, T, D, h, w]` and the past of every block of layers -> coefficients `[B, T, E, h, w]`."""

    scale_in: Tensor
    scale_out: Tensor

    def __init__(self, config: TokenizerConfig):
        super().__init__()
        self.config = config
        width = config.decoder_width
        self.register_buffer("scale_in", torch.ones(config.dimensions))
        self.register_buffer("scale_out", torch.ones(config.drawn))
        self.enter = nn.Conv2d(config.dimensions, width, 3, padding=1)
        self.blocks = nn.ModuleList(DecoderBlock(width) for _ in range(config.decoder_depth))
        self.norm = PositionNorm(width)
        self.out = nn.Conv2d(width, config.drawn, 1)
        for parameter in self.out.parameters():  # before training, the codebook's own blocks
            nn.init.zeros_(parameter)

    def set_scales(self, scale: Tensor) -> None:
        """Units of the network: the spread of the entries `[D]`; the dimensions beyond have that of the last."""
        self.scale_in.copy_(scale)
        self.scale_out.copy_(F.pad(scale, (0, self.config.drawn - len(scale)), value=float(scale[-1])))

    def state_shapes(self, height: int, width: int) -> list[list[int]]:
        """Shapes `[2, C, h, w]` of every block's past for pictures of `height` x `width` px, without the batch."""
        return [[2, self.config.decoder_width, height // 16, width // 16] for _ in self.blocks]

    def forward(self, values: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        batch = values.shape[0]
        flat = values.flatten(0, 1)
        x = self.enter(flat / self.scale_in[:, None, None]).unflatten(0, (batch, -1))
        new_states = []
        for block, state in zip(self.blocks, states, strict=True):
            x, past = block(x, state)
            new_states.append(past)
        correction = self.out(F.silu(self.norm(x.flatten(0, 1)))) * self.scale_out[:, None, None]
        known = F.pad(flat, (0, 0, 0, 0, 0, self.config.drawn - flat.shape[1]))
        return (known + correction).unflatten(0, (batch, -1)), new_states


class VideoTokenizer(nn.Module):
    """Codebook and decoder."""

    def __init__(self, config: TokenizerConfig | None = None):
        super().__init__()
        self.config = config or TokenizerConfig()
        self.codebook = Codebook(self.config.dimensions, self.config.drawn)
        self.decoder = Decoder(self.config)

    def coefficients(self, clips: Tensor) -> Tensor:
        """uint8 `[B, F, H, W, 3]` -> coefficients of every block, `[B, T, H/16, W/16, E]`."""
        blocks = clip_blocks(clips).float() / 255
        return self.codebook.coefficients(blocks.flatten(0, 3)).unflatten(0, blocks.shape[:4])

    def encode(self, clips: Tensor) -> Tensor:
        """uint8 `[B, F, H, W, 3]` -> int64 codes `[B, T, H/16, W/16, 2]`."""
        points = self.coefficients(clips)
        return self.codebook.codes(points.flatten(0, 3)).unflatten(0, points.shape[:4])

    def correct(self, codes: Tensor) -> Tensor:
        """int64 codes `[B, T, h, w, 2]` -> predicted coefficients `[B, T, E, h, w]`."""
        values = self.codebook.values(codes).permute(0, 1, 4, 2, 3)
        rows, columns = codes.shape[2:4]
        states = [values.new_zeros(len(codes), *s) for s in self.decoder.state_shapes(rows * 16, columns * 16)]
        return self.decoder(values, states)[0]

    def _clip(self, coefficients: Tensor) -> Tensor:
        """`[B, T, E, h, w]` -> clip `[B, 4 T - 3, H, W, 3]` in [0, 1]."""
        frames = self.codebook.draw(coefficients.flatten(0, 1)).unflatten(0, (len(coefficients), -1))
        return frames[:, FRAMES_PER_LATENT - 1 :].permute(0, 1, 3, 4, 2).clamp(0, 1)

    def draw(self, codes: Tensor) -> Tensor:
        """int64 codes `[B, T, h, w, 2]` -> the clip that the codebook alone gives, `[B, 4 T - 3, H, W, 3]`."""
        values = self.codebook.values(codes).permute(0, 1, 4, 2, 3)
        return self._clip(F.pad(values, (0, 0, 0, 0, 0, self.config.drawn - self.config.dimensions)))

    def decode(self, codes: Tensor) -> Tensor:
        """int64 codes `[B, T, h, w, 2]` -> clip `[B, 4 T - 3, H, W, 3]` in [0, 1]."""
        return self._clip(self.correct(codes))


class StreamingDecoder(nn.Module):
    """What is exported: codes to frames, latent frame by latent frame, with the memory passed in and out. No batch."""

    def __init__(self, tokenizer: VideoTokenizer):
        super().__init__()
        self.codebook = tokenizer.codebook
        self.decoder = tokenizer.decoder

    def state_shapes(self, height: int = 128, width: int = 128) -> list[list[int]]:
        """Shapes of the states, in order; a clip begins with zeros."""
        return self.decoder.state_shapes(height, width)

    def forward(self, codes: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """int64 `[T, h, w, 2]` and states `[2, C, h, w]` -> frames `[4 T, 3, 16 h, 16 w]` in [0, 1], new states."""
        values = self.codebook.values(codes).permute(0, 3, 1, 2)
        coefficients, new_states = self.decoder(values[None], [state[None] for state in states])
        return self.codebook.draw(coefficients[0]).clamp(0, 1), [state[0] for state in new_states]
