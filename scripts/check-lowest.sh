#!/bin/sh
# Run the tests with the oldest version of each dependency that pyproject.toml allows, in .venv-lowest.
# Arguments go to pytest. EXTRAS names what is installed; without "train" nothing needs TensorFlow.
# Types are checked by ./check alone: old stubs say less.
set -eu

unset PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME # as in ./check
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
environment=$root/.venv-lowest
PATH=$PATH:$root/.venv/bin # after ./check there is a uv, and a Python
export PATH

command -v uv >/dev/null || {
    echo "This needs uv, which can resolve to the lowest versions: run ./check first, or install it." >&2
    exit 1
}
if [ ! -x "$environment/bin/python" ]; then
    for python in ${PYTHON:+"$PYTHON"} python3.11 python; do
        ! command -v "$python" >/dev/null || uv venv --quiet --seed --python "$(command -v "$python")" "$environment" && break
    done
fi
uv pip install --quiet --python "$environment/bin/python" --resolution lowest-direct \
    -e ".[${EXTRAS:-all},test]"
PATH=$environment/bin:$PATH
exec pytest "$@"
