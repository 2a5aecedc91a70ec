"""The causal video tokenizer: 4 x 16 x 16 compression to 64,000 codes (docs/BUNDLE.md, "Video tokens").

Shapes: a clip is `[B, F, H, W, 3]` in [0, 1] with `F = 1 + 4 (T - 1)` frames; codes are `[B, T, H/16, W/16, 2]` (a, b).

* A code describes one block of 4 frames x 16 x 16 px. It is the nearest entry of a two-level codebook in the blocks'
  PCA space: `a` names one of 512 coarse cells, `b` one of its 125 entries (fit_codebook.py; tree-structured vector
  quantisation, Gray 1984). The encoder sees nothing beyond the block, so equal blocks have equal codes at every time
  and place, and a picture that moves by 16 px moves its codes by one place: easy to predict.
* The decoder adds a learned correction to the entry's own block. It is (2+1)D (MAGVIT-v2, arXiv 2310.05737, made
  causal): 3 x 3 convolutions within a frame, temporal ones of kernel 3 over the present and the two frames before,
  zeros before the clip. Its memory is therefore two frames a block of layers.
* Normalisation is RMS over channels at each position (arXiv 1910.07467), so crops, whole frames and streams agree.
"""

from dataclasses import asdict, dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .fit_codebook import BLOCK, COARSE, FINE, clip_blocks

SUB_CODEBOOKS = (COARSE, FINE)
FRAMES_PER_LATENT = 4


@dataclass(frozen=True)
class TokenizerConfig:
    dimensions: int = 80
    decoder_widths: tuple[int, int, int, int] = (192, 128, 96, 64)
    decoder_depths: tuple[int, int, int, int] = (1, 1, 1, 3)

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


class Codebook(nn.Module):
    """The two-level codebook: PCA of the blocks, coarse centres, and 125 entries in each coarse cell."""

    mean: Tensor
    basis: Tensor
    coarse: Tensor
    fine: Tensor

    def __init__(self, dimensions: int):
        super().__init__()
        block = BLOCK[0] * BLOCK[1] * BLOCK[2] * BLOCK[3]
        self.register_buffer("mean", torch.zeros(block))
        self.register_buffer("basis", torch.zeros(block, dimensions))
        self.register_buffer("coarse", torch.zeros(COARSE, dimensions))
        self.register_buffer("fine", torch.zeros(COARSE, FINE, dimensions))

    def codes(self, blocks: Tensor) -> Tensor:
        """Blocks `[n, 3072]` in [0, 1] -> int64 codes `[n, 2]`: the nearest cell, then its nearest entry."""
        points = (blocks - self.mean) @ self.basis
        a = (self.coarse.square().sum(1) - 2 * points @ self.coarse.T).argmin(1)
        b = (self.fine[a] - points[:, None]).square().sum(2).argmin(1)
        return torch.stack([a, b], 1)

    def values(self, codes: Tensor) -> Tensor:
        """int64 codes `[..., 2]` -> entries `[..., D]`."""
        return self.fine.flatten(0, 1)[codes[..., 0] * FINE + codes[..., 1]]

    def block_weights(self) -> tuple[Tensor, Tensor]:
        """The linear map from an entry to its block as a 1 x 1 convolution: weight `[3072, D, 1, 1]`, bias `[3072]`,
        with channels in the order (frame, colour, row, column) that a pixel shuffle by 16 expects."""
        basis = self.basis.view(*BLOCK, -1).permute(0, 3, 1, 2, 4).flatten(0, 3)
        mean = self.mean.view(BLOCK).permute(0, 3, 1, 2).flatten()
        return basis[..., None, None], mean

    def draw(self, values: Tensor) -> Tensor:
        """Entries `[N, D, h, w]` -> their blocks side by side, frames `[4 N, 3, 16 h, 16 w]` (not clipped)."""
        weight, bias = self.block_weights()
        x = F.conv2d(values, weight, bias)
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


def _time_to_two(x: Tensor) -> Tensor:
    """`[B, T, 2 C, H, W]` -> `[B, 2 T, C, H, W]`."""
    return x.unflatten(2, (2, x.shape[2] // 2)).flatten(1, 2)


class Decoder(nn.Module):
    """Entries `[B, T, D, h, w]`, the drawn blocks `[B, 4 T, 3, 16 h, 16 w]` and the past of every block of layers ->
    the correction to the drawn blocks, of their shape."""

    def __init__(self, config: TokenizerConfig):
        super().__init__()
        first, second, third, last = config.decoder_widths
        self.widths = config.decoder_widths
        self.depths = config.decoder_depths
        self.enter = nn.Conv2d(config.dimensions, first, 3, padding=1)
        self.stages = nn.ModuleList(
            nn.ModuleList(DecoderBlock(width) for _ in range(depth))
            for width, depth in zip(config.decoder_widths, config.decoder_depths, strict=True)
        )
        self.ups = nn.ModuleList(
            [
                nn.Conv2d(first, 4 * 2 * second, 1),  # space and time x 2
                nn.Conv2d(second, 2 * third, 1),  # time x 2
                nn.Conv2d(third, 4 * last, 1),  # space x 2
            ]
        )
        self.look = nn.Conv2d(3 * 16, last, 1)  # the drawn blocks, 4 x 4 pixels at each place
        self.norm = PositionNorm(last)
        self.out = nn.Conv2d(last, 3 * 16, 3, padding=1)  # 4 x 4 pixels at each place
        for parameter in self.out.parameters():  # before training, the codebook's own blocks
            nn.init.zeros_(parameter)

    def state_shapes(self, height: int, width: int) -> list[list[int]]:
        """Shapes `[2, C, h, w]` of every block's past for pictures of `height` x `width` px, without the batch."""
        scales = (16, 8, 8, 4)
        return [
            [2, channels, height // scale, width // scale]
            for channels, depth, scale in zip(self.widths, self.depths, scales, strict=True)
            for _ in range(depth)
        ]

    def forward(self, values: Tensor, drawn: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        batch = values.shape[0]
        x = self.enter(values.flatten(0, 1)).unflatten(0, (batch, -1))
        new_states, index = [], 0
        for stage, blocks in enumerate(self.stages):
            for block in cast(nn.ModuleList, blocks):
                x, past = block(x, states[index])
                new_states.append(past)
                index += 1
            if stage < 3:
                x = self._up(stage, x)
            if stage == 2:
                x = x + self.look(F.pixel_unshuffle(drawn.flatten(0, 1), 4)).unflatten(0, x.shape[:2])
        h = self.out(F.silu(self.norm(x.flatten(0, 1))))
        return F.pixel_shuffle(h, 4).unflatten(0, (batch, -1)), new_states

    def _up(self, stage: int, x: Tensor) -> Tensor:
        batch = x.shape[0]
        x = self.ups[stage](x.flatten(0, 1))
        if stage != 1:
            x = F.pixel_shuffle(x, 2)
        x = x.unflatten(0, (batch, -1))
        return x if stage == 2 else _time_to_two(x)


class VideoTokenizer(nn.Module):
    """Codebook and decoder."""

    def __init__(self, config: TokenizerConfig | None = None):
        super().__init__()
        self.config = config or TokenizerConfig()
        self.codebook = Codebook(self.config.dimensions)
        self.decoder = Decoder(self.config)

    def encode(self, clip: Tensor) -> Tensor:
        """`[B, F, H, W, 3]` in [0, 1] -> int64 codes `[B, T, H/16, W/16, 2]`."""
        blocks = torch.stack([clip_blocks(one) for one in clip])
        return self.codebook.codes(blocks.flatten(0, 3)).unflatten(0, blocks.shape[:4])

    def draw(self, codes: Tensor) -> Tensor:
        """int64 codes `[B, T, h, w, 2]` -> the clip that the codebook alone gives, `[B, 4 T - 3, H, W, 3]`."""
        frames = self.codebook.draw(self.codebook.values(codes).flatten(0, 1).permute(0, 3, 1, 2))
        return frames.unflatten(0, (len(codes), -1))[:, FRAMES_PER_LATENT - 1 :].permute(0, 1, 3, 4, 2).clamp(0, 1)

    def forward(self, codes: Tensor) -> Tensor:
        """int64 codes `[B, T, h, w, 2]` -> clip `[B, 4 T - 3, H, W, 3]`, not clipped to [0, 1]."""
        batch, _, rows, columns, _ = codes.shape
        values = self.codebook.values(codes).permute(0, 1, 4, 2, 3)
        states = [values.new_zeros(batch, *s) for s in self.decoder.state_shapes(rows * 16, columns * 16)]
        drawn = self.codebook.draw(values.flatten(0, 1)).unflatten(0, (batch, -1))
        frames = drawn + self.decoder(values, drawn, states)[0]
        return frames[:, FRAMES_PER_LATENT - 1 :].permute(0, 1, 3, 4, 2)

    def decode(self, codes: Tensor) -> Tensor:
        """int64 codes `[B, T, h, w, 2]` -> clip `[B, 4 T - 3, H, W, 3]` in [0, 1]."""
        return self(codes).clamp(0, 1)


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
        drawn = self.codebook.draw(values)
        correction, new_states = self.decoder(values[None], drawn[None], [state[None] for state in states])
        return (drawn + correction[0]).clamp(0, 1), [state[0] for state in new_states]
