"""Fits what the audio tokenizer's codes mean: principal components of the frames, and the quantizer by k-means.

`fit_encoder` is called by train_audio_tokenizer.py for a fresh run; it takes a minute on one core.
"""

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .audio_tokenizer import AudioTokenizer, round_as_stored
from .sound_batches import SoundBatches

SOUNDS = 4000
ROUNDS = 16  # of k-means in each level
SAME = 20  # points that differ by less than 1 / SAME in every component count once
FEWEST = 3  # points of a code that is kept; others are placed anew, on the points farthest from their codes


@torch.no_grad()
def fit_encoder(tokenizer: AudioTokenizer, batches: SoundBatches, rng: np.random.Generator) -> dict[str, float]:
    """Fits the projection, the quantizer and the decoder's scales in place; returns figures for the log."""
    config = tokenizer.config
    drawn = [torch.from_numpy(batches.draw(rng, 16)) for _ in tqdm(range(SOUNDS // 16), desc="sounds")]
    features = torch.cat([tokenizer.features(samples).flatten(0, 1) for samples in drawn])
    tokenizer.mean.copy_(features.mean(0))
    centered = features - tokenizer.mean
    values, vectors = torch.linalg.eigh(centered.T @ centered / len(centered))
    tokenizer.basis.copy_(vectors.flip(1)[:, : config.dimensions])
    points = centered @ tokenizer.basis
    kept = distinct(points)
    rest = kept.clone()
    for level in tqdm(range(config.levels), desc="levels"):
        found = k_means(rest, config.codebook_size, rng)
        tokenizer.quantizer.codebooks[level] = found
        rest = rest - found[nearest(rest, found)]
    tokenizer.decoder.scale.copy_(points.square().mean(0).sqrt())
    calibrate(tokenizer)
    round_as_stored(tokenizer)
    error = points - tokenizer.quantizer.decode(tokenizer.quantizer.encode(points))
    whole = centered.square().sum(1).mean()
    return {
        "frames": len(points),
        "distinct": len(kept),
        "components": round(float(values.flip(0)[: config.dimensions].sum() / values.sum()), 4),
        "explained": round(
            1 - float((error.square().sum(1).mean() + whole - points.square().sum(1).mean()) / whole), 4
        ),
    }


def distinct(points: Tensor) -> Tensor:
    """One of every group of points that are almost the same: silence must not take all the codes."""
    rounded = (points * SAME).round().to(torch.int32)
    _, group = torch.unique(rounded, dim=0, return_inverse=True)
    first = torch.full((int(group.max()) + 1,), len(points)).scatter_reduce(0, group, torch.arange(len(points)), "amin")
    return points[first]


def nearest(points: Tensor, centers: Tensor) -> Tensor:
    """`[n, D]`, `[k, D]` -> `[n]`."""
    squares = centers.square().sum(1)
    return torch.cat([(squares - 2 * part @ centers.T).argmin(1) for part in points.split(2048)])


def k_means(points: Tensor, count: int, rng: np.random.Generator) -> Tensor:
    """`[count, D]` centres, begun on random points; those that hold fewer than `FEWEST` are placed anew."""
    centers = points[torch.from_numpy(rng.choice(len(points), count, replace=len(points) < count))].clone()
    for turn in range(ROUNDS):
        owner = nearest(points, centers)
        sizes = torch.bincount(owner, minlength=count)
        sums = torch.zeros_like(centers).index_add_(0, owner, points)
        used = sizes >= (FEWEST if turn < ROUNDS - 1 else 1)
        centers[used] = sums[used] / sizes[used, None]
        unused = int((~used).sum())
        if unused and turn < ROUNDS - 1:
            worst = (points - centers[owner]).square().sum(1).topk(min(len(points), 20 * unused)).indices
            centers[~used] = points[worst[torch.from_numpy(rng.permutation(len(worst))[:unused])]]
    return centers


def calibrate(tokenizer: AudioTokenizer) -> None:
    """The amplitude of a tone of power 1, as the analysis measures it in the tone's own band. Noise needs none."""
    config = tokenizer.config
    time = torch.arange(8 * config.samples_per_frame) / config.samples_per_frame
    tones = (2 * torch.pi * tokenizer.decoder.synthesis.center[:, None] * time).sin()
    spectra = tokenizer.analysis(tones)[:, config.hops : -config.hops].exp().mean(1)  # [bands, bands]
    tokenizer.decoder.gain_tone.copy_(spectra.diagonal().rsqrt())
    tokenizer.decoder.gain_noise.fill_(1)
