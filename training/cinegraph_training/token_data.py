"""Tokenised clips as training batches: shards on disk (the part in the stage), captions drawn fresh at each use."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import attributes, captions
from .attributes import Scene
from .language_model import (
    NONE,
    Inputs,
    LanguageModelConfig,
    audio_inputs,
    output_inputs,
    prefix_inputs,
    text_inputs,
)
from .sample import pad_prefixes
from .stage import stage_mask
from .text_tokenizer import TextTokenizer

UNCONDITIONAL_SHARE = 0.1  # prompts removed, for classifier-free guidance (arXiv 2207.12598)
STYLE_ALONE_SHARE = 0.5  # of the texts of STYLIZE_VIDEO
AUDIO_NOISE = 0.05
TAKE_SHARE = 0.85  # of the sounds that are heard
MOVING = ("motion", "camera")  # what a picture does not show
NOISE_SHARE = 0.03  # of the codes read, in half of the clips: another clip's, as if the model had chosen wrong
# Motions whose first frame looks the same as that of a scene without motion (world.place).
STARTS_LIKE_STILL = ("still", "spins", "sways")


class TokenShards:
    """All shards `<split>-*.npz` of tokenize_clips.py: `codes` uint16 `[N, T, H, W, 2]` and `scenes` uint8 `[N, 7]`
    (`attributes.scene_to_ints`); control videos of some, `controls` uint16 `[M, T, H, W, 2]`, where `control_at` int32
    `[N]` says (-1: none). `rescan` picks up shards that were written since."""

    def __init__(self, folder: Path, split: str):
        self.folder, self.split = folder, split
        self.encoder: str | None = None  # digest of the encoder's weights; all shards must agree
        self._seen: set[str] = set()
        self._by_object: dict[int, np.ndarray] = {}
        self._controlled: dict[int, np.ndarray] = {}
        self.codes = np.zeros((0, 5, 8, 8, 2), np.uint16)
        self.scenes = np.zeros((0, len(attributes.COLUMNS)), np.uint8)
        self.controls = self.codes
        self.control_at = np.zeros(0, np.int32)
        self.rescan()

    def __len__(self) -> int:
        return len(self.codes)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Indices of `count` random clips, every object equally often."""
        return self._draw(self._by_object, rng, count)

    def draw_controlled(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """The same of clips that have a control video."""
        return self._draw(self._controlled, rng, count)

    @staticmethod
    def _draw(by_object: dict[int, np.ndarray], rng: np.random.Generator, count: int) -> np.ndarray:
        objects = list(by_object.values())
        chosen = [objects[int(rng.integers(len(objects)))] for _ in range(count)]
        return np.array([clips[int(rng.integers(len(clips)))] for clips in chosen])

    def rescan(self) -> int:
        """Loads new shards; returns how many clips were added."""
        codes, scenes, controls, places = [], [], [self.controls], [self.control_at]
        for path in sorted(self.folder.glob(f"{self.split}-*.npz")):
            if path.name in self._seen or ".partial" in path.name:
                continue
            with np.load(path) as shard:
                encoder = str(shard["encoder"])
                if self.encoder not in (None, encoder):
                    raise ValueError(f"{path.name} comes from another encoder than the shards before it")
                self.encoder = encoder
                kept = stage_mask(shard["scenes"])
                codes.append(shard["codes"][kept])
                scenes.append(shard["scenes"][kept])
                place = np.full(len(kept), -1, np.int32)
                if "controls" in shard:
                    place[shard["control_of"]] = np.arange(len(shard["controls"])) + sum(map(len, controls))
                    controls.append(shard["controls"])
                places.append(place[kept])
            self._seen.add(path.name)
        if codes:
            first = [] if len(self.codes) == 0 else [self.codes]
            self.codes = np.concatenate(first + codes)
            self.scenes = np.concatenate(([self.scenes] if first else []) + scenes)
            self.controls, self.control_at = np.concatenate(controls), np.concatenate(places)
            objects = self.scenes[:, 0]
            self._by_object = {number: np.flatnonzero(objects == number) for number in set(objects)}
            filmed = {number: rows[self.control_at[rows] >= 0] for number, rows in self._by_object.items()}
            self._controlled = {number: rows for number, rows in filmed.items() if len(rows)}
        return sum(len(part) for part in codes)


class SyntheticClips:
    """Learnable clips without a tokenizer, to prove the training loop: an object is a patch of 3 x 3 codes of its
    own, the background one code, and motion shifts the patch by one position per latent frame."""

    def __init__(self, count: int, split: str, seed: int = 0):
        rng = np.random.default_rng([seed, len(split)])
        scenes = [attributes.sample_scene(rng, split) for _ in range(count)]
        self.scenes = np.array([attributes.scene_to_ints(scene) for scene in scenes], np.uint8)
        self.codes = np.stack([self._draw(scene, row) for scene, row in zip(scenes, self.scenes, strict=True)])
        self.controls = self.codes[:0]  # none

    def __len__(self) -> int:
        return len(self.codes)

    def rescan(self) -> int:
        return 0

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Indices of `count` random clips."""
        return rng.integers(0, len(self), count)

    @staticmethod
    def _draw(scene: Scene, row: np.ndarray) -> np.ndarray:
        clip = np.empty((5, 8, 8, 2), np.uint16)
        clip[..., 0], clip[..., 1] = int(row[1]) * 23 + 1, int(row[1]) * 5
        patch = np.random.default_rng(int(row[0])).integers(0, (512, 125), (3, 3, 2))
        y, x = {"left": (3, 1), "right": (3, 4), "top": (1, 3), "bottom": (4, 3)}.get(scene.place, (3, 3))
        moves = {"moves left": (0, -1), "moves right": (0, 1), "moves up": (-1, 0), "moves down": (1, 0)}
        dy, dx = moves.get(scene.motion, (0, 0))
        for t in range(5):
            top, left = np.clip((y + dy * t, x + dx * t), 0, 5)
            clip[t, top : top + 3, left : left + 3] = patch
        return clip


class SoundShards:
    """All shards `audio-<split>-*.npz` of tokenize_sounds.py: `sounds` uint16 `[N, F, levels]`, other `takes` of them
    where there are, and `scenes` uint8 `[N, 7]`. How a scene sounds depends on its object and motion alone, so a clip
    may have any sound that shares both."""

    def __init__(self, folder: Path, split: str):
        self.by_content: dict[tuple[int, int], list[np.ndarray]] = {}  # each [takes, F, levels], the sound itself first
        encoders: set[str] = set()
        for path in sorted(folder.glob(f"audio-{split}-[0-9]*.npz")):
            with np.load(path) as shard:
                encoders.add(str(shard["encoder"]))
                names = ("sounds", "takes") if "takes" in shard else ("sounds",)
                for sound, scene in zip(np.stack([shard[name] for name in names], 1), shard["scenes"], strict=True):
                    self.by_content.setdefault((int(scene[0]), int(scene[2])), []).append(sound)

        if len(encoders) > 1:
            raise ValueError(f"the sounds in {folder} come from {len(encoders)} encoders")

    def __len__(self) -> int:
        return sum(map(len, self.by_content.values()))

    def has(self, scene: np.ndarray) -> bool:
        """Whether there is a sound of such a scene, `[7]` class numbers."""
        return (int(scene[0]), int(scene[2])) in self.by_content

    def draw(self, scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One of its sounds, `[F, levels]`: to be said."""
        return self._any(scene, rng)[0]

    def hear(self, scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One of its sounds `[F, levels]`, mostly in another take: to be heard."""
        sound = self._any(scene, rng)
        return sound[-1] if rng.random() < TAKE_SHARE else sound[0]

    def _any(self, scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        sounds = self.by_content[int(scene[0]), int(scene[2])]
        return sounds[int(rng.integers(len(sounds)))]


@dataclass(frozen=True)
class Batch:
    """One step's input: prefixes `[B, P, ...]` with validity, inputs of the outputs `[B, N, ...]`, target codes (video
    `[B, N, 2]`, else `[B, N]`), which of them count `[B, N]`, and the scenes' class numbers `[B, 7]` with which of them
    the prefix tells `[B]`."""

    task: str
    prefix: Inputs
    prefix_valid: Tensor
    inputs: Inputs
    codes: Tensor
    counted: Tensor
    scenes: Tensor
    told: Tensor  # bool `[B, 7]`


def picture_scene(scene: Scene, rng: np.random.Generator | None) -> Scene:
    """What a caption may say of the scene's first frame alone: motion is left out, half of the time, where the first
    frame does not show it. Without `rng`: always."""
    hidden = scene.motion in STARTS_LIKE_STILL and scene.camera == "still"
    if not hidden or (rng is not None and rng.random() < 0.5):
        return scene
    return replace(scene, motion="still")


def hide(codes: Tensor, null: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """What the model reads in place of `codes` `[B, N]`: far (latent frames before) and near (the same latent frame).

    With everything in sight, a code says little that its neighbours do not already show: which way a thing moves is
    decided once in a hundred codes. Where neighbours are hidden, the text has to say it, every time.
    """
    batch, count = codes.shape
    kind = rng.random(batch)
    near_rate = np.select([kind < 0.45, kind < 0.75], [0.0, rng.random(batch)], 1.0)
    kind = rng.random(batch)
    far_rate = np.select([kind < 0.7, kind < 0.9], [0.0, 0.6 * rng.random(batch)], 1.0)
    noise = NOISE_SHARE * (rng.random(batch) < 0.5)
    other = codes.roll(1, 0) if batch > 1 else codes
    read = torch.where(torch.from_numpy(rng.random((batch, count)) < noise[:, None]), other, codes)
    hidden = [torch.from_numpy(rng.random((batch, count)) < rate[:, None]) for rate in (far_rate, near_rate)]
    far, near = (read.masked_fill(mask, null) for mask in hidden)
    return far, near


def make_batch(
    config: LanguageModelConfig,
    tokenizer: TextTokenizer,
    clips,
    indices: np.ndarray,
    frames: int,
    rng: np.random.Generator | None,
    task: str | None = None,
) -> Batch:
    """Clips `indices` cut to `frames` latent frames (1: text to image). Without `rng`: canonical captions, all kept,
    nothing hidden. `EXTEND_VIDEO`: the last `frames` of the clip, the first of them given. `INPAINT_VIDEO`: all but a
    rectangle is given. `STYLIZE_VIDEO`: the clip's control video is its condition; half of the texts tell the style
    alone."""
    task = task or ("TEXT_TO_IMAGE" if frames == 1 else "TEXT_TO_VIDEO")
    prefixes, told = [], []
    for index in indices:
        scene = attributes.scene_from_ints(clips.scenes[index])
        if frames == 1:
            scene = picture_scene(scene, rng)
        styled = False
        if rng is None:
            text = captions.canonical_caption(scene)
        elif rng.random() < UNCONDITIONAL_SHARE:
            text = None
        elif styled := task == "STYLIZE_VIDEO" and rng.random() < STYLE_ALONE_SHARE:
            text = captions.style_phrase(scene.style, rng)
        else:
            text = captions.caption(scene, rng)
        names = ("style",) if styled else attributes.COLUMNS if text else ()
        told.append([name in names and (frames > 1 or name not in MOVING) for name in attributes.COLUMNS])
        prefixes.append(prefix_inputs(config, task, tokenizer.encode(text) if text else None))
    prefix, valid = pad_prefixes(config, prefixes)
    part = slice(-frames, None) if task == "EXTEND_VIDEO" else slice(frames)
    pairs = torch.from_numpy(clips.codes[indices, part].astype(np.int64))
    codes = joined(config, pairs)
    counted = torch.ones_like(codes, dtype=torch.bool)
    condition = near = None
    far = codes
    if task == "EXTEND_VIDEO":
        counted[:, : config.grid[1] * config.grid[2]] = False
    if task == "INPAINT_VIDEO":
        counted = hidden_places(config, len(codes), frames, rng or np.random.default_rng(0))
        condition = codes.masked_fill(counted, config.null_code)
    elif rng is not None:
        far, near = hide(codes, config.null_code, rng)
    if task == "STYLIZE_VIDEO":
        controls = clips.controls[clips.control_at[indices], part]
        condition = joined(config, torch.from_numpy(controls.astype(np.int64)))
    inputs = output_inputs(config, far, condition=condition, near=near)
    scenes = torch.from_numpy(clips.scenes[indices].astype(np.int64))
    return Batch(task, prefix, valid, inputs, pairs.flatten(1, 3), counted, scenes, torch.tensor(told))


def joined(config: LanguageModelConfig, pairs: Tensor) -> Tensor:
    """Sub-tokens int64 `[B, T, H, W, 2]` -> codes `[B, N]`."""
    return (pairs[..., 0] * config.sub_codebooks[1] + pairs[..., 1]).flatten(1)


def hidden_places(config: LanguageModelConfig, batch: int, frames: int, rng: np.random.Generator) -> Tensor:
    """Bool `[B, N]`: a rectangle through all latent frames that is to be filled, or (one in four) all around it."""
    _, height, width = config.grid
    places = torch.zeros(batch, frames, height, width, dtype=torch.bool)
    for clip in places:
        rows, columns = (int(rng.integers(max(1, side // 4), max(2, side * 3 // 4) + 1)) for side in (height, width))
        top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        clip[:, top : top + rows, left : left + columns] = True
        if rng.random() < 0.25:
            clip.logical_not_()
    return places.flatten(1)


def make_source_batch(
    config: LanguageModelConfig,
    tokenizer: TextTokenizer,
    clips,
    sounds: SoundShards,
    indices: np.ndarray,
    rng: np.random.Generator | None,
    task: str,
) -> Batch:
    """The tasks that hear or tell: sound from a caption or from a clip, a clip from its sound, captions of both. Clips
    without a sound are taken over by another one's. Without `rng`: nothing is left out."""
    source, _, output = task.partition("_TO_")
    draws = rng or np.random.default_rng(0)
    if "AUDIO" in (source, output):
        indices = np.array([index for index in indices if sounds.has(clips.scenes[index])])
    scenes = [attributes.scene_from_ints(clips.scenes[index]) for index in indices]
    pairs = torch.from_numpy(clips.codes[indices].astype(np.int64))
    videos = joined(config, pairs)
    heard = None
    if "AUDIO" in (source, output):
        draw = sounds.hear if source == "AUDIO" else sounds.draw
        drawn = [draw(clips.scenes[index], draws) for index in indices]
        heard = torch.from_numpy(np.stack(drawn).astype(np.int64))
    prefixes, told = [], []
    for row, scene in enumerate(scenes):
        kept = rng is None or rng.random() >= UNCONDITIONAL_SHARE
        text = None
        if source == "TEXT":
            text = captions.caption(scene, draws) if draws.random() < 0.7 else sound_words(scene)
        elif output == "VIDEO" and draws.random() < 0.3:
            text = captions.caption(scene, draws)
        prefixes.append(
            prefix_inputs(
                config,
                task,
                tokenizer.encode(text) if text and kept else None,
                videos[row] if source == "VIDEO" and kept else None,
                heard[row] if source == "AUDIO" and heard is not None and kept else None,
            )
        )
        shown = heard_columns(scene) if source == "AUDIO" else [True] * len(attributes.COLUMNS)
        told.append([kept and column for column in shown])
    prefix, valid = pad_prefixes(config, prefixes)
    if output == "VIDEO":
        far, near = hide(videos, config.null_code, rng) if rng else (videos, None)
        inputs, codes = output_inputs(config, far, near=near), pairs.flatten(1, 3)
        counted = torch.ones(videos.shape, dtype=torch.bool)
    elif output == "AUDIO":
        assert heard is not None
        inputs, codes = audio_inputs(config, noisy(config, heard, rng)), heard.flatten(1)
        if rng is not None:
            inputs.sounds[hidden_steps(codes.shape, rng, whole=0.35)] = config.null_sound
        counted = torch.ones(codes.shape, dtype=torch.bool)
    else:
        texts = [captions.canonical_caption(s) if source == "VIDEO" else sound_words(s) for s in scenes]
        codes, counted = _padded_texts(config, [tokenizer.encode(text) for text in texts])
        inputs = text_inputs(config, codes.clamp_max(config.text_size - 1))
        if rng is not None:
            inputs.rows[..., 0][hidden_steps(codes.shape, rng, whole=0.0)] = NONE
    rows = torch.from_numpy(clips.scenes[indices].astype(np.int64))
    return Batch(task, prefix, valid, inputs, codes, counted, rows, torch.tensor(told))


def heard_columns(scene: Scene) -> list[bool]:
    """Which attributes can be heard: the object, where it has a voice, else what it does."""
    voiced = scene.object in attributes.VOICES
    return [(name == "object" and voiced) or (name == "motion" and not voiced) for name in attributes.COLUMNS]


def hidden_steps(shape: torch.Size, rng: np.random.Generator, whole: float) -> Tensor:
    """Bool `[B, N]`: steps that do not read what was made before, as in `hide`: what comes next would else be told by
    what came before, and only the first step would learn from the prefix. A share `whole` of the rows reads nothing."""
    kind = rng.random(shape[0])
    rate = np.select([kind < whole, kind < whole + 0.35], [1.0, rng.random(shape[0])], 0.0)
    return torch.from_numpy(rng.random(tuple(shape)) < rate[:, None])


def sound_words(scene: Scene) -> str:
    """`captions.sound_caption`, knowing which objects have a sound of their own."""
    return captions.sound_caption(scene, scene.object in attributes.VOICES)


def noisy(config: LanguageModelConfig, sounds: Tensor, rng: np.random.Generator | None) -> Tensor:
    """Sounds `[B, F, levels]` as they are read: in half of them a few codes are wrong, as if the model had erred."""
    if rng is None:
        return sounds
    rate = np.where(rng.random(len(sounds)) < 0.5, AUDIO_NOISE, 0.0)[:, None, None]
    wrong = torch.from_numpy(rng.random(sounds.shape) < rate)
    return torch.where(wrong, torch.from_numpy(rng.integers(config.audio_size, size=sounds.shape)), sounds)


def _padded_texts(config: LanguageModelConfig, texts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Texts with their end, `[B, N]`, and which of their positions count."""
    ended = [[*text[: config.max_text - 1], config.text_size] for text in texts]
    longest = max(map(len, ended))
    codes = torch.tensor([text + [config.text_size] * (longest - len(text)) for text in ended])
    lengths = torch.tensor([len(text) for text in ended])
    return codes, torch.arange(longest) < lengths[:, None]
