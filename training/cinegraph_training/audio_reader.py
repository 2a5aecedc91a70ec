"""The audio reader: a small CNN that says which class of sound is heard. It measures the generator; it is not shipped.

It reads log-mel spectra. Trained on real sounds (train_audio_reader.py), checked on real held-out and on
reconstructed ones.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .audio_analysis import Analysis
from .audio_tokenizer import PRESETS
from .paths import CHECKPOINTS
from .sounds import KINDS

AUDIO_READER = CHECKPOINTS / "audio-reader.pt"
CONFIG = PRESETS["small"]


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, kernel, 2, kernel // 2, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()
    )


class AudioReader(nn.Module):
    """Spectra `[B, n, 48]` at 100 Hz -> logits `[B, 19]`, in the order of `sounds.KINDS`."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(_conv(CONFIG.bands, 96, 5), _conv(96, 128, 5), _conv(128, 128, 3))
        self.head = nn.Linear(2 * 128, len(KINDS))

    def forward(self, spectra: Tensor) -> Tensor:
        x = self.layers((spectra.transpose(1, 2) + 8) / 4)
        return self.head(torch.cat([x.mean(2), x.amax(2)], 1))


class Ear:
    """A reader and the analysis before it."""

    def __init__(self, reader: AudioReader):
        self.reader = reader
        self.analysis = Analysis(CONFIG.sample_rate, CONFIG.hop, CONFIG.window, CONFIG.bands)

    def spectra(self, samples: np.ndarray | Tensor) -> Tensor:
        """`[B, n]` -> `[B, n / 160, 48]`."""
        return self.analysis(torch.as_tensor(samples))

    @torch.no_grad()
    def kinds(self, samples: np.ndarray | Tensor) -> np.ndarray:
        """float32 `[B, n]` in [-1, 1] at 16 kHz -> int `[B]`, indices into `sounds.KINDS`."""
        parts = [self.reader(self.spectra(part)).argmax(1) for part in torch.as_tensor(samples).split(64)]
        return torch.cat(parts).numpy()


def load_ear(path: Path = AUDIO_READER) -> Ear:
    """The trained reader in evaluation mode, with its analysis."""
    reader = AudioReader()
    weights = torch.load(path, weights_only=True)["weights"]
    reader.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in weights.items()})
    return Ear(reader.eval().requires_grad_(False))
