"""The painted backgrounds: 256 px canvases, of which a camera sees 128 px.

A plain background carries faint dots so that a moving camera can be told from a moving object. Dots and scenery repeat
every 32 px (two tokens) and sit in token centres, so the same few codes describe the background everywhere, and a pan
of 16 px per latent frame moves it by exactly one token.

Canvases of twice the size (`scale` 2) show the same, drawn with twice as many pixels: lengths below are in canvas px.
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
                _disc(canvas, (x, y), (radius, radius), color)


def _disc(canvas: np.ndarray, center: tuple[int, int], radii: tuple[int, int], color) -> None:
    """A filled ellipse. The edge that is drawn around it is half a pixel wide at every scale."""
    scale = len(canvas) // CANVAS
    middle = [2 * scale * place + scale - 1 for place in center]  # in half pixels: one bit of fraction
    axes = [2 * scale * radius + scale - 1 for radius in radii]
    cv2.ellipse(canvas, middle, axes, 0, 0, 360, color, -1, cv2.LINE_AA, 1)


def _vertical(stops, scale: int) -> np.ndarray:
    """A vertical gradient through `stops`: pairs of (canvas row, RGB)."""
    rows = (np.arange(CANVAS * scale) + 0.5) / scale - 0.5
    channels = [np.interp(rows, [row for row, _ in stops], [color[i] for _, color in stops]) for i in range(3)]
    column = np.stack(channels, -1).round().astype("u1")
    return np.repeat(column[:, None], CANVAS * scale, axis=1).copy()


def plain(color, scale: int = 1) -> np.ndarray:
    """One colour with faint dots, lighter on dark colours and darker on light ones."""
    canvas = np.full((CANVAS * scale, CANVAS * scale, 3), color, "u1")
    bright = np.mean(color) > 100
    shade = tuple(int(c * 0.88) if bright else int(c + (255 - c) * 0.12) for c in color)
    _dots(canvas, shade)
    return canvas


def sky(scale: int = 1) -> np.ndarray:
    canvas = _vertical([(40, (70, 140, 230)), (220, (190, 225, 250))], scale)
    for row, y in enumerate(range(16, CANVAS, 64)):
        for x in range(16 + 32 * (row % 2), CANVAS + 64, 64):
            for dx, dy, radius in ((-10, 2, 6), (0, -2, 8), (10, 2, 6)):
                _disc(canvas, (x + dx, y + dy), (radius, radius), (250, 252, 255))
    return canvas


def sunset(scale: int = 1) -> np.ndarray:
    canvas = _vertical(
        [(40, (92, 46, 120)), (110, (226, 88, 92)), (160, (252, 168, 70)), (172, (255, 214, 110))], scale
    )
    _disc(canvas, (96, 144), (14, 14), (255, 244, 190))
    canvas[172 * scale :] = (70, 44, 84)
    _dots(canvas, (104, 66, 104), rows=(176, CANVAS))
    for row, y in enumerate((72, 104)):
        for x in range(8 + 32 * row, CANVAS, 64):
            _disc(canvas, (x, y), (14, 3), (246, 150, 130))
    return canvas


def night(scale: int = 1) -> np.ndarray:
    canvas = _vertical([(40, (10, 12, 40)), (220, (44, 40, 100))], scale)
    for row, y in enumerate(range(8, CANVAS, PERIOD)):
        for column, x in enumerate(range(8, CANVAS, PERIOD)):
            radius = 3 if (row + column) % 2 else 2
            _disc(canvas, (x, y), (radius, radius), (250, 244, 200))
    _disc(canvas, (88, 88), (13, 13), (240, 240, 225))
    return canvas


def meadow(scale: int = 1) -> np.ndarray:
    canvas = _vertical([(40, (120, 190, 250)), (143, (214, 238, 255))], scale)
    canvas[144 * scale :] = (92, 178, 72)
    _dots(canvas, (250, 236, 120), radius=3, rows=(152, CANVAS))
    for x in range(16, CANVAS, 32):
        _disc(canvas, (x, 144), (10, 10), (64, 150, 60))
    canvas[148 * scale : 156 * scale] = (92, 178, 72)
    return canvas


def painted(scale: int = 1) -> dict[str, np.ndarray]:
    """Every painted background, `[256 * scale, 256 * scale, 3]` uint8 RGB."""
    scenery = {"sky": sky(scale), "sunset": sunset(scale), "night": night(scale), "meadow": meadow(scale)}
    return {**{name: plain(color, scale) for name, color in COLORS.items()}, **scenery}
