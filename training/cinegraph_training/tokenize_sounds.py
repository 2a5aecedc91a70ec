"""Make the sounds of the stage's scenes and store their tokens, for the language model.

`python -m cinegraph_training.tokenize_sounds [--train 16384] [--heldout 1024]` writes shards of 2,048 sounds to
`.cache/tokens/audio-<split>-<index>.npz`: `sounds` uint16 `[N, 53, 4]`, what a model learns to say; in the train
split `takes`, the same scenes as `Sounds.another_take` has them, what it learns to hear; `scenes` uint8 `[N, 7]` (class
numbers in the order of `attributes.COLUMNS`), `encoder` (the tokenizer's digest). A sound fits every picture with its
scene's object and motion. A shard depends only on its index and the encoder; shards of another encoder are written
anew.
"""

import argparse
import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from .attributes import SPLITS, scene_to_ints
from .audio_tokenizer import AudioTokenizer, load_audio_tokenizer
from .paths import CACHE
from .sound_batches import FRAMES, SAMPLES_PER_FRAME
from .sounds import SceneSound, Sounds
from .stage import sample_stage_scene

SHARD = 2048
BATCH = 32


def audio_digest(tokenizer: AudioTokenizer) -> str:
    """The first 16 hex digits of the sha256 of what gives the codes their meaning: projection and codebooks."""
    digest = hashlib.sha256()
    for values in (tokenizer.mean, tokenizer.basis, tokenizer.quantizer.codebooks):
        digest.update(values.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def encode(tokenizer: AudioTokenizer, sounds: list[SceneSound]) -> np.ndarray:
    """uint16 `[N, 53, levels]`."""
    codes = []
    for start in range(0, len(sounds), BATCH):
        samples = np.stack([sound.samples for sound in sounds[start : start + BATCH]])
        codes.append(tokenizer.encode(torch.from_numpy(samples[:, : FRAMES * SAMPLES_PER_FRAME])).numpy())
    return np.concatenate(codes).astype(np.uint16)


def is_current(path: Path, digest: str, scenes: int) -> bool:
    """Whether the shard is there, of this encoder and of this size."""
    if not path.exists():
        return False
    with np.load(path) as stored:
        whole = "takes" in stored or "heldout" in path.name
        return whole and str(stored["encoder"]) == digest and len(stored["scenes"]) == scenes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=8 * SHARD, help="scenes")
    parser.add_argument("--heldout", type=int, default=SHARD // 2, help="scenes")
    parser.add_argument("--force", action="store_true", help="write every shard anew, as after a change of the stage")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = CACHE / "tokens"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, sounds = load_audio_tokenizer(), Sounds()
    digest = audio_digest(tokenizer)
    with tqdm(total=options.train + options.heldout, desc="sounds") as bar:
        for split, count in (("train", options.train), ("heldout", options.heldout)):
            for shard in range(-(-count // SHARD)):
                size = min(SHARD, count - shard * SHARD)
                path = folder / f"audio-{split}-{shard:04d}.npz"
                if options.force or not is_current(path, digest, size):
                    rng = np.random.default_rng([SPLITS.index(split), shard, 2])
                    scenes = [sample_stage_scene(rng, split) for _ in range(size)]
                    arrays = {"sounds": encode(tokenizer, [sounds.of(scene, rng, split) for scene in scenes])}
                    if split == "train":
                        arrays["takes"] = encode(tokenizer, [sounds.another_take(scene, rng) for scene in scenes])
                    rows = np.array([scene_to_ints(scene) for scene in scenes], np.uint8)
                    partial = path.with_suffix(".partial.npz")
                    np.savez_compressed(partial, **arrays, scenes=rows, encoder=np.array(digest))
                    os.replace(partial, path)
                bar.update(size)


if __name__ == "__main__":
    main()
