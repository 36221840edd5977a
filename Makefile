# The short commands. Each calls `python -m colorlib`, which also works where make is missing.
#
#   PROFILE=smoke            seven bundled photos and few training steps: minutes instead of an hour
#   PHOTOS=folder:~/Pictures your own photos, or another collection: unsplash36 (the default), bsds500, imagenet800, bundled
#
# An active environment (venv or conda) that has what the report needs is used as it is. Otherwise .venv is set up from
# the versions in constraints.txt, and again only when those or pyproject.toml change. Compiling to bytecode afterward uses
# all processors, where pip uses one; errors from template files that are not valid Python are ignored.

PROFILE ?= full
PHOTOS ?=
COUNT ?= 10000
KILLS ?= 20

PYTHON := .venv/bin/python
SETUP := .venv/ready
ifneq ($(VIRTUAL_ENV)$(CONDA_PREFIX),)
ifeq ($(shell python -m colorlib check >/dev/null 2>&1 && echo yes),yes)
PYTHON := python
SETUP :=
endif
endif
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))

.DEFAULT_GOAL := help
.PHONY: help report site pdf test test-long check lint format lab data weights wheel bench fuzz publish clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18
	@printf '\nOptions of report and lab: PROFILE=smoke (quick), PHOTOS=folder:~/Pictures (your own photos).\n'

report: $(SETUP)  ## Make every figure, table and number again, and the site (PROFILE=smoke, PHOTOS=...)
	@$(PYTHON) -m colorlib report --profile "$(PROFILE)" $(if $(PHOTOS),--photos "$(PHOTOS)")

site: $(SETUP)  ## Build the site from what is committed, executing nothing
	@$(PYTHON) -m colorlib site

pdf: site  ## Print the chapters of that site into build/report.pdf, with Chromium
	@$(PYTHON) tools/pdf.py

test: $(SETUP)  ## Test the library, the notebooks and the report, in the smoke profile
	@$(PYTHON) -m pytest -m "not long" -n auto --maxprocesses 4 --nbval-lax --nbval-current-env notebooks tests colorlib

test-long: $(SETUP)  ## Test what takes minutes more: browsers, clusters, installing, kills, odd reports, solutions
	@$(PYTHON) -m pytest -m long -n auto --maxprocesses 4 --nbval-lax --nbval-current-env notebooks tests

check: $(SETUP)  ## Run only the unit tests, in a minute
	@$(PYTHON) -m pytest -m "not slow and not long" -n auto --maxprocesses 4 tests colorlib

lint: $(SETUP)  ## Check style, formatting and types; prints nothing if all is well
	@failed=; for tool in "ruff check --quiet" "ruff format --check --quiet" "mypy --no-error-summary"; do \
	  $(PYTHON) -m $$tool || failed="$$failed$$tool, "; done; \
	if [ "$$failed" ]; then echo "error: not clean: $${failed%, }" >&2; exit 1; fi

format: $(SETUP)  ## Format the code, and fix what can be fixed automatically
	@$(PYTHON) -m ruff check --fix; $(PYTHON) -m ruff format

lab: $(SETUP)  ## Open the notebooks in JupyterLab (PROFILE=smoke, PHOTOS=...)
	@photos="$(or $(PHOTOS),$$COLORLIB_PHOTOS)"; case "$$photos" in folder:/* | folder:~*) ;; \
	  folder:*) photos="folder:$(CURDIR)/$${photos#folder:}" ;; esac; \
	COLORLIB_PROFILE="$(PROFILE)" COLORLIB_PHOTOS="$$photos" $(PYTHON) -m jupyterlab notebooks

data: $(SETUP)  ## Download all photos now, for working offline later
	@$(PYTHON) -m colorlib data

weights: $(SETUP)  ## Train the network that ships in weights/, score it, write its model card (resumable)
	@$(PYTHON) -m colorlib weights

# Setuptools keeps what it copied to build/lib, files that are gone from the library too: so that goes first.
wheel: $(SETUP)  ## Build the wheel, which colors photos without the repository, into build/dist
	@rm -rf build/lib build/bdist.* build/dist
	@$(PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir build/dist .
	@rm -rf build/lib build/bdist.*
	@ls build/dist/*.whl

bench: $(SETUP)  ## Time this library against what you would use instead
	@for script in $(filter-out benchmarks/recipe.py benchmarks/hint_branch.py,$(wildcard benchmarks/*.py)); do echo "$$script"; $(PYTHON) "$$script" || exit 1; done

fuzz: $(SETUP)  ## Color damaged files, try faults of the machine, write the page on it (COUNT=10000, KILLS=20)
	@PYTHONPATH="tests:$(PYTHONPATH)" $(PYTHON) -m fuzz --count "$(COUNT)" --kills "$(KILLS)"

publish: $(SETUP)  ## Copy the notebooks of the last full run into notebooks/, for a commit
	@$(PYTHON) -m colorlib publish

clean:  ## Remove what was built; keeps .venv and the photos
	rm -rf build

.venv/ready: pyproject.toml constraints.txt
	@if [ "$$(cat $^ | cksum)" = "$$(cat $@ 2>/dev/null)" ]; then touch $@; exit 0; fi; \
	for candidate in python3.11 python3.12 python3.13 python3 python; do \
	  if $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
	    base=$$candidate; break; fi; done; \
	if [ -z "$$base" ]; then echo "error: no Python 3.11, 3.12 or 3.13 found: install one first" >&2; exit 1; fi; \
	echo "Setting up .venv with $$base: a download of some 840 MB, once"; \
	$$base -m venv .venv && \
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[report,test]' && \
	{ $(PYTHON) -m compileall -qq -j 0 .venv/lib || true; } && \
	cat $^ | cksum > $@
