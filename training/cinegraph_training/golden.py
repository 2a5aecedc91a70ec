"""Golden fixtures for the TypeScript engine: what PyTorch computes in float32 from the tiny bundle's weights.

`tiny-bundle.json` holds ids and an index of tensors; `tiny-bundle.bin` holds the tensors, little-endian, one after the
other at `byteOffset`. The engine must agree to 1e-3 relative in logits, exactly in greedy tokens, to 1/255 in pixels.
`text-tokenizer.json` holds strings with their normal form and ids.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import torch

from .audio_tokenizer import AudioTokenizer
from .captions import STYLE_WORDS
from .control import control_video
from .language_model import Inputs, KeyValueCache, LanguageModel, output_inputs, prefix_inputs
from .sample import Prompt, Sampling, generate, generate_sounds, generate_texts, pad_prefixes
from .super_resolution import SuperResolution
from .text_tokenizer import TextTokenizer, normalise

PROMPTS = (
    ("TEXT_TO_VIDEO", "a fox bounces on a red background"),
    ("TEXT_TO_VIDEO", "An OCTOPUS spins  against a green backdrop, zoom in"),
    ("TEXT_TO_IMAGE", "a small rocket in front of tulips"),
    ("TEXT_TO_VIDEO", ""),
)
STRINGS = (
    "a fox bounces on a red background",
    "A Polar BEAR",
    "  two  spaces\tand\na newline  ",
    "comma, stop. question? (brackets) -dash- under_score",
    "zoom-in 42 times, 3d",
    "caf\u00e9 na\u00efve \u00fcber stra\u00dfe \u0130stanbul",
    "\ufb01 \u2460 \uff26\uff2f\uff38 \u00bd",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8",
    "\U0001f98a fox \U0001f469\u200d\U0001f680 \U0001f1e9\U0001f1ea",
    "no\u00a0break\u2003em\u3000ideographic\ufeffbom",
    "e\u0301 combining, \u00e9 composed",
    "\u0391\u03a3 \u039f\u0394\u039f\u03a3 sigma",
    "\x00\x1f\x7f control",
    "",
    "   ",
    "!",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
)
STEPS = 24  # steps whose logits are kept
GUIDANCE = 3.0
GREEDY = Sampling(temperature=0)
GUIDED = Sampling(temperature=0, guidance=GUIDANCE)


class TensorFile:
    """Tensors one after the other in one little-endian file, and their index."""

    def __init__(self, name: str):
        self.name = name
        self.content = bytearray()
        self.index: dict[str, dict] = {}

    def add(self, name: str, values, dtype: str) -> None:
        array = np.ascontiguousarray(np.asarray(values), dtype=np.dtype(dtype).newbyteorder("<"))
        self.content.extend(b"\0" * (-len(self.content) % 8))
        self.index[name] = {"dtype": dtype, "shape": list(array.shape), "byteOffset": len(self.content)}
        self.content.extend(array.tobytes())


@torch.no_grad()
def write_golden(
    folder: Path,
    model: LanguageModel,
    decoder,
    tokenizer: TextTokenizer,
    audio: AudioTokenizer,
    enlarger: SuperResolution,
) -> None:
    """Writes the three fixture files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = TensorFile("tiny-bundle.bin")
    texts = [tokenizer.encode(prompt) for _, prompt in PROMPTS]
    for index, ((task, _), text) in enumerate(zip(PROMPTS, texts, strict=True)):
        _add_inputs(tensors, f"prompt.{index}", prefix_inputs(model.config, task, text))
        _add_inputs(tensors, f"unconditional.{index}", prefix_inputs(model.config, task, None))
    fixtures = {
        "about": "Written by cinegraph_training.golden; PyTorch float32 on the tiny bundle's float16 weights.",
        "tensorFile": tensors.name,
        "prompts": [
            {
                "task": task,
                "prompt": prompt,
                "textIds": text,
            }
            for (task, prompt), text in zip(PROMPTS, texts, strict=True)
        ],
        "styles": {name.upper(): list(words) for name, words in STYLE_WORDS.items()},
        "guidance": GUIDANCE,
        "steps": STEPS,
    }
    _forced_steps(tensors, model, texts[0])
    clips = {
        "greedy.video": generate(model, [Prompt(texts[0])], sampling=GREEDY),
        "greedy.guided": generate(model, [Prompt(texts[0])], sampling=GUIDED),
        "greedy.guided.second": generate(model, [Prompt(texts[1])], sampling=GUIDED),
        "greedy.image": generate(model, [Prompt(texts[2])], "TEXT_TO_IMAGE", GREEDY),
    }
    sound = _hear_and_tell(tensors, model, texts[0], clips["greedy.video"])
    samples = audio.decode(sound[None])[0][0]
    tensors.add("sound.samples", samples, "float32")  # [F * samplesPerFrame]
    tensors.add("sound.encoded", audio.encode(samples[None])[0], "int32")  # [F, levels]
    clips["greedy.inpainted"] = _inpainted(tensors, model, texts[0], clips["greedy.video"])
    for name, codes in clips.items():
        tensors.add(f"{name}.codes", codes[0], "int32")  # [T, H, W, 2]
    for name in ("greedy.video", "greedy.image"):
        frames, _ = decoder(clips[name][0], decoder.initial_states())
        tensors.add(f"{name}.frames", (frames[3:] * 255).round(), "uint8")  # [1 + 4 (T - 1), 3, height, width]
        large = enlarger.enlarge(frames.view(1, -1, 12, *frames.shape[2:]))[0].view(
            -1, 3, *(2 * n for n in frames.shape[2:])
        )
        tensors.add(f"{name}.enlarged", (large[3:] * 255).round(), "uint8")  # [1 + 4 (T - 1), 3, 2 height, 2 width]
    frames = torch.rand(8, 3, *frames.shape[2:], generator=torch.Generator().manual_seed(2)).mul(255).round()
    frames[:3] = frames[3]
    tensors.add("encoder.frames", frames[3:], "uint8")  # [1 + 4 (T - 1), 3, height, width]
    tensors.add("encoder.codes", decoder.codebook.codes(frames / 255), "int32")  # [T, H, W, 2]
    clips["greedy.stylized"] = _stylized(tensors, model, tokenizer.encode("as a pencil sketch"), clips["greedy.video"])
    tensors.add("greedy.stylized.codes", clips["greedy.stylized"][0], "int32")
    _control(tensors)
    fixtures["tensors"] = tensors.index
    (folder / tensors.name).write_bytes(bytes(tensors.content))
    _write_json(folder / "tiny-bundle.json", fixtures)
    strings = [{"text": text, "normalised": normalise(text), "ids": tokenizer.encode(text)} for text in STRINGS]
    _write_json(folder / "text-tokenizer.json", {"tokenizer": "tiny-bundle", "cases": strings})


def _inpainted(tensors: TensorFile, model: LanguageModel, text: list[int], clip: torch.Tensor) -> torch.Tensor:
    """A clip whose left half and last latent frame are given, the rest generated with a view of what is given."""
    config = model.config
    codes = clip[0, ..., 0] * config.sub_codebooks[1] + clip[0, ..., 1]
    codes[:-1, :, config.grid[2] // 2 :] = config.null_code
    known = codes.flatten()
    tensors.add("inpainted.known", known, "int32")
    return generate(model, [Prompt(text)], "INPAINT_VIDEO", GUIDED, given=known, condition=known)


def _stylized(tensors: TensorFile, model: LanguageModel, text: list[int], clip: torch.Tensor) -> torch.Tensor:
    """A clip that follows another one's codes as its control video; nothing is given."""
    control = (clip[0, ..., 0] * model.config.sub_codebooks[1] + clip[0, ..., 1]).flatten()
    tensors.add("stylized.control", control, "int32")
    return generate(model, [Prompt(text)], "STYLIZE_VIDEO", GUIDED, condition=control)


def _control(tensors: TensorFile) -> None:
    """A soft square that moves over a soft pattern that moves otherwise, its nearness, and the control video."""
    side, count = 80, 3
    rng = np.random.default_rng(3)
    pattern = cv2.GaussianBlur(rng.random((2 * side, 2 * side, 3), np.float32), (0, 0), 3)
    pattern = cv2.normalize(pattern, pattern, 20, 235, cv2.NORM_MINMAX)
    frames, depth = np.zeros((count, side, side, 3), np.uint8), np.zeros((count, side, side), np.uint8)
    for index in range(count):
        frames[index] = pattern[10 - index : 10 - index + side, 10 + index : 10 + index + side]
        corner = 20 + 3 * index
        frames[index, 25:55, corner : corner + 30] = pattern[100:130, 100:130]
        depth[index, 25:55, corner : corner + 30] = 255
    tensors.add("control.frames", frames, "uint8")  # [F, height, width, 3]
    tensors.add("control.depth", depth, "uint8")  # [F, height, width]
    tensors.add("control.video", control_video(frames, depth), "uint8")  # [F, height, width, 3]


def _hear_and_tell(tensors: TensorFile, model: LanguageModel, text: list[int], clip: torch.Tensor) -> torch.Tensor:
    """Sound of a text and of a clip, a clip of that sound, and captions of both, greedy and guided; and the prefixes.
    Returns the clip's sound `[F, levels]`."""
    config = model.config
    video = (clip[0, ..., 0] * config.sub_codebooks[1] + clip[0, ..., 1]).flatten()
    sound = generate_sounds(model, [Prompt(video=video)], "VIDEO_TO_AUDIO", GUIDED)[0]
    tensors.add("sound.of_video", sound, "int32")  # [F, levels]
    tensors.add("sound.of_text", generate_sounds(model, [Prompt(text)], "TEXT_TO_AUDIO", GUIDED)[0], "int32")
    of_sound = generate(model, [Prompt(sound=sound)], "AUDIO_TO_VIDEO", GUIDED)[0]
    tensors.add("video.of_sound", of_sound, "int32")  # [T, H, W, 2]
    tensors.add("text.of_video", generate_texts(model, [Prompt(video=video)], "VIDEO_TO_TEXT", GUIDED)[0], "int32")
    tensors.add("text.of_sound", generate_texts(model, [Prompt(sound=sound)], "AUDIO_TO_TEXT", GUIDED)[0], "int32")
    _add_inputs(tensors, "prefix.of_video", prefix_inputs(config, "VIDEO_TO_AUDIO", None, video))
    _add_inputs(tensors, "prefix.of_sound", prefix_inputs(config, "AUDIO_TO_VIDEO", text, sound=sound))
    return sound


def _add_inputs(tensors: TensorFile, name: str, inputs: Inputs) -> None:
    """Inputs `[P, ...]` as three tensors."""
    for part, values in (("row_ids", inputs.rows), ("code_ids", inputs.codes), ("audio_ids", inputs.sounds)):
        tensors.add(f"{name}.{part}", values, "int32")


def _forced_steps(tensors: TensorFile, model: LanguageModel, text: list[int]) -> None:
    """Prefill caches of the first prompt, then logits of steps fed with arbitrary but fixed tokens."""
    config = model.config
    cache = KeyValueCache(config, 1)
    model.prefill(*pad_prefixes(config, [prefix_inputs(config, "TEXT_TO_VIDEO", text)]), cache)
    for layer in range(config.layers):
        tensors.add(f"prefill.key_{layer}", cache.keys[layer][:, :, : cache.length], "float32")
        tensors.add(f"prefill.value_{layer}", cache.values[layer][:, :, : cache.length], "float32")
    step = torch.arange(config.positions)
    codes = torch.stack((step * 37 % config.sub_codebooks[0], step * 11 % config.sub_codebooks[1]), dim=1)[None]
    condition = torch.where(step % 3 == 0, config.null_code, step * 131 % config.null_code)[None]
    joined = codes[..., 0] * config.sub_codebooks[1] + codes[..., 1]
    inputs = output_inputs(config, joined, 0, STEPS, condition=condition)
    kept: dict[str, list[torch.Tensor]] = {"logits": [], "hidden": [], "logits_b": []}
    for index in range(STEPS):
        valid = torch.ones(1, cache.length + 1, dtype=torch.bool)
        hidden = model.step(inputs.map(lambda part, index=index: part[:, index]), valid, cache)
        kept["hidden"].append(hidden[0])
        kept["logits"].append(model.logits_a(hidden)[0])
        kept["logits_b"].append(model.logits_b(hidden, codes[:, index, 0])[0])
    tensors.add("forced.codes", codes[0, :STEPS], "int32")  # [steps, 2]: the token of step i, fed from step i + 1 on
    tensors.add("forced.condition", condition[0], "int32")  # [positions], the null code where nothing is known
    tensors.add("forced.row_ids", inputs.rows[0], "int32")  # [steps, K]
    tensors.add("forced.code_ids", inputs.codes[0], "int32")  # [steps, C]
    for name, values in kept.items():
        tensors.add(f"forced.{name}", torch.stack(values), "float32")  # logits_b: given forced.codes[i][0]


def _write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, ensure_ascii=True, indent=1) + "\n", encoding="utf-8")
