#!/usr/bin/env bash
# Two halves of the tests at once, for two cores: side_by_side.sh PYTHON fast | e2e
#   fast  those that need no server: those with a Spark session of their own beside all others
#   e2e   those on the one local cloud beside those with servers of their own
set -uo pipefail
python=$1
case $2 in
fast) first=(-m "not e2e and spark") second=(-m "not e2e and not spark") ;;
e2e) first=(-m e2e --ignore=tests/e2e) second=(-m e2e tests/e2e) ;;
*) echo "side_by_side.sh: fast or e2e, not '$2'" >&2 && exit 2 ;;
esac
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$python" -m pytest -q -p no:cacheprovider "${first[@]}" >"$log" 2>&1 &
"$python" -m pytest -q "${second[@]}"
seconds=$?
wait $!
firsts=$?
cat "$log"
exit $((seconds || firsts))
