"""The rendered world: one animated object over one background, seen by a camera.

Everything is deterministic given the scene, but for two small choices of the generator: which of a few photos a photo
background shows, and a shift of one token (16 px) sideways of an object in the centre. Motions and pans travel 4 px per
frame, one token per latent frame; periodic motions repeat every 8 frames, two latent frames, and the object's own
animation every 4, one latent frame: the same codes come back, moved. Photos are out of focus behind the object. The
drawing style is a filter of what is rendered (styles.py).

A world of scale 2 draws the same scenes with twice as many pixels, from larger sprites.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .attributes import PHOTO_BACKGROUNDS, Scene
from .backgrounds import painted
from .control import control_video
from .paths import CACHE
from .styles import apply_style

FRAMES = 17
VIEW = 128
SPEED = 4.0  # px per frame
TRAVEL = SPEED * (FRAMES - 1) / 2  # px from the middle of a path to its ends
SIZES_PX = {"small": 40.0, "medium": 64.0, "large": 88.0}
PLACES_PX = {"center": (0, 0), "left": (-32, 0), "right": (32, 0), "top": (0, -32), "bottom": (0, 32)}
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
BACKGROUND_PHOTOS = {  # which photos of each class serve as backgrounds: clear ones, chosen by eye
    "daisies": (4, 10),
    "dandelions": (6, 9),
    "roses": (3, 6),
    "sunflowers": (8, 15),
    "tulips": (2, 11),
}
SHIFTS = (0, 0, -16, 16)
POSES = (0, 1, 2, 1)  # frames of the sprite's animation, there and back within half a second
PHOTO_BLUR = 2.5  # px, standard deviation


@dataclass(frozen=True)
class Placement:
    """Where things are in every frame, in px and radians. `[17]` or `[17, 2]` float arrays.

    `center`: the object's centre on the screen; `size`: its side on the screen; `angle`: its rotation;
    `pan`: the camera's offset from the canvas centre; `zoom`: screen px per canvas px.
    """

    center: np.ndarray
    size: np.ndarray
    angle: np.ndarray
    pan: np.ndarray
    zoom: np.ndarray

    def boxes(self) -> np.ndarray:
        """`[17, 4]` x0, y0, x1, y1 of the object on the screen, clipped to it."""
        half = self.size[:, None] / 2
        return np.clip(np.concatenate([self.center - half, self.center + half], axis=1), 0, VIEW)


def place(scene: Scene, rng: np.random.Generator) -> Placement:
    """The scene's geometry; draws the sideways shift from `rng`."""
    time = np.arange(FRAMES, dtype=np.float64)
    path = (time * SPEED - TRAVEL)[:, None]
    still = np.zeros((FRAMES, 2))
    position = still + PLACES_PX[scene.place]
    shift = SHIFTS[int(rng.integers(len(SHIFTS)))]
    verb, _, heading = scene.motion.partition(" ")
    camera, _, toward = scene.camera.partition(" ")
    if scene.place == "center" and verb in ("still", "bounces", "spins", "sways") and camera == "still":
        position[:, 0] += shift

    size = np.full(FRAMES, SIZES_PX[scene.size])
    angle = np.zeros(FRAMES)
    if verb == "moves":
        position = position + path * DIRECTIONS[heading]
    elif verb == "bounces":
        position[:, 1] += 16 - 32 * np.abs(np.sin(np.pi * time / 8))
    elif verb in ("grows", "shrinks"):
        size = np.linspace(SIZES_PX["small"], SIZES_PX["large"], FRAMES)
        size = size if verb == "grows" else size[::-1].copy()
    elif verb == "spins":
        angle = 2 * np.pi * time / 8
    elif verb == "sways":
        phase = np.sin(2 * np.pi * time / 8)
        angle = np.deg2rad(20) * phase
        position[:, 0] += 10 * phase

    pan = path * DIRECTIONS[toward] if camera == "pan" else still
    zoom = np.ones(FRAMES)
    if camera == "zoom":
        zoom = 0.85 * (1.2 / 0.85) ** (time / (FRAMES - 1))
        zoom = zoom if toward == "in" else zoom[::-1].copy()
    center = VIEW / 2 + (position - pan) * zoom[:, None]
    return Placement(center, size * zoom, angle, pan, zoom)


class World:
    """Holds the prepared sprites and backgrounds; `render` draws clips of `scale` times 128 px."""

    def __init__(self, cache: Path = CACHE, scale: int = 1):
        cv2.setNumThreads(1)
        self.scale = scale
        with np.load(cache / ("sprites.npz" if scale == 1 else "large-sprites.npz")) as stored:
            names, sprites = stored["names"], stored["sprites"]
        self.sprites: dict[str, np.ndarray] = {}
        self.half_sprites: dict[str, np.ndarray] = {}
        self.add_sprites(list(map(str, names)), sprites)
        self.canvases = {name: [canvas] for name, canvas in painted(scale).items()}
        if (cache / "photos.npz").exists():
            with np.load(cache / "photos.npz") as stored:
                for name in PHOTO_BACKGROUNDS:
                    chosen = [stored[name][index] for index in BACKGROUND_PHOTOS[name]]
                    blurred = [cv2.GaussianBlur(photo, (0, 0), PHOTO_BLUR) for photo in chosen]
                    self.canvases[name] = blurred if scale == 1 else [_enlarge(photo, scale) for photo in blurred]

    def add_sprites(self, names: list[str], sprites: np.ndarray) -> None:
        """Objects that scenes may show, `[N, poses, 96 * scale, 96 * scale, 4]` premultiplied RGBA."""
        half = sprites.shape[2] // 2
        for name, sprite in zip(names, sprites, strict=True):
            self.sprites[name] = sprite
            self.half_sprites[name] = np.stack(
                [cv2.resize(frame, (half, half), interpolation=cv2.INTER_AREA) for frame in sprite]
            )

    def render(self, scene: Scene, rng: np.random.Generator) -> np.ndarray:
        """`[17, 128 * scale, 128 * scale, 3]` uint8 RGB at 8 fps."""
        return self.render_placed(scene, rng)[0]

    def render_placed(self, scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, Placement]:
        """The clip and its geometry, which is that of a world of scale 1."""
        frames, placement = self._film_scene(scene, rng)
        return apply_style(frames, scene.style, self.scale), placement

    def render_with_control(
        self, scene: Scene, rng: np.random.Generator, filmed: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The clip and its control video (control.py), both uint8 `[17, 128, 128, 3]`. `filmed`: the style in which the
        control video sees it, if not its own."""
        frames, placement = self._film_scene(scene, rng)
        clip = apply_style(frames, scene.style)
        seen = clip if filmed in (None, scene.style) else apply_style(frames, filmed)
        return clip, control_video(seen, self.depth_maps(scene.object, placement))

    def _film_scene(self, scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, Placement]:
        """The clip in natural colours, whatever its style, and its geometry."""
        placement = place(scene, rng)
        canvases = self.canvases[scene.background]
        canvas = canvases[int(rng.integers(len(canvases)))]
        frames = _film(canvas, placement, self.scale)
        for index in range(FRAMES):
            self._draw(frames[index], scene.object, index, placement)
        return frames, placement

    def depth_maps(self, name: str, placement: Placement) -> np.ndarray:
        """uint8 `[17, 128, 128]`: how much of each pixel the object covers, 255 all of it."""
        maps = np.zeros((FRAMES, VIEW, VIEW), np.uint8)
        for index in range(FRAMES):
            if drawn := self._drawn(name, index, placement):
                region, sprite = drawn
                maps[index][region] = sprite[..., 3]
        return maps

    def _draw(self, frame: np.ndarray, name: str, index: int, placement: Placement) -> None:
        """Composite the object's sprite onto `frame` (changed in place), within its bounding box only."""
        if drawn := self._drawn(name, index, placement):
            region, sprite = drawn
            kept = (frame[region].astype(np.uint16) * (255 - sprite[..., 3:]) + 127) // 255
            frame[region] = np.minimum(kept + sprite[..., :3], 255)

    def _drawn(self, name: str, index: int, placement: Placement) -> tuple[tuple[slice, slice], np.ndarray] | None:
        """The part of the frame (rows, columns) that the object's sprite lies in, and the sprite as it lies there,
        premultiplied RGBA; None where it is out of sight."""
        size = placement.size[index] * self.scale
        sprite = (self.half_sprites if size < 56 * self.scale else self.sprites)[name][POSES[index % len(POSES)]]
        scale = size / sprite.shape[0]
        cos, sin = np.cos(placement.angle[index]) * scale, np.sin(placement.angle[index]) * scale
        reach = size * (0.72 if placement.angle[index] else 0.51) + 1
        center = placement.center[index] * self.scale
        x0, y0 = np.maximum(np.floor(center - reach), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(center + reach), VIEW * self.scale).astype(int)
        if x1 <= x0 or y1 <= y0:
            return None
        middle = (sprite.shape[0] - 1) / 2
        offset_x = center[0] - 0.5 - x0 - (cos * middle - sin * middle)
        offset_y = center[1] - 0.5 - y0 - (sin * middle + cos * middle)
        matrix = np.array([[cos, -sin, offset_x], [sin, cos, offset_y]])
        size_there = int(x1 - x0), int(y1 - y0)
        return np.s_[y0:y1, x0:x1], cv2.warpAffine(sprite, matrix, size_there, flags=cv2.INTER_LINEAR)


def _enlarge(picture: np.ndarray, scale: int) -> np.ndarray:
    """`scale` times as large, for pictures without sharp detail."""
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LANCZOS4)


def _film(canvas: np.ndarray, placement: Placement, scale: int) -> np.ndarray:
    """`[17, 128 * scale, 128 * scale, 3]`: what the camera sees of the canvas."""
    view = VIEW * scale
    corner = (len(canvas) - view) // 2
    if (placement.zoom == 1).all():
        views = []
        for x, y in placement.pan.astype(int) * scale:
            views.append(canvas[corner + y : corner + y + view, corner + x : corner + x + view])
        return np.stack(views)
    views = []
    for zoom in placement.zoom:
        offset = view / 2 - 0.5 - zoom * (len(canvas) / 2 - 0.5)
        matrix = np.array([[zoom, 0, offset], [0, zoom, offset]])
        views.append(cv2.warpAffine(canvas, matrix, (view, view), flags=cv2.INTER_LINEAR))
    return np.stack(views)
