"""`results.json`: a record for each case on each processor, and of each kind of agreement."""

import json
import pathlib
import re

from cases import CASES

PATH = pathlib.Path(__file__).resolve().parent / "results.json"
FORMAT = 3


def read(path=PATH):
    """The records of speed and memory."""
    return content(path)["records"]


def agreements(path=PATH):
    """The records of `make agreement`."""
    return content(path).get("agreements", [])  # a file of format 2 has none


def content(path):
    found = json.loads(path.read_text())
    if found["format"] > FORMAT:
        raise ValueError(f"{path} has format {found['format']}; this program knows up to {FORMAT}")
    return found


def add(records=(), agreements=(), path=PATH):
    """Writes the file with new records in the place of those of the same case, or kind, and processor."""
    found = content(path)
    both = found["records"] + list(records), found.get("agreements", []) + list(agreements)
    path.write_text(text(merged(both[0]), merged(both[1])))


def merged(records):
    """The last record of each case and processor, in the order of the cases."""
    last = {key(record): record for record in records}
    return [last[place] for place in sorted(last)]


def key(record):
    order = list(CASES)
    name = record.get("kind") or record["case"]
    return record["class"], record["processor"], order.index(name) if name in order else len(order), name


def text(records, agreements):
    """The file: numbers rounded to six digits, lists of numbers on one line."""
    pretty = json.dumps(rounded({"format": FORMAT, "records": records, "agreements": agreements}), indent=1)
    return re.sub(r"\[[^][{}\"]*\]", lambda match: " ".join(match.group(0).split()), pretty) + "\n"


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value
