# The image of every process of a site: compose.yaml says which command each runs.
#
# The first stage installs what requirements.lock names, each file by its hash, as `make setup
# LOCK=requirements.lock` does; the second one takes that over and has neither compilers nor caches. Nothing runs as root, and nothing is written
# outside of var/ and outbox/.

FROM python:3.11-slim-trixie AS built
WORKDIR /srv/rejoinder
COPY requirements.lock ./
COPY scripts/setup.sh scripts/
RUN LOCK=requirements.lock sh scripts/setup.sh && rm -r scripts
COPY manage.py ./
COPY blog blog
COPY comments comments
COPY fixtures fixtures
RUN .venv/bin/python -m compileall -q blog comments \
    && .venv/bin/python manage.py collectstatic --noinput

FROM python:3.11-slim-trixie
# pg_dump and pg_restore, for manage.py backup and restore; not older than the server.
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /srv/rejoinder rejoinder
WORKDIR /srv/rejoinder
COPY --from=built /srv/rejoinder ./
RUN mkdir -p var/metrics outbox && chown -R rejoinder: var/metrics outbox
ENV PATH=/srv/rejoinder/.venv/bin:$PATH PYTHONUNBUFFERED=1
USER rejoinder
EXPOSE 8000 8001
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--workers", "2", "--no-work", "--no-stream"]
