#!/bin/sh
# Run the tests with the oldest version of each dependency that pyproject.toml allows, in .venv-lowest.
# Arguments go to pytest. Types are checked by ./check alone: old stubs say less.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
environment=$root/.venv-lowest
python=${PYTHON:-python3.11}

command -v uv >/dev/null || {
    echo "This needs uv, which can resolve to the lowest versions: https://docs.astral.sh/uv/" >&2
    exit 1
}
[ -x "$environment/bin/python" ] || uv venv --quiet --seed --python "$python" "$environment"
uv pip install --quiet --python "$environment/bin/python" --resolution lowest-direct -e '.[all,test]'
PATH=$environment/bin:$PATH
export PATH
unset PYTHONUNBUFFERED PYTHONPATH PYTHONHOME
exec pytest "$@"
