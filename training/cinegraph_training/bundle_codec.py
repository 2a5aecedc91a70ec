"""The codecs of a bundle and its super-resolution, run from its own graphs: what a clip or a sound is like once it was
encoded and decoded, and what a clip is like at twice the size."""

import json
from pathlib import Path

import numpy as np
import onnxruntime

MODELS = Path(__file__).resolve().parent.parent.parent / "models"


def _facts(folder: Path, part: str) -> dict:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))[part]


def _session(file: Path) -> onnxruntime.InferenceSession:
    """On one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _first_states(facts: dict) -> dict[str, np.ndarray]:
    """What a graph that remembers begins with."""
    return {f"state_in_{i}": np.zeros(state["shape"], np.float32) for i, state in enumerate(facts["states"])}


class _Codec:
    """Encoder and decoder of one kind, `video` or `audio` (docs/BUNDLE.md)."""

    def __init__(self, folder: Path, kind: str):
        self.facts = _facts(folder, kind)
        self.encoder, self.decoder = (_session(folder / self.facts[part]["file"]) for part in ("encoder", "decoder"))

    def through(self, source: str, values: np.ndarray, result: str) -> np.ndarray:
        """`values` under the name `source` into codes, and those into `result`."""
        codes = self.encoder.run(["codes"], {source: values})[0]
        return np.asarray(self.decoder.run([result], {"codes": codes, **_first_states(self.facts["decoder"])})[0])


class VideoCodec(_Codec):
    def __init__(self, folder: Path):
        super().__init__(folder, "video")

    def reconstruct(self, clip: np.ndarray) -> np.ndarray:
        """uint8 `[1 + 4 (T - 1), H, W, 3]` -> the same, through the codes."""
        before = int(self.facts["framesPerLatent"]) - 1
        return _pictures(self.through("frames", _latent_frames(clip, before), "frames")[before:])


class Enlarger:
    """The bundle's super-resolution."""

    def __init__(self, folder: Path):
        self.facts = _facts(folder, "superResolution")
        self.before = int(_facts(folder, "video")["framesPerLatent"]) - 1
        self.session = _session(folder / self.facts["file"])

    def enlarge(self, clip: np.ndarray) -> np.ndarray:
        """uint8 `[1 + 4 (T - 1), H, W, 3]` -> `[1 + 4 (T - 1), 2 H, 2 W, 3]`."""
        told = {"frames": _latent_frames(clip, self.before), **_first_states(self.facts)}
        return _pictures(np.asarray(self.session.run(["enlarged"], told)[0])[self.before :])


def _latent_frames(clip: np.ndarray, before: int) -> np.ndarray:
    """uint8 `[F, H, W, 3]` -> float32 `[before + F, 3, H, W]` in [0, 1]: the first is a latent frame of its own."""
    repeated = np.concatenate([np.repeat(clip[:1], before, 0), clip])
    return np.ascontiguousarray(repeated.transpose(0, 3, 1, 2), np.float32) / 255


def _pictures(frames: np.ndarray) -> np.ndarray:
    """float32 `[F, 3, H, W]` in [0, 1] -> uint8 `[F, H, W, 3]`."""
    return (frames * 255).round().clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


class AudioCodec(_Codec):
    def __init__(self, folder: Path):
        super().__init__(folder, "audio")

    def reconstruct(self, samples: np.ndarray) -> np.ndarray:
        """float32 `[n]` -> the same, cut to whole frames, through the codes."""
        size = int(self.facts["samplesPerFrame"])
        return self.through("samples", samples[: len(samples) // size * size].astype(np.float32), "samples")
