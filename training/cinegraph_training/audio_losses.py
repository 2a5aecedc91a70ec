"""What the audio tokenizer's decoder is trained by: spectra at several resolutions, and the tones in every band."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .audio_analysis import band_edges, triangles

RESOLUTIONS = ((2048, 64), (512, 40), (128, 12))  # window in samples, mel bands
QUIET = 1e-5  # power of a band that is not listened to any more
PITCH_WINDOW = 1280
NOISE_QUANTILE = 0.9  # of noise counts as no tone at all
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


class Tones:
    """Measures tones in sounds: the targets of the decoder's pitches and tonalities. Spectra alone would not teach
    them: a steady tone in place of a noise has the smaller expected distance to it."""

    def __init__(self, bands: int, samples_per_frame: int):
        self.samples_per_frame = samples_per_frame
        self.shape = torch.hann_window(PITCH_WINDOW)
        step = RATE / PITCH_WINDOW
        edges = band_edges(bands, RATE)
        first = (edges[:-2] / step).floor().long().clamp_min(1)
        last = (edges[2:] / step).ceil().long().clamp_max(PITCH_WINDOW // 2)
        self.spans = list(zip(first.tolist(), last.tolist(), strict=True))  # a band's lines, from one to before another
        self.around = [1 + (high - low) // 16 for low, high in self.spans]  # lines on each side that a tone takes
        self.of_noise = torch.zeros(bands)
        noise = torch.randn(64, 25 * samples_per_frame, generator=torch.Generator().manual_seed(1))
        shares = self.measure(noise)[1] / 1.2
        self.of_noise = shares.flatten(0, 1).quantile(NOISE_QUANTILE, dim=0).clamp_max(0.85)

    @torch.no_grad()
    def measure(self, sounds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`[B, n]` -> three `[B, n / samples_per_frame, bands]` at the ends of frames: the strongest frequency in each
        band, turns per frame; how much of a tone it is, 0 to 1; how loud the band is, against the loudest."""
        padded = F.pad(sounds, (PITCH_WINDOW // 2 - self.samples_per_frame, PITCH_WINDOW // 2))
        spectrum = torch.fft.rfft(padded.unfold(-1, PITCH_WINDOW, self.samples_per_frame) * self.shape)
        power = spectrum.real.square() + spectrum.imag.square() + 1e-9  # [B, F, lines]
        peak = torch.stack([power[..., low:high].argmax(-1) + low for low, high in self.spans], -1)
        whole = torch.stack([power[..., low:high].sum(-1) for low, high in self.spans], -1)
        below, top, above = (power.gather(-1, peak + side).log() for side in (-1, 0, 1))
        bend = 0.5 * (below - above) / (below - 2 * top + above).clamp(max=-1e-3)
        turns = (peak + bend.clamp(-0.5, 0.5)) * self.samples_per_frame / PITCH_WINDOW
        sums = F.pad(power.cumsum(-1), (1, 0))
        reach = torch.tensor(self.around)
        high = (peak + reach + 1).clamp_max(power.shape[-1])
        near = sums.gather(-1, high) - sums.gather(-1, (peak - reach).clamp_min(0))
        share = (near / torch.maximum(whole, near)).clamp(0, 1)
        tonality = (1.2 * (share - self.of_noise) / (1 - self.of_noise)).clamp(0, 1)
        loud = (whole / whole.amax((1, 2), keepdim=True)).sqrt()
        return turns, tonality, loud
