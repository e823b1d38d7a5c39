# make run    shows the blog with its comments on http://127.0.0.1:8000/ (PORT=8001 for another port)
# make test   runs every check and every test, and says at the end what each came to
# make bench  measures every target of speed and size, and prints one table (BENCH=--help)
# make setup  only installs what they need into .venv: the versions of requirements-dev.lock
#             (make setup LOCK=requirements.lock: only what a site in production runs with)
# make lock   writes both lock files anew, after a change of the dependencies in pyproject.toml
#
# Python 3.11 or newer with its venv module is all that has to be there.

PORT ?= 8000
# Options of the table, as BENCH="--comments 100000 --load-seconds 3600"
BENCH ?=

.PHONY: run test bench setup lock

run: setup
	@exec sh scripts/run.sh "$(PORT)"

test: setup
	@exec .venv/bin/python scripts/check.py

bench: setup
	@exec .venv/bin/python tests/benchmarks/table.py $(BENCH)

setup:
	@sh scripts/setup.sh

lock: setup
	@sh scripts/lock.sh
