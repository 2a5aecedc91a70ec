"""The video codec of a bundle, run from its own graphs: what a clip looks like once it was encoded and decoded."""

import json
from pathlib import Path

import numpy as np
import onnxruntime

MODELS = Path(__file__).resolve().parent.parent.parent / "models"


class BundleCodec:
    """Encoder and decoder graphs, on one thread (docs/BUNDLE.md)."""

    def __init__(self, folder: Path = MODELS / "cinegraph-small"):
        self.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        video = self.manifest["video"]
        self.per_latent = int(video["framesPerLatent"])
        self.shapes = [state["shape"] for state in video["decoder"]["states"]]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(folder / video[part]["file"], options, providers=["CPUExecutionProvider"])
            for part in ("encoder", "decoder")
        )

    def reconstruct(self, clip: np.ndarray) -> np.ndarray:
        """uint8 `[1 + 4 (T - 1), H, W, 3]` -> the same, through the codes."""
        repeated = np.concatenate([np.repeat(clip[:1], self.per_latent - 1, 0), clip])
        frames = np.ascontiguousarray(repeated.transpose(0, 3, 1, 2), np.float32) / 255
        codes = self.encoder.run(["codes"], {"frames": frames})[0]
        states = {f"state_in_{index}": np.zeros(shape, np.float32) for index, shape in enumerate(self.shapes)}
        drawn = np.asarray(self.decoder.run(["frames"], {"codes": codes, **states})[0])
        pixels = (drawn[self.per_latent - 1 :] * 255).round().clip(0, 255).astype(np.uint8)
        return pixels.transpose(0, 2, 3, 1)
