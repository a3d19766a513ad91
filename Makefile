# make builds; make help lists what else there is. Set-up, build and tests need no environment variables; see
# Scripts/setup.sh for what is fetched.
PREFIX ?= /usr/local
# Options of the main job or the benchmark; yours replace these: make train ARGS="--steps 20".
train: ARGS ?= --steps 3000

.PHONY: help build setup test train benchmark agreement benchmark-communication benchmark-ranks benchmark-optimizers failures fuzz claims laws strategies install peaks docs format lint

build: setup  ## builds what is used, in release
	swift build -c release

help:  ## lists this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "make %-24s %s\n", $$1, $$2 }'

setup:  ## fetches what the build needs into .deepep
	@Scripts/setup.sh

test: setup  ## runs all tests
	@Scripts/test-peers.sh
	python3 -m unittest discover --quiet --start-directory Benchmarks/tests --top-level-directory Benchmarks
	swift test -c release --no-parallel
	@python3 Scripts/docs.py

# The whole of what the tests take a part of: all seeds of the random laws, all numbers of ranks, over UCX whatever it
# is limited to, and over MPI, also on two hosts with a link between them.
laws: setup  ## runs all of the random laws, of which make test takes a part
	DEEPEP_LAWS=all swift test -c release --no-parallel --filter 'LawTests|ConformanceTests|UCXJobTests|MPIJobTests' $(ARGS)

train: build  ## trains the main job; ARGS="--steps 20" are its options
	.build/release/deepep train .deepep/kingjames.txt $(ARGS)

# DeepEP and PyTorch side by side, if pip can bring a PyTorch; see Benchmarks/README.md.
benchmark: build  ## measures beside PyTorch
	@Benchmarks/peers/setup.sh
	@python3 Benchmarks/run.py $(ARGS)

# Whether DeepEP learns what PyTorch does, and bf16 and fp16 what fp32 does; about four minutes.
agreement: build  ## compares what is learned with PyTorch
	@Benchmarks/peers/setup.sh
	@python3 Benchmarks/agreement.py $(ARGS)

# Collectives beside OpenMPI and gloo, where they can be had.
benchmark-communication: build  ## measures collectives beside OpenMPI and gloo
	@Benchmarks/peers/setup.sh
	@Benchmarks/peers/openmpi.sh
	@python3 Benchmarks/communication.py $(ARGS)

# Training on several ranks beside one rank, jobs side by side and PyTorch; about half an hour.
benchmark-ranks: build  ## measures training on several ranks
	@Benchmarks/peers/setup.sh
	@python3 Benchmarks/ranks.py $(ARGS)

# Muon beside AdamW on the text of make train, each with several learning rates; about 21,000 steps.
benchmark-optimizers: build  ## compares Muon and AdamW
	@python3 Benchmarks/optimizers.py $(ARGS)

# What becomes of jobs when ranks die, hang, are cut off or out of step: 200 random failures, then 100,000 frames
# on every port and 100,000 operations beside a processor hog; writes docs/failures.md; about fifteen minutes.
failures: setup  ## lets ranks die, hang and send nonsense
	swift build -c release --build-tests
	DEEPEP_FAILURES=200 DEEPEP_FAILURES_REPORT=docs/failures.md \
	  swift test -c release --skip-build --no-parallel --filter FailureLaboratoryTests $(ARGS)
	DEEPEP_FUZZ_FRAMES=100000 DEEPEP_FAILURES_REPORT=docs/failures.md \
	  swift test -c release --skip-build --no-parallel --filter 'PortFuzzTests|HostilePeerTests'
	DEEPEP_COLLECTIVES=100000 DEEPEP_FAILURES_REPORT=docs/failures.md \
	  swift test -c release --skip-build --no-parallel --filter SlownessTests

# A million damaged checkpoints and files of tokens, of which make test takes ten thousand; and a run that is killed
# 50 times; about five minutes.
fuzz: setup  ## reads a million damaged files and kills a run 50 times
	swift build -c release --build-tests
	DEEPEP_FUZZ_FILES=1000000 DEEPEP_KILLS=50 \
	  swift test -c release --skip-build --no-parallel --filter 'DamagedFileTests|aRunSurvivesBeingKilled' $(ARGS)

# The law of parallel training on processes: every named strategy, transport and number of ranks, twice; about three
# minutes.
strategies: setup  ## trains by every named strategy, on processes
	swift build -c release --build-tests
	DEEPEP_STRATEGIES=all swift test -c release --skip-build --no-parallel --filter RankTrainingTests $(ARGS)

# The README's table, docs/performance.md, its chart and docs/claims.md, from the results and claims in Benchmarks/.
claims:  ## writes tables and charts from measured results
	@python3 Benchmarks/report.py

install: build  ## installs deepep below PREFIX
	install -d "$(PREFIX)/bin" "$(PREFIX)/lib/deepep"
	install .build/release/deepep "$(PREFIX)/bin/"
	install -m 644 .deepep/lib/libdnnl.so.3 "$(PREFIX)/lib/deepep/"

# The bytes that plans take, which a test compares: commit the change beside what caused it.
peaks: build  ## writes the bytes that plans take
	.build/release/deepep peaks > Tests/Command/peaks.txt

# The reference of what `import DeepEP` gives, by DocC, into .build/docs; its warnings are errors.
docs: build  ## writes the reference by DocC
	@python3 Scripts/docs.py

format:  ## formats the sources
	swift format --in-place -r Package.swift Sources Tests Examples

lint:  ## checks their format
	swift format lint --strict -r Package.swift Sources Tests Examples
