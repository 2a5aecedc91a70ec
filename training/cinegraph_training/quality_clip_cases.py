"""Cases of the tasks that make pictures and clips from words, pictures and clips."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from .attributes import MOTIONS, STYLES, Scene
from .captions import style_phrase
from .evaluate_language_model import heldout_scenes
from .quality_case import Case, CaseMaker
from .quality_style import ALONE, WHOLE, styled
from .quality_truth import KEPT, Facts, caption_of, edit_facts, hidden_places
from .world import FRAMES, VIEW

EXTENDED_MS = 30_000
CLIP_MS = FRAMES * 1000 // 8
STAYING = ("still", "bounces", "spins", "sways")  # motions that stay in view for half a minute
SHOTS = 6


def _from_text(maker: CaseMaker, task: str, kind: str, count: int) -> Iterator[Case]:
    rng = maker.rng(7)  # the same prompts as evaluate_language_model.py
    for index, scene in enumerate(heldout_scenes(kind, count, maker.seed)):
        facts = Facts(scene, maker.seed + index)
        yield Case(task, "all", [facts], {"prompt": caption_of(scene, rng), "seed": index})


def text_to_video(maker: CaseMaker, count: int) -> Iterator[Case]:
    return _from_text(maker, "textToVideo", "video", count)


def text_to_image(maker: CaseMaker, count: int) -> Iterator[Case]:
    return _from_text(maker, "textToImage", "image", count)


def image_to_video(maker: CaseMaker, count: int) -> Iterator[Case]:
    """The first frame of a scene; half of the cases show a concept that no training has seen."""
    rng = maker.rng(8)
    for index, facts in enumerate(maker.scenes(1, count)):
        group = "known" if index % 2 == 0 else "unseen"
        if group == "unseen":
            facts = replace(facts, scene=replace(facts.scene, object=str(rng.choice(maker.truth.unseen))))
        picture = maker.picture(("image",), maker.truth.clip(facts)[0])
        yield Case("imageToVideo", group, [facts], {"prompt": caption_of(facts.scene, rng), "seed": index}, [picture])


def upscale(maker: CaseMaker, count: int) -> Iterator[Case]:
    """Pictures that come alive at twice the size: how the first frame has to look is known."""
    rng = maker.rng(16)
    for index, facts in enumerate(maker.scenes(7, count)):
        picture = maker.picture(("image",), maker.truth.clip(facts)[0])
        asked = {"prompt": caption_of(facts.scene, rng), "seed": index, "upscale": "TWO"}
        yield Case("upscale", "all", [facts], asked, [picture], mutation="imageToVideo")


def extend_video(maker: CaseMaker, count: int) -> Iterator[Case]:
    """Clips in which nothing travels, so that the true continuation is known; every other one does not move."""
    rng = maker.rng(9)
    half = (count + 1) // 2
    fits = (lambda s: s.motion == "still", lambda s: s.motion in STAYING[1:])
    found = [maker.scenes(2 + k, half, lambda s, fit=fit: s.camera == "still" and fit(s)) for k, fit in enumerate(fits)]
    for index, facts in enumerate([facts for pair in zip(*found, strict=True) for facts in pair][:count]):
        clip = maker.clip(("video",), maker.truth.clip(facts))
        asked = {"prompt": caption_of(facts.scene, rng), "extraMs": EXTENDED_MS - CLIP_MS, "seed": index}
        yield Case("extendVideo", "all", [facts], asked, [clip])


def inpaint_video(maker: CaseMaker, count: int) -> Iterator[Case]:
    """A rectangle in every other case, an ellipse (a mask of its own) in the rest."""
    rng = maker.rng(10)
    for index, facts in enumerate(maker.scenes(4, count)):
        width, height = (int(side) for side in rng.integers(32, 81, 2))
        left, top = int(rng.integers(VIEW - width + 1)), int(rng.integers(VIEW - height + 1))
        box = [left, top, width, height]
        sources = [maker.clip(("video",), maker.truth.clip(facts), round_trip=True)]
        asked: dict = {"prompt": caption_of(facts.scene, rng), "seed": index}
        if index % 2 == 0:
            asked["mask"] = {
                "rectangle": {k: v / VIEW for k, v in zip(("x", "y", "width", "height"), box, strict=True)}
            }
        else:
            asked["mask"] = {}
            white = hidden_places(box, "ellipse").astype(np.uint8) * 255
            sources.append(maker.picture(("mask", "asset"), white, "MASK"))
        more = {"box": box, "shape": "rectangle" if index % 2 == 0 else "ellipse"}
        yield Case("inpaintVideo", "all", [facts], asked, sources, more)


def outpaint_video(maker: CaseMaker, count: int) -> Iterator[Case]:
    """A part of a clip, and what is around it asked back."""
    rng = maker.rng(11)
    for index, facts in enumerate(maker.scenes(5, count)):
        width, height = (int(side) for side in rng.choice((64, 80, 96), 2))
        left, top = (int(rng.integers((VIEW - side) // 8 + 1)) * 8 for side in (width, height))
        part = maker.truth.clip(facts)[:, top : top + height, left : left + width]
        padding = {
            "left": left / width, "right": (VIEW - left - width) / width,
            "top": top / height, "bottom": (VIEW - top - height) / height,
        }  # fmt: skip
        asked = {"prompt": caption_of(facts.scene, rng), "padding": padding, "seed": index}
        sources = [maker.clip(("video",), part, round_trip=True)]
        yield Case("outpaintVideo", "all", [facts], asked, sources, {"box": [left, top, width, height]})


def edit_video(maker: CaseMaker, count: int) -> Iterator[Case]:
    """A thing at rest, and from the tenth frame on it shall move; as many cases of each motion."""
    rng = maker.rng(12)
    for index in range(count):
        motion = MOTIONS[1 + index % (len(MOTIONS) - 1)]
        after = maker.scenes(100 + index, 1, lambda scene, motion=motion: is_plain(scene, motion))[0]
        before = edit_facts(after)
        clip = maker.clip(("video",), maker.truth.looped(before, KEPT + FRAMES - 1))
        asked = {"prompt": caption_of(after.scene, rng), "fromFrame": KEPT, "seed": index}
        yield Case("editVideo", "all", [before, after], asked, [clip])


def stylize_video(maker: CaseMaker, count: int) -> Iterator[Case]:
    """Clips in natural colours, to be drawn in each of the other styles in turn; every other prompt is the words of the
    style alone."""
    rng = maker.rng(15)
    found = maker.scenes(6, count, lambda scene: scene.style == "natural")
    for index, source in enumerate(found):
        target = styled(source, STYLES[1:][index // 2 % (len(STYLES) - 1)])
        group = (WHOLE, ALONE)[index % 2]
        prompt = caption_of(target.scene, rng) if group == WHOLE else style_phrase(target.scene.style, rng)
        clip = maker.clip(("video",), maker.truth.clip(source))
        yield Case("stylizeVideo", group, [source, target], {"prompt": prompt, "seed": index}, [clip])


def create_film(maker: CaseMaker, count: int) -> Iterator[Case]:
    """Stories of six sentences."""
    rng = maker.rng(13)
    for index in range(count):
        facts = maker.scenes(50 + index, SHOTS)
        sentences = [caption_of(one.scene, rng) for one in facts]
        story = " ".join(f"{text[0].upper()}{text[1:]}." for text in sentences)
        asked = {"title": f"Film {index + 1}", "story": story, "seed": index}
        if maker.sounding:
            asked["withAudio"] = True
        yield Case("createFilm", "all", facts, asked, more={"sound": maker.sounding})


def is_plain(scene: Scene, motion: str) -> bool:
    """Whether it shows that motion and everything else is as usual."""
    return scene == Scene(scene.object, scene.background, motion)


CLIP_CASES: dict[str, Callable[[CaseMaker, int], Iterator[Case]]] = {
    "textToVideo": text_to_video,
    "textToImage": text_to_image,
    "imageToVideo": image_to_video,
    "upscale": upscale,
    "extendVideo": extend_video,
    "inpaintVideo": inpaint_video,
    "outpaintVideo": outpaint_video,
    "editVideo": edit_video,
    "stylizeVideo": stylize_video,
    "createFilm": create_film,
}
