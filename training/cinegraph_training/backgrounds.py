"""The painted backgrounds: 256 px canvases, of which a camera sees 128 px.

A plain background carries faint dots so that a moving camera can be told from a moving object. Dots and scenery repeat
every 32 px (two tokens) and sit in token centres, so the same few codes describe the background everywhere, and a pan
of 16 px per latent frame moves it by exactly one token.
"""

import cv2
import numpy as np

CANVAS = 256
PERIOD = 32
COLORS = {
    "red": (222, 48, 48),
    "orange": (246, 140, 30),
    "yellow": (248, 214, 60),
    "green": (52, 166, 78),
    "blue": (46, 98, 222),
    "purple": (132, 62, 186),
    "pink": (248, 150, 192),
    "brown": (128, 82, 46),
    "black": (18, 18, 20),
    "white": (246, 246, 246),
    "gray": (138, 140, 144),
}


def _dots(canvas: np.ndarray, color, radius: int = 4, rows=(0, CANVAS)) -> None:
    for y in range(8, CANVAS, PERIOD):
        for x in range(8, CANVAS, PERIOD):
            if rows[0] <= y < rows[1]:
                cv2.circle(canvas, (x, y), radius, color, -1, cv2.LINE_AA)


def _vertical(stops) -> np.ndarray:
    """A vertical gradient through `stops`: pairs of (canvas row, RGB)."""
    rows = np.arange(CANVAS)
    channels = [np.interp(rows, [row for row, _ in stops], [color[i] for _, color in stops]) for i in range(3)]
    column = np.stack(channels, -1).round().astype("u1")
    return np.repeat(column[:, None], CANVAS, axis=1).copy()


def plain(color) -> np.ndarray:
    """One colour with faint dots, lighter on dark colours and darker on light ones."""
    canvas = np.full((CANVAS, CANVAS, 3), color, "u1")
    bright = np.mean(color) > 100
    shade = tuple(int(c * 0.88) if bright else int(c + (255 - c) * 0.12) for c in color)
    _dots(canvas, shade)
    return canvas


def sky() -> np.ndarray:
    canvas = _vertical([(40, (70, 140, 230)), (220, (190, 225, 250))])
    for row, y in enumerate(range(16, CANVAS, 64)):
        for x in range(16 + 32 * (row % 2), CANVAS + 64, 64):
            for dx, dy, radius in ((-10, 2, 6), (0, -2, 8), (10, 2, 6)):
                cv2.circle(canvas, (x + dx, y + dy), radius, (250, 252, 255), -1, cv2.LINE_AA)
    return canvas


def sunset() -> np.ndarray:
    canvas = _vertical([(40, (92, 46, 120)), (110, (226, 88, 92)), (160, (252, 168, 70)), (172, (255, 214, 110))])
    cv2.circle(canvas, (96, 144), 14, (255, 244, 190), -1, cv2.LINE_AA)
    canvas[172:] = (70, 44, 84)
    _dots(canvas, (104, 66, 104), rows=(176, CANVAS))
    for row, y in enumerate((72, 104)):
        for x in range(8 + 32 * row, CANVAS, 64):
            cv2.ellipse(canvas, (x, y), (14, 3), 0, 0, 360, (246, 150, 130), -1, cv2.LINE_AA)
    return canvas


def night() -> np.ndarray:
    canvas = _vertical([(40, (10, 12, 40)), (220, (44, 40, 100))])
    for row, y in enumerate(range(8, CANVAS, PERIOD)):
        for column, x in enumerate(range(8, CANVAS, PERIOD)):
            radius = 3 if (row + column) % 2 else 2
            cv2.circle(canvas, (x, y), radius, (250, 244, 200), -1, cv2.LINE_AA)
    cv2.circle(canvas, (88, 88), 13, (240, 240, 225), -1, cv2.LINE_AA)
    return canvas


def meadow() -> np.ndarray:
    canvas = _vertical([(40, (120, 190, 250)), (143, (214, 238, 255))])
    canvas[144:] = (92, 178, 72)
    _dots(canvas, (250, 236, 120), radius=3, rows=(152, CANVAS))
    for x in range(16, CANVAS, 32):
        cv2.circle(canvas, (x, 144), 10, (64, 150, 60), -1, cv2.LINE_AA)
    canvas[148:156] = (92, 178, 72)
    return canvas


def painted() -> dict[str, np.ndarray]:
    """Every painted background, `[256, 256, 3]` uint8 RGB."""
    scenery = {"sky": sky(), "sunset": sunset(), "night": night(), "meadow": meadow()}
    return {**{name: plain(color) for name, color in COLORS.items()}, **scenery}
