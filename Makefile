# Works on a bare machine with python3 (3.11 or newer), pip and make: no uv, no compiler, only a package index.
.DEFAULT_GOAL := help
SHELL   := /bin/sh
VENV    ?= .venv
BIN     := $(VENV)/bin
PY      := $(BIN)/python
PORT    ?= 8000
PYTHON  ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3,11))' 2>/dev/null && { echo $$p; break; }; done)
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS ?= 1
export UV_LINK_MODE ?= copy
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Compiled once for all processes, and not beside the sources.
export PYTHONPYCACHEPREFIX ?= $(abspath $(VENV))/bytecode
unexport PYTHONDONTWRITEBYTECODE

# install FILE: uv when it can be had, plain pip otherwise; hashes are checked either way
define install
	@set -e; if command -v uv >/dev/null 2>&1; then UV=uv; \
	elif [ -x $(BIN)/uv ] || $(PYTHON) -m pip --python $(PY) install -q uv >/dev/null 2>&1; then UV=$(BIN)/uv; else UV=; fi; \
	if [ -n "$$UV" ] && $$UV pip install -q --python $(PY) --require-hashes -r $(1); then :; \
	else echo 'uv could not install; using pip'; $(PYTHON) -m pip --python $(PY) install -q --require-hashes -r $(1); fi
endef

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*## /\t/' | expand -t 12

$(PY):
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed (Debian: apt-get install python3 python3-pip make)'; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo 'pip is needed (Debian: apt-get install python3-pip)'; exit 1; }
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.base: requirements/base.txt | $(PY)
	$(call install,requirements/base.txt)
	@touch $@
$(VENV)/.test: requirements/test.txt $(VENV)/.base
	$(call install,requirements/test.txt)
	@touch $@
$(VENV)/.dev: requirements/dev.txt $(VENV)/.test
	$(call install,requirements/dev.txt)
	@touch $@
$(VENV)/.prod: requirements/prod.txt $(VENV)/.base
	$(call install,requirements/prod.txt)
	@touch $@

install: $(VENV)/.base ## create .venv with what the product needs
demo: export SPENDTRACKR_MODE := demo
demo: $(VENV)/.base ## a filled demo on this machine; PORT=8000
	@$(PY) manage.py serve --bind 127.0.0.1:$(PORT) --dry-run
	$(PY) manage.py migrate -v0
	$(PY) manage.py seed --port $(PORT)
	$(PY) manage.py serve --bind 127.0.0.1:$(PORT)
verify: export SPENDTRACKR_MODE := demo
verify: $(VENV)/.base ## check the books of the demo
	$(PY) manage.py verify
test: $(VENV)/.test ## the whole suite on SQLite
	$(PY) -m pytest -n auto
check: export SPENDTRACKR_MODE := test
check: $(VENV)/.dev ## linters, types, import line, migrations, contract, deployment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py spectacular --validate --fail-on-warn --file /dev/null
	SPENDTRACKR_MODE=production SECRET_KEY=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))') ALLOWED_HOSTS=spend.example.com \
	  $(PY) manage.py check --deploy --fail-level WARNING
contract: $(VENV)/.test ## the contract against a real server, by four roles; an hour, or ARGS="--role key --phases coverage"
	$(PY) -m tests.contract $(ARGS)
e2e: $(VENV)/.dev ## browser tests; needs chromium
	$(PY) -m pytest -m e2e -n auto --nomigrations tests/e2e
format: $(VENV)/.dev ## format the code
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .
prod-env: $(VENV)/.prod ## MySQL and Redis clients too; needs a compiler and libmariadb-dev
lock: $(VENV)/.base ## pin requirements/*.txt again; needs uv
	set -e; for t in 'base' 'prod -c requirements/base.txt --extra mysql --extra redis --extra s3 --extra gcs' 'test -c requirements/base.txt --group test' 'dev -c requirements/test.txt --group test --group dev'; do set -- $$t; n=$$1; shift; \
	UV=$$(command -v uv || echo $(BIN)/uv); $$UV pip compile -q --universal --python-version 3.11 --generate-hashes pyproject.toml "$$@" -o requirements/$$n.txt; done
	@! grep -nE 'https?://' requirements/*.txt
clean: ## remove .venv and the demo's data
	rm -rf $(VENV) var
.PHONY: help install demo verify test check contract e2e format prod-env lock clean
