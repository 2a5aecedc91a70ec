"""Checks a bundle's graphs in onnxruntime against PyTorch, and how fast they step.

The decode graph runs with its caches bound as input and output (in place), as the engine does.

    python -m cinegraph_training.check_bundle            # builds the tiny bundle in a temporary folder and checks it
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from .language_model import Inputs, KeyValueCache, LanguageModel, output_inputs, prefix_rows


def open_session(path: Path, threads: int = 1) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class OnnxLanguageModel:
    """The engine's use of the three graphs: slots of one cache, prefill row by row, steps in place."""

    def __init__(self, folder: Path, config, batch: int, threads: int = 1):
        self.config = config
        started = time.perf_counter()
        self.prefill_session, self.decode_session, self.head_session = (
            open_session(folder / f"lm-{name}.onnx", threads) for name in ("prefill", "decode", "head")
        )
        self.load_seconds = time.perf_counter() - started
        shape = (batch, config.kv_heads, config.max_length, config.head_dim)
        names = [f"{kind}_{layer}" for layer in range(config.layers) for kind in ("key", "value")]
        self.cache = {name: ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32)) for name in names}
        self.lengths = np.zeros(batch, np.int32)

    def prefill(self, row: int, prefix: list[int]) -> dict[str, np.ndarray]:
        """Fills the slot of `row`; returns the graph's outputs by name."""
        names = [output.name for output in self.prefill_session.get_outputs()]
        results = self.prefill_session.run(names, {"row_ids": np.array([prefix], np.int64)})
        outputs = dict(zip(names, results, strict=True))
        for name, value in outputs.items():
            slot = self.cache[name].numpy().copy()
            slot[row, :, : len(prefix)] = value[0]
            self.cache[name] = ort.OrtValue.ortvalue_from_numpy(slot)
        self.lengths[row] = len(prefix)
        return outputs

    def step(self, rows: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """int64 `[B, K]` and `[B, C]` -> logits `[B, V]`, hidden `[B, d]`; the cache grows by one entry in place."""
        binding = self.decode_session.io_binding()
        binding.bind_cpu_input("row_ids", rows)
        binding.bind_cpu_input("code_ids", codes)
        binding.bind_cpu_input("seqlens_k", self.lengths.copy())
        binding.bind_cpu_input("total_sequence_length", np.array(self.lengths.max() + 1, np.int32))
        for name, value in self.cache.items():
            binding.bind_ortvalue_input(f"past_{name}", value)
            binding.bind_ortvalue_output(f"present_{name}", value)
        binding.bind_output("logits")
        binding.bind_output("hidden")
        self.decode_session.run_with_iobinding(binding)
        self.lengths += 1
        logits, hidden = binding.get_outputs()[-2:]  # in the order of binding
        return logits.numpy(), hidden.numpy()

    def head(self, hidden: np.ndarray, a: np.ndarray) -> np.ndarray:
        return self.head_session.run(["logits_b"], {"hidden": hidden, "a": a})[0]


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest absolute difference over the largest magnitude."""
    return float(np.abs(found - expected).max() / (np.abs(expected).max() + 1e-12))


@torch.no_grad()
def compare_language_model(folder: Path, model: LanguageModel, steps: int | None = None) -> dict[str, float]:
    """Relative differences between the graphs and PyTorch over a clip of random tokens; two rows of unequal length."""
    config = model.config
    steps = steps or config.positions
    generator = torch.Generator().manual_seed(1)
    prefixes = [prefix_rows(config, "TEXT_TO_VIDEO", text) for text in (list(range(30, 42)), None)]
    codes = torch.stack([torch.randint(size, (2, steps), generator=generator) for size in config.sub_codebooks], dim=-1)
    condition = torch.randint(config.null_code + 1, (2, steps), generator=generator)
    condition[:, ::3] = config.null_code
    joined = codes[..., 0] * config.sub_codebooks[1] + codes[..., 1]
    inputs = output_inputs(config, joined, condition=condition)
    session = OnnxLanguageModel(folder, config, batch=2)
    expected = []
    worst = {"keys": 0.0, "logits": 0.0, "hidden": 0.0, "logits_b": 0.0}
    for row, prefix in enumerate(prefixes):
        cache = KeyValueCache(config, 1)
        model.prefill(torch.tensor([prefix]), torch.ones(1, len(prefix), dtype=torch.bool), cache)
        for name, value in session.prefill(row, prefix).items():
            kind, layer = name.split("_")
            kept = (cache.keys if kind == "key" else cache.values)[int(layer), :, :, : cache.length]
            worst["keys"] = max(worst["keys"], difference(value, kept.numpy()))
        valid = torch.ones(1, len(prefix), dtype=torch.bool)
        own = Inputs(inputs.rows[row : row + 1], inputs.codes[row : row + 1])
        expected.append(model(torch.tensor([prefix]), valid, own)[1][0])
    started = time.perf_counter()
    for index in range(steps):
        logits, hidden = session.step(*(np.ascontiguousarray(part[:, index]) for part in (inputs.rows, inputs.codes)))
        a = codes[:, index, 0]
        logits_b = session.head(hidden, a.numpy())
        reference = torch.stack([expected[0][index], expected[1][index]])
        pairs = {
            "logits": (logits, model.logits_a(reference)),
            "hidden": (hidden, reference),
            "logits_b": (logits_b, model.logits_b(reference, a)),
        }
        for name, (found, wanted) in pairs.items():
            worst[name] = max(worst[name], difference(found, wanted.numpy()))
    seconds = time.perf_counter() - started
    return {**worst, "loadSeconds": session.load_seconds, "millisecondsPerStep": seconds / steps * 1e3}


@torch.no_grad()
def compare_decoder(folder: Path, decode, codes: torch.Tensor, state_shapes: list[list[int]]) -> dict[str, float]:
    """The decoder graph on `codes` `[T, H, W, 2]`: against PyTorch (`decode(codes) -> frames`), and whether latent by
    latent gives the same bits as the whole clip."""
    session = open_session(folder / "video-decoder.onnx")
    names = [output.name for output in session.get_outputs()]

    def run(part: np.ndarray, states: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        feeds = {"codes": part} | {f"state_in_{index}": state for index, state in enumerate(states)}
        results = dict(zip(names, session.run(names, feeds), strict=True))
        return results["frames"], [results[f"state_out_{index}"] for index in range(len(states))]

    zeros = [np.zeros(shape, np.float32) for shape in state_shapes]
    run(codes.numpy(), zeros)
    started = time.perf_counter()
    whole, whole_states = run(codes.numpy(), zeros)
    seconds = time.perf_counter() - started
    states, parts = zeros, []
    latent_started = time.perf_counter()
    for index in range(codes.shape[0]):
        frames, states = run(codes[index : index + 1].numpy(), states)
        parts.append(frames)
    latent_seconds = (time.perf_counter() - latent_started) / codes.shape[0]
    streamed = np.concatenate(parts)
    return {
        "frames": float(np.abs(whole - decode(codes).numpy()).max()),
        "streamed": float(np.abs(streamed - whole).max()),
        "states": max(float(np.abs(a - b).max()) for a, b in zip(states, whole_states, strict=True)),
        "millisecondsPerClip": seconds * 1e3,
        "millisecondsPerLatent": latent_seconds * 1e3,
    }


def compare_encoder(folder: Path, encode, frames: torch.Tensor) -> dict[str, float]:
    """The encoder graph on `frames` `[4 T, 3, H, W]`: the share of codes that differ from PyTorch's."""
    session = open_session(folder / "video-encoder.onnx")
    started = time.perf_counter()
    found = session.run(["codes"], {"frames": frames.numpy()})[0]
    seconds = time.perf_counter() - started
    differing = (found != encode(frames).numpy()).any(axis=-1).mean()
    return {"codes": float(differing), "millisecondsPerLatent": seconds * 1e3 / found.shape[0]}


def main() -> None:
    from . import tiny_bundle

    torch.set_num_threads(1)
    model, decoder, tokenizer = tiny_bundle.tiny_models()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny_bundle.write_tiny_bundle(folder, model, decoder, tokenizer)
        print("language model:", compare_language_model(folder, model))
        shapes = [list(state.shape) for state in decoder.initial_states()]
        config = model.config
        codes = torch.stack([torch.randint(size, config.grid) for size in config.sub_codebooks], dim=-1)
        found = compare_decoder(folder, lambda clip: decoder(clip, decoder.initial_states())[0], codes, shapes)
        print("video decoder:", found)
        frames = torch.rand(4 * config.grid[0], 3, *(size * tiny_bundle.PATCH for size in config.grid[1:]))
        print("video encoder:", compare_encoder(folder, decoder.codebook.codes, frames))


if __name__ == "__main__":
    main()
