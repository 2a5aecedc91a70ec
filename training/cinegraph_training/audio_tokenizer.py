"""The audio tokenizer: 16 kHz mono to 25 frames a second of 4 codes of 1,024 each, 1 kbit/s (docs/BUNDLE.md).

Laid out like SoundStream (arXiv 2107.03312): an encoder of one frame after the other, a residual vector quantizer, a
causal decoder. What differs makes it learn in minutes on one core:

* The encoder is not trained by gradients. A frame's four log-mel spectra are projected to their principal components,
  and the quantizer's levels are fitted there by k-means (fit_audio_codebook.py). So equal sounds have equal codes,
  whenever they come, and a language model can read a code by its place among these components (`contents`).
* The decoder does not draw waves. From the codes so far it predicts, for each mel band, how loud it is, how much of it
  is a tone, and of which pitch; the synthesis (audio_synthesis.py) keeps the phases.

Shapes: samples `[B, F * 640]` in [-1, 1], codes `[B, F, levels]`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .audio_analysis import FLOOR, Analysis
from .audio_synthesis import Synthesis, SynthesisState
from .log import save_atomically
from .paths import CHECKPOINTS

AUDIO_TOKENIZER = CHECKPOINTS / "audio-tokenizer.pt"
CONTEXT = 3  # frames that a block sees: the present one and two before
CONTENT_DIMENSIONS = 32  # at most, for the language model


@dataclass(frozen=True)
class AudioConfig:
    """Sizes; times in samples."""

    sample_rate: int = 16_000
    samples_per_frame: int = 640
    hops: int = 4
    window: int = 640
    bands: int = 48
    dimensions: int = 32
    levels: int = 4
    codebook_size: int = 1024
    width: int = 256
    blocks: int = 4
    noise_frames: int = 32
    taps: int = 511

    @property
    def hop(self) -> int:
        return self.samples_per_frame // self.hops

    @property
    def features(self) -> int:
        """Numbers that describe one frame before the projection."""
        return self.hops * self.bands

    def as_dict(self) -> dict:
        return asdict(self)


PRESETS = {
    "small": AudioConfig(),
    "tiny": AudioConfig(
        hops=2,
        window=64,
        bands=8,
        dimensions=8,
        levels=2,
        codebook_size=16,
        width=16,
        blocks=2,
        noise_frames=2,
        taps=63,
    ),
}


class ResidualQuantizer(nn.Module):
    """Level after level, the nearest vector to what the levels before have left. `codebooks` `[levels, size, D]`."""

    codebooks: Tensor

    def __init__(self, levels: int, size: int, dimensions: int):
        super().__init__()
        self.register_buffer("codebooks", torch.zeros(levels, size, dimensions))

    def encode(self, points: Tensor) -> Tensor:
        """`[n, D]` -> int64 `[n, levels]`."""
        codes, rest = [], points
        for vectors in self.codebooks:
            nearest = (vectors.square().sum(1) - 2 * rest @ vectors.T).argmin(1)
            codes.append(nearest)
            rest = rest - vectors[nearest]
        return torch.stack(codes, 1)

    def decode(self, codes: Tensor, levels: Tensor | None = None) -> Tensor:
        """`[..., levels]` -> `[..., D]`: the sum of the first `levels` (int, broadcast; all of them if None)."""
        total = torch.zeros(())
        for level, vectors in enumerate(self.codebooks):
            part = vectors[codes[..., level]]
            total = total + (part if levels is None else part * (level < levels)[..., None])
        return total


class Block(nn.Module):
    """Residual; mixes the present frame with two before it. `[B, F, C]` -> same, and its last two inputs."""

    def __init__(self, width: int):
        super().__init__()
        self.time = nn.Linear(CONTEXT * width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        seen = torch.cat([past, x], 1)
        stacked = torch.cat([seen[:, :-2], seen[:, 1:-1], x], -1)
        return x + self.out(F.silu(self.time(stacked))), seen[:, -2:]


class DecoderState(NamedTuple):
    """All zero before the first frame."""

    pasts: tuple[Tensor, ...]  # of each block, [B, 2, width]
    synthesis: SynthesisState


class Controls(NamedTuple):
    """What the decoder asks of the synthesis."""

    powers: Tensor  # [B, F, hops, bands] natural logarithm
    tonality: Tensor  # [B, F, hops, bands] before the sigmoid
    bends: Tensor  # [B, F, bands] in [-1, 1]


class AudioDecoder(nn.Module):
    """Quantised points `[B, F, D]` -> samples."""

    scale: Tensor
    gain_tone: Tensor
    gain_noise: Tensor

    def __init__(self, config: AudioConfig):
        super().__init__()
        self.config = config
        self.enter = nn.Linear(config.dimensions, config.width)
        blocks = [Block(config.width) for _ in range(config.blocks)]
        self.blocks = nn.ModuleList(blocks)
        self.out = nn.Linear(config.width, 2 * config.features + config.bands)
        for layer in (self.out, *(block.out for block in blocks)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.register_buffer("scale", torch.ones(config.dimensions))
        self.register_buffer("gain_tone", torch.ones(config.bands))
        self.register_buffer("gain_noise", torch.ones(config.bands))
        self.synthesis = Synthesis(
            config.sample_rate, config.samples_per_frame, config.hops, config.bands, config.noise_frames, config.taps
        )

    def start(self, batch: int) -> DecoderState:
        zeros = torch.zeros(batch, CONTEXT - 1, self.config.width)
        return DecoderState((zeros,) * len(self.blocks), self.synthesis.start(batch))

    def controls(self, points: Tensor, known: Tensor, pasts: tuple[Tensor, ...]) -> tuple[Controls, tuple]:
        """`known` `[B, F, features]`: the log-mel spectra that the points stand for."""
        config = self.config
        x = self.enter(points / self.scale)
        after = []
        for block, past in zip(self.blocks, pasts, strict=True):
            x, kept = block(x, past)
            after.append(kept)
        correction, tonality, bends = self.out(x).split([config.features, config.features, config.bands], -1)
        shape = (*points.shape[:2], config.hops, config.bands)
        powers = (known + correction).view(shape)
        return Controls(powers, tonality.reshape(shape), bends.tanh()), tuple(after)

    def amplitudes(self, controls: Controls) -> Tensor:
        """`[B, F, hops, 2 * bands]`, tones first; exactly 0 at and below the floor."""
        whole = ((controls.powers * 0.5).exp() - FLOOR**0.5).clamp_min(0)
        tone = whole * controls.tonality.sigmoid().sqrt() * self.gain_tone
        noise = whole * (-controls.tonality).sigmoid().sqrt() * self.gain_noise
        return torch.cat([tone, noise], -1)

    def forward(self, points: Tensor, known: Tensor, state: DecoderState | None = None) -> tuple[Tensor, DecoderState]:
        state = state or self.start(points.shape[0])
        controls, pasts = self.controls(points, known, state.pasts)
        frequencies = self.synthesis.frequencies(controls.bends.detach())
        samples, synthesis = self.synthesis(self.amplitudes(controls), frequencies, state.synthesis)
        return samples, DecoderState(pasts, synthesis)


class AudioTokenizer(nn.Module):
    """Encoder, quantizer and decoder."""

    mean: Tensor
    basis: Tensor

    def __init__(self, config: AudioConfig):
        super().__init__()
        self.config = config
        self.analysis = Analysis(config.sample_rate, config.hop, config.window, config.bands)
        self.register_buffer("mean", torch.zeros(config.features))
        self.register_buffer("basis", torch.eye(config.features)[:, : config.dimensions].clone())  # orthonormal columns
        self.quantizer = ResidualQuantizer(config.levels, config.codebook_size, config.dimensions)
        self.decoder = AudioDecoder(config)

    def features(self, samples: Tensor) -> Tensor:
        """`[B, F * samples_per_frame]` -> the frames' log-mel spectra `[B, F, hops * bands]`."""
        batch = samples.shape[0]
        return self.analysis(samples).reshape(batch, -1, self.config.features)

    def points(self, samples: Tensor) -> Tensor:
        """`[B, F, D]`: principal components of the frames."""
        return (self.features(samples) - self.mean) @ self.basis

    @torch.no_grad()
    def encode(self, samples: Tensor) -> Tensor:
        """`[B, F * samples_per_frame]` -> int64 `[B, F, levels]`."""
        points = self.points(samples)
        return self.quantizer.encode(points.flatten(0, 1)).unflatten(0, points.shape[:2])

    def known(self, points: Tensor) -> Tensor:
        """Points -> the log-mel spectra that they stand for, `[B, F, features]`."""
        return points @ self.basis.T + self.mean

    def decode(
        self, codes: Tensor, state: DecoderState | None = None, levels: Tensor | None = None
    ) -> tuple[Tensor, DecoderState]:
        """`[B, F, levels]` -> `[B, F * samples_per_frame]`, clipped to [-1, 1], and the state after."""
        points = self.quantizer.decode(codes, levels)
        samples, after = self.decoder(points, self.known(points), state)
        return samples.clamp(-1, 1), after

    def contents(self) -> Tensor:
        """float32 `[levels * codebook_size, Da]`, Da <= 32: what each code adds, in principal components. Each level
        has root mean square 1, and within it the first components (loudness above all) keep the root of their lead, so
        that a reader sees the fine differences too."""
        vectors = self.quantizer.codebooks[..., :CONTENT_DIMENSIONS]
        vectors = vectors / vectors.std(1, keepdim=True).clamp_min(1e-6).sqrt()
        return (vectors / vectors.square().mean((1, 2), keepdim=True).sqrt()).flatten(0, 1).clone()


def random_tokenizer(preset: str = "tiny", seed: int = 2107) -> AudioTokenizer:
    """Seeded random weights, rounded to float16 as the bundle stores them: for the tests' bundle."""
    draw = torch.Generator().manual_seed(seed)
    tokenizer = AudioTokenizer(PRESETS[preset])
    with torch.no_grad():
        for name, value in (*tokenizer.named_parameters(), *tokenizer.named_buffers()):
            if name.startswith(("analysis.", "decoder.synthesis.")):
                continue
            random = torch.randn(value.shape, generator=draw)
            if name == "mean":
                value.copy_(random - 4)
            elif name == "basis":
                value.copy_(torch.linalg.qr(random)[0])
            elif name.endswith("scale") or "gain" in name:
                value.copy_(random.abs() * 0.2 + 0.5)
            elif name.endswith("codebooks"):
                value.copy_(random * 2)
            else:
                value.copy_(random * 0.6 / value.shape[-1] ** 0.5)
    round_as_stored(tokenizer)
    return tokenizer.eval().requires_grad_(False)


def round_as_stored(tokenizer: AudioTokenizer) -> None:
    """Every parameter and fitted buffer to float16."""
    with torch.no_grad():
        for name, value in (*tokenizer.named_parameters(), *tokenizer.named_buffers()):
            if not name.startswith(("analysis.", "decoder.synthesis.")):
                value.copy_(value.half().float())


def ship_audio_tokenizer(tokenizer: AudioTokenizer, path: Path = AUDIO_TOKENIZER) -> None:
    """Writes the weights as float16, with the configuration."""
    weights = {name: value.half() for name, value in tokenizer.state_dict().items()}
    save_atomically({"config": tokenizer.config.as_dict(), "weights": weights}, path)


def load_audio_tokenizer(path: Path = AUDIO_TOKENIZER) -> AudioTokenizer:
    """The shipped tokenizer, float32, in evaluation mode."""
    state = torch.load(path, weights_only=True)
    tokenizer = AudioTokenizer(AudioConfig(**state["config"]))
    tokenizer.load_state_dict({name: value.float() for name, value in state["weights"].items()})
    return tokenizer.eval().requires_grad_(False)
