# Every verb is a line or two that call a program; continuous integration calls the same ones.
.DEFAULT_GOAL := help
.PHONY: help run test test-unit test-integration test-browser test-run test-engines test-deploy deploy undeploy task first-owner lint format reset requirements bench bench-staff
.SUFFIXES:
# Where this is set, each program that is started compiles all the code anew: four seconds each for the shop.
unexport PYTHONDONTWRITEBYTECODE

BOTH := .venv/installed .venv-aws/installed

help: ## List these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s%s\n", $$1, $$2 }' Makefile

run: $(BOTH) ## Open the shop at http://localhost:8000/ (PORT=8001 for another port, DEBUG=1 for Django's error pages)
	@.venv/bin/python -m bookstore.devstack run

test: $(BOTH) ## Pass every test: unit, integration and browser
	@.venv/bin/python -m pytest -n 2

test-unit: .venv/installed ## Pass the unit tests, which need no store
	@.venv/bin/python -m pytest -n 2 tests/unit

test-integration: $(BOTH) ## Pass the tests on the embedded stores
	@.venv/bin/python -m pytest -n 2 tests/integration

test-browser: $(BOTH) ## Pass the tests in Chromium
	@.venv/bin/python -m pytest tests/browser

test-run: $(BOTH) ## Pass the tests of `make run` itself, which open whole shops and close them in every way
	@.venv/bin/python -m pytest --exitfirst tests/run

test-engines: $(BOTH) ## Pass the tests that meet a store again, on DynamoDB Local, OpenSearch and Redis (needs Java, Maven, redis-server)
	@.venv/bin/python -m tests.engines

test-deploy: $(BOTH) ## Ship a shop to an empty local AWS, buy there, change it, break it and close it, in Chromium
	@.venv/bin/python -m pytest --exitfirst tests/deploy

deploy: .venv/installed ## Ship the shop to AWS: STAGE=dev, staging or production (SET="DomainName=…", YES=1 asks nothing)
	@.venv/bin/python -m infra deploy --stage "$(STAGE)" --set "$(SET)" $(if $(YES),--yes)

undeploy: .venv/installed ## Remove a shop from AWS, all but its data: STAGE= (YES=1 asks nothing)
	@.venv/bin/python -m infra undeploy --stage "$(STAGE)" $(if $(YES),--yes)

task: .venv/installed ## Run a command in a shop on AWS and show how far it is: STAGE= CMD="rebuild_search" (TASK= goes on with one)
	@.venv/bin/python -m infra task --stage "$(STAGE)" --command "$(CMD)" --task "$(TASK)"

first-owner: .venv/installed ## Make the first staff account of a shop on AWS: STAGE= EMAIL=
	@.venv/bin/python -m infra first-owner --stage "$(STAGE)" --email "$(EMAIL)"

lint: lint-style lint-format lint-types lint-rooms lint-templates lint-deployment lint-infra ## Check style, types, imports, templates, deployment settings and CloudFormation

.PHONY: lint-style lint-format lint-types lint-rooms lint-templates lint-deployment lint-infra
lint-style: .venv/installed
	@.venv/bin/ruff check .
lint-format: .venv/installed
	@.venv/bin/ruff format --check .
lint-types: .venv/installed
	@ENV_FILE=.env.example .venv/bin/mypy bookstore catalog cart orders leaderboard infra benchmarks manage.py requirements/install.py
lint-rooms: .venv/installed
	@.venv/bin/lint-imports --no-logo
lint-templates: .venv/installed
	@find templates bookstore -name '*.html' -exec .venv/bin/djade --check --target-version 6.1 {} +
	@.venv/bin/djlint templates bookstore --lint --quiet
lint-deployment: .venv/installed
	@ENV_FILE=.env.example .venv/bin/python manage.py check --deploy --fail-level WARNING
lint-infra: .venv-infra/installed
	@.venv-infra/bin/cfn-lint
	@CKV_SKIP_PACKAGE_UPDATE_CHECK=true .venv-infra/bin/checkov --directory infra

format: .venv/installed ## Put the code into the house's form
	@.venv/bin/ruff format .

reset: .venv/installed ## Forget the local shop: its data, accounts, ports and logs
	@.venv/bin/python -m bookstore.devstack reset

requirements: .venv/installed ## Resolve the packages anew and write their hashes
	@sh requirements/compile

bench: $(BOTH) ## Measure the shop; fail where a figure is missed (keeps benchmarks/results.md)
	@.venv/bin/python -m benchmarks

bench-staff: $(BOTH) ## Measure the admin with 300,000 books and 200,000 orders (keeps benchmarks/staff.md; 15 minutes, 2.5 GB; needs Java, Maven, redis-server)
	@TEST_STORES=real .venv/bin/python -m benchmarks.staff

# The environments. The local AWS has one of its own, because it pins its own botocore; so have the checkers of
# the CloudFormation templates, a hundred packages that `make lint` alone needs.
.venv/installed: requirements/development.txt requirements/install requirements/install.py
	@sh requirements/install .venv requirements/development.txt
.venv-aws/installed: requirements/local-aws.txt requirements/install requirements/install.py | .venv/installed
	@sh requirements/install .venv-aws requirements/local-aws.txt
.venv-infra/installed: requirements/infra.txt requirements/install requirements/install.py | .venv/installed
	@sh requirements/install .venv-infra requirements/infra.txt
