# Set-up, build and tests need no environment variables; see Scripts/setup.sh for what is fetched.
PREFIX ?= /usr/local
# Options of the main job or the benchmark; yours replace these: make train ARGS="--steps 20".
train: ARGS ?= --steps 3000

.PHONY: build setup test train benchmark agreement benchmark-communication benchmark-ranks benchmark-optimizers failures fuzz claims laws strategies install peaks docs format lint

build: setup
	swift build -c release

setup:
	@Scripts/setup.sh

test: setup
	@Scripts/test-peers.sh
	python3 -m unittest discover --quiet --start-directory Benchmarks/tests --top-level-directory Benchmarks
	swift test -c release --no-parallel
	@python3 Scripts/docs.py

# The whole of what the tests take a part of: all seeds of the random laws, all numbers of ranks, over UCX whatever it
# is limited to, and over MPI, also on two hosts with a link between them.
laws: setup
	DEEPEP_LAWS=all swift test -c release --no-parallel --filter 'LawTests|ConformanceTests|UCXJobTests|MPIJobTests' $(ARGS)

train: build
	.build/release/deepep train .deepep/kingjames.txt $(ARGS)

# DeepEP and PyTorch side by side, if pip can bring a PyTorch; see Benchmarks/README.md.
benchmark: build
	@Benchmarks/peers/setup.sh
	@python3 Benchmarks/run.py $(ARGS)

# Whether DeepEP learns what PyTorch does, and bf16 and fp16 what fp32 does; about four minutes.
agreement: build
	@Benchmarks/peers/setup.sh
	@python3 Benchmarks/agreement.py $(ARGS)

# Collectives beside OpenMPI and gloo, where they can be had.
benchmark-communication: build
	@Benchmarks/peers/setup.sh
	@Benchmarks/peers/openmpi.sh
	@python3 Benchmarks/communication.py $(ARGS)

# Training on several ranks beside one rank, jobs side by side and PyTorch; about half an hour.
benchmark-ranks: build
	@Benchmarks/peers/setup.sh
	@python3 Benchmarks/ranks.py $(ARGS)

# Muon beside AdamW on the text of make train, each with several learning rates; about a quarter of an hour.
benchmark-optimizers: build
	@python3 Benchmarks/optimizers.py $(ARGS)

# What becomes of jobs when ranks die, hang, are cut off or out of step: 200 random failures, then 100,000 frames
# on every port and 100,000 operations beside a processor hog; writes docs/failures.md; about fifteen minutes.
failures: setup
	swift build -c release --build-tests
	DEEPEP_FAILURES=200 DEEPEP_FAILURES_REPORT=docs/failures.md \
	  swift test -c release --skip-build --no-parallel --filter FailureLaboratoryTests $(ARGS)
	DEEPEP_FUZZ_FRAMES=100000 DEEPEP_FAILURES_REPORT=docs/failures.md \
	  swift test -c release --skip-build --no-parallel --filter 'PortFuzzTests|HostilePeerTests'
	DEEPEP_COLLECTIVES=100000 DEEPEP_FAILURES_REPORT=docs/failures.md \
	  swift test -c release --skip-build --no-parallel --filter SlownessTests

# A million damaged checkpoints and files of tokens, of which make test takes ten thousand; and a run that is killed
# 50 times; about five minutes.
fuzz: setup
	swift build -c release --build-tests
	DEEPEP_FUZZ_FILES=1000000 DEEPEP_KILLS=50 \
	  swift test -c release --skip-build --no-parallel --filter 'DamagedFileTests|aRunSurvivesBeingKilled' $(ARGS)

# The law of parallel training on processes: every named strategy, transport and number of ranks, twice; about three
# minutes.
strategies: setup
	swift build -c release --build-tests
	DEEPEP_STRATEGIES=all swift test -c release --skip-build --no-parallel --filter RankTrainingTests $(ARGS)

# The README's table, docs/performance.md, its chart and docs/claims.md, from the results and claims in Benchmarks/.
claims:
	@python3 Benchmarks/report.py

install: build
	install -d "$(PREFIX)/bin" "$(PREFIX)/lib/deepep"
	install .build/release/deepep "$(PREFIX)/bin/"
	install -m 644 .deepep/lib/libdnnl.so.3 "$(PREFIX)/lib/deepep/"

# The bytes that plans take, which a test compares: commit the change beside what caused it.
peaks: build
	.build/release/deepep peaks > Tests/Command/peaks.txt

# The reference of what `import DeepEP` gives, by DocC, into .build/docs; its warnings are errors.
docs: build
	@python3 Scripts/docs.py

format:
	swift format --in-place -r Package.swift Sources Tests Examples

lint:
	swift format lint --strict -r Package.swift Sources Tests Examples
