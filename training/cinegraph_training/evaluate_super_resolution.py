"""Judge super-resolution on held-out world clips, against bicubic interpolation and ESRGAN-slim.

`python -m cinegraph_training.evaluate_super_resolution [--clips 200] [--strip PICTURE]` writes
`runs/super-resolution.json` and a line in LOG.md. PSNR (dB) and SSIM against every fourth frame of the clip as the
world draws it at 256 px are means over clips; small clips are those of 128 px, as the video tokenizer draws them and as
they are. "perfect detail" is bicubic interpolation of the decoded clip plus all that it leaves out of the clean one:
what no network can pass without repairing the tokenizer's own errors. `--strip` writes a picture: truth, bicubic,
ESRGAN-slim, ours.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from .esrgan_slim import EsrganSlim
from .evaluate_tokenizer import clip_psnr, clip_ssim
from .log import log_line
from .paths import RUNS
from .super_resolution import SuperResolution
from .super_resolution_data import Pairs, decoded, fixed_pairs, latent_frames
from .train_super_resolution import enlarge, enlarge_bicubic, load_super_resolution
from .train_video_tokenizer import load_shipped

JUDGED = slice(0, None, 4)  # frames
FRAME_SHOWN = 2  # of those
CLIPS_SHOWN = 6


def enlarge_esrgan(network: EsrganSlim, clip: np.ndarray) -> np.ndarray:
    """uint8 clip -> the judged frames, float32 `[5, 256, 256, 3]`."""
    frames = latent_frames(clip).unflatten(1, (4, 3)).flatten(0, 1)[3:][JUDGED]
    return network.enlarge(frames).permute(0, 2, 3, 1).numpy()


def judge(model: SuperResolution, pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[dict, list[np.ndarray]]:
    """All figures, and a row of pictures for each of the first clips."""
    tokenizer, esrgan = load_shipped(), EsrganSlim()
    found: dict[str, dict[str, list[tuple[float, float]]]] = {"decoded": {}, "clean": {}}
    rows = []
    for clean, large in tqdm(pairs, desc="judge"):
        truth = large[JUDGED].astype(np.float32) / 255
        for kind, small in (("decoded", decoded(tokenizer, clean)), ("clean", clean)):
            ways = {
                "bicubic": enlarge_bicubic(model, small)[JUDGED],
                "esrgan-slim": enlarge_esrgan(esrgan, small),
                "ours": enlarge(model, small)[JUDGED],
            }
            if kind == "decoded":
                ways["perfect detail"] = ways["bicubic"] + truth - enlarge_bicubic(model, clean)[JUDGED]
                if len(rows) < CLIPS_SHOWN:
                    shown = [truth, *(ways[name] for name in ("bicubic", "esrgan-slim", "ours"))]
                    rows.append(np.concatenate([clip[FRAME_SHOWN] for clip in shown], axis=1))
            for name, clip in ways.items():
                found[kind].setdefault(name, []).append((clip_psnr(clip, truth), clip_ssim(clip, truth)))
    return {kind: {name: _means(values) for name, values in ways.items()} for kind, ways in found.items()}, rows


def _means(values: list[tuple[float, float]]) -> dict[str, float]:
    psnr, ssim = np.mean(values, axis=0)
    return {"psnr": round(float(psnr), 2), "ssim": round(float(ssim), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=200, help="held-out world clips")
    parser.add_argument("--strip", type=Path, help="a picture of some of them")
    options = parser.parse_args()
    torch.set_num_threads(1)
    report, rows = judge(load_super_resolution(), fixed_pairs(Pairs("heldout"), options.clips, seed=99))
    report["clips"] = options.clips
    RUNS.mkdir(exist_ok=True)
    (RUNS / "super-resolution.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if options.strip:
        picture = (np.concatenate(rows) * 255).round().clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(options.strip), picture[..., ::-1])
    log_line(f"super-resolution on held-out clips: {json.dumps(report)}")


if __name__ == "__main__":
    main()
