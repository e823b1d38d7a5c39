#!/bin/sh
# Serves the blog on 127.0.0.1 at the port that is the first argument. Everything that it makes
# is in var/. Variables that the caller has set (README) are used as they are.
set -eu
cd "$(dirname "$0")/.."
port=$1

case $port in
    '' | *[!0-9]* | ??????*)
        echo "PORT=$port is no port; one is a number from 1 to 65535." >&2
        exit 2
        ;;
esac
if [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; then
    echo "PORT=$port is no port; one is a number from 1 to 65535." >&2
    exit 2
fi

if [ -z "${SECRET_KEY:-}" ]; then
    mkdir -p var
    if [ ! -s var/secret_key ]; then
        # Written beside and moved, so that an interrupted run leaves no half of a key.
        (umask 077 && .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(50))' \
            >var/secret_key.new)
        mv var/secret_key.new var/secret_key
    fi
    SECRET_KEY=$(cat var/secret_key)
    export SECRET_KEY
fi
export SITE_URL="${SITE_URL:-http://127.0.0.1:$port}"

exec .venv/bin/python manage.py serve --first-run --port "$port"
