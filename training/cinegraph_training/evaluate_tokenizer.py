"""Judge the video tokenizer on held-out material, with anchors.

`python -m cinegraph_training.evaluate_tokenizer [--clips 200] [--strips FOLDER]` writes `runs/video-tokenizer.json` and
a line in LOG.md. PSNR (dB) and SSIM are means over clips; "moving" is the PSNR inside the object's box alone. Anchors:
the codebook without the decoder's correction, the first frame repeated, and the mean colour of the clip.
`--strips` also writes pictures: original above reconstruction.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from .log import log_line
from .paths import RUNS
from .tokenize_clips import encode_clips
from .tokenizer_data import fixed_clips, load_sources
from .train_video_tokenizer import load_shipped
from .video_tokenizer import VideoTokenizer


def clip_psnr(clip: np.ndarray, other: np.ndarray, boxes: np.ndarray | None = None) -> float:
    """dB between `[17, H, W, 3]` clips in [0, 1]; with boxes `[17, 4]`, inside them only (nan if they are empty)."""
    error = (clip - other) ** 2
    if boxes is None:
        return float(-10 * np.log10(max(error.mean(), 1e-10)))
    inside = [
        error[t, int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))].reshape(-1)
        for t, (x0, y0, x1, y1) in enumerate(boxes)
    ]
    joined = np.concatenate(inside)
    return float(-10 * np.log10(max(joined.mean(), 1e-10))) if joined.size else float("nan")


def clip_ssim(clip: np.ndarray, other: np.ndarray) -> float:
    """Mean structural similarity of the frames' luma (Wang et al. 2004: Gaussian window, sigma 1.5)."""

    def blur(x: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(x, (11, 11), 1.5)

    total = 0.0
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    for a, b in zip(clip @ weights, other @ weights, strict=True):
        mean_a, mean_b = blur(a), blur(b)
        var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
        cov = blur(a * b) - mean_a * mean_b
        score = (2 * mean_a * mean_b + 1e-4) * (2 * cov + 9e-4)
        total += float((score / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4))).mean())
    return total / len(clip)


def reconstruct(tokenizer: VideoTokenizer, clips: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """uint8 clips -> reconstructions float32 `[N, 17, 128, 128, 3]`, the codebook's alone, codes `[N, 5, 8, 8, 2]`."""
    outputs, drawn, codes = [], [], []
    for clip in tqdm(clips, desc="reconstruct"):
        code = encode_clips(tokenizer, clip[None])
        with torch.no_grad():
            tokens = torch.from_numpy(code.astype(np.int64))
            outputs.append(tokenizer.decode(tokens)[0].numpy())
            drawn.append(tokenizer.draw(tokens)[0].numpy())
        codes.append(code[0])
    return np.stack(outputs), np.stack(drawn), np.stack(codes)


def code_use(codes: np.ndarray) -> dict[str, float]:
    """How many codes occur, their entropy, and how much of a clip repeats the place's code of the latent before."""
    joined = codes[..., 0].astype(np.int64) * 125 + codes[..., 1]
    _, counts = np.unique(joined, return_counts=True)
    share = counts / counts.sum()
    return {
        "distinct": len(counts),
        "entropy_bits": round(float(-(share * np.log2(share)).sum()), 2),
        "distinct_per_clip": round(float(np.mean([len(np.unique(clip)) for clip in joined])), 1),
        "same_as_before": round(float((joined[:, 1:] == joined[:, :-1]).mean()), 3),
        "sub_a_used": len(np.unique(codes[..., 0])),
        "sub_b_used": len(np.unique(codes[..., 1])),
    }


def judge(tokenizer: VideoTokenizer, clips: np.ndarray, boxes: np.ndarray) -> tuple[dict, np.ndarray]:
    """All figures for one kind of clip, and the reconstructions."""
    rebuilt, drawn, codes = reconstruct(tokenizer, clips)
    real = clips.astype(np.float32) / 255
    frozen = np.repeat(real[:, :1], real.shape[1], axis=1)
    color = np.broadcast_to(real.mean((1, 2, 3), keepdims=True), real.shape)
    figures: dict = {}
    rows = {"tokenizer": rebuilt, "codebook alone": drawn, "frozen first frame": frozen, "mean colour": color}
    for name, other in rows.items():
        figures[name] = {
            "psnr": round(float(np.mean([clip_psnr(a, b) for a, b in zip(real, other, strict=True)])), 2),
            "ssim": round(float(np.mean([clip_ssim(a, b) for a, b in zip(real, other, strict=True)])), 4),
            "moving": round(float(np.nanmean([clip_psnr(*x) for x in zip(real, other, boxes, strict=True)])), 2),
        }
    figures["codes"] = code_use(codes)
    figures["clips"] = len(clips)
    return figures, rebuilt


def strip(clip: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    """`[256, 640, 3]` uint8: five frames of the original above the same of the reconstruction."""
    rows = [np.concatenate([x[t] for t in (0, 4, 8, 12, 16)], axis=1) for x in (clip, (rebuilt * 255).round())]
    return np.concatenate(rows, axis=0).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=200, help="held-out world clips")
    parser.add_argument("--strips", type=Path, help="folder for pictures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sources = load_sources("heldout")
    tokenizer = load_shipped()
    report = {}
    for kind, count in (("world", options.clips), ("photo", 40), ("clip", 40), ("control", 40)):
        if not {"photo": sources.photos, "clip": sources.clips}.get(kind, True):
            continue
        clips, boxes = fixed_clips(sources, kind, count, seed=99)
        report[kind], rebuilt = judge(tokenizer, clips, boxes)
        if options.strips:
            options.strips.mkdir(parents=True, exist_ok=True)
            for index in range(min(8, count)):
                picture = strip(clips[index], rebuilt[index])
                cv2.imwrite(str(options.strips / f"{kind}-{index}.png"), picture[..., ::-1])
    (RUNS / "video-tokenizer.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    log_line(f"video tokenizer on held-out clips: {json.dumps(report)}")


if __name__ == "__main__":
    main()
