#!/bin/bash
# Brings what DeepEP builds and runs with: Debian packages, and oneDNN under .deepep/.
# Safe to run again at any time; does nothing when everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."

folder="$PWD/.deepep"
wheels="$PWD/Scripts/wheels.txt"
python=/usr/bin/python3
packages=(libllvm22 libgomp1 libucx-dev bible-kjv bible-kjv-text python3 python3-pip)

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# phase NAME SIZE COMMAND...: runs the command, then says on one line what it was and took.
phase() {
  local name=$1 size=$2 start=$EPOCHREALTIME
  shift 2
  "$@"
  printf 'setup: %-34s %12s %8.2f s\n' "$name" "$($size)" \
    "$(((${EPOCHREALTIME/./} - ${start/./}) / 10000))e-2"
}

missing_packages() {
  local installed
  installed=" $(dpkg-query -W -f '${db:Status-Status}=${Package} ' "${packages[@]}" 2>/dev/null || true)"
  for package in "${packages[@]}"; do
    [[ $installed == *" installed=$package "* ]] || echo "$package"
  done
}

package_size() {
  dpkg-query -W -f '${Installed-Size}\n' "${packages[@]}" | awk '{ k += $1 } END { printf "%d MB", k / 1024 }'
}

install_packages() {
  local line="apt-get install -y --no-install-recommends $*"
  if [[ $EUID -ne 0 ]]; then
    fail "Debian packages are missing: $*" "run as root:  apt-get update && $line" "then run make setup again"
  fi
  local log
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive $line; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    fail "could not install $*: the output of apt-get is above"
  fi
  rm -f "$log"
}

onednn_size() { du -smL "$folder/lib" "$folder/include" | awk '{ m += $1 } END { printf "%d MB", m }'; }

# Everything is made aside in one folder and renamed into place, so an interrupted run leaves nothing
# that a later one takes for finished.
install_onednn() {
  local aside="$folder.partial.$$"
  trap 'rm -rf "$folder".partial.*' EXIT
  mkdir -p "$aside/wheels" "$aside/unpacked" "$aside/include" "$aside/lib"
  "$python" -m pip download --quiet --no-deps --require-hashes --only-binary :all: \
    --disable-pip-version-check --no-cache-dir --dest "$aside/wheels" --requirement "$wheels" ||
    fail "could not download oneDNN with pip: the reason is above; run make setup again"
  for wheel in "$aside"/wheels/*.whl; do "$python" -m zipfile -e "$wheel" "$aside/unpacked"; done
  cp -RL "$aside"/unpacked/*.data/data/include/. "$aside/include/"
  cp "$(find "$aside/unpacked" -name 'libdnnl.so.3*' -size +1M | sort | head -n 1)" "$aside/lib/libdnnl.so.3"
  cp "$wheels" "$aside/wheels.txt"
  rm -rf "$aside/wheels" "$aside/unpacked"
  record_paths "$aside/include"
  rm -rf "$folder"
  mv "$aside" "$folder"
}

onednn_is_here() {
  cmp -s "$wheels" "$folder/wheels.txt" && [[ -e $folder/include/oneapi/dnnl/dnnl.h ]] &&
    [[ -n $(find "$folder/lib/libdnnl.so.3" -size +1M 2>/dev/null) ]]
}

paths_line() { printf '#define DEEPEP_LIBRARY_FOLDER "%s"\n' "$folder/lib"; }

record_paths() {
  paths_line >"$1/deepep_paths.h.partial"
  mv "$1/deepep_paths.h.partial" "$1/deepep_paths.h"
}

text_size() { du -sm "$folder/kingjames.txt" | awk '{ printf "%d MB", $1 }'; }

make_text() {
  bible -f Gen1:1-Rev22:21 >"$folder/kingjames.txt.partial"
  mv "$folder/kingjames.txt.partial" "$folder/kingjames.txt"
}

[[ $(uname -m) == x86_64 ]] ||
  fail "oneDNN's wheels exist for x86_64 only; this machine is $(uname -m)" \
    "DeepEP needs an x86-64 processor with AVX2"
command -v swift >/dev/null || fail "no Swift toolchain: install Swift 6.3 and put it on PATH"

mapfile -t missing < <(missing_packages)
if ((${#missing[@]})); then
  phase "Debian: ${missing[*]}" package_size install_packages "${missing[@]}"
fi
if ! onednn_is_here; then
  phase "oneDNN 3.2 (PyPI wheels)" onednn_size install_onednn
fi
# The folder is compiled in, so a checkout that was moved records its new place.
if [[ $(cat "$folder/include/deepep_paths.h" 2>/dev/null) != "$(paths_line)" ]]; then
  phase "new place of the checkout" onednn_size record_paths "$folder/include"
fi
if [[ ! -s $folder/kingjames.txt ]]; then
  phase "King James text (bible-kjv)" text_size make_text
fi
echo "setup: complete"
