#!/bin/sh
# Makes .venv hold exactly what a lock file names; does nothing where it already does.
# LOCK=requirements.lock: what a site runs with, and none of the tools of `make test`.
set -eu
cd "$(dirname "$0")/.."

lock=${LOCK:-requirements-dev.lock}
installed=.venv/installed.lock # a copy of the lock that .venv was made from
if cmp -s "$lock" "$installed" && .venv/bin/python -c ''; then
    exit 0
fi

if [ ! -f "$lock" ]; then
    echo "setup: LOCK=$lock is no file; there are requirements.lock and requirements-dev.lock." >&2
    exit 2
fi

# A name that is on the PATH may still not run (a shim of a version manager), so each is tried.
python=
without_venv=
for candidate in python3.13 python3.12 python3.11 python3; do
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
        python=$candidate
        break
    fi
    without_venv=${without_venv:-$candidate}
done
if [ -z "$python" ] && [ -n "$without_venv" ]; then
    echo "setup: $without_venv lacks its venv module (on Debian: apt-get install python3-venv)." >&2
    exit 1
fi
if [ -z "$python" ]; then
    echo "setup: Python 3.11 or newer is needed, and none was found on the PATH." >&2
    exit 1
fi

echo "setup: making .venv with $("$python" --version) ..."
"$python" -m venv --clear .venv
echo "setup: installing $(grep -c '^[a-z]' "$lock") packages from $lock (once; a minute or two) ..."
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-input \
    --only-binary :all: --require-hashes --requirement "$lock"
cp "$lock" "$installed"
echo "setup: done."
