# One command each. A fresh machine needs Python 3.11 or newer and the package registries; every
# target sets up what it needs, once: the second run needs no network.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin
KAFKA_LIB := tests/kafka/lib
HELM := v3.21.4
SERVED := broker or browser or postgres or release
SERVED_IN := tests/broker tests/browser tests/faults tests/kafka tests/postgres tests/repository/test_release.py

.DEFAULT_GOAL := help
.PHONY: chart-tools compose-config object-store promtool help setup metrics demo demo-consent demo-gateways test coverage unit lint format docs bench bench-analysts bench-call-page bench-console bench-damage bench-delay bench-detection bench-dtmf bench-encryption bench-gateway bench-margins bench-mishearings bench-muting bench-peers bench-pipeline bench-refusals bench-scaling bench-verification bench-transcription bench-word-times samples consent-samples kafka chaos soak fuzz nightly mutation audit lock licences release reader bench-reader consent-reader bench-consent speaker-words bench-speakers test-reader readers vcon-reader asyncapi-schema clean simulate screenshots settings site
.DELETE_ON_ERROR:

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: .venv/.dev ## Create .venv with everything for development

demo: .venv/.run ## Redact the eight sample calls and write the HTML report
	@echo "Demo: loading the program and its models"
	@$(BIN)/python -m benchmarks.demo

screenshots: .venv/.dev ## Take the README's pictures of the console, of made-up calls
	@HUSHWIRE_SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest -q tests/browser/test_screenshots.py

demo-consent: .venv/.run ## Take a call of each outcome of consent, and prove what is left of them
	@echo "Demo: loading the program and its models"
	@$(BIN)/python -m benchmarks.consent.demo

demo-gateways: .venv/.run ## Let one call come in by every gateway, and compare each with redact
	@echo "Demo: loading the program and its models"
	@$(BIN)/python -m benchmarks.gateways.demo $(if $(SAMPLE),--sample $(SAMPLE))

test: .venv/.dev ## Run every test but the long ones, also on Apache Kafka and PostgreSQL where they can be had
	@.ci/need jq jq && .ci/need curl curl || .ci/missing "SOME COMMANDS OF THE DOCS WILL FAIL: no jq or no curl here."
	@.ci/need chromium-headless-shell chromium-headless-shell || .ci/need chromium chromium || \
	  .ci/missing "THE BROWSER TESTS WILL FAIL: no chromium here."
	@$(MAKE) --no-print-directory kafka || .ci/missing "APACHE KAFKA ITSELF IS NOT TESTED: its set-up failed (above). The same tests run on the embedded broker only."
	@.ci/need pg_ctlcluster postgresql || .ci/missing "POSTGRESQL IS NOT TESTED: it can't be had here (above). The same tests run on SQLite only."
	@$(MAKE) --no-print-directory asyncapi-schema || .ci/missing "docs/asyncapi.yaml IS NOT CHECKED BY ASYNCAPI'S OWN SCHEMA: its set-up failed (above)."
	@$(MAKE) --no-print-directory readers || .ci/missing "NO EXPORT IS READ BY OTHERS' PACKAGES: their set-up failed (above)."
	@$(MAKE) --no-print-directory vcon-reader || .ci/missing "NO VCON IS READ BY THE PACKAGE vcon: its set-up failed (above)."
	@$(MAKE) --no-print-directory promtool || .ci/missing "NO ALARM IS TRIED: promtool can't be had here (above)."
	@$(MAKE) --no-print-directory compose-config || .ci/missing "docker-compose.yml IS NOT READ BY COMPOSE'S OWN LIBRARY: its set-up failed (above)."
	@$(MAKE) --no-print-directory chart-tools || .ci/missing "THE HELM CHART IS NOT RENDERED AND NOT CHECKED: helm can't be had here (above)."
	@# What needs brokers, servers and pages mostly waits: it runs beside the rest, two files at a time, and
	@# goes first where both want a core, so that no test of it takes much longer than alone.
	@# Compiled code is kept, whatever the environment says: each process would compile all anew.
	@# One thread each: those of a model would spin while they wait for a core that another test has.
	@mkdir -p build; export PYTHONDONTWRITEBYTECODE= PYTEST_DEBUG_TEMPROOT=$$(.ci/memory) \
	  OMP_NUM_THREADS=1; $(BIN)/python -m pytest $(SERVED_IN) -m "($(SERVED)) and not nightly" \
	  -n 2 --dist loadfile --no-loadscope-reorder --durations 25 > build/served.log 2>&1 & \
	  served=$$!; nice -n 10 $(BIN)/python -m pytest -m "not ($(SERVED)) and not nightly" \
	  -n 2 --dist loadfile --no-loadscope-reorder --durations 25; \
	  rest=$$?; wait $$served; served=$$?; cat build/served.log; \
	  [ $$rest -eq 0 ] && [ $$served -eq 0 ]

coverage: .venv/.dev ## Say which branches the tests without a broker, a server or a page go through
	@mkdir -p build
	COVERAGE_FILE=build/.coverage OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile \
	  -m "not ($(SERVED)) and not nightly" \
	  --cov pipeline --cov agents --cov models --cov console --cov-branch --cov-report json:build/coverage.json
	@$(BIN)/python -c "import json; one = json.load(open('build/coverage.json'))['totals']; \
	  print('branches', one['covered_branches'], 'of', one['num_branches'], \
	  '- lines', one['covered_lines'], 'of', one['num_statements'])"

unit: .venv/.dev ## Run the tests that need no process, no socket and no model
	$(BIN)/python -m pytest -q -m "unit and not nightly"

lint: .venv/.dev ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

settings: .venv/.dev ## Write docs/settings.md, and the settings that the chart knows, as the program has them
	$(BIN)/python -m agents settings --markdown > docs/settings.md
	$(BIN)/python .ci/chart_settings.py

metrics: .venv/.dev ## Write docs/metrics.md: every metric, as the programs have it
	$(BIN)/python -m console.http.metrics_page > docs/metrics.md

site: .venv/.dev ## Build the documentation as a site that needs no network: build/site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "build/site/index.html"

docs: .venv/.dev ## Check links, commands and settings that README and docs name
	$(BIN)/python -m pytest -q tests/repository/test_docs.py tests/repository/test_blocks.py tests/repository/test_site.py

bench: .venv/.dev ## Measure leaks on the sample calls, and speed against bare faster-whisper
	$(BIN)/python -m benchmarks

bench-call-page: .venv/.dev ## Measure first paint and seeks of a one-hour call in the browser
	$(BIN)/python -m benchmarks.console.call_page

bench-damage: .venv/.dev ## Measure what can still be heard of calls over damaged lines
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.damage

bench-delay: .venv/.dev ## Measure how soon live calls are released, at several loads and paces
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.cost.releases

bench-detection: .venv/.dev ## Measure detection on the labelled texts, against plain Presidio
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.detection

bench-dtmf: .venv/.dev ## Measure how surely keys are heard, false alarms on speech, and the cost
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.key_tones

bench-margins: .venv/.dev ## Measure what each margin and rule costs of harmless speech (needs flite, festival)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.margins --fresh 16

bench-mishearings: .venv/.dev ## Measure what detection makes of hearings that disagree, on made-up ones
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.calls.mishearings

bench-muting: .venv/.dev ## Measure muting alone: speed, samples changed, sensitive time silenced
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.muting

bench-verification: .venv/.dev ## Measure the verify stage on leaks planted in the sample calls
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.verification

bench-transcription: .venv/.dev ## Measure the transcription stage: cost, digits left out, word error
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.transcription

bench-analysts: .venv/.dev ## Have 20 analysts work on one server for 5 minutes: errors, and how slow it gets
	$(BIN)/python -m benchmarks.console.analysts $(if $(SECONDS),--seconds $(SECONDS))

bench-console: .venv/.dev ## Measure lists and search over 100,000 calls on SQLite and PostgreSQL
	@.ci/need pg_ctlcluster postgresql || echo "POSTGRESQL IS NOT MEASURED: it can't be had here (above)." >&2
	$(BIN)/python -m benchmarks.console.scale $(if $(CALLS),--calls $(CALLS))

bench-encryption: .venv/.dev ## Measure what encryption costs of a whole run
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.cost.encryption

bench-gateway: .venv/.dev ## Measure the gateway under 400 streams: order, delay, memory, cost
	$(BIN)/python -m benchmarks.gateways $(if $(STREAMS),--streams $(STREAMS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(CHUNK),--chunk $(CHUNK))

bench-pipeline: .venv/.dev ## Measure cost by stage, memory, restart, takeover, growth; write docs/sizing.md
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.cost.pipeline --sizing docs/sizing.md

bench-scaling: .venv/.dev ## Simulate 100, 10,000 and 100,000 live calls from measured costs; write docs/scaling.md
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.cost.scaling.run --page docs/scaling.md

bench-refusals: .venv/.dev ## Measure how soon `hushwire redact` says that it can't, and `--help` what there is
	$(BIN)/python -m benchmarks.cost.refusals

bench-peers: .venv/.dev ## Measure the same calls and texts with Presidio and scrubadub (from PyPI)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.peers.compare

bench-word-times: .venv/.dev ## Measure how far spoken digits are misplaced, and the padding for it
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.word_times

samples: .venv/.dev ## Make the sample calls and their truth again from their seeds
	@.ci/need flite flite
	@.ci/need festival festival festvox-kallpc16k festvox-us-slt-hts
	$(BIN)/python -m benchmarks.calls.corpus --samples

consent-samples: .venv/.dev ## Make the calls of the consent demo and their truth again
	@.ci/need flite flite
	@.ci/need festival festival festvox-us-slt-hts
	@.ci/need espeak-ng espeak-ng
	$(BIN)/python -m benchmarks.consent.calls

kafka: $(KAFKA_LIB)/.stamp ## Fetch Apache Kafka for the tests (needs a JDK and Maven)

chaos: .venv/.dev ## Put 200 faults on running calls (about an hour); nothing may be lost
	$(BIN)/python -m tests.faults.chaos --faults 200 --calls 400

simulate: .venv/.dev ## Run 10,000 seeds of all stages in one process, under faults (about an hour)
	$(BIN)/python -m tests.simulation --seeds 10000 --processes 2

soak: .venv/.dev ## Run the pipeline for an hour at 70 % of its load; nothing may grow
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.soak

fuzz: .venv/.dev ## Look for inputs that break a reader of foreign bytes, a minute each
	$(BIN)/python -m tests.fuzz --seconds 60

nightly: .venv/.dev ## Run what takes long: everything on Apache Kafka, soak, chaos, simulation, fuzzing (a night)
	@.ci/nightly

mutation: .venv/.dev ## Change what keeps speech from being stored, place by place: some test has to fail
	nice -n 10 $(BIN)/python -m tests.mutation --sample 60

audit: .venv/.dev ## Check the code for unsafe calls, secrets, and dependencies with known holes
	@.ci/audit

# Hashes and no address of a registry. Smaller installs hold the same versions as the whole one.
LOCK = build/lock/bin/uv pip compile --generate-hashes --no-emit-index-url --no-header -q
lock: ## Resolve the dependencies anew into all lock files
	@[ -x build/lock/bin/uv ] || { $(PYTHON) -m venv build/lock && build/lock/bin/pip install -q uv; }
	$(LOCK) pyproject.toml --python-version 3.11 --extra all -o requirements.txt
	$(LOCK) pyproject.toml --python-version 3.11 -c requirements.txt -o requirements-base.txt
	$(LOCK) pyproject.toml --python-version 3.11 --extra dev -c requirements.txt -o requirements-dev.txt
	$(LOCK) pyproject.toml --python-version 3.11 --extra tracing -c requirements-dev.txt -o requirements-small.txt
	$(LOCK) pyproject.toml --python-version 3.11 --extra dev --extra train -c requirements-dev.txt \
	  -o requirements-train.txt
	$(LOCK) pyproject.toml --python-version 3.11 --extra speech --extra detect --extra console \
	  --extra kms --extra tracing -c requirements-dev.txt -o requirements-image.txt
	$(LOCK) tests/readers/requirements.in --python-version 3.11 -o tests/readers/requirements.txt
	$(LOCK) tests/vcon/requirements.in --python-version 3.12 -o tests/vcon/requirements.txt

readers: build/readers/.stamp ## Set up packages of others, by which tests read exports and webhooks

vcon-reader: build/vcon/.stamp ## Set up the package vcon, by which tests read exported vCons

asyncapi-schema: build/asyncapi/.stamp ## Fetch AsyncAPI's own schema, by which docs/asyncapi.yaml is checked

compose-config: build/tools/compose-config ## Build what reads docker-compose.yml as docker compose does

chart-tools: build/tools/.helm-$(HELM) ## Build helm, by which the chart is checked (two minutes of a core)

promtool: build/tools/promtool ## Take promtool, which tries the alarms, out of Debian's package

object-store: build/tools/versitygw ## Build the S3 store of docker-compose.yml, for its tests (some minutes)

reader: .venv/.train ## Learn the reader's weights anew from the labelled texts (an hour, two cores)
	$(BIN)/python -m benchmarks.reader.learn train --half --epochs 3.4

bench-reader: .venv/.dev ## Measure what the reader covers and mutes, beside the rules it replaced
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.reader.learn measure

consent-reader: .venv/.train ## Learn the consent reader's weights anew (under an hour, one core)
	$(BIN)/python -m benchmarks.consent train

speaker-words: .venv/.dev ## Learn anew what an agent would say and what a customer (seconds)
	$(BIN)/python -m benchmarks.reader.speakers learn

bench-speakers: .venv/.dev ## Measure how well the sides of a call mixed to one channel are told apart
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.reader.speakers measure $(or $(CALLS),benchmarks/samples)

bench-consent: .venv/.dev ## Measure what is found of what is said about recording, and what it costs
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.consent measure

test-reader: .venv/.train ## Run the tests of training, which need PyTorch
	$(BIN)/python -m pytest tests/training

release: .venv/.dev ## Make a signed release of HEAD in dist/: make release KEY=FILE [OUT=dist]
	@.ci/need ssh-keygen openssh-client
	@[ -n "$(KEY)" ] || { echo "make release KEY=FILE: which SSH key signs?" >&2; exit 1; }
	@$(BIN)/python .ci/release.py $(or $(OUT),dist) --key $(KEY) $(if $(UNTAGGED),--untagged)

licences: .venv/.dev ## List the licences of all packages, models, lists, data and voices
	@$(BIN)/python .ci/release.py --licences

clean: ## Remove what the targets made, the environment too
	rm -rf .venv build dist $(KAFKA_LIB) *.egg-info

# The environments. The larger one holds the smaller one, so whichever came first is kept.
.venv/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { \
	  echo "Python 3.11 or 3.12 is needed; name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.run: .venv/bin/python requirements.txt requirements-voices.txt pyproject.toml
	@if [ -f .venv/.dev ] && [ .venv/.dev -nt requirements.txt ]; then :; else \
	  echo "Setting up .venv: about 1.3 GB of packages, once; some minutes"; \
	  $(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.txt; fi
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-voices.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/bin/python requirements-dev.txt requirements-voices.txt pyproject.toml
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-voices.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.train: .venv/.dev requirements-train.txt
	@echo "Setting up PyTorch for training: some 5 GB, once"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-train.txt
	@touch $@

build/readers/.stamp: tests/readers/requirements.txt .venv/bin/python
	@rm -rf build/readers && $(BIN)/python -m venv build/readers
	@build/readers/bin/pip install -q --disable-pip-version-check --require-hashes \
	  -r tests/readers/requirements.txt
	@touch $@

# It asks for Python 3.12, and works on 3.11: what is tested is how it reads our files.
build/vcon/.stamp: tests/vcon/requirements.txt .venv/bin/python
	@rm -rf build/vcon && $(BIN)/python -m venv build/vcon
	@build/vcon/bin/pip install -q --disable-pip-version-check --ignore-requires-python \
	  --require-hashes -r tests/vcon/requirements.txt
	@touch $@

build/asyncapi/.stamp: tests/asyncapi/package.json tests/asyncapi/package-lock.json
	@.ci/need npm npm
	@rm -rf build/asyncapi && mkdir -p build/asyncapi && cp tests/asyncapi/*.json build/asyncapi
	@cd build/asyncapi && npm ci --silent --ignore-scripts --no-audit --no-fund --no-update-notifier
	@touch $@

build/tools/compose-config: tests/compose/main.go tests/compose/go.mod tests/compose/go.sum
	@go=$$(.ci/go 1.24) && mkdir -p build/tools && cd tests/compose && \
	  GOTOOLCHAIN=local CGO_ENABLED=0 "$$go" build -buildvcs=false -o ../../build/tools/compose-config .

build/tools/.helm-$(HELM):
	@echo "Building helm $(HELM), once: two minutes of one core"
	@go=$$(.ci/go 1.25) && mkdir -p build/tools && GOBIN=$(CURDIR)/build/tools GOTOOLCHAIN=local CGO_ENABLED=0 \
	  nice -n 5 "$$go" install -buildvcs=false helm.sh/helm/v3/cmd/helm@$(HELM)
	@touch $@

# Installed, the package would start a server.
build/tools/promtool:
	@mkdir -p build/tools/deb && cd build/tools/deb && \
	  { apt-get download -qq prometheus 2>/dev/null || \
	    { apt-get update -qq && apt-get download -qq prometheus; } } && \
	  dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xf - -C .. --strip-components 3 ./usr/bin/promtool
	@rm -rf build/tools/deb && touch $@

# The release that docker-compose.yml names.
build/tools/versitygw: docker-compose.yml
	@go=$$(.ci/go 1.25) && mkdir -p build/tools && GOBIN=$(CURDIR)/build/tools GOTOOLCHAIN=local CGO_ENABLED=0 \
	  "$$go" install "github.com/versity/versitygw/cmd/versitygw@$$(sed -n 's/.*versitygw:\(v[0-9.]*\)@.*/\1/p' docker-compose.yml)"
	@touch $@

$(KAFKA_LIB)/.stamp: tests/kafka/pom.xml
	@.ci/need java default-jre-headless
	@.ci/need mvn maven
	cd tests/kafka && mvn -q -B -ntp dependency:copy-dependencies \
	  -DincludeScope=runtime -DoutputDirectory=lib
	@touch $@
