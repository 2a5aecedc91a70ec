"""Fetch and prepare the material of the rendered world.

`python -m cinegraph_training.prepare [--data FOLDER] [--all] [--unseen]` writes into the cache:

* `sprites.npz`: animated Fluent emoji (MIT, npm `@lobehub/fluent-emoji-anim-1..4`), `[concepts, 17, 96, 96, 4]` uint8,
  premultiplied RGBA at 8 fps;
* `large-sprites.npz`: the same at twice the size, `[concepts, 3, 192, 192, 4]`: the poses that the world shows, for
  clips of 256 px;
* `photos.npz`: flower photos as `[256, 256, 3]` squares by class, the first few as backgrounds, the others for the
  tokenizer;
* `unseen-sprites.npz` (with `--unseen`): the concepts of `is_heldout_concept`, in the same form;
* `clips.npz`: real clips as `[frames, 128, 160, 3]` at 8 fps, for the tokenizer;
* `sounds.npz`: recordings of ESC-10 (CC BY 3.0) by class, `[n, 80000]` int16 at 16 kHz, and `<class>.sources`, the
  number of the recording that each was cut from.

The folder given by `--data` (or `CINEGRAPH_DATA`) holds `photos/<class>/`, `clips/` and `esc10/<class>/`; without it
those are left out, and so are the photo backgrounds.
"""

import argparse
import json
import os
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import soundfile
from PIL import Image, ImageSequence
from tqdm import tqdm

from .attributes import PHOTO_BACKGROUNDS, VOICES, concepts, is_heldout_concept
from .paths import CACHE, data_folder
from .sounds import RATE

FRAMES = 17
FPS = 8
SPRITE = 96  # px
LARGE_SPRITE = 192  # px
LARGE_POSES = 3  # frames
PHOTO = 256
SOUND = 80_000  # samples
CLIP_SIZE = (160, 128)  # width, height in pixels
EMOJI_PACKAGES = tuple(f"@lobehub/fluent-emoji-anim-{part}" for part in (1, 2, 3, 4))
NAMES_PACKAGE = "unicode-emoji-json"
LARGE = CACHE / "large-sprites.npz"
UNSEEN = CACHE / "unseen-sprites.npz"
PHOTO_FOLDERS = dict(zip(PHOTO_BACKGROUNDS, ("daisy", "dandelion", "roses", "sunflowers", "tulips"), strict=True))


def fetch(package: str) -> Path:
    """The package's archive in the cache, fetched with `npm pack` if it is not there."""
    folder = CACHE / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    prefix = package.removeprefix("@").replace("/", "-")
    found = sorted(folder.glob(f"{prefix}-[0-9]*.tgz"))
    if not found:
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit("npm is needed to fetch the emoji packages")
        subprocess.run([npm, "pack", package, "--silent"], cwd=folder, check=True)
        found = sorted(folder.glob(f"{prefix}-[0-9]*.tgz"))
    return found[-1]


def code_points() -> dict[str, list[str]]:
    """Unicode name -> file stems under which its picture may lie (with and without the variation selector)."""
    with tarfile.open(fetch(NAMES_PACKAGE)) as archive:
        member = archive.extractfile("package/data-by-emoji.json")
        if member is None:
            raise SystemExit("unicode-emoji-json has no data-by-emoji.json")
        table = json.load(member)
    stems = {}
    for emoji, entry in table.items():
        full = "-".join(f"{ord(character):x}" for character in emoji)
        stems[entry["name"]] = [full, full.replace("-fe0f", "")]
    return stems


def is_still(webp: bytes) -> bool:
    """Whether the picture has one frame."""
    return getattr(Image.open(BytesIO(webp)), "n_frames", 1) < 2


def decode_sprite(webp: bytes, side: int = SPRITE, count: int = FRAMES) -> np.ndarray:
    """`[count, side, side, 4]` uint8, premultiplied RGBA, the loop resampled to 8 fps by nearest time."""
    picture = Image.open(BytesIO(webp))
    frames, ends, clock = [], [], 0
    for frame in ImageSequence.Iterator(picture):
        rgba = np.asarray(frame.convert("RGBA"), np.float32)
        rgba[..., :3] *= rgba[..., 3:] / 255
        frames.append(rgba)
        clock += frame.info.get("duration") or 42  # a still has none
        ends.append(clock)
    times = np.arange(count) * (1000 / FPS) % clock
    picked = [frames[int(np.searchsorted(ends, time, side="right"))] for time in times]
    return np.stack([cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in picked]).round().astype("u1")


def decode_sprites(
    names: list[str], stills: set[str], stems: dict[str, list[str]], side: int = SPRITE, count: int = FRAMES
) -> dict[str, np.ndarray]:
    """The sprites of those of `names` that are animated, or in `stills`; `stems` is `code_points()`."""
    wanted = {stem: name for name in names for stem in stems[name]}
    sprites: dict[str, np.ndarray] = {}
    with tqdm(total=len(names), desc="sprites") as bar:
        for package in EMOJI_PACKAGES:
            with tarfile.open(fetch(package), "r|gz") as archive:
                for member in archive:
                    name = wanted.get(Path(member.name).stem) if member.name.endswith(".webp") else None
                    source = archive.extractfile(member) if name and name not in sprites else None
                    if name is None or source is None:
                        continue
                    webp = source.read()
                    if name in stills or not is_still(webp):
                        sprites[name] = decode_sprite(webp, side, count)
                    bar.update()
    return sprites


def prepare_sprites(everything: bool) -> None:
    """Decode the chosen concepts (one of them does not move by itself), or with `everything` all animated ones too."""
    stems = code_points()
    chosen = set(concepts())
    sprites = decode_sprites(list(stems) if everything else list(concepts()), chosen, stems)
    missing = chosen - set(sprites)
    if missing:
        raise SystemExit(f"not in the packages: {sorted(missing)}")
    ordered = [*concepts(), *(name for name in stems if name in sprites and name not in chosen)]
    np.savez_compressed(
        CACHE / "sprites.npz",
        names=np.array(ordered),
        sprites=np.stack([sprites[name] for name in ordered]),
        heldout=np.array([is_heldout_concept(name) for name in ordered]),
    )
    print(f"{len(ordered)} concepts")


def prepare_large() -> None:
    """Decode the chosen concepts at twice the size."""
    names = list(concepts())
    sprites = decode_sprites(names, set(names), code_points(), LARGE_SPRITE, LARGE_POSES)
    np.savez_compressed(LARGE, names=np.array(names), sprites=np.stack([sprites[name] for name in names]))


def prepare_unseen() -> None:
    """Decode the animated concepts that no training has seen, for evaluation alone."""
    stems = code_points()
    sprites = decode_sprites([name for name in stems if is_heldout_concept(name)], set(), stems)
    np.savez_compressed(UNSEEN, names=np.array(list(sprites)), sprites=np.stack(list(sprites.values())))
    print(f"{len(sprites)} concepts that no training has seen")


def has_sprites() -> bool:
    """Whether the cache holds every chosen concept."""
    path = CACHE / "sprites.npz"
    if not path.exists():
        return False
    with np.load(path) as stored:
        return set(concepts()) <= set(map(str, stored["names"]))


def read_photo(path: Path) -> np.ndarray:
    """The central square as `[256, 256, 3]` uint8 RGB."""
    stored = cv2.imread(str(path))
    if stored is None:
        raise SystemExit(f"{path} is not a picture")
    picture = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return cv2.resize(picture[top : top + side, left : left + side], (PHOTO, PHOTO), interpolation=cv2.INTER_AREA)


def prepare_photos(folder: Path) -> None:
    """Every class's photos in the order of their file names."""
    arrays = {}
    for name, subfolder in PHOTO_FOLDERS.items():
        files = sorted((folder / subfolder).glob("*.jpg"))
        arrays[name] = np.stack([read_photo(path) for path in tqdm(files, desc=name)])
    np.savez(CACHE / "photos.npz", **arrays)


def read_clip(path: Path) -> np.ndarray:
    """`[frames, 128, 160, 3]` uint8 RGB at 8 fps, the central part, at most 30 s."""
    video = cv2.VideoCapture(str(path))
    step = max(1.0, video.get(cv2.CAP_PROP_FPS) / FPS)
    width, height = CLIP_SIZE
    frames = []
    index = 0
    while len(frames) < 30 * FPS:
        ok, frame = video.read()
        if not ok:
            break
        if index >= len(frames) * step:
            scale = max(width / frame.shape[1], height / frame.shape[0])
            frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            top, left = (frame.shape[0] - height) // 2, (frame.shape[1] - width) // 2
            frames.append(cv2.cvtColor(frame[top : top + height, left : left + width], cv2.COLOR_BGR2RGB))
        index += 1
    return np.stack(frames)


def read_sound(path: Path) -> np.ndarray:
    """The first 5 s as `[80000]` int16 at 16 kHz mono (shorter: silence after), the loud samples at 0.6."""
    stored, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = stored.mean(axis=1)
    length = round(len(mono) * RATE / rate)
    lines = np.fft.rfft(mono)[: length // 2 + 1]  # resampled by cutting the spectrum
    samples = np.fft.irfft(lines, length)[:SOUND] * (length / len(mono))
    loud = np.quantile(np.abs(samples), 0.999)
    samples = np.pad(samples * (0.6 / max(loud, 1e-3)), (0, SOUND - len(samples)))
    return (samples.clip(-1, 1) * 32767).round().astype(np.int16)


def prepare_sounds(folder: Path) -> None:
    """Every class's recordings in the order of their file names, e.g. `4-161579-B.ogg` cut from recording 161579."""
    arrays = {}
    for kind in VOICES.values():
        files = sorted((folder / kind).glob("*.ogg"))
        arrays[kind] = np.stack([read_sound(path) for path in tqdm(files, desc=kind)])
        arrays[f"{kind}.sources"] = np.array([int(path.stem.split("-")[1]) for path in files])
    np.savez_compressed(CACHE / "sounds.npz", **arrays)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder with photos/, clips/ and esc10/")
    parser.add_argument("--all", action="store_true", help="decode every animated concept, not only the chosen ones")
    parser.add_argument("--unseen", action="store_true", help="decode also those kept out of all training")
    parser.add_argument("--force", action="store_true", help="prepare again what is already in the cache")
    options = parser.parse_args()
    os.makedirs(CACHE, exist_ok=True)
    cv2.setNumThreads(1)
    if options.force or not has_sprites():
        prepare_sprites(options.all)
    if options.force or not LARGE.exists():
        prepare_large()
    if options.unseen and (options.force or not UNSEEN.exists()):
        prepare_unseen()
    if options.data is None:
        print("no --data folder: no photo backgrounds, no real clips")
        return
    if options.force or not (CACHE / "photos.npz").exists():
        prepare_photos(options.data / "photos")
    if options.force or not (CACHE / "clips.npz").exists():
        files = sorted((options.data / "clips").glob("*.mp4"))
        clips = {path.stem: read_clip(path) for path in tqdm(files, desc="clips")}
        np.savez(CACHE / "clips.npz", **clips)  # pyright: ignore[reportArgumentType]
    if (options.data / "esc10").exists() and (options.force or not (CACHE / "sounds.npz").exists()):
        prepare_sounds(options.data / "esc10")


if __name__ == "__main__":
    main()
