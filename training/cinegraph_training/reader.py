"""The attribute reader: a small CNN that says what a clip shows. It measures the generator; it is not shipped.

Trained on real rendered clips, checked on real and on reconstructed held-out ones (train_reader.py). Its pooled
features also serve the Frechet distance on this world.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attributes import COLUMNS, vocabulary
from .paths import CHECKPOINTS

READER = CHECKPOINTS / "attribute-reader.pt"
FRAMES_READ = tuple(range(0, 17, 2))  # nine frames are enough to see every motion
SIDE = 64  # px
FEATURES = 256


def _conv(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class AttributeReader(nn.Module):
    """Frames `[B, 9, 3, 64, 64]` in [0, 1] -> one row of logits per column of `attributes.COLUMNS`."""

    def __init__(self):
        super().__init__()
        self.frame = nn.Sequential(_conv(3, 24, 5, 2), _conv(24, 48, 3, 2))
        self.time = _conv(48 * len(FRAMES_READ), 192, 1, 1)
        self.place = nn.Sequential(_conv(192, 192, 3, 1), _conv(192, 192, 3, 2), _conv(192, FEATURES, 3, 2))
        self.heads = nn.ModuleDict({name: nn.Linear(2 * FEATURES, len(vocabulary()[name])) for name in COLUMNS})

    def features(self, frames: Tensor) -> Tensor:
        """`[B, 512]`: mean and maximum over places."""
        batch = frames.shape[0]
        x = self.frame((frames * 2 - 1).flatten(0, 1)).unflatten(0, (batch, -1)).flatten(1, 2)
        x = self.place(self.time(x))
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)

    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        features = self.features(frames)
        return {name: head(features) for name, head in self.heads.items()}


def reader_input(clips: np.ndarray | Tensor) -> Tensor:
    """`[B, 17, 128, 128, 3]` uint8, or float in [0, 1] -> `[B, 9, 3, 64, 64]` float in [0, 1]."""
    x = torch.as_tensor(clips)[:, list(FRAMES_READ)]
    x = x.float() / 255 if x.dtype == torch.uint8 else x.float()
    batch = x.shape[0]
    x = x.permute(0, 1, 4, 2, 3).flatten(0, 1)
    return F.avg_pool2d(x, x.shape[-1] // SIDE).unflatten(0, (batch, -1))


def load_reader(path: Path = READER) -> AttributeReader:
    """The trained reader in evaluation mode."""
    reader = AttributeReader()
    weights = torch.load(path, weights_only=True)["weights"]
    weights = {name: v.float() if v.is_floating_point() else v for name, v in weights.items()}
    for name, fresh in reader.state_dict().items():  # concepts and columns that were added since
        known = weights.get(name, fresh[:0] if fresh.ndim else fresh)
        weights[name] = torch.cat([known, fresh[len(known) :]]) if fresh.ndim else known
    reader.load_state_dict(weights)
    return reader.eval().requires_grad_(False)


@torch.no_grad()
def read_classes(reader: AttributeReader, clips: np.ndarray | Tensor) -> np.ndarray:
    """`[B, 17, 128, 128, 3]` -> int `[B, 7]` class numbers in the order of `COLUMNS`."""
    parts = []
    for start in range(0, len(clips), 32):
        logits = reader(reader_input(clips[start : start + 32]))
        parts.append(torch.stack([logits[name].argmax(1) for name in COLUMNS], 1))
    return torch.cat(parts).numpy()


def read(frames: np.ndarray | Tensor, reader: AttributeReader | None = None) -> dict[str, str]:
    """What one clip `[17, 128, 128, 3]` shows, e.g. `{"object": "fox", "background": "red", ...}`."""
    row = read_classes(reader or load_reader(), torch.as_tensor(frames)[None])[0]
    return {name: vocabulary()[name][int(index)] for name, index in zip(COLUMNS, row, strict=True)}
