"""Train the depth net (depth.py) on rendered clips in all styles, and on what the video tokenizer makes of them; check
it on held-out ones against what needs no net.

`python -m cinegraph_training.train_depth [--steps 3000] [--clips 4000] [--check-only]`
"""

import argparse
import json
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from .attributes import Scene, sample_scene
from .depth import DEPTH, SIDE, DepthNet, load_depth, parameters_of
from .log import log_line, save_atomically
from .paths import RUNS
from .prepare import UNSEEN
from .train_video_tokenizer import SHIPPED, load_shipped
from .video_tokenizer import VideoTokenizer
from .world import FRAMES, World

BATCH = 32
FRAMES_TAKEN = 4  # of a clip: its others look much the same
DECODED_SHARE = 0.5  # of the clips, seen as the video tokenizer gives them back
HIGHEST_RATE = 3e-3


@dataclass(frozen=True)
class Views:
    """Frames uint8 `[N, 3, 64, 64]` and their nearness uint8 `[N, 64, 64]`."""

    frames: Tensor
    nearness: Tensor

    def __len__(self) -> int:
        return len(self.frames)


def halved(pictures: Tensor) -> Tensor:
    """`[N, C, H, W]` in 0 to 255 -> uint8 `[N, C, 64, 64]`, each value the mean of those that it covers."""
    return F.avg_pool2d(pictures.float(), pictures.shape[-1] // SIDE).round().to(torch.uint8)


@torch.no_grad()
def draw(
    world: World, rng: np.random.Generator, count: int, split: str, decoded: float, tokenizer: VideoTokenizer | None
) -> Views:
    """`FRAMES_TAKEN` frames of each of `count` clips, the share `decoded` of them through the tokenizer."""
    frames, nearness = [], []
    for _ in tqdm(range(count), desc=f"clips ({split})", leave=False):
        scene = sample_scene(rng, split)
        if scene.object not in world.sprites:  # a world of other objects
            scene = Scene(**{**scene.as_dict(), "object": str(rng.choice(sorted(world.sprites)))})
        clip, placement = world.render_placed(scene, rng)
        taken = rng.choice(FRAMES, FRAMES_TAKEN, replace=False)
        seen = torch.from_numpy(clip)
        if tokenizer is not None and rng.random() < decoded:
            seen = (tokenizer.decode(tokenizer.encode(seen[None]))[0] * 255).clamp(0, 255)
        frames.append(halved(seen[taken].permute(0, 3, 1, 2)))
        nearness.append(halved(torch.from_numpy(world.depth_maps(scene.object, placement))[taken][:, None])[:, 0])
    return Views(torch.cat(frames), torch.cat(nearness))


def roughen(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Frames in [0, 1] that are lighter or darker, tinted, noisy or blurred, as other sources may be."""
    count = len(x)
    gain = torch.from_numpy(rng.uniform(0.75, 1.25, (count, 3, 1, 1))).float()
    shift = torch.from_numpy(rng.uniform(-0.08, 0.08, (count, 3, 1, 1))).float()
    noise = torch.from_numpy(rng.uniform(0, 0.04, (count, 1, 1, 1))).float()
    weak = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    amount = torch.from_numpy(rng.uniform(0, 1, (count, 1, 1, 1)) * (rng.random((count, 1, 1, 1)) < 0.3)).float()
    return ((x + (weak - x) * amount) * gain + shift + torch.randn_like(x) * noise).clamp(0, 1)


def train(net: DepthNet, views: Views, steps: int, seed: int) -> DepthNet:
    """Trains `net` in place for `steps` batches and returns it."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net.train().requires_grad_(True)
    net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimizer = torch.optim.AdamW(net.parameters(), lr=HIGHEST_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, HIGHEST_RATE, total_steps=steps, pct_start=0.1)
    bar = tqdm(range(steps), desc=f"depth net, {parameters_of(net)} parameters")
    for step in bar:
        chosen = torch.from_numpy(rng.integers(len(views), size=BATCH))
        x, target = views.frames[chosen].float() / 255, views.nearness[chosen].float() / 255
        flipped = torch.from_numpy(rng.random(BATCH) < 0.5)
        x = torch.where(flipped[:, None, None, None], x.flip(-1), x)
        target = torch.where(flipped[:, None, None], target.flip(-1), target)
        x = roughen(x, rng).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net.logits(x)
        loss = F.binary_cross_entropy_with_logits(logits.float(), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            bar.set_postfix(loss=f"{float(loss.detach()):.4f}")
    return net.eval().requires_grad_(False)


def errors(found: Tensor, exact: Tensor) -> dict[str, float]:
    """Mean absolute error in shares of the whole range, and how well the objects' areas agree (intersection over
    union of what is above one half), the mean over frames."""
    ours, theirs = found > 0.5, exact > 0.5
    union = (ours | theirs).flatten(1).sum(1)
    overlap = (ours & theirs).flatten(1).sum(1) / union.clamp_min(1)
    return {
        "error": round(float((found - exact).abs().mean()), 4),
        "overlap": round(float(overlap[union > 0].mean()), 4),
    }


@torch.no_grad()
def check(net: DepthNet, count: int) -> dict[str, dict[str, float]]:
    """On held-out scenes: as rendered, through the tokenizer, and with objects that no training has seen; and what
    comes of saying "nothing" and of always giving the mean map."""
    world = World()
    tokenizer = load_shipped() if SHIPPED.exists() else None
    kinds = {"rendered": draw(world, np.random.default_rng(4321), count, "heldout", 0, None)}
    if tokenizer is not None:
        kinds["decoded"] = draw(world, np.random.default_rng(4322), count // 3, "heldout", 1, tokenizer)
    if UNSEEN.exists():
        strange = World()
        strange.sprites.clear()
        with np.load(UNSEEN) as stored:
            strange.add_sprites(list(map(str, stored["names"])), stored["sprites"])
        kinds["unseen objects"] = draw(strange, np.random.default_rng(4323), count // 2, "heldout", 0, None)
    report = {}
    for name, views in kinds.items():
        found = torch.cat([net(part.float() / 255) for part in views.frames.split(64)])
        report[name] = errors(found, views.nearness.float() / 255)
    exact = kinds["rendered"].nearness.float() / 255
    report["nothing"] = errors(torch.zeros_like(exact), exact)
    report["mean map"] = errors(exact.mean(0).expand_as(exact), exact)
    return report


def save(net: DepthNet) -> None:
    """Half-precision weights for the repository."""
    save_atomically({"weights": {name: value.half() for name, value in net.state_dict().items()}}, DEPTH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--clips", type=int, default=4000, help="that frames are drawn from")
    parser.add_argument("--go-on", action="store_true", help="begin with the net that there is")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--check-only", action="store_true")
    parser.add_argument("--count", type=int, default=300, help="held-out clips to check on")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not options.check_only:
        tokenizer = load_shipped() if SHIPPED.exists() else None
        views = draw(World(), np.random.default_rng(options.seed), options.clips, "train", DECODED_SHARE, tokenizer)
        save(train(load_depth() if options.go_on else DepthNet(), views, options.steps, options.seed))
    report = check(load_depth(), options.count)
    RUNS.mkdir(exist_ok=True)
    (RUNS / "depth.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    log_line(f"depth net on {options.count} held-out scenes: {json.dumps(report)}")


if __name__ == "__main__":
    main()
