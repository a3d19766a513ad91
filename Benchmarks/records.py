"""`results.json`: a record for each case on each class of processor."""

import json
import pathlib
import re

from cases import CASES

PATH = pathlib.Path(__file__).resolve().parent / "results.json"
FORMAT = 2


def read(path=PATH):
    content = json.loads(path.read_text())
    if content["format"] > FORMAT:
        raise ValueError(f"{path} has format {content['format']}; this program knows up to {FORMAT}")
    return content["records"]


def merged(old, new):
    """The records with new ones in the place of those of the same case and class of processor."""
    records = {key(record): record for record in old + new}
    return [records[place] for place in sorted(records)]


def key(record):
    order = list(CASES)
    name = record["case"]
    return record["class"], order.index(name) if name in order else len(order), name


def text(records):
    """The file: numbers rounded to six digits, lists of numbers on one line."""
    pretty = json.dumps({"format": FORMAT, "records": rounded(records)}, indent=1)
    return re.sub(r"\[[^][{}\"]*\]", lambda match: " ".join(match.group(0).split()), pretty) + "\n"


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value
