"""What the benchmark of ranks that wait makes of the programs' reports."""

import unittest

import communication_document
import waits


def report(processor_seconds):
    return {"seconds": 1.0, "processor_seconds": processor_seconds}


class WaitTests(unittest.TestCase):
    def test_the_median_is_held_against_the_bar(self):
        kept = waits.figures("ucx", [report(0.02), report(0.3), report(0.01)])
        self.assertEqual(kept["processor_seconds"], 0.02)
        self.assertEqual(list(kept["bar"].values()), [True])
        self.assertEqual(list(waits.figures("tcp", [report(0.06)])["bar"].values()), [False])

    def test_mpi_is_for_information(self):
        self.assertNotIn("bar", waits.figures("mpi", [report(0.9)]))

    def test_the_document_has_every_transport(self):
        cases = [waits.figures(name, [report(0.02)]) for name in ("tcp", "mpi")]
        record = {"processor": "A 1", "date": "2026-01-02", "cases": cases}
        text = communication_document.waits(record)
        self.assertIn("| tcp | 1.00 s | 20.0 ms |", text)
        self.assertIn("| mpi | 1.00 s | 20.0 ms |", text)
        self.assertEqual(text.count("- kept: "), 1)
        self.assertEqual(communication_document.waits(None), "")


if __name__ == "__main__":
    unittest.main()
