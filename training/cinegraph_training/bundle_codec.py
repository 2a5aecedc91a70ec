"""The codecs of a bundle, run from its own graphs: what a clip or a sound is like once it was encoded and decoded."""

import json
from pathlib import Path

import numpy as np
import onnxruntime

MODELS = Path(__file__).resolve().parent.parent.parent / "models"


class _Codec:
    """Encoder and decoder of one kind, `video` or `audio`, on one thread (docs/BUNDLE.md)."""

    def __init__(self, folder: Path, kind: str):
        self.facts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))[kind]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(folder / self.facts[part]["file"], options, providers=["CPUExecutionProvider"])
            for part in ("encoder", "decoder")
        )

    def through(self, source: str, values: np.ndarray, result: str) -> np.ndarray:
        """`values` under the name `source` into codes, and those into `result`."""
        codes = self.encoder.run(["codes"], {source: values})[0]
        shapes = [state["shape"] for state in self.facts["decoder"]["states"]]
        states = {f"state_in_{index}": np.zeros(shape, np.float32) for index, shape in enumerate(shapes)}
        return np.asarray(self.decoder.run([result], {"codes": codes, **states})[0])


class VideoCodec(_Codec):
    def __init__(self, folder: Path):
        super().__init__(folder, "video")

    def reconstruct(self, clip: np.ndarray) -> np.ndarray:
        """uint8 `[1 + 4 (T - 1), H, W, 3]` -> the same, through the codes."""
        before = int(self.facts["framesPerLatent"]) - 1
        repeated = np.concatenate([np.repeat(clip[:1], before, 0), clip])
        frames = np.ascontiguousarray(repeated.transpose(0, 3, 1, 2), np.float32) / 255
        drawn = self.through("frames", frames, "frames")[before:]
        return (drawn * 255).round().clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


class AudioCodec(_Codec):
    def __init__(self, folder: Path):
        super().__init__(folder, "audio")

    def reconstruct(self, samples: np.ndarray) -> np.ndarray:
        """float32 `[n]` -> the same, cut to whole frames, through the codes."""
        size = int(self.facts["samplesPerFrame"])
        return self.through("samples", samples[: len(samples) // size * size].astype(np.float32), "samples")
