#!/bin/bash
# Refuses commits that say "perf:" and change no benchmark result; looks at every commit of the checkout.
# Where there is no history (an archive, no git), nothing can be said and nothing is refused. The oldest commits
# of a shallow clone have no parent to compare with, and are passed over.
#   Scripts/perf-commits.sh [FOLDER]
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

results=Benchmarks/results.json

pass() {
  echo "perf commits: $1"
  exit 0
}

[[ -e .git ]] || pass "no history here, nothing to check"
git rev-parse --quiet --verify HEAD >/dev/null 2>&1 || pass "git shows no history here, nothing to check"

shallow=$(git rev-parse --git-path shallow)
checked=0 refused=0
while read -r commit subject; do
  [[ $subject =~ ^perf(\([^\)]*\))?!?: ]] || continue
  if grep -qsx "$commit" "$shallow"; then
    echo "perf commits: ${commit:0:10} is the end of a shallow clone and cannot be checked"
    continue
  fi
  checked=$((checked + 1))
  if [[ -z $(git diff-tree -r -m --root --no-commit-id --name-only "$commit" -- "$results") ]]; then
    echo "perf commits: ${commit:0:10} \"$subject\" changes no figure in $results" >&2
    refused=$((refused + 1))
  fi
done < <(git log --format='%H %s')

if ((refused)); then
  echo "run make benchmark and commit $results with the change, or give the commit another title" >&2
  exit 1
fi
pass "$checked checked"
