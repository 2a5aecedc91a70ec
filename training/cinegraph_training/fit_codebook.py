"""Fit the two-level codebook of the video tokenizer: PCA of the blocks, then k-means within k-means.

`python -m cinegraph_training.fit_codebook [--clips 12000]` writes `.cache/video-codebook.pt`.

A block is what one code describes: 4 frames x 16 x 16 px x 3 colours = 3,072 numbers. The coarse level has 512
centres, fitted on distinct blocks, so that plain backgrounds do not use them up; each has 125 fine ones, fitted with a
weight that grows with how often a block occurs. No gradients: minutes on one core, where training an FSQ encoder took
an hour to a worse result (LOG.md). The codes live in the first principal components, the decoder draws with more.
"""

import argparse
import time

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .log import log_line, save_atomically
from .paths import CACHE
from .tokenizer_data import KINDS, Sources, load_sources

CODEBOOK = CACHE / "video-codebook.pt"
COARSE, FINE = 512, 125
BLOCK = (4, 16, 16, 3)
SHARES = (0.91, 0.02, 0.02, 0.05)  # of tokenizer_data.KINDS
STAGE_SHARE = 0.6  # of the world's clips: scenes that the language model knows (stage.py)
DRAWN = 256  # principal components that the decoder draws with
FREQUENCY_POWER = 0.7


def clip_blocks(clips: Tensor) -> Tensor:
    """uint8 or float clips `[..., 1 + 4 (T - 1), H, W, 3]` -> blocks `[..., T, H/16, W/16, 3072]`; the first frame is
    repeated."""
    time, side, _, _ = BLOCK
    first = clips[..., :1, :, :, :].expand(*clips.shape[:-4], time - 1, -1, -1, -1)
    padded = torch.cat([first, clips], -4)
    frames, height, width = padded.shape[-4:-1]
    split = padded.view(*padded.shape[:-4], frames // time, time, height // side, side, width // side, side, 3)
    return split.movedim((-5, -3), (-6, -5)).flatten(-4)


class BlockCounter:
    """Draws clips and gives back the blocks not met before; counts how often each distinct block occurs."""

    def __init__(self, sources: Sources, rng: np.random.Generator):
        self.sources, self.rng = sources, rng
        self.key = np.random.default_rng(5).integers(-(2**31), 2**31, 3072).astype(np.float64)
        self.numbers: dict[float, int] = {}
        self.counts: list[int] = []

    def draw(self) -> np.ndarray:
        """uint8 `[n, 3072]`: the new blocks of one more clip."""
        clip, _ = self.sources.sample(self.rng, str(self.rng.choice(KINDS, p=SHARES)))
        blocks = clip_blocks(torch.from_numpy(clip)).flatten(0, 2).numpy()
        fresh = []
        for index, mark in enumerate(blocks.astype(np.float64) @ self.key):
            number = self.numbers.setdefault(mark, len(self.counts))
            if number == len(self.counts):
                self.counts.append(0)
                fresh.append(index)
            self.counts[number] += 1
        return blocks[fresh]


def nearest(points: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Index of and squared distance to the nearest centre; `[n, D]`, `[k, D]` -> `[n]`, `[n]`."""
    norms = centers.square().sum(1)
    indices, distances = [], []
    for part in points.split(16384):
        distance, index = (norms - 2 * part @ centers.T).min(1)
        indices.append(index)
        distances.append(distance + part.square().sum(1))
    return torch.cat(indices), torch.cat(distances).clamp_min(0)


def k_means(points: Tensor, weights: Tensor, count: int, rounds: int) -> Tensor:
    """`[n, D]`, weights `[n]` -> centres `[count, D]`; a centre that loses its points moves to one far from its own."""
    if len(points) <= count:
        return torch.cat([points, points[:1].expand(count - len(points), -1)])
    centers = points[torch.multinomial(weights, count)].clone()
    for _ in range(rounds):
        index, distance = nearest(points, centers)
        sums = torch.zeros_like(centers).index_add_(0, index, points * weights[:, None])
        mass = torch.zeros(count).index_add_(0, index, weights)
        centers = sums / mass.clamp_min(1e-9)[:, None]
        empty = (mass == 0).nonzero().flatten()
        if len(empty):
            centers[empty] = points[torch.multinomial(distance * weights + 1e-12, len(empty))]
    return centers


def fit(sources: Sources, clips: int, dimensions: int) -> dict:
    """The whole codebook."""
    counter = BlockCounter(sources, np.random.default_rng(2024))
    first = torch.from_numpy(np.concatenate([counter.draw() for _ in range(400)])).float() / 255
    first = first[torch.randperm(len(first))[:24000]]
    mean = first.mean(0)
    centered = first - mean
    covariance = centered.T @ centered / len(centered)
    variances, vectors = torch.linalg.eigh(covariance)
    basis = vectors[:, -DRAWN:].flip(1).contiguous()  # [3072, DRAWN]
    kept = float(variances[-dimensions:].sum() / variances.sum())
    print(f"PCA: {dimensions} of 3072 dimensions keep {kept:.2%} of the variance", flush=True)
    counter = BlockCounter(sources, np.random.default_rng(2025))
    projected = []
    for _ in tqdm(range(clips), desc="blocks"):
        projected.append((torch.from_numpy(counter.draw()).float() / 255 - mean) @ basis[:, :dimensions])
    points = torch.cat(projected)
    weights = torch.tensor(counter.counts, dtype=torch.float32) ** FREQUENCY_POWER
    print(f"{len(points)} distinct blocks", flush=True)
    sample = points[torch.randperm(len(points))[:120_000]]
    coarse = k_means(sample, torch.ones(len(sample)), COARSE, 12)
    index, distance = nearest(points, coarse)
    print(f"coarse: {float(distance.mean()) / 3072:.6f} mean square error", flush=True)
    fine = torch.zeros(COARSE, FINE, dimensions)
    for cell in tqdm(range(COARSE), desc="fine"):
        members = (index == cell).nonzero().flatten()
        if len(members) == 0:
            fine[cell] = coarse[cell]
        else:
            fine[cell] = k_means(points[members], weights[members], FINE, 10)
    return {"mean": mean, "basis": basis, "coarse": coarse, "fine": fine, "kept": kept, "blocks": len(points)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=12000)
    parser.add_argument("--dimensions", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    started = time.monotonic()
    sources = load_sources("train")
    sources.stage_share = STAGE_SHARE
    codebook = fit(sources, options.clips, options.dimensions)
    stored = {n: v.half() if isinstance(v, Tensor) else v for n, v in codebook.items()}
    save_atomically(stored, CODEBOOK)
    log_line(
        f"two-level codebook, {codebook['blocks']} distinct blocks of {options.clips} clips, {options.dimensions}"
        f" dimensions ({codebook['kept']:.2%} of the variance), {(time.monotonic() - started) / 60:.1f} min."
    )


if __name__ == "__main__":
    main()
