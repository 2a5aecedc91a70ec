"""Captions of scenes: many phrasings and word orders of the same facts.

Every attribute can be inferred from the caption: what is left out has its default value (medium size, centre, no
camera motion, no object motion, natural colours). The canonical form is "a fox bounces on a red background".
"""

import numpy as np

from .attributes import PLAIN_BACKGROUNDS, Scene, concept_words

# (third person, -ing form) of each motion; the first is canonical.
MOTION_WORDS = {
    "still": (("stays still", "staying still"), ("stands still", "standing still"), ("does not move", "not moving")),
    "moves left": (("moves left", "moving left"), ("moves to the left", "moving to the left"),
                   ("slides left", "sliding left"), ("goes left", "going left"), ("travels left", "traveling left")),
    "moves right": (("moves right", "moving right"), ("moves to the right", "moving to the right"),
                    ("slides right", "sliding right"), ("goes right", "going right"),
                    ("travels right", "traveling right")),
    "moves up": (("moves up", "moving up"), ("rises", "rising"), ("goes up", "going up"),
                 ("moves upward", "moving upward")),
    "moves down": (("moves down", "moving down"), ("falls", "falling"), ("goes down", "going down"),
                   ("moves downward", "moving downward"), ("sinks", "sinking")),
    "bounces": (("bounces", "bouncing"), ("jumps", "jumping"), ("hops", "hopping"),
                ("bounces up and down", "bouncing up and down")),
    "grows": (("grows", "growing"), ("gets bigger", "getting bigger"), ("becomes larger", "becoming larger")),
    "shrinks": (("shrinks", "shrinking"), ("gets smaller", "getting smaller"),
                ("becomes smaller", "becoming smaller")),
    "spins": (("spins", "spinning"), ("turns around", "turning around"), ("rotates", "rotating"),
              ("twirls", "twirling")),
    "sways": (("sways", "swaying"), ("swings", "swinging"), ("rocks from side to side", "rocking from side to side")),
}  # fmt: skip
SIZE_WORDS = {"small": ("small", "little", "tiny"), "medium": ("medium",), "large": ("large", "big", "huge")}
PLACE_WORDS = {
    "center": ("in the center", "in the middle"),
    "left": ("on the left", "on the left side", "at the left"),
    "right": ("on the right", "on the right side", "at the right"),
    "top": ("at the top", "in the upper part", "near the top"),
    "bottom": ("at the bottom", "in the lower part", "near the bottom"),
}
SCENERY_WORDS = {
    "sky": ("in a blue sky", "in the sky", "in front of clouds"),
    "sunset": ("at sunset", "in front of a sunset", "in the evening sun"),
    "night": ("at night", "in the night sky", "under the stars"),
    "meadow": ("in a meadow", "on the grass", "in a green field"),
    "daisies": ("in front of daisies", "among daisies", "with daisies behind it"),
    "dandelions": ("in front of dandelions", "among dandelions", "with dandelions behind it"),
    "roses": ("in front of roses", "among roses", "with roses behind it"),
    "sunflowers": ("in front of sunflowers", "among sunflowers", "with sunflowers behind it"),
    "tulips": ("in front of tulips", "among tulips", "with tulips behind it"),
}
COLOR_WORDS = (
    "on a {} background",
    "on {}",
    "in front of a {} background",
    "against a {} backdrop",
    "over a plain {} background",
    "in front of a {} wall",
)
CAMERA_WORDS = {
    "still": ("the camera is still", "still camera"),
    "pan left": ("the camera pans left", "pan left", "panning left", "the camera moves to the left"),
    "pan right": ("the camera pans right", "pan right", "panning right", "the camera moves to the right"),
    "pan up": ("the camera pans up", "pan up", "panning up", "the camera moves up"),
    "pan down": ("the camera pans down", "pan down", "panning down", "the camera moves down"),
    "zoom in": ("the camera zooms in", "zoom in", "zooming in", "the camera comes closer"),
    "zoom out": ("the camera zooms out", "zoom out", "zooming out", "the camera moves away"),
}
STYLE_WORDS = {
    "natural": ("in natural colors",),
    "flat": ("in flat colors", "with flat colors", "as a flat drawing"),
    "outline": ("with black outlines", "outlined", "as a comic"),
    "pixel": ("in pixel art style", "as pixel art", "pixel art"),
    "sketch": ("as a pencil sketch", "in pencil", "as a sketch"),
    "night": ("in moonlight", "by moonlight", "in dim light"),
}


def _article(noun_phrase: str) -> str:
    return ("an " if noun_phrase[0] in "aeio" or noun_phrase.startswith("umb") else "a ") + noun_phrase


def background_phrase(background: str, rng: np.random.Generator | None = None) -> str:
    """Where: "on a red background", "in a meadow". Without `rng`, the canonical phrase."""
    if background in PLAIN_BACKGROUNDS:
        form = _pick(COLOR_WORDS, rng, first=0.5).format(background)
        return form.replace(" a orange", " an orange")
    return _pick(SCENERY_WORDS[background], rng, first=0.5)


def _pick(choices, rng: np.random.Generator | None, first: float):
    """The first choice with probability `first` (always, without `rng`), otherwise any of them."""
    if rng is None or rng.random() < first:
        return choices[0]
    return choices[int(rng.integers(len(choices)))]


def canonical_caption(scene: Scene) -> str:
    """The one caption of a scene that uses the first wording of everything and names no default."""
    size = "" if scene.size == "medium" else SIZE_WORDS[scene.size][0] + " "
    parts = [_article(size + concept_words()[scene.object][0]), MOTION_WORDS[scene.motion][0][0]]
    if scene.place != "center":
        parts.append(PLACE_WORDS[scene.place][0])
    parts.append(background_phrase(scene.background))
    camera = "" if scene.camera == "still" else CAMERA_WORDS[scene.camera][0]
    style = "" if scene.style == "natural" else STYLE_WORDS[scene.style][0]
    return ", ".join(part for part in (" ".join(parts), camera, style) if part)


def sound_caption(scene: Scene, natural: bool) -> str:
    """What can be heard of a scene: "the sound of a dog", or of a thing without a voice what it does. `natural`:
    whether the object has a sound of its own."""
    verb = MOTION_WORDS[scene.motion][0][0]
    if natural:
        heard = f"the sound of {_article(concept_words()[scene.object][0])}"
        return f"{heard} that {verb}" if scene.motion == "bounces" else heard
    return f"something {verb}"


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """A random phrasing, lower case, at most about 25 words. The canonical phrasing comes up often."""
    if rng.random() < 0.2:
        return canonical_caption(scene)
    word = _pick(concept_words()[scene.object], rng, first=0.6)
    says_size = scene.size != "medium" or rng.random() < 0.05
    subject = _article((_pick(SIZE_WORDS[scene.size], rng, first=0.5) + " " if says_size else "") + word)
    verb, gerund = _pick(MOTION_WORDS[scene.motion], rng, first=0.5)
    if scene.motion == "still" and rng.random() < 0.4:
        verb = gerund = ""
    says_place = scene.place != "center" or rng.random() < 0.05
    place = _pick(PLACE_WORDS[scene.place], rng, first=0.5) if says_place else ""
    where = background_phrase(scene.background, rng)
    says_camera = scene.camera != "still" or rng.random() < 0.05
    camera = _pick(CAMERA_WORDS[scene.camera], rng, first=0.5) if says_camera else ""

    forms = [
        (subject, verb, place, where),
        (subject, verb, where, place),
        (subject, gerund, place, where),
        ("a video of", subject, gerund, place, where),
        (where + ",", subject, verb, place),
        (place, where + ",", subject, verb) if place else (where + ",", subject, gerund),
    ]
    text = " ".join(part for part in forms[int(rng.integers(len(forms)))] if part)
    says_style = scene.style != "natural" or rng.random() < 0.05
    for words in (camera, style_phrase(scene.style, rng) if says_style else ""):
        if words:
            text = f"{words}: {text}" if rng.random() < 0.25 else f"{text}, {words}"
    return text


def style_phrase(style: str, rng: np.random.Generator | None = None) -> str:
    """How it is drawn: "as a pencil sketch". Without `rng`, the canonical phrase."""
    return _pick(STYLE_WORDS[style], rng, first=0.5)


def known_words() -> list[str]:
    """Every lower-case word that a caption of pictures or sounds can contain, for the bundle's `knownWords`."""
    phrases = ["a an video of", "something the sound of that", *PLAIN_BACKGROUNDS, *COLOR_WORDS]
    for words in concept_words().values():
        phrases += words
    for table in (SIZE_WORDS, PLACE_WORDS, SCENERY_WORDS, CAMERA_WORDS, STYLE_WORDS):
        for words in table.values():
            phrases += words
    for pairs in MOTION_WORDS.values():
        phrases += [form for pair in pairs for form in pair]
    text = " ".join(phrases).replace("{}", "").replace(":", " ").replace(",", " ").replace("-", " ").lower()
    return sorted(set(text.split()))
