"""Checks a bundle's graphs in onnxruntime against PyTorch, and how fast they step.

The decode graph runs with its caches bound as input and output (in place), as the engine does.

    python -m cinegraph_training.check_bundle            # builds the tiny bundle in a temporary folder and checks it
"""

import tempfile
import time
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from .export_depth import check_depth
from .export_language_model import DECODE_FORMS, CacheScales, graph_file
from .export_super_resolution import FILE as SUPER_RESOLUTION
from .language_model import (
    Inputs,
    KeyValueCache,
    LanguageModel,
    audio_inputs,
    output_inputs,
    prefix_inputs,
    text_inputs,
)
from .sample import pad_prefixes
from .super_resolution import SuperResolution


def open_session(path: Path, threads: int = 1) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class OnnxLanguageModel:
    """The engine's use of the graphs: slots of one cache, prefill row by row, steps in place."""

    def __init__(
        self,
        folder: Path,
        config,
        batch: int,
        threads: int = 1,
        decode: str = "decode",
        cache_scales: CacheScales | None = None,
    ):
        self.config = config
        self.prefill_session, self.decode_session, self.head_session, self.audio_session, self.text_session = (
            open_session(folder / f"lm-{name}.onnx", threads)
            for name in ("prefill", decode, "head", "audio-head", "text-head")
        )
        self._open = lambda name: open_session(folder / graph_file(name, cache_scales is not None), threads)
        shape = (batch, config.kv_heads, config.max_length, config.head_dim)
        names = [f"{kind}_{layer}" for layer in range(config.layers) for kind in ("key", "value")]
        kind = np.float32 if cache_scales is None else np.int8
        self.cache = {name: ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, kind)) for name in names}
        steps = [] if cache_scales is None else [step for layer in cache_scales for step in layer]
        self.steps = dict(zip(names, steps, strict=False))  # of int8 caches: what one stands for, by name
        self.unwritten = -128 if self.steps else np.nan
        self.lengths = np.zeros(batch, np.int32)

    @cached_property
    def given_session(self) -> ort.InferenceSession:
        return self._open("given")

    @cached_property
    def together_session(self) -> ort.InferenceSession:
        return self._open("together")

    def prefill(self, row: int, prefix: Inputs) -> dict[str, np.ndarray]:
        """Fills the slot of `row` with `[P, ...]`; returns the graph's outputs by name."""
        names = [output.name for output in self.prefill_session.get_outputs()]
        results = self.prefill_session.run(names, feeds(prefix.map(lambda part: part[None])))
        outputs = dict(zip(names, results, strict=True))
        length = len(prefix.rows)
        for name, value in outputs.items():
            slot = self.cache[name].numpy().copy()
            slot[row, :, :length] = quantised(value[0], self.steps[name]) if self.steps else value[0]
            self.cache[name] = ort.OrtValue.ortvalue_from_numpy(slot)
        self.lengths[row] = length
        return outputs

    def step(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        """Inputs `[B, ...]` -> logits `[B, V]`, hidden `[B, d]`; the cache grows by one entry in place."""
        binding = self.decode_session.io_binding()
        for name, values in feeds(inputs).items():
            binding.bind_cpu_input(name, values)
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
        return logits.numpy().copy(), hidden.numpy().copy()

    def given(self, row: int, inputs: Inputs) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], np.ndarray]:
        """The last `N` steps of `row`, computed again in one run from what came before, `[N, ...]`: the entries by
        name, what the run found and what the steps had written; and the run's logits `[N, V]`."""
        count, total = len(inputs.rows), int(self.lengths[row])
        slots = {name: value.numpy()[row : row + 1].copy() for name, value in self.cache.items()}
        again = {name: ort.OrtValue.ortvalue_from_numpy(slot.copy()) for name, slot in slots.items()}
        for value in again.values():
            value.numpy()[:, :, total - count :] = self.unwritten
        binding = self.given_session.io_binding()
        for name, values in feeds(inputs).items():
            binding.bind_cpu_input(name, values)
        binding.bind_cpu_input("seqlens_k", np.array([total - 1], np.int32))
        binding.bind_cpu_input("total_sequence_length", np.array(total, np.int32))
        for name, value in again.items():
            binding.bind_ortvalue_input(f"past_{name}", value)
            binding.bind_ortvalue_output(f"present_{name}", value)
        binding.bind_output("logits")
        self.given_session.run_with_iobinding(binding)
        logits = binding.get_outputs()[-1].numpy().copy()
        entries = slice(total - count, total)
        return {name: (again[name].numpy()[:, :, entries].copy(), slots[name][:, :, entries]) for name in again}, logits

    def together(self, inputs: list[Inputs]) -> np.ndarray:
        """The last `N` steps of each of the first rows, computed again in one run for all, `[N, ...]` each: the run's
        logits `[sum of N, V]`. Rows of the graph beyond them have one position."""
        rows = sum(found.name.startswith("past_key_0_") for found in self.together_session.get_inputs())
        windows = inputs + [inputs[0].map(lambda part: part[:1])] * (rows - len(inputs))
        counts = [len(window.rows) for window in windows]
        told = [feeds(window) for window in windows]
        binding = self.together_session.io_binding()
        for name in told[0]:
            binding.bind_cpu_input(name, np.concatenate([part[name] for part in told]))
        binding.bind_cpu_input("counts", np.array(counts, np.int64))
        for row, count in enumerate(counts):
            known = row < len(inputs)
            total = int(self.lengths[row]) if known else count
            binding.bind_cpu_input(f"seqlens_k_{row}", np.array([total - 1], np.int32))
            binding.bind_cpu_input(f"total_sequence_length_{row}", np.array(total, np.int32))
            for name, value in self.cache.items():
                slot = value.numpy()[row : row + 1].copy() if known else np.zeros_like(value.numpy()[:1])
                slot[:, :, total - count :] = self.unwritten
                again = ort.OrtValue.ortvalue_from_numpy(slot)
                binding.bind_ortvalue_input(f"past_{name}_{row}", again)
                binding.bind_ortvalue_output(f"present_{name}_{row}", again)
        binding.bind_output("logits")
        self.together_session.run_with_iobinding(binding)
        return binding.get_outputs()[-1].numpy()[: sum(counts[: len(inputs)])].copy()

    def head(self, hidden: np.ndarray, a: np.ndarray) -> np.ndarray:
        return self.head_session.run(["logits_b"], {"hidden": hidden, "a": a})[0]


def quantised(values: np.ndarray, step: float) -> np.ndarray:
    """int8, as GroupQueryAttention writes an entry into an int8 cache."""
    return np.clip(np.rint(values / step), -128, 127).astype(np.int8)


def feeds(inputs: Inputs) -> dict[str, np.ndarray]:
    """Inputs as the graphs name them."""
    names = {"row_ids": inputs.rows, "code_ids": inputs.codes, "audio_ids": inputs.sounds}
    return {name: np.ascontiguousarray(part.numpy()) for name, part in names.items()}


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest absolute difference over the largest magnitude."""
    return float(np.abs(found.astype(np.float32) - expected).max() / (np.abs(expected).max() + 1e-12))


@torch.no_grad()
def compare_language_model(
    folder: Path,
    model: LanguageModel,
    steps: int | None = None,
    decode: str = "decode",
    cache_scales: CacheScales | None = None,
) -> dict[str, float]:
    """Relative differences between the graphs and PyTorch over tasks of every kind, fed with random tokens; two rows of
    unequal length. `cache_scales`: of the int8 caches that `decode` works on."""
    config = model.config
    generator = torch.Generator().manual_seed(1)
    clip = torch.randint(config.null_code, (config.positions,), generator=generator)
    sound = torch.randint(config.audio_size, (config.audio_frames, config.audio_levels), generator=generator)
    text = torch.randint(min(256, config.text_size), (2, config.max_text), generator=generator)
    condition = torch.randint(config.null_code + 1, (2, config.positions), generator=generator)
    condition[:, ::3] = config.null_code
    shown = clip[None].expand(2, -1)
    outputs = {
        "TEXT_TO_VIDEO": output_inputs(config, shown, condition=condition),
        "AUDIO_TO_VIDEO": output_inputs(config, shown),
        "VIDEO_TO_AUDIO": audio_inputs(config, sound[None].expand(2, -1, -1)),
        "VIDEO_TO_TEXT": text_inputs(config, text),
    }
    worst: dict[str, float] = {}
    milliseconds = 0.0
    for task, inputs in outputs.items():
        source = {
            "video": clip if task.startswith("VIDEO") else None,
            "sound": sound if task.startswith("AUDIO") else None,
        }
        prefixes = [prefix_inputs(config, task, list(range(30, 42)), **source), prefix_inputs(config, task, None)]
        session = OnnxLanguageModel(folder, config, batch=2, decode=decode, cache_scales=cache_scales)
        found, milliseconds = _compare_task(session, model, prefixes, inputs, steps or config.positions)
        for name, value in found.items():
            worst[name] = max(worst.get(name, 0.0), value)
    return {**worst, "millisecondsPerStep": milliseconds}


def _compare_task(
    session: OnnxLanguageModel, model: LanguageModel, prefixes: list[Inputs], inputs: Inputs, steps: int
) -> tuple[dict[str, float], float]:
    """Two rows through the graphs and through PyTorch: relative differences, and the last task's milliseconds a
    step."""
    config = model.config
    steps = min(steps, inputs.rows.shape[1])
    worst = dict.fromkeys(
        ("keys", "logits", "hidden", "logits_b", "logits_audio", "logits_text", "given", "together"), 0.0
    )
    for row, prefix in enumerate(prefixes):
        cache = KeyValueCache(config, 1)
        model.prefill(*pad_prefixes(config, [prefix]), cache)
        for name, value in session.prefill(row, prefix).items():
            kind, layer = name.split("_")
            kept = (cache.keys if kind == "key" else cache.values)[int(layer), :, :, : cache.length]
            worst["keys"] = max(worst["keys"], difference(value, kept.numpy()))
    expected = model(*pad_prefixes(config, prefixes), inputs)[1]
    stepped_logits = []
    started = time.perf_counter()
    for index in range(steps):
        logits, hidden = session.step(inputs.map(lambda part, index=index: part[:, index]))
        stepped_logits.append(logits)
        reference = expected[:, index]
        a = torch.tensor([index % config.sub_codebooks[0], (index * 7) % config.sub_codebooks[0]])
        levels = torch.tensor([index % config.audio_levels, 0])
        audio = torch.stack([model.logits_audio(reference[row], int(level)) for row, level in enumerate(levels)])
        pairs = {
            "logits": (logits, model.logits_a(reference)),
            "hidden": (hidden, reference),
            "logits_b": (session.head(hidden, a.numpy()), model.logits_b(reference, a)),
            "logits_audio": (session.audio_session.run(None, {"hidden": hidden, "level": levels.numpy()})[0], audio),
            "logits_text": (session.text_session.run(None, {"hidden": hidden})[0], model.logits_text(reference)),
        }
        for name, (found, wanted) in pairs.items():
            worst[name] = max(worst[name], difference(found, wanted.numpy()))
    milliseconds = (time.perf_counter() - started) / steps * 1e3
    windows = [inputs.map(lambda part, row=row: part[row, :steps]) for row in range(len(prefixes))]
    stepped = np.concatenate([np.stack(stepped_logits)[:, row] for row in range(len(prefixes))])
    worst["together"] = max(worst["together"], difference(session.together(windows), stepped))
    for row, window in enumerate(windows):
        entries, logits = session.given(row, window)
        pairs = [*entries.values(), (logits, np.stack(stepped_logits)[:, row])]
        worst["given"] = max(worst["given"], *(difference(found, wanted) for found, wanted in pairs))
    return worst, milliseconds


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


@torch.no_grad()
def compare_enlarger(folder: Path, model: SuperResolution, frames: torch.Tensor) -> dict[str, float]:
    """The graph of super-resolution on `frames` `[4 T, 3, H, W]`: against PyTorch, and whether latent frame by latent
    frame gives the same bits as the whole clip."""
    session = open_session(folder / f"{SUPER_RESOLUTION}.onnx")
    latents = frames.view(1, -1, 12, *frames.shape[2:])
    states = [state[0].numpy() for state in model.initial_states(1, *frames.shape[2:])]

    def run(part: np.ndarray, states: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        results = session.run(None, {"frames": part} | {f"state_in_{i}": state for i, state in enumerate(states)})
        return np.asarray(results[0]), [np.asarray(state) for state in results[1:]]

    whole, _ = run(frames.numpy(), states)
    parts = []
    started = time.perf_counter()
    for part in frames.split(4):
        enlarged, states = run(part.numpy(), states)
        parts.append(enlarged)
    seconds = (time.perf_counter() - started) / len(parts)
    return {
        "frames": float(np.abs(whole - model.enlarge(latents).view(whole.shape).numpy()).max()),
        "streamed": float(np.abs(np.concatenate(parts) - whole).max()),
        "millisecondsPerLatent": seconds * 1e3,
    }


def main() -> None:
    from . import tiny_bundle

    torch.set_num_threads(1)
    model, decoder, tokenizer, audio = tiny_bundle.tiny_models()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = tiny_bundle.write_tiny_bundle(folder, model, decoder, tokenizer, audio)
        print("language model:", compare_language_model(folder, model))
        for form in DECODE_FORMS[1:]:
            print(f"language model in {form}:", compare_language_model(folder, model, decode=f"decode-{form}"))
        scales = [tuple(layer) for layer in manifest["languageModel"]["int8Cache"]["scales"]]
        found = compare_language_model(folder, model, decode="decode-q8", cache_scales=scales)
        print("language model on int8 caches:", found)
        shapes = [list(state.shape) for state in decoder.initial_states()]
        config = model.config
        codes = torch.stack([torch.randint(size, config.grid) for size in config.sub_codebooks], dim=-1)
        found = compare_decoder(folder, lambda clip: decoder(clip, decoder.initial_states())[0], codes, shapes)
        print("video decoder:", found)
        frames = torch.rand(4 * config.grid[0], 3, *(size * tiny_bundle.PATCH for size in config.grid[1:]))
        print("video encoder:", compare_encoder(folder, decoder.codebook.codes, frames))
        print("depth:", check_depth(tiny_bundle.tiny_depth(), folder, *frames.shape[2:]))
        print("super-resolution:", compare_enlarger(folder, tiny_bundle.tiny_enlarger(), frames))


if __name__ == "__main__":
    main()
