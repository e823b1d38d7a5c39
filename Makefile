# make run    shows the blog with its comments on http://127.0.0.1:8000/ (PORT=8001 for another port)
# make test   runs every check and every test, and says at the end what each came to
# make setup  only installs what both need into .venv: the versions of requirements-dev.lock
# make lock   writes both lock files anew, after a change of the dependencies in pyproject.toml
#
# Python 3.11 or newer with its venv module is all that has to be there.

PORT ?= 8000

.PHONY: run test setup lock

run: setup
	@exec sh scripts/run.sh "$(PORT)"

test: setup
	@exec .venv/bin/python scripts/check.py

setup:
	@sh scripts/setup.sh

lock: setup
	@sh scripts/lock.sh
