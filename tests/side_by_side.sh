#!/usr/bin/env bash
# Parts of the tests at once, for two cores, because most of them wait now and then: side_by_side.sh PYTHON fast | e2e
#   fast  those that need no server: those with a Spark session of their own, those of tasks, all others
#   e2e   the longer ones on a local cloud, all others on a second one and on servers of their own
set -uo pipefail
python=$1
longer=(tests/e2e/browser tests/e2e/test_{demand_forecast,customer_churn,any_order,medallion_reconcile,lake_maintenance,daily_run,deployment,ecs,faults,another_domain,replay,retail_inbox}.py)
spark=(tests/{bench,contracts,jobs})
servers=(tests/{deployments,docker,e2e,local,warehouse}) # where marked tests are: see PLACES in conftest.py
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

behind=()
start() { # PORTS NICE ARGUMENTS...
  HIGHWATER_E2E_PORTS=$1 nice -n "$2" "$python" -m pytest -q --durations=20 -p no:cacheprovider "${@:3}" >"$log/${#behind[@]}" 2>&1 &
  behind+=($!)
}
polite=0
case $2 in
fast)
  polite=5 # Spark's part is one long chain: with a core of its own it ends with the others, and not minutes after them
  start 4660 0 "${spark[@]}" -m "not e2e and spark"
  start 4670 $polite tests/tasks -m "not e2e and not spark"
  last=(--ignore=tests/tasks --ignore=tests/e2e -m "not e2e and not spark")
  ;;
e2e)
  start 4660 0 "${servers[@]}" -m e2e "${longer[@]/#/--ignore=}"
  last=(-m e2e "${longer[@]}")
  ;;
*) echo "side_by_side.sh: fast or e2e, not '$2'" >&2 && exit 2 ;;
esac
nice -n $polite "$python" -m pytest -q --durations=20 -p no:cacheprovider "${last[@]}"
failed=$?
for part in "${!behind[@]}"; do
  wait "${behind[$part]}" || failed=1
  cat "$log/$part"
done
exit $failed
