"""Writes what is derived from `results.json`: the README's table, `docs/performance.md`, the chart, and `docs/claims.md`.

  python3 Benchmarks/report.py [--check]     (--check says what is out of date, and writes nothing)
"""

import pathlib
import sys

import chart
import claims
import records
import tables

ROOT = pathlib.Path(__file__).resolve().parent.parent
README, PERFORMANCE = ROOT / "README.md", ROOT / "docs/performance.md"
CHART, CLAIMS = ROOT / "docs/benchmark.svg", ROOT / "docs/claims.md"
BEGIN, END = "<!-- written by make benchmark -->", "<!-- end of what make benchmark writes -->"


def between_marks(document, content):
    """A document with what stands between its two marks replaced."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README} has no marks '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def documents():
    """Every derived file with what it should hold."""
    found, agreements = records.read(), records.agreements()
    return {
        README: between_marks(README.read_text(), tables.readme(found)),
        PERFORMANCE: tables.performance(found, agreements),
        CHART: chart.svg(found),
        CLAIMS: claims.text(claims.read(), found),
    }


def write():
    for path, content in documents().items():
        path.write_text(content)
        print(f"written: {path.relative_to(ROOT)}")


def stale():
    """The files that are not what they should be."""
    return [path for path, content in documents().items() if not path.exists() or path.read_text() != content]


def main():
    if sys.argv[1:] == ["--check"]:
        if names := [str(path.relative_to(ROOT)) for path in stale()]:
            sys.exit(f"out of date with Benchmarks/results.json: {', '.join(names)}; run make claims")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        write()


if __name__ == "__main__":
    main()
