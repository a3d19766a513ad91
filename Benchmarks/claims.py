"""`docs/claims.md`: what the description that this project started from states, and what is so.

`claims.json` has the stated figures. Each has rows of ours: a figure of `results.json` that is named by
its case, contestants and quantity; or a text, for what something else measured or simulated; or neither.
"""

import json
import pathlib

import tables

PATH = pathlib.Path(__file__).resolve().parent / "claims.json"
STATUSES = ("measured", "simulated", "not yet")
HEADER = ["stated", "ours", "status", "of what", "baseline", "command"]
NOBODY = ["–", "not yet", "no run of it is recorded", "–", "–"]
INTRODUCTION = """# Claims

Written by `make claims` from `Benchmarks/claims.json` and `Benchmarks/results.json`; do not edit it. Each
figure of the description that this project started from, and ours beside it. *Measured* is what ran on
the machine named; *simulated* is what the simulator says of machines that nobody had at hand; *not yet*
is what cannot be run yet. A figure of another workload than the stated one says so, and does not stand for it.
"""


def read(path=PATH):
    claims = json.loads(path.read_text())["claims"]
    for claim in claims:
        for row in claim["ours"]:
            if row["status"] not in STATUSES:
                raise ValueError(f"{path}: '{row['status']}' is none of {', '.join(STATUSES)}")
    return claims


def measured(source, record):
    """The figure of a comparison, and its baseline."""
    name = source["precision"]
    if source["baseline"] == "better":
        one = tables.better_mode(record, name)
    else:
        one = tables.compared(record, f"deepep {name}", f"{source['baseline']} {name}")
    if one is None:
        return None
    value = one[source["quantity"]]
    median = value["median"] if isinstance(value, dict) else value
    if source["quantity"] == "speed":
        return tables.ratio(value), one["to"]
    return f"{(median - 1) * 100:+.0f} %".replace("-", "−"), one["to"]


def rows_of(row, records):
    """The lines of a row: one for each processor that has the figure."""
    source = row.get("source")
    if not source:
        yield [row.get("figure", "–"), row["status"], row["what"], row["baseline"], command(row.get("command"))]
        return
    for record in records:
        found = measured(source, record) if record["case"] == source["case"] else None
        if found:
            what = f"{row['what']}; {tables.processor(record)}, {record['date']}"
            yield [found[0], "measured", what, found[1], command(record["command"])]


def command(text):
    return f"`{text}`" if text else "–"


def lines_of(claim, records):
    """The lines of a claim; the first one has what is stated."""
    rows = [line for row in claim["ours"] for line in rows_of(row, records)] or [NOBODY]
    stated = f"{claim['title']}: **{claim['stated']}**"
    return [["" if index else stated, *row] for index, row in enumerate(rows)]


def text(claims, records):
    lines = [line for claim in claims for line in lines_of(claim, records)]
    return f"{INTRODUCTION}\n{tables.markdown(HEADER, lines)}\n"
