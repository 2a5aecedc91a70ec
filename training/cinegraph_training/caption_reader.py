"""Captions read back: which attributes a sentence in the words of captions.py tells."""

import re
from collections.abc import Iterable, Mapping
from functools import cache

from .attributes import PLAIN_BACKGROUNDS, concept_words
from .captions import CAMERA_WORDS, COLOR_WORDS, MOTION_WORDS, SCENERY_WORDS, STYLE_WORDS

UNNAMED = {"style": "natural", "camera": "still", "motion": "still"}  # what goes without saying
Phrases = tuple[tuple[re.Pattern[str], str], ...]


def _phrases(table: Mapping[str, Iterable[str]]) -> Phrases:
    """Patterns of whole words and what they mean, the longest first: "moves to the left" before "moves"."""
    pairs = sorted(((word, value) for value, words in table.items() for word in words), key=lambda pair: -len(pair[0]))
    return tuple((re.compile(rf"\b{re.escape(word.lower())}\b"), value) for word, value in pairs)


@cache
def _tables() -> dict[str, Phrases]:
    """In the order in which they are looked for; what is found is taken out of the text, so that "the camera moves to
    the left" is no motion, and "in the night sky" no sky."""
    plain = {
        color: [form.format(color).replace(" a orange", " an orange") for form in COLOR_WORDS]
        for color in PLAIN_BACKGROUNDS
    }
    return {
        "style": _phrases(STYLE_WORDS),
        "camera": _phrases(CAMERA_WORDS),
        "background": _phrases({**plain, **SCENERY_WORDS}),
        "motion": _phrases(
            {motion: [form for pair in pairs for form in pair] for motion, pairs in MOTION_WORDS.items()}
        ),
        "object": _phrases(concept_words()),
    }


def read_caption(text: str) -> dict[str, str | None]:
    """`style`, `camera`, `background`, `motion` and `object` of a caption. Motion and camera that it does not name are
    still, such a style is natural; an object or background that it does not name is None."""
    rest = re.sub(r"\s+", " ", text.lower())
    found: dict[str, str | None] = {}
    for column, phrases in _tables().items():
        found[column] = UNNAMED.get(column)
        for pattern, value in phrases:
            if pattern.search(rest):
                found[column] = value
                rest = pattern.sub(" ", rest)
                break
    return found
