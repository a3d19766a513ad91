"""A bar chart of records as SVG: speed as a multiple of PyTorch eager in fp32."""

from tables import by_processor, processor

WIDTH, LABELS, BAR, GAP = 760, 190, 18, 6
COLORS = {"deepep": "#d9531e", "pytorch": "#8a94a3"}
NAMES = {"deepep": "DeepEP", "pytorch": "PyTorch"}


def element(name, content="", **attributes):
    listed = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f"<{name}{listed}>{content}</{name}>"


def label(x, y, content, **attributes):
    return element("text", content, x=x, y=y, **attributes)


def bars_of(record):
    """Name, framework, tokens a second and multiple of each contestant."""
    figures = record["contestants"]
    rates = {name: one["tokens_per_second"]["median"] for name, one in figures.items()}
    base = rates.get("pytorch eager fp32") or rates["deepep fp32"]
    for name, value in rates.items():
        framework, *rest = name.split()
        yield " ".join([NAMES[framework], *rest]), framework, value, value / base


def panel(record, top, scale):
    """The bars of a record from a height on, and the height below them."""
    parts = [label(0, top + 14, f"{record['case']}, {processor(record)}", font_weight="bold")]
    y = top + 24
    for name, framework, tokens, multiple in bars_of(record):
        width = round(multiple * scale, 1)
        middle = y + BAR - 5
        parts.append(label(LABELS - 8, middle, name, text_anchor="end"))
        parts.append(element("rect", x=LABELS, y=y, width=width, height=BAR, rx=2, fill=COLORS[framework]))
        parts.append(label(LABELS + width + 6, middle, f"{multiple:.2f}  ({tokens:.0f} tokens/s)"))
        y += BAR + GAP
    return parts, y + 14


def svg(records):
    """The chart of the jobs that have names."""
    named = [record for group in by_processor(records) for record in group if record["case"].startswith("gpt")]
    most = max((multiple for record in named for *_, multiple in bars_of(record)), default=1)
    scale = (WIDTH - LABELS - 165) / most
    parts, y = [label(0, 16, "Speed of a training step; PyTorch eager in fp32 is 1", font_weight="bold")], 30
    for record in named:
        drawn, y = panel(record, y, scale)
        parts += drawn
    background = element("rect", x=-12, y=-8, width=WIDTH + 24, height=y + 8, fill="#ffffff")
    content = "\n".join(["", background, *parts, ""])
    return element(
        "svg", content, xmlns="http://www.w3.org/2000/svg", viewBox=f"-12 -8 {WIDTH + 24} {y + 8}",
        font_family="system-ui, sans-serif", font_size=13, fill="#1f2933",
    ) + "\n"
