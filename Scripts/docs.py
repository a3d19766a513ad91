#!/usr/bin/env python3
"""Writes the reference of what `import DeepEP` gives, by DocC, from modules that are built: `make docs`.

The modules that DeepEP exports are documented as one, since that is how a user sees them. A warning of DocC is an error.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
UMBRELLA = "DeepEP"


def exported_modules():
    text = (ROOT / "Sources/DeepEP/DeepEP.swift").read_text()
    return re.findall(r"@_exported import (\w+)", text)


def extract(module, folder):
    includes = [ROOT / ".build/release/Modules", ROOT / ".deepep/include"]
    includes += sorted((ROOT / "Sources").glob("*/include"))
    command = ["swift-symbolgraph-extract", "-module-name", module, "-output-dir", folder]
    command += ["-target", f"{os.uname().machine}-unknown-linux-gnu", "-minimum-access-level", "public"]
    command += ["-skip-inherited-docs", "-skip-synthesized-members"]
    command += [word for path in includes for word in ("-I", path)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        why = result.stdout.splitlines()[:1]
        sys.exit(f"docs: {module} cannot be read: {' '.join(why)}\n  build it first: swift build -c release")


def join(graph):
    """One module, and no parameters that the compiler fills in."""
    graph["module"]["name"] = UMBRELLA
    for symbol in graph["symbols"]:
        signature = symbol.get("functionSignature", {})
        if "parameters" in signature:
            signature["parameters"] = [p for p in signature["parameters"] if p["name"] not in ("file", "line")]
    return graph


def graphs(folder):
    for module in exported_modules():
        extract(module, folder)
    for number, path in enumerate(sorted(pathlib.Path(folder).glob("*.symbols.json"))):
        graph = join(json.loads(path.read_text()))
        path.unlink()
        pathlib.Path(folder, f"{UMBRELLA}-{number}.symbols.json").write_text(json.dumps(graph))


def main():
    output = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".build/docs")
    with tempfile.TemporaryDirectory() as folder:
        graphs(folder)
        shutil.rmtree(output, ignore_errors=True)
        command = ["docc", "convert", ROOT / "docs/DeepEP.docc", "--additional-symbol-graph-dir", folder]
        command += ["--output-path", output, "--warnings-as-errors"]
        command += ["--fallback-display-name", UMBRELLA, "--fallback-bundle-identifier", UMBRELLA]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        sys.exit(f"{result.stdout}\ndocs: DocC warns of the above; put it right")
    print(f"docs: the reference is in {output}; docc preview, or any server of files, shows it")


if __name__ == "__main__":
    main()
