#!/bin/sh
# Robust training from the command line, its options from a file; then how far the run holds beside a plain one.
#   sh examples/command_line.sh [FOLDER]
# ENCODER=... and MORE="..." (further options of `train`) change what is trained; the default needs no download but the
# packages themselves.
set -eu
here=$(dirname "$0")
runs=${1:-runs}
train() {
  xtremor train --config "$here/run.toml" --encoder "${ENCODER:-starter}" --evaluate ${MORE:-} "$@"
}
train --method freelb --radius 0.01 --steps 3 --output "$runs/freelb"
train --method plain --output "$runs/plain"
xtremor attack "$runs/freelb" "$runs/plain" --languages en,de --limit 20 --radii 0.01,0.1 --output "$runs/attack"
xtremor report "$runs/freelb" "$runs/plain" --output "$runs/report"
echo "done: open $runs/attack/attack.html and $runs/report/index.html in a browser"
