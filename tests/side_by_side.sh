#!/usr/bin/env bash
# The tests that need no server, on two cores: those with a Spark session of their own beside all others.
set -uo pipefail
python=$1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$python" -m pytest -q -p no:cacheprovider -m "not e2e and spark" >"$log" 2>&1 &
"$python" -m pytest -q -m "not e2e and not spark"
others=$?
wait $!
spark=$?
cat "$log"
exit $((others || spark))
