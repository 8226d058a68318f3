#!/usr/bin/env bash
# Two halves of the tests at once, for two cores: side_by_side.sh PYTHON fast | e2e
#   fast  those that need no server: those with a Spark session of their own beside all others
#   e2e   the longer ones on a local cloud beside all others, on a second one and on servers of their own
set -uo pipefail
python=$1
longer=(tests/e2e/browser tests/e2e/test_{demand_forecast,customer_churn,daily_run,deployment,ecs,faults,another_domain,replay,retail_inbox}.py)
case $2 in
fast) first=(-m "not e2e and spark") second=(-m "not e2e and not spark") ;;
e2e) first=(-m e2e "${longer[@]/#/--ignore=}") second=(-m e2e "${longer[@]}") ;;
*) echo "side_by_side.sh: fast or e2e, not '$2'" >&2 && exit 2 ;;
esac
log=$(mktemp)
trap 'rm -f "$log"' EXIT
HIGHWATER_E2E_PORTS=4660 "$python" -m pytest -q --durations=20 -p no:cacheprovider "${first[@]}" >"$log" 2>&1 &
"$python" -m pytest -q --durations=20 "${second[@]}"
seconds=$?
wait $!
firsts=$?
cat "$log"
exit $((seconds || firsts))
