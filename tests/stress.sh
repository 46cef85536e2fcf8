#!/usr/bin/env bash
# Runs the whole suite several times while every core is busy: tests/stress.sh [RUNS] [TEST ARGUMENTS…]
#
# Finds tests that depend on timing or chance. Each run has a deadline. The load ends with this script, however the script
# ends.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${1:-10}
shift || true
minutes_a_run=30

cargo test --locked --no-run

started=()
trap 'kill "${started[@]}" 2>/dev/null || true' EXIT
for _ in $(seq "$(nproc)"); do
    # Checks from time to time whether the script still runs.
    (while kill -0 $$ 2>/dev/null; do for ((i = 0; i < 200000; i++)); do :; done; done) &
    started+=($!)
done

for run in $(seq "$runs"); do
    echo "run $run of $runs"
    timeout --kill-after=30s "${minutes_a_run}m" cargo test --locked "$@" &
    started+=($!)
    if ! wait $!; then
        echo "run $run of $runs failed, or took more than $minutes_a_run minutes" >&2
        exit 1
    fi
done
echo "$runs runs passed while $(nproc) cores were busy"
