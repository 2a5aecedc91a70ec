"""The control video of stylization: what stays of a clip when its look is taken away, as a clip of its own.

uint8 `[F, 128, 128, 3]`. Channel 0 is nearness: 255 the object, 0 the background, with a soft border. Channels 1 and 2
are the optical flow to the right and down, 128 + 16 per px and frame: what the pixel has moved by since the frame
before. The first frame has the second one's flow. So it fits the video tokenizer (VideoPoet, arXiv 2312.14125,
section 3.3, feeds flow and depth the same way).

Flow is estimated at half size by Farneback's method (DOI 10.1007/3-540-45103-X_50) with the parameters below, which
mean the same in every build of OpenCV: from a frame back to the one before, negated, so that it lies where things are
now.
"""

import cv2
import numpy as np

SIDE = 64  # px; both sides of the grey frames that flow is estimated on
PYRAMID_SCALE = 0.5  # each level of the pyramid has half the side of the one below
PYRAMID_LEVELS = 2  # the lowest one included
WINDOW = 11  # px over which displacements are averaged
ITERATIONS = 2  # at each level
NEIGHBOURHOOD = 5  # px around each pixel to which a polynomial is fitted
NEIGHBOURHOOD_SIGMA = 1.1  # px, of the weights of that fit
FLAGS = 0  # a box window, no first guess
FLOW_ZERO = 128  # the value of no motion
FLOW_GAIN = 16  # values per px of motion in a frame
DEPTH_BLUR = 2.0  # px, standard deviation
FLOW_BLUR = 1.0  # px of the half size, standard deviation


def gray_frames(frames: np.ndarray) -> np.ndarray:
    """uint8 RGB `[F, H, W, 3]` -> grey at half size, uint8 `[F, 64, 64]`."""
    return np.stack(
        [
            cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            for frame in frames
        ]
    )


def optical_flow(frames: np.ndarray) -> np.ndarray:
    """uint8 RGB `[F, 128, 128, 3]` -> float32 `[F, 64, 64, 2]`, px of the full size per frame: how far what is there
    now has moved since the frame before, to the right and down. The first frame has the second one's."""
    gray = gray_frames(frames)
    scale = frames.shape[1] / SIDE
    flow = np.empty((*gray.shape, 2), np.float32)
    start = np.zeros((SIDE, SIDE, 2), np.float32)
    for index in range(1, len(gray)):
        back = cv2.calcOpticalFlowFarneback(
            gray[index],
            gray[index - 1],
            start.copy(),
            PYRAMID_SCALE,
            PYRAMID_LEVELS,
            WINDOW,
            ITERATIONS,
            NEIGHBOURHOOD,
            NEIGHBOURHOOD_SIGMA,
            FLAGS,
        )
        flow[index] = -scale * back
    flow[0] = flow[min(1, len(flow) - 1)]
    return flow


def control_video(frames: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Frames `[F, H, W, 3]` and their nearness uint8 `[F, H, W]` -> uint8 `[F, H, W, 3]`."""
    size = frames.shape[2], frames.shape[1]
    control = np.empty(frames.shape, np.uint8)
    for index, flow in enumerate(optical_flow(frames)):
        smooth = cv2.GaussianBlur(flow, (0, 0), FLOW_BLUR)
        large = cv2.resize(smooth, size, interpolation=cv2.INTER_LINEAR)
        control[index, ..., 0] = cv2.GaussianBlur(depth[index], (0, 0), DEPTH_BLUR)
        control[index, ..., 1:] = np.clip(np.rint(FLOW_ZERO + FLOW_GAIN * large), 0, 255)
    return control
