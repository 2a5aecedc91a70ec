"""Drawing styles: filters of rendered frames.

Each looks at a few pixels around a place only, and moves with the picture when that moves by 4 px: so what travels a
token per latent frame has the same codes again. A camera can be told from a moving thing in all of them: dots stay.
Lengths are in px of clips of 128 px; in larger ones (`scale`) they are so many times as long.
"""

import cv2
import numpy as np

MOSAIC = 4  # px, side of a pixel of pixel art
LEVELS = {"flat": 8, "pixel": 8}  # of each channel
SATURATION = 1.35  # of flat colours
SOFT = 2  # px, reach of the blur under flat colours
OUTLINE = (40, 100)  # contrast at which an outline begins, and at which it is black
PRINT = 0.82  # strength of the colours between outlines: so they are seen on black, too
STROKE = (8, 120)  # the same for a pencil
STROKE_DARKNESS = 0.8
WASH = 0.45  # strength of the colours under a pencil
NIGHT = ((0.4, 6), (0.48, 12), (0.68, 44))  # gain and offset of red, green and blue


def _levels(count: int) -> np.ndarray:
    """Lookup table `[256]` to equally spaced values."""
    step = 255 / (count - 1)
    return (np.round(np.arange(256) / step) * step).round().astype(np.uint8)


def _ramp(low: int, high: int) -> np.ndarray:
    """How dark a line is, float `[256]`: 0 up to a contrast of `low`, 1 from `high`."""
    return np.clip((np.arange(256) - low) / (high - low), 0, 1)


FLAT_TABLE, PIXEL_TABLE = _levels(LEVELS["flat"]), _levels(LEVELS["pixel"])
# Rows are red, green, blue: each moves away from the pixel's brightness.
GRAY = np.array([0.299, 0.587, 0.114])
FLAT_MATRIX = (SATURATION * np.eye(3) + (1 - SATURATION) * GRAY).astype(np.float32)
OUTLINE_TABLE = (255 * (1 - 0.92 * _ramp(*OUTLINE))).round().astype(np.uint8)
STROKE_TABLE = (255 * (1 - STROKE_DARKNESS * _ramp(*STROKE))).round().astype(np.uint8)
WASH_TABLE, PRINT_TABLE = ((255 - ink * (255 - np.arange(256))).round().astype(np.uint8) for ink in (WASH, PRINT))
NIGHT_TABLE = np.stack([(gain * np.arange(256) + offset) for gain, offset in NIGHT], -1).round().astype(np.uint8)[None]


def _contrast(frame: np.ndarray, shape: int, scale: int) -> np.ndarray:
    """The largest difference within a pixel around each, of the channel that differs most: `[H, W, 1]`."""
    kernel = cv2.getStructuringElement(shape, (2 * scale + 1, 2 * scale + 1))
    spread = cv2.morphologyEx(frame, cv2.MORPH_GRADIENT, kernel)
    red, green, blue = cv2.split(spread)
    return cv2.max(cv2.max(red, green), blue)


def _flat(frame: np.ndarray, scale: int) -> np.ndarray:
    side = 2 * SOFT * scale + 1
    vivid = cv2.transform(cv2.GaussianBlur(frame, (side, side), 0), FLAT_MATRIX)
    return cv2.LUT(vivid, FLAT_TABLE)


def _darkened(frame: np.ndarray, light: np.ndarray) -> np.ndarray:
    """`frame` times `light` / 255, `[H, W]`."""
    return cv2.multiply(frame, cv2.merge([light, light, light]), scale=1 / 255)


def _outline(frame: np.ndarray, scale: int) -> np.ndarray:
    lines = cv2.LUT(_contrast(frame, cv2.MORPH_RECT, scale), OUTLINE_TABLE)
    return _darkened(cv2.LUT(frame, PRINT_TABLE), lines)


def _pixel(frame: np.ndarray, scale: int) -> np.ndarray:
    height, width = frame.shape[:2]
    side = MOSAIC * scale
    small = cv2.resize(frame, (width // side, height // side), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.LUT(small, PIXEL_TABLE), (width, height), interpolation=cv2.INTER_NEAREST)


def _sketch(frame: np.ndarray, scale: int) -> np.ndarray:
    strokes = cv2.LUT(_contrast(frame, cv2.MORPH_CROSS, scale), STROKE_TABLE)
    return _darkened(cv2.LUT(frame, WASH_TABLE), strokes)


def _night(frame: np.ndarray, scale: int) -> np.ndarray:
    return cv2.LUT(frame, NIGHT_TABLE)


FILTERS = {"flat": _flat, "outline": _outline, "pixel": _pixel, "sketch": _sketch, "night": _night}


def apply_style(frames: np.ndarray, style: str, scale: int = 1) -> np.ndarray:
    """uint8 `[F, H, W, 3]` RGB in the style (one of `attributes.STYLES`); the very frames, if it is natural."""
    if style == "natural":
        return frames
    return np.stack([FILTERS[style](frame, scale) for frame in frames])
