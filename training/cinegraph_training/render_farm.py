"""Clips rendered by many processes while one trains: fresh ones all the time, so that nothing is learnt by heart.

Each process fills slots of shared memory; the trainer takes full slots and gives them back empty. A `FrameFarm` hands
over frames, a `CodeFarm` finds their codes too, with scenes and captions as pieces of text.
"""

import mmap
import multiprocessing
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch

from . import attributes, captions
from .attributes import COLUMNS, STYLES, sample_scene, scene_to_ints
from .fit_codebook import BLOCK, FINE, clip_blocks
from .text_tokenizer import TextTokenizer
from .token_data import STYLE_ALONE_SHARE, picture_scene
from .tokenizer_data import KINDS, Sources
from .video_tokenizer import FRAMES_PER_LATENT, Codebook
from .world import FRAMES, VIEW

CLIPS = 32
CONTROLS = 8  # of them have a control video
POSITIONS = (1 + (FRAMES - 1) // FRAMES_PER_LATENT) * (VIEW // BLOCK[1]) ** 2
NATURAL_SHARE = 0.6  # of the clips whose control video is taken: what users stylize
PIECES = 40
TEXTS = ("caption", "caption", "picture", "canonical", "stylizing")
Slot = TypeVar("Slot")
DEADLINE = 60.0  # seconds that the trainer waits for a slot


def shared(shape: tuple[int, ...], dtype) -> np.ndarray:
    """An array that processes forked later share."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, size), dtype).reshape(shape)


class Farm(Generic[Slot]):
    """Owns the processes and their memory. Subclasses make slots and fill them."""

    def __init__(self, processes: int, seed: int):
        context = multiprocessing.get_context("fork")
        self.slots: list[Slot] = [self.new_slot() for _ in range(2 * processes + 4)]
        self._empty, self._full = context.Queue(), context.Queue()
        for index in range(len(self.slots)):
            self._empty.put(index)
        self.processes = [
            context.Process(target=self._work, args=([seed, number],), daemon=True) for number in range(processes)
        ]
        for process in self.processes:
            process.start()

    def new_slot(self) -> Slot:
        raise NotImplementedError

    def fill(self, slot: Slot, rng: np.random.Generator) -> None:
        raise NotImplementedError

    def _work(self, seed: list[int]) -> None:
        torch.set_num_threads(1)
        rng = np.random.default_rng(seed)
        while True:
            index = self._empty.get()
            self.fill(self.slots[index], rng)
            self._full.put(index)

    def take(self, wait: bool) -> int | None:
        """A full slot's number, or None where there is none at present; raises `queue.Empty` after `DEADLINE`."""
        if not wait and self._full.empty():
            return None
        return self._full.get(timeout=DEADLINE)

    def give_back(self, index: int) -> None:
        self._empty.put(index)

    def close(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join(5)


class FrameFarm(Farm[np.ndarray]):
    """Slots are uint8 `[CLIPS, 17, 128, 128, 3]`; `shares` are those of `tokenizer_data.KINDS`."""

    def __init__(self, sources: Sources, processes: int, seed: int, shares: tuple[float, ...]):
        self.sources, self.shares = sources, shares
        super().__init__(processes, seed)

    def new_slot(self) -> np.ndarray:
        return shared((CLIPS, FRAMES, VIEW, VIEW, 3), np.uint8)

    def fill(self, slot: np.ndarray, rng: np.random.Generator) -> None:
        for place in range(CLIPS):
            slot[place] = self.sources.sample(rng, str(rng.choice(KINDS, p=self.shares)))[0]


@dataclass(frozen=True)
class CodeSlot:
    """Codes int32 `[CLIPS, 320]`, those of the control videos of the first ones `[CONTROLS, 320]`, scenes uint8
    `[CLIPS, columns]`, texts int16 `[CLIPS, len(TEXTS), PIECES]` filled up with -1, and whether the stylizing text
    tells more than the style, uint8 `[CLIPS]`."""

    codes: np.ndarray
    controls: np.ndarray
    scenes: np.ndarray
    texts: np.ndarray
    tells_all: np.ndarray


class CodeFarm(Farm[CodeSlot]):
    """World clips of the training split as the language model reads them."""

    def __init__(self, sources: Sources, codebook: Codebook, tokenizer: TextTokenizer, processes: int, seed: int):
        self.sources, self.codebook, self.tokenizer = sources, codebook, tokenizer
        super().__init__(processes, seed)

    def new_slot(self) -> CodeSlot:
        return CodeSlot(
            shared((CLIPS, POSITIONS), np.int32),
            shared((CONTROLS, POSITIONS), np.int32),
            shared((CLIPS, len(COLUMNS)), np.uint8),
            shared((CLIPS, len(TEXTS), PIECES), np.int16),
            shared((CLIPS,), np.uint8),
        )

    def fill(self, slot: CodeSlot, rng: np.random.Generator) -> None:
        frames = np.empty((CLIPS + CONTROLS, FRAMES, VIEW, VIEW, 3), np.uint8)
        for place in range(CLIPS):
            scene = sample_scene(rng)
            if place < CONTROLS:
                filmed = "natural" if rng.random() < NATURAL_SHARE else str(rng.choice(STYLES))
                world = self.sources.world
                frames[place], frames[CLIPS + place] = world.render_with_control(scene, rng, filmed)
            else:
                frames[place] = self.sources.world.render(scene, rng)
            slot.scenes[place] = scene_to_ints(scene)
            slot.tells_all[place] = write_texts(slot.texts[place], self.tokenizer, scene, rng)
        codes = self.encode(frames)
        slot.codes[:], slot.controls[:] = codes[:CLIPS], codes[CLIPS:]

    @torch.no_grad()
    def encode(self, frames: np.ndarray) -> np.ndarray:
        """uint8 `[B, 17, 128, 128, 3]` -> int `[B, 320]`."""
        codebook, dimensions = self.codebook, self.codebook.coarse.shape[1]
        blocks = clip_blocks(torch.from_numpy(frames)).flatten(0, 3).float() / 255
        pairs = codebook.codes((blocks - codebook.mean) @ codebook.basis[:, :dimensions])
        return (pairs[:, 0] * FINE + pairs[:, 1]).view(len(frames), -1).numpy()


def write_texts(out: np.ndarray, tokenizer: TextTokenizer, scene: attributes.Scene, rng: np.random.Generator) -> bool:
    """Fills int16 `[len(TEXTS), PIECES]` with what may be said of a scene; returns whether the stylizing text tells
    more than the style."""
    tells_all = rng.random() >= STYLE_ALONE_SHARE
    texts = (
        captions.caption(scene, rng),
        captions.caption(scene, rng),
        captions.caption(picture_scene(scene, rng), rng),
        captions.canonical_caption(scene),
        captions.caption(scene, rng) if tells_all else captions.style_phrase(scene.style, rng),
    )
    out[:] = -1
    for row, text in enumerate(texts):
        pieces = tokenizer.encode(text)[:PIECES]
        out[row, : len(pieces)] = pieces
    return tells_all
