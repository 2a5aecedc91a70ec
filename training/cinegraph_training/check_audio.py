"""Compares the audio graphs in onnxruntime with PyTorch, and decoding frame by frame with decoding the whole.

`python -m cinegraph_training.check_audio [--weights checkpoints/audio-tokenizer.pt]`: the random tiny model without.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from .audio_tokenizer import AudioTokenizer, load_audio_tokenizer, random_tokenizer
from .export_audio import export_audio_decoder, export_audio_encoder

FRAMES = 53


def session(path: Path) -> onnxruntime.InferenceSession:
    """On one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class StreamingDecoder:
    """The decoder's graph with its states."""

    def __init__(self, path: Path, shapes: list[list[int]]):
        self.session = session(path)
        self.states = [np.zeros(shape, np.float32) for shape in shapes]

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """`[F, levels]` -> `[F * samplesPerFrame]`, going on from the last call."""
        feeds = {f"state_in_{index}": state for index, state in enumerate(self.states)}
        samples, *self.states = self.session.run(None, {"codes": codes, **feeds})
        return np.asarray(samples)


def check_audio(model: AudioTokenizer, folder: Path, shapes: list[list[int]]) -> dict[str, float]:
    """Raises SystemExit when the graphs in `folder` do not do what `model` does. Returns what it measured."""
    rng = np.random.default_rng(0)
    time_axis = np.arange(FRAMES * model.config.samples_per_frame) / model.config.sample_rate
    loudness = np.exp(-6 * (time_axis % 0.5))
    sweep = np.sin(2 * np.pi * 300 * time_axis * (1 + time_axis))
    samples = (loudness * (0.3 * sweep + 0.1 * rng.standard_normal(len(time_axis)))).clip(-1, 1).astype(np.float32)
    expected = model.encode(torch.from_numpy(samples)[None])[0].numpy()
    codes = session(folder / "audio-encoder.onnx").run(None, {"samples": samples})[0]
    same = float((np.asarray(codes) == expected).mean())
    if same < 0.995:  # a point between two vectors may fall to either
        raise SystemExit(f"audio encoder: {same:.2%} of the codes agree")
    expected_sound = model.decode(torch.from_numpy(expected)[None])[0][0].detach().numpy()
    whole = StreamingDecoder(folder / "audio-decoder.onnx", shapes)(expected)
    difference = float(np.abs(whole - expected_sound).max())
    if difference > 2e-3:
        raise SystemExit(f"audio decoder: differs from PyTorch by {difference:.1e}")
    stream = StreamingDecoder(folder / "audio-decoder.onnx", shapes)
    started = time.process_time()
    pieces = [stream(expected[frame : frame + 1]) for frame in range(FRAMES)]
    milliseconds = (time.process_time() - started) / FRAMES * 1000
    if not np.array_equal(np.concatenate(pieces), whole):
        raise SystemExit("audio decoder: frame by frame is not bit-equal to the whole")
    uneven = StreamingDecoder(folder / "audio-decoder.onnx", shapes)
    pieces = [uneven(expected[start:stop]) for start, stop in ((0, 3), (3, 10), (10, FRAMES))]
    if not np.array_equal(np.concatenate(pieces), whole):
        raise SystemExit("audio decoder: in pieces is not bit-equal to the whole")
    return {"same_codes": same, "difference": difference, "cpu_ms_per_frame": round(milliseconds, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="a shipped tokenizer")
    parser.add_argument("--preset", default="tiny", help="of the random model")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_audio_tokenizer(options.weights) if options.weights else random_tokenizer(options.preset)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export_audio_encoder(model, folder)
        report = check_audio(model, folder, export_audio_decoder(model, folder))
        sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    print(report | sizes)


if __name__ == "__main__":
    main()
