# Learning to See: every verb of the project. `make` alone lists them.
PYTHON ?= python3
PORT ?= 8000
run := .venv/bin/python -m

.DEFAULT_GOAL := help
.PHONY: help setup book test check lab serve bench systems outputs normalise new-lecture repository backbone verification lock clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv with everything the book, the lab and the tests need
	@command -v $(PYTHON) > /dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or newer, or say make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) tools/set_up.py

book: setup ## run the lectures that changed and build the site into _build/html
	@$(run) tools.run_lectures --stale
	@$(run) tools.build_site

test: setup ## run every check and test: lint, package, lectures, site, browser
	@$(run) tools.run_tests

check: setup ## lint, format, import order, notebook rules, addresses: a few seconds
	@$(run) tools.check

lab: setup ## open the lectures in JupyterLab
	@.venv/bin/jupyter lab --notebook-dir=lectures

serve: ## serve the built site: make serve PORT=8000
	@$(run) tools.serve $(PORT)

bench: setup ## measure speed and budgets
	@for file in benchmarks/*.py; do echo "== $$file"; $(run) "$$(echo $${file%.py} | tr / .)" || exit 1; done

systems: setup ## compute the appendix's table of all systems, after make book: half a minute
	@$(run) benchmarks.systems --write

outputs: setup ## run one lecture and store its checked text outputs: make outputs LECTURE=04_convolutions
	@$(run) tools.store_outputs $(LECTURE)

normalise: setup ## bring every notebook into the form in which it is committed
	@$(run) tools.normalise

new-lecture: setup ## lay out a lecture that passes every check: make new-lecture NAME=16_title
	@$(run) tools.new_lecture $(NAME)

repository: setup ## change the project's address everywhere: make repository URL=https://github.com/owner/name
	@$(run) tools.repository $(URL)

backbone: setup ## train the weights that ship with the book once more: about three minutes
	@$(run) tools.pretrain_backbone

verification: setup ## measure the losses of lecture 09 once more: about twenty minutes
	@$(run) tools.measure_verification

lock: setup ## pin every dependency of pyproject.toml in requirements.txt: make lock [UPGRADE=1]
	@echo '-e .[book,test]' | .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header \
		--no-emit-index-url --annotation-style line $(if $(UPGRADE),--upgrade) --output-file requirements.txt -

clean: ## remove what was built; .venv and node_modules stay
	rm -rf _build build .ruff_cache .hypothesis
