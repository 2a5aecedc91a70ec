"""Sound from amplitudes: in every mel band a tone that keeps its phase, and a noise (DDSP, arXiv 2001.04643).

A band's amplitudes are known at the end of every hop and move in straight lines between. A tone's frequency is known at
the end of every frame; it is rounded to 1/64 turn per frame, so that phases are added up exactly and a stream cannot
differ from the whole.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .audio_analysis import band_edges, half_rounded, triangles

STEPS_PER_TURN = 64.0  # of a frequency, in turns per frame


class SynthesisState(NamedTuple):
    """What the next frame needs of those before: all zero before the first one."""

    counter: Tensor  # [B, 1] 0, or noise_frames + place in the noise
    amplitude: Tensor  # [B, 2 * bands] at the end of the last frame, tones first
    frequency: Tensor  # [B, bands] turns per frame
    phase: Tensor  # [B, bands] turns, in [0, 1)


class Synthesis(nn.Module):
    """Amplitudes and frequencies -> samples."""

    center: Tensor
    reach: Tensor
    noise: Tensor
    filters: Tensor
    carriers: Tensor
    hats: Tensor
    time: Tensor

    def __init__(self, sample_rate: int, samples_per_frame: int, hops: int, bands: int, noise_frames: int, taps: int):
        super().__init__()
        self.samples, self.hops, self.bands, self.noise_frames = samples_per_frame, hops, bands, noise_frames
        edges = band_edges(bands, sample_rate)
        turns = edges * samples_per_frame / sample_rate  # Hz -> turns per frame
        self.register_buffer("center", turns[1:-1].float(), persistent=False)
        self.register_buffer("reach", ((turns[2:] - turns[:-2]) / 3).float(), persistent=False)
        draw = torch.Generator().manual_seed(2107)
        noise = torch.randn(noise_frames * samples_per_frame, generator=draw)
        self.register_buffer("noise", half_rounded(torch.cat([noise, noise[: taps - 1]])), persistent=False)
        self.register_buffer("filters", half_rounded(_filters(edges, sample_rate, taps)), persistent=False)
        carriers = F.conv1d(self.noise[None, None], self.filters[:, None])[0]  # [bands, noise_frames * samples]
        carriers = carriers.view(bands, noise_frames, samples_per_frame).transpose(0, 1)
        self.register_buffer("carriers", carriers.contiguous(), persistent=False)
        time = (torch.arange(samples_per_frame) + 1) / samples_per_frame  # in frames
        points = torch.arange(hops + 1) / hops
        self.register_buffer("hats", (1 - (time - points[:, None]).abs() * hops).clamp_min(0), persistent=False)
        self.register_buffer("time", time, persistent=False)

    def frequencies(self, bends: Tensor) -> Tensor:
        """Bends in [-1, 1] within each band -> turns per frame, rounded. `[..., bands]`."""
        return ((self.center + self.reach * bends) * STEPS_PER_TURN).round() / STEPS_PER_TURN

    def start(self, batch: int) -> SynthesisState:
        zeros = self.center.new_zeros
        return SynthesisState(
            zeros(batch, 1), zeros(batch, 2 * self.bands), zeros(batch, self.bands), zeros(batch, self.bands)
        )

    def forward(
        self, amplitudes: Tensor, frequencies: Tensor, state: SynthesisState | None = None
    ) -> tuple[Tensor, SynthesisState]:
        """`[B, F, hops, 2 * bands]` (tones first) and `[B, F, bands]` -> `[B, F * samples]` and the state after."""
        batch, count = frequencies.shape[:2]
        state = state or self.start(batch)
        places = (state.counter + torch.arange(count)).remainder(self.noise_frames)
        counter = (state.counter + count).remainder(self.noise_frames) + self.noise_frames
        first = torch.where(state.counter == 0, frequencies[:, 0], state.frequency)
        before = torch.cat([first[:, None], frequencies[:, :-1]], 1)
        advance = ((before + frequencies) / 2).remainder(1)
        phases = (state.phase[:, None] + advance.cumsum(1)).remainder(1)  # at the end of each frame
        begin = torch.cat([state.phase[:, None], phases[:, :-1]], 1)
        ends = torch.cat([state.amplitude[:, None], amplitudes[:, :-1, -1]], 1)
        points = torch.cat([ends[:, :, None], amplitudes], 2)  # [B, F, hops + 1, 2 * bands]
        with torch.no_grad():
            tones, noises = self._tones(before, frequencies, begin), self.carriers[places.long()]
        sounds = points[..., : self.bands] @ tones + points[..., self.bands :] @ noises  # [B, F, hops + 1, samples]
        samples = (sounds * self.hats).sum(2).flatten(1)
        return samples, SynthesisState(counter, amplitudes[:, -1, -1], frequencies[:, -1], phases[:, -1])

    def _tones(self, before: Tensor, after: Tensor, begin: Tensor) -> Tensor:
        """`[B, F, bands, samples]` sines whose frequency glides from one frame's end to the next."""
        bend = (after - before) / 2
        turns = begin[..., None] + self.time * (before[..., None] + self.time * bend[..., None])
        return ((turns - turns.floor()) * (2 * math.pi)).sin()


def _filters(edges: Tensor, sample_rate: int, taps: int) -> Tensor:
    """`[bands, taps]` of which each passes one triangle; flat noise through all of them is flat again."""
    lines = torch.arange(taps // 2 + 1, dtype=torch.float64) * sample_rate / taps
    shapes = torch.fft.irfft(triangles(lines, edges).T.to(torch.complex128), n=taps)
    return (shapes.roll(taps // 2, -1) * torch.hann_window(taps, periodic=False, dtype=torch.float64)).float()
