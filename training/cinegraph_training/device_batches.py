"""Batches made on the device that trains, of fixed shapes: what token_data.py makes on a CPU, row by row, from clips on
disk. The same tasks, the same shares of what is hidden, noisy or left out.

Shapes: `B` rows, `P` prefix length (padded on the left), `N` output positions.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from . import attributes
from .attributes import COLUMNS
from .device_clips import DeviceClips
from .language_model import (
    NONE,
    OPENERS,
    SPECIAL_ROWS,
    TASK_ROWS,
    TEXT_START,
    Inputs,
    LanguageModelConfig,
    audio_inputs,
    output_inputs,
    plain_inputs,
    sound_source,
    text_inputs,
)
from .render_farm import PIECES, TEXTS
from .text_tokenizer import TextTokenizer
from .token_data import (
    AUDIO_NOISE,
    MOVING,
    NOISE_SHARE,
    TAKE_SHARE,
    UNCONDITIONAL_SHARE,
    SoundShards,
    heard_columns,
    sound_words,
)

IGNORED = -100
LENGTH_MULTIPLE = 8  # of a whole sequence, for the attention kernels
ANSWER = PIECES  # of a text that is written, its end included
DRAWING = ("TEXT_TO_VIDEO", "STYLIZE_VIDEO", "EXTEND_VIDEO", "INPAINT_VIDEO")


@dataclass(frozen=True)
class DeviceBatch:
    """One part of a step. `targets` int64: `[B, N, 2]` of video (a, b), `[B, N]` else; `IGNORED` where nothing counts.
    `told` bool `[B, columns]`: the attributes that the prefix tells."""

    kind: str  # "video", "audio" or "text": which heads answer
    task: str
    prefix: Inputs
    prefix_valid: Tensor
    inputs: Inputs
    targets: Tensor
    scenes: Tensor
    told: Tensor

    @property
    def has(self) -> frozenset[str]:
        """What `LanguageModel.told` is to say: of "sounds" and of a "video" in the prefix."""
        sounds = {"sounds"} if "AUDIO" in self.task else set()
        return frozenset(sounds | ({"video"} if self.task.startswith("VIDEO_TO_") else set()))


class DeviceSounds:
    """All sounds of a split in all takes, int64 `[M, takes, F, levels]`, sorted by (object, motion), and what is said
    of them."""

    def __init__(self, shards: SoundShards, tokenizer: TextTokenizer, device: torch.device):
        objects, motions = (len(attributes.vocabulary()[name]) for name in ("object", "motion"))
        starts, counts, rows = np.zeros(objects * motions, int), np.zeros(objects * motions, int), []
        words = np.full((objects * motions, ANSWER), -1, np.int64)
        heard = np.zeros((objects * motions, len(COLUMNS)), bool)
        for thing in range(objects):
            for motion in range(motions):
                key = thing * motions + motion
                found = shards.by_content.get((thing, motion), [])
                starts[key], counts[key] = len(rows), len(found)
                rows += found
                row = [thing, 0, motion, *[0] * (len(COLUMNS) - 3)]
                scene = attributes.scene_from_ints(row)
                pieces = tokenizer.encode(sound_words(scene))
                words[key, : len(pieces)] = pieces
                heard[key] = heard_columns(scene)
        if not counts.all():
            raise ValueError(f"{(counts == 0).sum()} pairs of object and motion have no sound: tokenise more")
        self.motions = motions
        self.sounds = torch.from_numpy(np.stack(rows).astype(np.int64)).to(device)
        self.starts, self.counts = (torch.from_numpy(part).to(device) for part in (starts, counts))
        self.words, self.heard = torch.from_numpy(words).to(device), torch.from_numpy(heard).to(device)

    def key(self, scenes: Tensor) -> Tensor:
        return scenes[:, 0] * self.motions + scenes[:, 2]

    def has_voice(self, scenes: Tensor) -> Tensor:
        """Whether the scene's object can be heard, bool `[B]`."""
        return self.heard[self.key(scenes)][:, 0]

    def draw(self, scenes: Tensor) -> Tensor:
        """A sound of each scene `[B, columns]` -> `[B, F, levels]`: to be said."""
        return self._any(scenes)[:, 0]

    def hear(self, scenes: Tensor) -> Tensor:
        """A sound of each scene, mostly in another take: to be heard."""
        sounds = self._any(scenes)
        varied = torch.rand(len(sounds), device=sounds.device) < TAKE_SHARE
        return torch.where(varied[:, None, None], sounds[:, -1], sounds[:, 0])

    def _any(self, scenes: Tensor) -> Tensor:
        key = self.key(scenes)
        count = self.counts[key]
        chosen = (torch.rand(len(key), device=key.device) * count).long().clamp_max(count - 1)
        return self.sounds[self.starts[key] + chosen]


@cache
def constant(values: tuple, device: torch.device) -> Tensor:
    """A tensor that stays on the device."""
    return torch.tensor(values, device=device)


def make_prefix(
    config: LanguageModelConfig,
    tasks: list[str],
    texts: Tensor,
    kept: Tensor,
    outputs: int,
    video: Tensor | None = None,
    sound: Tensor | None = None,
) -> tuple[Inputs, Tensor]:
    """`language_model.prefix_inputs` of many: texts int64 `[B, L]` (-1: nothing), `kept` bool `[B]`: text and sources
    stay. All tasks have one opener."""
    device, batch = texts.device, len(texts)

    def special(name: str) -> Tensor:
        return torch.full((batch, 1), SPECIAL_ROWS[name], device=device)

    everything = torch.ones(batch, 1, dtype=torch.bool, device=device)
    named = constant(tuple(TASK_ROWS[task] for task in tasks), device)[:, None]
    said = (texts >= 0) & kept[:, None]
    columns = [special("bos"), named, special("bot"), torch.where(said, TEXT_START + texts, NONE), special("eot")]
    valid = [everything, everything, everything, said, everything]
    parts = [plain_inputs(config, torch.cat(columns, 1))]
    if video is not None:
        nothing = torch.full_like(video, config.null_code)
        shown = output_inputs(config, nothing, condition=video)
        parts += [plain_inputs(config, special("bov_i")), shown, plain_inputs(config, special("eov_i"))]
        valid.append(kept[:, None].expand(-1, video.shape[1] + 2))
    if sound is not None:
        heard = sound_source(config, sound)
        parts += [plain_inputs(config, special("boa_i")), heard, plain_inputs(config, special("eoa_i"))]
        valid.append(kept[:, None].expand(-1, sound.shape[1] + 2))
    parts.append(plain_inputs(config, special(OPENERS.get(tasks[0], "bov"))))
    valid.append(everything)
    length = sum(part.rows.shape[1] for part in parts)
    missing = -(length + outputs) % LENGTH_MULTIPLE
    if missing:
        parts.insert(0, plain_inputs(config, torch.full((batch, missing), NONE, device=device)))
        valid.insert(0, torch.zeros(batch, missing, dtype=torch.bool, device=device))
    is_valid = torch.cat(valid, 1)
    order = is_valid.to(torch.uint8).argsort(dim=1, stable=True)  # what is left out moves to the left
    joined = Inputs(*(torch.cat([getattr(part, name) for part in parts], 1) for name in ("rows", "codes", "sounds")))
    moved = joined.map(lambda part: part.gather(1, order[:, :, None].expand(-1, -1, part.shape[2])))
    return moved, is_valid.gather(1, order)


def _rates(kind: Tensor, steps: tuple[tuple[float, Tensor], ...], otherwise: float) -> Tensor:
    """The rate `[B]` of the first step whose bound lies above `kind` `[B]`."""
    rate = torch.full_like(kind, otherwise)
    for bound, value in reversed(steps):
        rate = torch.where(kind < bound, value, rate)
    return rate


def hide(codes: Tensor, null: int) -> tuple[Tensor, Tensor]:
    """`token_data.hide` on the device: what is read in place of `codes` `[B, N]`, far and near."""
    device, batch = codes.device, len(codes)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, device=device)

    zero = torch.zeros(batch, device=device)
    near = _rates(draw(batch), ((0.45, zero), (0.75, draw(batch))), 1.0)
    far = _rates(draw(batch), ((0.7, zero), (0.9, 0.6 * draw(batch))), 1.0)
    noise = NOISE_SHARE * (draw(batch) < 0.5)
    read = torch.where(draw(*codes.shape) < noise[:, None], codes.roll(1, 0), codes)
    return (
        read.masked_fill(draw(*codes.shape) < far[:, None], null),
        read.masked_fill(draw(*codes.shape) < near[:, None], null),
    )


def hidden_steps(shape: tuple[int, int], device: torch.device, whole: float) -> Tensor:
    """`token_data.hidden_steps` on the device, bool `[B, N]`."""
    kind, one = torch.rand(shape[0], device=device), torch.ones(shape[0], device=device)
    rate = _rates(kind, ((whole, one), (whole + 0.35, torch.rand(shape[0], device=device))), 0.0)
    return torch.rand(*shape, device=device) < rate[:, None]


def hidden_places(config: LanguageModelConfig, batch: int, device: torch.device) -> Tensor:
    """`token_data.hidden_places` on the device, bool `[B, N]`."""
    frames, height, width = config.grid

    def span(side: int) -> Tensor:
        low, high = max(1, side // 4), max(2, side * 3 // 4)
        size = torch.randint(low, high + 1, (batch, 1), device=device)
        start = (torch.rand(batch, 1, device=device) * (side - size + 1)).long()
        place = torch.arange(side, device=device)
        return (place >= start) & (place < start + size)

    inside = span(height)[:, :, None] & span(width)[:, None, :]
    around = torch.rand(batch, 1, 1, device=device) < 0.25
    return (inside ^ around)[:, None].expand(-1, frames, -1, -1).flatten(1)


def _kept(batch: int, device: torch.device) -> Tensor:
    return torch.rand(batch, device=device) >= UNCONDITIONAL_SHARE


def _pairs(config: LanguageModelConfig, codes: Tensor, counted: Tensor) -> Tensor:
    """Targets `[B, N, 2]`."""
    pair = torch.stack([codes // config.sub_codebooks[1], codes % config.sub_codebooks[1]], -1)
    return pair.masked_fill(~counted[..., None], IGNORED)


def _text(clips: DeviceClips, places: Tensor, name: str) -> Tensor:
    """Texts int64 `[B, PIECES]`; of two of a name, either."""
    first = TEXTS.index(name)
    choice = first + torch.randint(TEXTS.count(name), places.shape, device=places.device)
    return clips.texts[places, choice].long()


def drawing_batch(config: LanguageModelConfig, clips: DeviceClips, counts: dict[str, int]) -> DeviceBatch:
    """Whole clips of the tasks of `DRAWING`, `counts` of each, in one batch."""
    device = clips.device
    counts = {task: counts[task] for task in DRAWING if counts.get(task)}
    controls = clips.draw_controls(counts.get("STYLIZE_VIDEO", 0))
    plain = clips.draw(sum(counts.values()) - len(controls))
    first = counts.get("TEXT_TO_VIDEO", 0)
    places = torch.cat([plain[:first], clips.control_of[controls], plain[first:]])
    tasks = [task for task, count in counts.items() for _ in range(count)]
    of = {task: slice(start, start + count) for task, start, count in _spans(counts)}
    codes = clips.codes[places].clone()
    texts = _text(clips, places, "caption")
    kept = _kept(len(places), device)
    told = kept[:, None].expand(-1, len(COLUMNS)).clone()
    counted = torch.ones_like(codes, dtype=torch.bool)
    condition = torch.full_like(codes, config.null_code)
    area = config.grid[1] * config.grid[2]
    if "STYLIZE_VIDEO" in of:
        rows = of["STYLIZE_VIDEO"]
        condition[rows] = clips.controls[controls]
        texts[rows] = _text(clips, places[rows], "stylizing")
        style = constant(tuple(name == "style" for name in COLUMNS), device)
        told[rows] &= style | clips.tells_all[places[rows], None]
    if "EXTEND_VIDEO" in of:
        rows = of["EXTEND_VIDEO"]
        codes[rows] = torch.cat([codes[rows, area:], codes[rows, -area:]], 1)
        counted[rows, :area] = False
        counted[rows, -area:] = False
    far, near = hide(codes, config.null_code)
    if "INPAINT_VIDEO" in of:
        rows = of["INPAINT_VIDEO"]
        far[rows], near[rows] = codes[rows], codes[rows]
        counted[rows] = hidden_places(config, rows.stop - rows.start, device)
        condition[rows] = codes[rows].masked_fill(counted[rows], config.null_code)
    prefix, valid = make_prefix(config, tasks, texts, kept, codes.shape[1])
    inputs = output_inputs(config, far, condition=condition, near=near)
    return DeviceBatch(
        "video", "DRAW", prefix, valid, inputs, _pairs(config, codes, counted), clips.scenes[places], told
    )


def _spans(counts: dict[str, int]):
    start = 0
    for task, count in counts.items():
        yield task, start, count
        start += count


def picture_batch(config: LanguageModelConfig, clips: DeviceClips, count: int) -> DeviceBatch:
    """Text to image: the first latent frame."""
    places = clips.draw(count)
    codes = clips.codes[places, : config.grid[1] * config.grid[2]]
    kept = _kept(count, clips.device)
    prefix, valid = make_prefix(
        config, ["TEXT_TO_IMAGE"] * count, _text(clips, places, "picture"), kept, codes.shape[1]
    )
    far, near = hide(codes, config.null_code)
    shown = constant(tuple(name not in MOVING for name in COLUMNS), clips.device)
    targets = _pairs(config, codes, torch.ones_like(codes, dtype=torch.bool))
    inputs = output_inputs(config, far, near=near)
    return DeviceBatch(
        "video", "TEXT_TO_IMAGE", prefix, valid, inputs, targets, clips.scenes[places], kept[:, None] & shown
    )


def source_batch(
    config: LanguageModelConfig, clips: DeviceClips, sounds: DeviceSounds, task: str, count: int
) -> DeviceBatch:
    """The tasks that hear or tell, `token_data.make_source_batch` on the device."""
    device = clips.device
    source, _, output = task.partition("_TO_")
    places = clips.draw(count)
    if source == "AUDIO":  # a voice says more than a thud, and few objects have one
        other = clips.draw(count)
        places = torch.where(sounds.has_voice(clips.scenes[places]), places, other)
    scenes, codes = clips.scenes[places], clips.codes[places]
    key = sounds.key(scenes)
    heard = sounds.hear(scenes) if source == "AUDIO" else sounds.draw(scenes) if output == "AUDIO" else None
    kept = _kept(count, device)
    texts = _text(clips, places, "caption")
    share = {"TEXT_TO_AUDIO": 0.7, "AUDIO_TO_VIDEO": 0.3, "VIDEO_TO_AUDIO": 0.5}.get(task, 0.0)
    said = (torch.rand(count, 1, device=device) < share).expand_as(texts)
    otherwise = sounds.words[key] if source == "TEXT" else torch.full_like(texts, -1)
    texts = torch.where(said, texts, otherwise)
    length = {"VIDEO": codes.shape[1], "AUDIO": config.audio_positions, "TEXT": ANSWER}[output]
    prefix, valid = make_prefix(
        config,
        [task] * count,
        texts,
        kept,
        length,
        codes if source == "VIDEO" else None,
        heard if source == "AUDIO" else None,
    )
    told = kept[:, None] & (sounds.heard[key] if source == "AUDIO" else torch.ones_like(sounds.heard[key]))
    if output == "VIDEO":
        far, near = hide(codes, config.null_code)
        inputs = output_inputs(config, far, near=near)
        targets = _pairs(config, codes, torch.ones_like(codes, dtype=torch.bool))
        return DeviceBatch("video", task, prefix, valid, inputs, targets, scenes, told)
    if output == "AUDIO":
        assert heard is not None
        rate = torch.where(torch.rand(count, 1, 1, device=device) < 0.5, AUDIO_NOISE, 0.0)
        wrong = torch.randint(config.audio_size, heard.shape, device=device)
        read = torch.where(torch.rand(heard.shape, device=device) < rate, wrong, heard)
        inputs = audio_inputs(config, read)
        hidden = hidden_steps((count, length), device, whole=0.35)
        inputs.sounds.masked_fill_(hidden[..., None], config.null_sound)
        return DeviceBatch("audio", task, prefix, valid, inputs, heard.flatten(1), scenes, told)
    answer = _text(clips, places, "canonical") if source == "VIDEO" else sounds.words[key]
    ended = torch.cat([answer[:, : ANSWER - 1], torch.full_like(answer[:, :1], -1)], 1)
    size = (ended >= 0).sum(1, keepdim=True)
    column = torch.arange(ANSWER, device=device)
    targets = torch.where(column < size, ended, torch.where(column == size, config.text_size, IGNORED))
    inputs = text_inputs(config, targets.clamp(0, config.text_size - 1))
    inputs.rows[..., 0].masked_fill_(hidden_steps((count, ANSWER), device, whole=0.0), NONE)
    return DeviceBatch("text", task, prefix, valid, inputs, targets, scenes, told)
