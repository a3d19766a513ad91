#!/bin/bash
# Brings a PyTorch for the benchmarks into .deepep/torch/, unless python3 has one or pip cannot get it.
# The build for processors is taken where pip finds it; the ordinary one brings several gigabytes.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=2.13.0
folder="$PWD/.deepep/torch"
python=/usr/bin/python3

has_torch() { "$1" -c 'import numpy, torch' 2>/dev/null; }
install() { "$python" -m pip --python "$folder/bin/python" install --quiet --disable-pip-version-check "$@"; }

if has_torch python3 || has_torch "$folder/bin/python"; then exit 0; fi
echo "benchmark: bringing PyTorch $version into .deepep/torch/"
start=$SECONDS
if "$python" -m venv --without-pip "$folder" &&
  { install "torch==$version+cpu" numpy || install "torch==$version" numpy; } && has_torch "$folder/bin/python"; then
  echo "benchmark: PyTorch is there, $(du -sm "$folder" | cut -f 1) MB, $((SECONDS - start)) s"
else
  rm -rf "$folder"
  echo "benchmark: pip cannot bring PyTorch; only DeepEP will be measured" >&2
fi
