#!/bin/bash
# Brings what tests run beside deepep: from Debian the launchers of Open MPI, MPICH and Slurm, and zsh; from PyPI TensorBoard.
# Without them those tests are left out, so a machine where they cannot be had is told, and goes on.
set -uo pipefail
cd "$(dirname "$0")/.."
packages=(openmpi-bin mpich slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge zsh)

debian() {
  local missing=() package line
  for package in "${packages[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      missing+=("$package")
  done
  ((${#missing[@]})) || return
  line="apt-get install -y --no-install-recommends ${missing[*]}"
  if [[ $EUID -ne 0 ]]; then
    echo "test-peers: tests of ${missing[*]} are left out; as root run: apt-get update && $line"
  elif ! { apt-get update && DEBIAN_FRONTEND=noninteractive $line; } >/dev/null 2>&1; then
    echo "test-peers: could not install ${missing[*]}: their tests are left out"
  fi
}

tensorboard() {
  local folder=.deepep/tensorboard
  [[ -e $folder/installed ]] && return
  if python3 -m venv "$folder" && "$folder/bin/pip" install --quiet tensorboard==2.21.0; then
    touch "$folder/installed"
  else
    rm -rf "$folder"
    echo "test-peers: could not install tensorboard: its test is left out"
  fi 2>/dev/null
}

debian
tensorboard
