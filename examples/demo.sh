#!/usr/bin/env bash
# The main job on the example catalogue and an embedded registry, in a copy that is thrown away.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -r "$here/catalog/." "$folder"
rm -rf "$folder/.reconciler"
cd "$folder"

# run WANTED_EXIT_CODE COMMAND…: shows a command, runs it, and insists on its exit code.
run() {
  local wanted=$1 code=0
  shift
  printf '\n$ %s\n' "$*"
  "$@" || code=$?
  if [ "$code" -ne "$wanted" ]; then
    echo "demo: exit code $code, wanted $wanted" >&2
    exit 1
  fi
}

echo "# The desired state: $(ls models | wc -l | tr -d ' ') files of manifests. The registry is empty."
run 2 reconciler plan --exit-code
echo; echo "# Make it so."
run 0 reconciler apply --yes
echo; echo "# A second plan has nothing to do."
run 0 reconciler plan --exit-code
echo; echo "# Somebody edits one price."
run 0 sed -i.bak 's/^    input: 0\.15 *$/    input: 0.20/' models/openai.yaml
rm -f models/openai.yaml.bak
echo; echo "# The plan shows exactly that."
run 2 reconciler plan --exit-code
