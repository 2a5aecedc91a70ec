"""Cases of the tasks that hear and tell: sounds from words and clips, clips from sounds, captions of both."""

from collections.abc import Callable, Iterator

from .attributes import VOICES, Scene
from .captions import sound_caption
from .quality_case import Case, CaseMaker
from .quality_truth import Facts, caption_of


def bounces(scene: Scene) -> bool:
    """Things that thud and have no voice: each onset is known."""
    return scene.motion == "bounces" and scene.object not in VOICES


def speaks(scene: Scene) -> bool:
    """Things with a voice of their own, and nothing else to be heard."""
    return scene.object in VOICES and scene.motion != "bounces"


def _two_groups(maker: CaseMaker, purpose: int, count: int) -> Iterator[tuple[str, Facts]]:
    """Bouncing things and things with a voice, in turn."""
    groups = [(name, iter(maker.scenes(purpose + k, (count + 1) // 2, fits))) for k, (name, fits) in enumerate(GROUPS)]
    for index in range(count):
        name, facts = groups[index % 2]
        yield name, next(facts)


GROUPS = (("bounces", bounces), ("voices", speaks))


def video_to_audio(maker: CaseMaker, count: int) -> Iterator[Case]:
    """Without a prompt: the picture alone decides."""
    for index, (group, facts) in enumerate(_two_groups(maker, 20, count)):
        clip = maker.clip(("video",), maker.truth.clip(facts))
        yield Case("videoToAudio", group, [facts], {"seed": index}, [clip])


def text_to_audio(maker: CaseMaker, count: int) -> Iterator[Case]:
    """Every other pair by what is heard, the rest by what is seen."""
    rng = maker.rng(14)
    for index, (group, facts) in enumerate(_two_groups(maker, 22, count)):
        heard = sound_caption(facts.scene, facts.scene.object in VOICES)
        prompt = heard if index % 4 < 2 else caption_of(facts.scene, rng)
        yield Case("textToAudio", group, [facts], {"prompt": prompt, "seed": index})


def audio_to_video(maker: CaseMaker, count: int) -> Iterator[Case]:
    """Without a prompt: the sound alone decides."""
    for index, (group, facts) in enumerate(_two_groups(maker, 24, count)):
        sound = maker.sound(("audio",), maker.truth.sound(facts).samples)
        yield Case("audioToVideo", group, [facts], {"seed": index}, [sound])


def video_to_text(maker: CaseMaker, count: int) -> Iterator[Case]:
    for index, facts in enumerate(maker.scenes(26, count)):
        clip = maker.clip(("video",), maker.truth.clip(facts))
        yield Case("videoToText", "all", [facts], {"seed": index}, [clip])


def audio_to_text(maker: CaseMaker, count: int) -> Iterator[Case]:
    for index, (group, facts) in enumerate(_two_groups(maker, 28, count)):
        sound = maker.sound(("audio",), maker.truth.sound(facts).samples)
        yield Case("audioToText", group, [facts], {"seed": index}, [sound])


SOUND_CASES: dict[str, Callable[[CaseMaker, int], Iterator[Case]]] = {
    "videoToAudio": video_to_audio,
    "textToAudio": text_to_audio,
    "audioToVideo": audio_to_video,
    "videoToText": video_to_text,
    "audioToText": audio_to_text,
}
