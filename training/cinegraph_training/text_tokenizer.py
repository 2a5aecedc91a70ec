"""Byte-level BPE over normalised captions: trainer and encoder (docs/BUNDLE.md, "text-tokenizer.json").

The TypeScript engine implements the same encoder; test/golden holds strings and ids made by this one.

    python -m cinegraph_training.text_tokenizer --out checkpoints/text-tokenizer.json
"""

import argparse
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np

from . import attributes, captions, paths

# White space as ECMAScript's `\s` has it, so that both languages collapse the same characters.
WHITE_SPACE = re.compile("[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")
PRE_TOKEN = re.compile(r" ?[a-z0-9]+|[\s\S]")


def normalise(text: str) -> str:
    """NFKC, lower case, runs of white space to one space, trimmed."""
    lowered = unicodedata.normalize("NFKC", text).lower()
    return WHITE_SPACE.sub(" ", lowered).strip(" ")


class TextTokenizer:
    """`vocabulary[id]` is the piece as bytes; ids below 256 are the bytes themselves."""

    def __init__(self, merges: list[tuple[int, int]]):
        self.merges = [(int(left), int(right)) for left, right in merges]
        self.vocabulary = [bytes([byte]) for byte in range(256)]
        for left, right in self.merges:
            self.vocabulary.append(self.vocabulary[left] + self.vocabulary[right])
        self._rank = {pair: rank for rank, pair in enumerate(self.merges)}
        self._cache: dict[str, list[int]] = {}

    @property
    def size(self) -> int:
        return len(self.vocabulary)

    def encode(self, text: str) -> list[int]:
        """Piece ids of the normalised text; no special tokens, not truncated."""
        ids: list[int] = []
        for pre_token in PRE_TOKEN.findall(normalise(text)):
            ids.extend(self._encode_pre_token(pre_token))
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The normalised text of piece ids."""
        return b"".join(self.vocabulary[index] for index in ids).decode("utf-8", errors="replace")

    def _encode_pre_token(self, pre_token: str) -> list[int]:
        if pre_token not in self._cache:
            pieces = list(pre_token.encode("utf-8"))
            while len(pieces) > 1:
                ranks = [self._rank.get(pair, len(self.merges)) for pair in pairwise(pieces)]
                best = min(ranks)
                if best == len(self.merges):
                    break
                pieces = _merge(pieces, self.merges[best], 256 + best)
            self._cache[pre_token] = pieces
        return self._cache[pre_token]

    def as_dict(self) -> dict:
        return {
            "version": 1,
            "type": "byte-level-bpe",
            "lowercase": True,
            "size": self.size,
            "pattern": "words",
            "vocab": [piece.hex() for piece in self.vocabulary],
            "merges": [list(pair) for pair in self.merges],
        }

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_dict(), separators=(",", ":")) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "TextTokenizer":
        return cls([tuple(pair) for pair in json.loads(path.read_text(encoding="utf-8"))["merges"]])


def _merge(pieces: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """Every occurrence of `pair`, left to right, replaced by `new`."""
    merged: list[int] = []
    index = 0
    while index < len(pieces):
        if index + 1 < len(pieces) and (pieces[index], pieces[index + 1]) == pair:
            merged.append(new)
            index += 2
        else:
            merged.append(pieces[index])
            index += 1
    return merged


def train_text_tokenizer(texts: Iterable[str], size: int) -> TextTokenizer:
    """Greedy BPE on the counted pre-tokens of `texts` until `size` pieces exist (or no pair occurs twice)."""
    counts = Counter(pre for text in texts for pre in PRE_TOKEN.findall(normalise(text)))
    words = [(list(word.encode("utf-8")), count) for word, count in sorted(counts.items())]
    merges: list[tuple[int, int]] = []
    while 256 + len(merges) < size:
        pairs: Counter[tuple[int, int]] = Counter()
        for pieces, count in words:
            for pair in pairwise(pieces):
                pairs[pair] += count
        if not pairs:
            break
        best, count = min(pairs.items(), key=lambda item: (-item[1], item[0]))
        if count < 2:
            break
        new = 256 + len(merges)
        merges.append(best)
        words = [(_merge(pieces, best, new), count) for pieces, count in words]
    return TextTokenizer(merges)


def caption_corpus(count: int, seed: int = 0) -> list[str]:
    """`count` sampled captions, then every name and keyword of the emoji vocabularies (so that words of later,
    larger worlds have pieces too)."""
    rng = np.random.default_rng(seed)
    texts = [captions.caption(attributes.sample_scene(rng), rng) for _ in range(count)]
    return texts + emoji_words()


def emoji_words() -> list[str]:
    """Names and keywords of the npm packages unicode-emoji-json and emojilib, if the cache holds them."""
    texts: list[str] = []
    for path in sorted(paths.CACHE.rglob("data-by-emoji.json")):
        texts += [entry["name"] for entry in json.loads(path.read_text(encoding="utf-8")).values()]
    for path in sorted(paths.CACHE.rglob("emoji-en-US.json")):
        for keywords in json.loads(path.read_text(encoding="utf-8")).values():
            texts += [keyword.replace("_", " ") for keyword in keywords]
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the text tokenizer on sampled captions and emoji words.")
    parser.add_argument("--out", type=Path, default=paths.CHECKPOINTS / "text-tokenizer.json")
    parser.add_argument("--size", type=int, default=1024, help="pieces, the 256 bytes included")
    parser.add_argument("--captions", type=int, default=20_000)
    options = parser.parse_args()
    texts = caption_corpus(options.captions)
    tokenizer = train_text_tokenizer(texts, options.size)
    tokenizer.save(options.out)
    lengths = [len(tokenizer.encode(text)) for text in texts[: options.captions]]
    print(
        f"{options.out}: {tokenizer.size} pieces from {len(texts)} texts; "
        f"captions have {np.mean(lengths):.1f} tokens on average, {max(lengths)} at most"
    )


if __name__ == "__main__":
    main()
