"""What the audio tokenizer's decoder is trained by: spectra at several resolutions, and the pitch of every band."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .audio_analysis import band_edges, triangles

RESOLUTIONS = ((2048, 64), (512, 40), (128, 12))  # window in samples, mel bands
QUIET = 1e-5  # power of a band that is not listened to any more
PITCH_WINDOW = 1280
RATE = 16_000


class SpectralLoss:
    """Distances between two sounds `[B, n]`; holds the windows and the bands."""

    def __init__(self):
        self.scales = []
        for window, bands in RESOLUTIONS:
            lines = torch.arange(window // 2 + 1) * RATE / window
            mels = triangles(lines, band_edges(bands, RATE)).float()
            shape = torch.hann_window(window)
            self.scales.append((window, shape / shape.square().sum().sqrt(), mels / mels.sum(0).clamp_min(1e-3)))

    def log_mel(self, sound: Tensor, target: Tensor) -> Tensor:
        """Mean absolute difference of log-mel powers (natural logarithm), over all resolutions, plus that of the
        magnitudes of single lines, which tells a tone from a noise."""
        total = torch.zeros(())
        for window, shape, mels in self.scales:
            ours, theirs = (_power(x, window, shape) for x in (sound, target))
            total = total + F.l1_loss((ours @ mels + QUIET).log(), (theirs @ mels + QUIET).log())
            if window in (2048, 512):
                total = total + 0.4 * F.l1_loss((ours + QUIET).log(), (theirs + QUIET).log())
        return total / len(self.scales)


def _power(sound: Tensor, window: int, shape: Tensor) -> Tensor:
    """`[B, n]` -> `[B, frames, lines]`."""
    padded = F.pad(sound, (window // 2, window // 2))
    spectrum = torch.fft.rfft(padded.unfold(-1, window, window // 4) * shape)
    return spectrum.real.square() + spectrum.imag.square()


@torch.no_grad()
def pitches(target: Tensor, bands: int, samples_per_frame: int) -> tuple[Tensor, Tensor]:
    """The strongest frequency in each band at the end of each frame, turns per frame, and how much it counts: how loud
    it is, and how much of the band's power. `[B, n]` -> two `[B, n / samples_per_frame, bands]`."""
    window = PITCH_WINDOW
    shape = torch.hann_window(window)
    padded = F.pad(target, (window // 2 - samples_per_frame, window // 2))
    parts = padded.unfold(-1, window, samples_per_frame)
    spectrum = torch.fft.rfft(parts * shape)
    power = spectrum.real.square() + spectrum.imag.square()  # [B, F, lines]
    lines = torch.arange(window // 2 + 1) * RATE / window
    edges = band_edges(bands, RATE)
    first = (edges[:-2] / lines[1]).floor().long().clamp_min(1)
    last = (edges[2:] / lines[1]).ceil().long().clamp_max(len(lines) - 1)  # a band's lines, of which this is not one
    spans = list(zip(first.tolist(), last.tolist(), strict=True))
    peak = torch.stack([power[..., low:high].argmax(-1) + low for low, high in spans], -1)  # [B, F, bands]
    low, top, high = (power.gather(-1, peak + step).clamp_min(1e-9).log() for step in (-1, 0, 1))
    bend = 0.5 * (low - high) / (low - 2 * top + high).clamp(max=-1e-3)
    turns = (peak + bend.clamp(-0.5, 0.5)) * samples_per_frame / window
    whole = torch.stack([power[..., low:high].sum(-1) for low, high in spans], -1)
    share = (low.exp() + top.exp() + high.exp()) / whole.clamp_min(1e-9)
    loud = (whole / whole.amax((1, 2), keepdim=True).clamp_min(1e-6)).sqrt()
    return turns, (share - 0.4).clamp(0, 0.6) * loud
