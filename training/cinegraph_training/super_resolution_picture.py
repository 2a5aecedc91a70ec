"""What super-resolution makes of a frame, as a picture for docs/TASKS.md.

`python -m cinegraph_training.super_resolution_picture ../docs/upscale.webp` writes two rows, a part of one frame each:
at 128 px, enlarged by bicubic interpolation, by the shipped network, and drawn at 256 px. Above the frame is as the
world draws it, below it went through the video tokenizer.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from .attributes import Scene
from .super_resolution_data import Pairs, decoded
from .train_super_resolution import enlarge, enlarge_bicubic, load_super_resolution
from .train_video_tokenizer import load_shipped

SCENE = Scene(object="rocket", background="meadow", motion="moves up")
FRAME = 8
CELL = 256  # px of the picture


def part(frame: np.ndarray) -> np.ndarray:
    """The middle quarter of a frame, as large as a cell: uint8 `[CELL, CELL, 3]`."""
    side = len(frame)
    cut = frame[side // 4 : side * 3 // 4, side // 4 : side * 3 // 4]
    return cv2.resize(cut, (CELL, CELL), interpolation=cv2.INTER_NEAREST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, help="a WebP file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, pairs = load_super_resolution(), Pairs("heldout")
    small = pairs.sources.world.render(SCENE, np.random.default_rng(0))
    large = pairs.large.render(SCENE, np.random.default_rng(0))
    rows = []
    for clip in (small, decoded(load_shipped(), small)):
        enlarged = [(way(model, clip) * 255).round().astype(np.uint8) for way in (enlarge_bicubic, enlarge)]
        frames = [clip[len(clip) - len(small) :], *enlarged, large]
        rows.append(np.concatenate([part(each[FRAME]) for each in frames], axis=1))
    picture = np.concatenate(rows)
    cv2.imwrite(str(options.picture), picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 85])


if __name__ == "__main__":
    main()
