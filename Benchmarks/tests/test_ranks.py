"""What the benchmark of several ranks makes of its runs."""

import json
import sys
import unittest

import rank_contestants
import rank_overlap
import rank_rounds
import ranks
import ranks_document
import timed_process


def run(step_seconds, steps=6, losses=(4.0, 3.0)):
    ends = tuple(10 + step_seconds * (index + 1) for index in range(steps))
    return timed_process.TimedRun(ends, 1 << 20, 0.0, {"losses": list(losses)})


class Contestant:
    """One whose runs are known."""

    def __init__(self, name, runs, is_job, batches=1):
        self.name, self.runs, self.is_job, self.batches = name, runs, is_job, batches

    def run(self, steps, environment):
        return self.runs


class SpeedTests(unittest.TestCase):
    def timer(self):
        return rank_rounds.Speed("gpt-tiny", 2, {})

    def test_ranks_of_a_job_are_timed_by_the_first(self):
        timer = self.timer()
        rate = timer.tokens_per_second(Contestant("ranks", [run(2.0), run(9.0)], is_job=True))
        self.assertAlmostEqual(rate, timer.tokens / 2)
        own = timer.tokens_per_second(Contestant("weak", [run(2.0), run(9.0)], is_job=True, batches=2))
        self.assertAlmostEqual(own, timer.tokens)

    def test_jobs_side_by_side_have_a_pace_of_their_own(self):
        timer = self.timer()
        rate = timer.tokens_per_second(Contestant("jobs", [run(2.0), run(4.0)], is_job=False, batches=2))
        self.assertAlmostEqual(rate, timer.tokens / 2 + timer.tokens / 4)

    def test_another_one_goes_first_in_each_round(self):
        order = []
        tasks = {name: lambda name=name: order.append(name) or len(order) for name in "abc"}
        found = rank_rounds.measured(tasks, 2)
        self.assertEqual("".join(order), "abcbca")
        self.assertEqual(found, {"a": [1, 6], "b": [2, 4], "c": [3, 5]})

    def test_the_fastest_peer_of_all_rounds_counts(self):
        rates = {name: [120.0] * 3 for name in ranks.COMPARED} | {"DDP": [100.0, 90.0, 130.0], "FSDP2": [99.0, 95.0, 70.0]}
        bars = ranks.peer_bars(rates, ["DDP", "FSDP2"])
        self.assertEqual(len(bars), 3)
        self.assertIn("DDP, at least 1.15: 1.200 (0.923–1.333)", bars[0]["bar"])
        self.assertTrue(bars[0]["is_kept"])

    def test_a_peer_is_told_the_same_as_a_rank(self):
        first, second = rank_contestants.variables(2)
        self.assertEqual((first["RANK"], second["RANK"], first["WORLD_SIZE"]), ("0", "1", "2"))
        self.assertEqual(first["MASTER_PORT"], second["MASTER_PORT"])


class TogetherTests(unittest.TestCase):
    def test_each_program_has_its_own_times_and_report(self):
        program = "import sys, json; print('step 1/1', flush=True); print(json.dumps({'losses': [int(sys.argv[1])]}))"
        commands = [[sys.executable, "-c", program, number] for number in "12"]
        runs = timed_process.timed_together(commands, [None, None])
        self.assertEqual([one.report["losses"] for one in runs], [[1], [2]])
        self.assertEqual([len(one.step_ends) for one in runs], [1, 1])

    def test_the_first_failure_ends_all(self):
        wait = [sys.executable, "-c", "import time; time.sleep(60)"]
        fail = [sys.executable, "-c", "import sys; sys.exit('no such rank')"]
        with self.assertRaisesRegex(timed_process.RunError, "no such rank"):
            timed_process.timed_together([wait, fail], [None, None])


class MemoryTests(unittest.TestCase):
    def test_the_plan_is_right_within_five_percent(self):
        kept = [ranks.memory_bar("m", "data=2", resident, 100)["is_kept"] for resident in (94, 96, 104, 106)]
        self.assertEqual(kept, [False, True, True, False])


class OverlapTests(unittest.TestCase):
    def test_what_a_step_does_not_show_is_hidden(self):
        self.assertEqual(rank_overlap.hidden(step=1.25, without=1.0, communication=1.0), 0.75)
        self.assertEqual(rank_overlap.hidden(step=2.0, without=1.0, communication=1.0), 0.0)

    def test_the_link_carries_all_gradients_in_the_time_of_backward(self):
        self.assertEqual(rank_overlap.rate(1_000_000, seconds=0.5), 16)

    def test_bars(self):
        found = rank_overlap.figures_of([1.2, 1.3], [(1.0, 0.8), (1.0, 0.8)], [0.8, 1.0])
        self.assertAlmostEqual(found["hidden"]["median"], (0.75 + 0.7) / 2)
        self.assertEqual([bar["is_kept"] for bar in found["bars"]], [False, False])
        found = rank_overlap.figures_of([1.1], [(1.0, 0.8)], [0.8])
        self.assertEqual([bar["is_kept"] for bar in found["bars"]], [True, True])


class DocumentTests(unittest.TestCase):
    def test_it_says_what_the_record_says(self):
        if ranks_document.RESULTS.exists():
            record = json.loads(ranks_document.RESULTS.read_text())
            self.assertEqual(ranks_document.DOCUMENT.read_text(), ranks_document.document(record))

    def test_what_was_not_measured_has_a_reason(self):
        self.assertIn("Not measured: no.", ranks_document.document({"overlap": {"skipped": "no", "bars": []}}))

    def test_a_missed_bar_is_said(self):
        models = [{"bars": [{"bar": "small", "is_kept": False}]}]
        self.assertEqual(ranks_document.bars({"models": models}), "- **missed**: small\n")


if __name__ == "__main__":
    unittest.main()
