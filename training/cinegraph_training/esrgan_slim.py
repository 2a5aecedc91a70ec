"""ESRGAN-slim, twice the size: a public network for super-resolution to compare ours with.

npm `@upscalerjs/esrgan-slim` (MIT). Its weights come with the package; the layers are those of its `model.json`.
"""

import json
import tarfile

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .prepare import fetch

PACKAGE = "@upscalerjs/esrgan-slim"
FOLDER = "package/models/x2"


class EsrganSlim:
    """Residual dense blocks, then nearest-neighbour enlargement and a last convolution."""

    def __init__(self):
        with tarfile.open(fetch(PACKAGE)) as archive:
            description, values = (self._read(archive, name) for name in ("model.json", "group1-shard1of1.bin"))
        self.weights: dict[str, Tensor] = {}
        offset = 0
        for entry in json.loads(description)["weightsManifest"][0]["weights"]:
            count = int(np.prod(entry["shape"]))
            array = np.frombuffer(values, np.float32, count, offset).reshape(entry["shape"])
            offset += 4 * count
            kernel = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
            self.weights[entry["name"]] = torch.from_numpy(kernel.copy())

    @staticmethod
    def _read(archive: tarfile.TarFile, name: str) -> bytes:
        member = archive.extractfile(f"{FOLDER}/{name}")
        if member is None:
            raise SystemExit(f"{PACKAGE} has no {name}")
        return member.read()

    def _conv(self, x: Tensor, name: str) -> Tensor:
        kernel = self.weights[f"{name}/kernel"]
        return F.conv2d(x, kernel, self.weights[f"{name}/bias"], padding=kernel.shape[2] // 2)

    @torch.no_grad()
    def enlarge(self, frames: Tensor) -> Tensor:
        """`[N, 3, h, w]` -> `[N, 3, 2 h, 2 w]`, both in [0, 1]."""
        first = self._conv(frames, "F_m1")
        x = self._conv(first, "F_0")
        outputs = []
        for block in ("1", "2"):
            grown = F.relu(self._conv(x, f"F_{block}_1"))
            x = x + self._conv(torch.cat([x, grown], 1), f"LFF_{block}")
            outputs.append(x)
        x = self._conv(self._conv(torch.cat(outputs, 1), "GFF_1"), "GFF_2") + first
        x = F.relu(self._conv(F.relu(self._conv(x, "UPN1")), "UPN2"))
        large = F.interpolate(self._conv(x, "UPN3"), scale_factor=2, mode="nearest")
        return self._conv(large, "SR").clamp(0, 1)
