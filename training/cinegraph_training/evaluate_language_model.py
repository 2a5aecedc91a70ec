"""Prompt fidelity on held-out compositions, with its anchors; every generated clip counts, none is picked.

    python -m cinegraph_training.evaluate_language_model --count 200 --out runs/evaluation.json --strip runs/clips.png

The attribute reader says what each clip shows. Anchors: the reader on real clips of the same scenes, on the tokenizer's
reconstructions (the ceiling), always answering the most frequent class (chance), and the generated clips held against
another scene's prompt. Accuracy of `all` asks for everything at once that is asked for.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from . import attributes, captions, paths
from .attributes import COLUMNS, Scene
from .export import load_language_model, load_video_tokenizer
from .reader import AttributeReader, load_reader, read_classes
from .sample import Prompt, Sampling, generate, strip, write_png
from .stage import sample_stage_scene
from .text_tokenizer import TextTokenizer
from .video_tokenizer import VideoTokenizer
from .world import FRAMES, World

ASKED = {
    "video": ("object", "background", "motion", "camera", "style"),
    "image": ("object", "background", "size", "place"),
}
TASKS = {"video": "TEXT_TO_VIDEO", "image": "TEXT_TO_IMAGE"}


def heldout_scenes(kind: str, count: int, seed: int) -> list[Scene]:
    """Compositions that the language model never saw; for images, ones that a still picture can show."""
    rng = np.random.default_rng([seed, len(kind)])
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = sample_stage_scene(rng, "heldout")
        if kind == "video" or (scene.motion == "still" and scene.camera == "still"):
            scenes.append(scene)
    return scenes


def accuracy(read: np.ndarray, wanted: np.ndarray, asked: tuple[str, ...]) -> dict[str, float]:
    """Share of right answers per asked column, and of clips with all of them right. Both int `[N, 7]`."""
    right = read == wanted
    columns = [COLUMNS.index(name) for name in asked]
    result = {name: float(right[:, column].mean()) for name, column in zip(asked, columns, strict=True)}
    result["all"] = float(right[:, columns].all(1).mean())
    return {name: round(value, 4) for name, value in result.items()}


def chance(wanted: np.ndarray, asked: tuple[str, ...]) -> dict[str, float]:
    """Accuracy of always naming each column's most frequent class."""
    most = np.array([np.bincount(wanted[:, column]).argmax() for column in range(wanted.shape[1])])
    return accuracy(np.broadcast_to(most, wanted.shape), wanted, asked)


def as_clips(pictures: Tensor) -> Tensor:
    """The reader wants clips: a single frame `[B, 1, ...]` is shown 17 times."""
    return pictures.expand(-1, FRAMES, -1, -1, -1) if pictures.shape[1] == 1 else pictures


class Evaluator:
    """Owns the models; `measure` runs one kind of task."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.video_tokenizer: VideoTokenizer = load_video_tokenizer(options.tokenizer)
        self.model, self.counters = load_language_model(options.language_model, options.weights, self.video_tokenizer)
        self.text_tokenizer = TextTokenizer.load(options.text_tokenizer)
        self.reader: AttributeReader = load_reader(options.reader) if options.reader else load_reader()
        self.world = World()

    def measure(self, kind: str) -> tuple[dict, np.ndarray, list[str]]:
        """Figures of one task, the first generated clips uint8 `[n, F, H, W, 3]` and their prompts."""
        options, asked = self.options, ASKED[kind]
        scenes = heldout_scenes(kind, options.count, options.seed)
        rng = np.random.default_rng([options.seed, 7])
        prompts = [captions.caption(scene, rng) for scene in scenes]
        wanted = np.array([attributes.scene_to_ints(scene) for scene in scenes])
        read: dict[str, list[np.ndarray]] = {"generated": [], "reconstructed": [], "real": []}
        kept: list[np.ndarray] = []
        for start in tqdm(range(0, len(scenes), options.batch), desc=f"text to {kind}", unit="batch"):
            part = slice(start, start + options.batch)
            real = np.stack([self.world.render(scene, rng) for scene in scenes[part]])
            real = real[:, :1] if kind == "image" else real
            for name, clips in self._clips(kind, prompts[part], torch.from_numpy(real), start):
                read[name].append(read_classes(self.reader, as_clips(clips)))
                if name == "generated" and start < options.shown:
                    kept.append((clips * 255).round().byte().numpy())
        rows = {name: np.concatenate(parts) for name, parts in read.items() if parts}
        figures = {name: accuracy(value, wanted, asked) for name, value in rows.items()}
        figures["wrongPrompt"] = accuracy(rows["generated"], np.roll(wanted, 1, axis=0), asked)
        figures["chance"] = chance(wanted, asked)
        return figures, np.concatenate(kept)[: options.shown], prompts[: options.shown]

    @torch.no_grad()
    def _clips(self, kind: str, prompts: list[str], real: Tensor, seed: int):
        """Yields name and clips float `[B, F, H, W, 3]` of what is read."""
        if not self.options.generated_only:
            yield "real", real.float() / 255
            parts = [self.video_tokenizer.decode(self.video_tokenizer.encode(clip[None])) for clip in real]
            yield "reconstructed", torch.cat(parts)
        codes = generate(
            self.model,
            [Prompt(self.text_tokenizer.encode(prompt)) for prompt in prompts],
            TASKS[kind],
            Sampling(
                self.options.guidance,
                self.options.temperature,
                self.options.top_p,
                seed=self.options.seed * 100_003 + seed,
            ),
        )
        yield "generated", torch.cat([self.video_tokenizer.decode(clip[None]) for clip in codes])


def main() -> None:
    parser = argparse.ArgumentParser(description="Prompt fidelity of the language model, with anchors.")
    parser.add_argument("--count", type=int, default=200, help="held-out scenes per task; 60 is enough to monitor")
    parser.add_argument("--kinds", nargs="+", choices=tuple(ASKED), default=["video", "image"])
    parser.add_argument("--tokenizer", type=Path, default=paths.CHECKPOINTS / "video-tokenizer.pt")
    parser.add_argument("--language-model", type=Path, default=paths.RUNS / "language-model" / "checkpoint.pt")
    parser.add_argument("--weights", choices=("model", "average"), default="average")
    parser.add_argument("--text-tokenizer", type=Path, default=paths.CHECKPOINTS / "text-tokenizer.json")
    parser.add_argument("--reader", type=Path, help="default: the committed reader")
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shown", type=int, default=8, help="clips in the picture: the first ones")
    parser.add_argument("--generated-only", action="store_true", help="without the anchors that cost time")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--strip", type=Path, help="PNG with a row per shown clip; its prompts go beside it as .txt")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    evaluator = Evaluator(options)
    report = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "what": "accuracy of an attribute reader on held-out compositions; all: every asked attribute at once",
        "count": options.count,
        "seed": options.seed,
        "sampling": {"guidance": options.guidance, "temperature": options.temperature, "topP": options.top_p},
        "languageModelStep": evaluator.counters["step"],
    }
    for kind in options.kinds:
        report[kind], clips, prompts = evaluator.measure(kind)
        for name, figures in report[kind].items():
            print(f"{kind:6} {name:14}", "  ".join(f"{column} {value:.3f}" for column, value in figures.items()))
        if options.strip:
            picture = options.strip.with_stem(f"{options.strip.stem}-{kind}")
            write_png(picture, strip(clips))
            picture.with_suffix(".txt").write_text("\n".join(prompts) + "\n", encoding="utf-8")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
