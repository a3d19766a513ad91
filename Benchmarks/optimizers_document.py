"""Writes docs/optimizers.md and its picture from optimizers.json; `make benchmark-optimizers` does it at its end."""

import json
import pathlib

from chart import element, label
from communication_document import table
from contestants import ROOT

RESULTS = pathlib.Path(__file__).with_name("optimizers.json")
DOCUMENT, PICTURE = ROOT / "docs/optimizers.md", ROOT / "docs/optimizers.svg"
NAMES = {"adamw": "AdamW", "muon": "Muon"}
COLORS = {"adamw": "#8a94a3", "muon": "#d9531e"}
WIDTH, HEIGHT, LEFT = 640, 320, 48


def best(record, optimizer):
    runs = [one for one in record["runs"] if one["optimizer"] == optimizer]
    return min(runs, key=lambda one: one["curve"][-1][1])


def verdict(record):
    adamw, muon = best(record, "adamw"), best(record, "muon")
    return (
        f"{'kept' if record['is_kept'] else '**missed**'}: Muon reaches {muon['curve'][-1][1]:.4f} in {muon['steps']} steps, "
        f"AdamW {adamw['curve'][-1][1]:.4f} in {adamw['steps']} (at most 80 % of the steps for no larger a loss)"
    )


def text(record):
    rows = [
        [NAMES[one["optimizer"]], f"{one['learning_rate']:g}", str(one["steps"]), f"{one['curve'][-1][1]:.4f}"]
        for one in record["runs"]
    ]
    return (
        "# Optimizers\n\n"
        "Does Muon reach with fewer steps what AdamW does? `make benchmark-optimizers` trains the model of `make train` with "
        "both. They are tuned alike, by learning rates a factor of two apart until the best one's neighbours are both worse, "
        "all else as `deepep train` has it by itself: cosine to the end of the run, weight decay 0.1. With Muon tables of "
        "tokens and positions and vectors follow AdamW with its own rate of 0.003.\n\n"
        f"Run on {record['processor']}, {record['class']}, {record['date']}; losses are on the held-out 5 % of the text.\n\n"
        + table(["optimizer", "learning rate", "steps", "validation loss"], rows)
        + f"\n- {verdict(record)}\n\n![The best curve of each](optimizers.svg)\n"
    )


def path(curve, steps, low, high):
    points = [
        f"{LEFT + step / steps * (WIDTH - LEFT):.1f},{(high - min(loss, high)) / (high - low) * HEIGHT:.1f}"
        for step, loss in curve
    ]
    return " ".join(points)


def svg(record):
    runs = [best(record, name) for name in NAMES]
    steps = max(one["steps"] for one in runs)
    losses = [loss for one in runs for _, loss in one["curve"]]
    low, high = min(losses) - 0.02, min(max(losses), min(losses) + 0.8)
    parts = [element("rect", x=-12, y=-24, width=WIDTH + 24, height=HEIGHT + 64, fill="#ffffff")]
    for index in range(5):
        loss = low + (high - low) * index / 4
        y = HEIGHT - HEIGHT * index / 4
        parts.append(element("line", x1=LEFT, y1=y, x2=WIDTH, y2=y, stroke="#e3e7ec"))
        parts.append(label(LEFT - 6, y + 4, f"{loss:.2f}", text_anchor="end"))
    last = best(record, "adamw")["curve"][-1][1]
    y = (high - last) / (high - low) * HEIGHT
    parts.append(element("line", x1=LEFT, y1=round(y, 1), x2=WIDTH, y2=round(y, 1), stroke="#1f2933", stroke_dasharray="4 4"))
    for place, one in enumerate(runs):
        name = one["optimizer"]
        points = path(one["curve"], steps, low, high)
        parts.append(element("polyline", points=points, fill="none", stroke=COLORS[name], stroke_width=2))
        legend = f"{NAMES[name]}, learning rate {one['learning_rate']:g}: {one['curve'][-1][1]:.4f} after {one['steps']} steps"
        parts.append(label(LEFT + 180, 16 + 18 * place, legend, fill=COLORS[name], font_weight="bold"))
    parts.append(label(LEFT, HEIGHT + 20, "0"))
    parts.append(label(WIDTH, HEIGHT + 20, f"{steps} steps", text_anchor="end"))
    parts.append(label(0, -8, "validation loss", font_weight="bold"))
    return element(
        "svg", "\n".join(["", *parts, ""]), xmlns="http://www.w3.org/2000/svg", font_size=13, fill="#1f2933",
        viewBox=f"-12 -24 {WIDTH + 24} {HEIGHT + 64}", font_family="system-ui, sans-serif",
    ) + "\n"


def write(record):
    DOCUMENT.write_text(text(record))
    PICTURE.write_text(svg(record))


if __name__ == "__main__":
    write(json.loads(RESULTS.read_text()))
