"""Programs are measured from outside."""

import sys
import unittest

import timed_process

PROGRAM = """
import time
held = bytearray(64 << 20)
for step in range(3):
    time.sleep(0.05)
    print(f"step {step + 1}/3", flush=True)
print('{"losses": [1.0]}')
"""


class TimedProcessTests(unittest.TestCase):
    def test_a_line_of_a_step_is_timed_when_it_comes(self):
        run = timed_process.timed([sys.executable, "-c", PROGRAM])
        self.assertEqual(len(run.step_ends), 3)
        self.assertEqual(list(run.step_ends), sorted(run.step_ends))
        self.assertGreaterEqual(run.step_ends[2] - run.step_ends[0], 0.09)
        self.assertEqual(run.report, {"losses": [1.0]})

    def test_the_peak_of_its_memory_is_known(self):
        run = timed_process.timed([sys.executable, "-c", PROGRAM])
        self.assertGreater(run.peak_resident_bytes, 64 << 20)
        self.assertLess(run.peak_resident_bytes, 512 << 20)

    def test_a_failure_says_what_the_program_said(self):
        with self.assertRaisesRegex(timed_process.RunError, "ended with 3:\nno such job"):
            timed_process.timed([sys.executable, "-c", "import sys; print('no such job', file=sys.stderr); sys.exit(3)"])


if __name__ == "__main__":
    unittest.main()
