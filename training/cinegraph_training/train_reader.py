"""Train the attribute reader on rendered clips, and check it on held-out ones, real and reconstructed.

`python -m cinegraph_training.train_reader [--steps 1500] [--check-only]`
"""

import argparse
import json

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from .attributes import COLUMNS, sample_scene, scene_to_ints
from .log import log_line, save_atomically
from .paths import RUNS
from .reader import READER, AttributeReader, load_reader, read_classes, reader_input
from .train_video_tokenizer import SHIPPED, load_shipped
from .video_tokenizer import VideoTokenizer
from .world import World

BATCH = 32
CODED = 8  # clips of a batch that are shown as their codes alone draw them
DECODED = 8  # and as the decoder does


def draw(world: World, rng: np.random.Generator, count: int, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Clips `[count, 17, 128, 128, 3]` uint8 and their classes `[count, 7]`."""
    scenes = [sample_scene(rng, split) for _ in range(count)]
    return np.stack([world.render(scene, rng) for scene in scenes]), np.array([scene_to_ints(s) for s in scenes])


def roughen(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Half of the clips blurred, noisy, or slightly off in colour, as a decoder may leave them."""
    batch = x.shape[0]
    weak = F.avg_pool2d(F.pad(x.flatten(0, 1), (1, 1, 1, 1), mode="replicate"), 3, 1).view_as(x)
    amount = torch.from_numpy(rng.uniform(0, 0.9, batch) * (rng.random(batch) < 0.5)).float().view(-1, 1, 1, 1, 1)
    noise = torch.from_numpy(rng.uniform(0, 0.04, batch)).float().view(-1, 1, 1, 1, 1)
    tint = torch.from_numpy(rng.uniform(-0.03, 0.03, (batch, 1, 3, 1, 1))).float()
    return (x + (weak - x) * amount + torch.randn_like(x) * noise + tint).clamp(0, 1)


def accuracy(reader: AttributeReader, clips: np.ndarray | Tensor, classes: np.ndarray) -> dict[str, float]:
    """Share of right answers for each column, and for all of them at once."""
    right = read_classes(reader, clips) == classes
    named = {name: round(float(right[:, i].mean()), 4) for i, name in enumerate(COLUMNS)}
    return named | {"all": round(float(right.all(1).mean()), 4)}


def check(reader: AttributeReader, world: World, count: int) -> dict[str, dict[str, float]]:
    """Accuracy on `count` held-out scenes: real, reconstructed (if there is a tokenizer), and chance."""
    rng = np.random.default_rng(4321)
    clips, classes = draw(world, rng, count, "heldout")
    report = {"real": accuracy(reader, clips, classes)}
    report["chance"] = {
        name: round(float(np.bincount(classes[:, i]).max() / count), 4) for i, name in enumerate(COLUMNS)
    }
    if SHIPPED.exists():
        tokenizer = load_shipped()
        with torch.no_grad():
            rebuilt = [
                tokenizer.decode(tokenizer.encode(torch.from_numpy(clip[None])))[0]
                for clip in tqdm(clips, desc="reconstruct")
            ]
        report["reconstructed"] = accuracy(reader, torch.stack(rebuilt), classes)
    return report


@torch.no_grad()
def through_codec(tokenizer: VideoTokenizer | None, clips: np.ndarray) -> Tensor:
    """`reader_input` of clips; if there is a tokenizer, the first `CODED` as their codes draw them, the next `DECODED`
    as its decoder does."""
    x = reader_input(clips)
    if tokenizer is not None:
        codes = tokenizer.encode(torch.from_numpy(clips[: CODED + DECODED]))
        x[:CODED] = reader_input(tokenizer.draw(codes[:CODED]).clamp(0, 1))
        x[CODED : CODED + DECODED] = reader_input(tokenizer.decode(codes[CODED:]).clamp(0, 1))
    return x


def train(steps: int, world: World, reader: AttributeReader, seed: int, rate: float, bf16: bool) -> AttributeReader:
    """One pass over freshly rendered clips. Trains `reader` in place and returns it."""
    tokenizer = load_shipped() if SHIPPED.exists() else None
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    reader.train().requires_grad_(True)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    bar = tqdm(range(steps), desc="attribute reader")
    for step in bar:
        clips, classes = draw(world, rng, BATCH, "train")
        targets = torch.from_numpy(classes)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = reader(roughen(through_codec(tokenizer, clips), rng))
        losses = [F.cross_entropy(logits[name].float(), targets[:, i]) for i, name in enumerate(COLUMNS)]
        loss = torch.stack(losses).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            bar.set_postfix(loss=f"{float(loss.detach()):.3f}")
        if (step + 1) % 250 == 0:
            reader.eval()
            bar.write(json.dumps({"step": step + 1} | accuracy(reader, *draw(world, rng, 128, "heldout"))))
            save(reader)
            reader.train()
    reader.eval()
    return reader


def save(reader: AttributeReader) -> None:
    """Half-precision weights for the repository."""
    weights = {name: v.half() if v.is_floating_point() else v for name, v in reader.state_dict().items()}
    save_atomically({"weights": weights}, READER)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--go-on", action="store_true", help="begin with the reader that there is")
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--no-bf16", dest="bf16", action="store_false", help="float32, for processors without bfloat16")
    parser.add_argument("--check-only", action="store_true")
    parser.add_argument("--count", type=int, default=400, help="held-out scenes to check on")
    options = parser.parse_args()
    torch.set_num_threads(1)
    world = World()
    if not options.check_only:
        reader = load_reader() if options.go_on else AttributeReader()
        save(train(options.steps, world, reader, options.seed, options.rate, options.bf16))
    report = check(load_reader(), world, options.count)
    RUNS.mkdir(exist_ok=True)
    (RUNS / "reader.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    log_line(f"attribute reader on {options.count} held-out scenes: {json.dumps(report)}")


if __name__ == "__main__":
    main()
