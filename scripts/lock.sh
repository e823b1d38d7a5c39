#!/bin/sh
# Writes requirements.lock (what an installation needs) and requirements-dev.lock (that, the extra
# `learning` and the tools of `make test`) from pyproject.toml: newest versions allowed, hashes of
# every platform's files, no addresses. Set UPGRADE= to keep the versions that are locked wherever
# they still fit.
set -eu
cd "$(dirname "$0")/.."

uv=.cache/uv/bin/uv
if [ ! -x "$uv" ]; then
    .venv/bin/python -m venv .cache/uv
    .cache/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
fi

compile() {
    "$uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 ${UPGRADE---upgrade} \
        --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@"
}
compile --output-file requirements.lock >/dev/null
compile --output-file requirements-dev.lock --group dev --extra learning \
    --constraint requirements.lock >/dev/null
