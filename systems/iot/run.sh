#!/usr/bin/env bash
# 10,000 sensors, a topic, a run every two seconds, kill -9 of broker and runs; and the proof that nothing was
# lost or doubled. In build/demo/iot. Arguments go to play.py: --seconds 300 --kills 50
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
if [[ -z ${WEIR_BIN:-} ]]; then
  "$root/dev" build dev weir
  export WEIR_BIN=$root/build/dev/bin/weir
fi
"$root/dev" setup >/dev/null 2>&1
export DELTA_EXTENSION=$root/build/deps/test-extensions/delta.duckdb_extension
exec "$root/build/deps/python-tests/bin/python" "$here/play.py" "$root/build/demo/iot" "$@"
