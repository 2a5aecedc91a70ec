# ruff: noqa: E501 (prose)
"""The figures of bench/quality as Markdown, and the curve of a long clip as a picture."""

from .quality_extension import Curve
from .quality_scores import Figure

WIDTH, HEIGHT, LEFT, TOP = 720, 260, 44, 24  # px


def _number(value: float, unit: str) -> str:
    return f"{value:.1f} {unit}" if unit else f"{value:.2f}"


def _anchors(anchors: dict[str, float], unit: str) -> str:
    return ", ".join(f"{name} {_number(value, unit)}" for name, value in anchors.items())


def table(report: dict, figures: list[Figure]) -> str:
    """The whole of RESULTS.md."""
    bundle = report["bundle"]
    failed = sum(entry["failed"] for entry in report["counts"].values())
    cases = sum(entry["cases"] for entry in report["counts"].values())
    lines = [
        "# Every task, measured",
        "",
        "`node bench/quality/run.ts` renders held-out cases (compositions, or concepts, that no training has seen), has the whole program make them through its "
        "GraphQL API, decodes what it made, and reads it. Fixed seeds, one try each, nothing dropped: a case that fails is wrong.",
        "",
        f"## {report['date']}, {report['machine']}",
        "",
        f"Bundle `{bundle['name']}`, digest `{bundle['digest'][:12]}`, weights `{bundle['weights'][:12]}`, made {bundle['createdAt'][:10]}. "
        f"Seed {report['seed']}; {cases} cases, {failed} failed.",
        "",
        "| task | what | n | measured | aim | ceilings | floors |",
        "|---|---|---|---|---|---|---|",
    ]
    last = ""
    for figure in figures:
        aim = "" if figure.aim is None else _number(figure.aim, figure.unit)
        task = f"**{figure.task}**" if figure.task != last else ""
        last = figure.task
        lines.append(
            f"| {task} | {figure.what} | {figure.count} | {_number(figure.value, figure.unit)} | {aim} "
            f"| {_anchors(figure.ceiling, figure.unit)} | {_anchors(figure.floor, figure.unit)} |"
        )
    lines += [f"| **{task}** | not offered by this bundle | | | | | |" for task in report["notOffered"]]
    lines += [
        "",
        "- Shares are what an attribute reader sees (`training/cinegraph_training/reader.py`); `real`: in true clips of the same scenes, `codec`: in true clips that went through the bundle's encoder "
        "and decoder, the best that any language model could do; `chance`: always the most frequent answer; `wrong prompt`: held against another case's prompt.",
        "- Clips are uploaded without loss and come back as MP4 (H.264, 4:2:0); `the encoder alone` is what that costs a true clip.",
        "- Decibels are means over clips of the PSNR against the true clip, which is rendered again from the case.",
    ]
    if report["extensionCurve"]:
        lines += [
            "",
            "Long clips, second by second after the source:",
            "",
            "![object, motion and PSNR by second](extension.svg)",
        ]
    return "\n".join(lines) + "\n"


def curve_svg(curve: Curve) -> str:
    """Shares (0 to 100 %) and decibels (10 to 40 dB) over the seconds of a clip."""
    lines = (("object", "#1f77b4", "object read", 0, 100), ("motion", "#2ca02c", "motion read", 0, 100),
             ("pixels", "#d62728", "PSNR", 10, 40), ("color", "#ff7f0e", "PSNR of colour", 10, 40))  # fmt: skip
    bottom, right = HEIGHT - 28, WIDTH - 50
    count = len(curve["object"])

    def x(index: int) -> float:
        return LEFT + (right - LEFT) * index / max(1, count - 1)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']  # fmt: skip
    for step in range(5):
        y = bottom - (bottom - TOP) * step / 4
        parts.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{25 * step} %</text>')
        parts.append(f'<text x="{right + 6}" y="{y + 4:.1f}">{10 + 7.5 * step:g} dB</text>')
    for index in range(0, count, 3):
        parts.append(f'<text x="{x(index):.1f}" y="{bottom + 14}" text-anchor="middle">{index + 1}</text>')
    parts.append(f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 2}" text-anchor="middle">second after the source</text>')
    for place, (name, color, label, low, high) in enumerate(lines):
        points = [
            bottom - (bottom - TOP) * (min(max(value or 0.0, low), high) - low) / (high - low) for value in curve[name]
        ]
        path = " ".join(f"{x(index):.1f},{y:.1f}" for index, y in enumerate(points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(f'<text x="{LEFT + 150 * place}" y="14" fill="{color}">{label}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
