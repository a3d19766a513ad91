"""Whether both frameworks, and all precisions, learn alike: what is compared, and what is said of it."""

import collections
import contextlib
import io
import json
import pathlib
import tempfile
import unittest

import agreement
import cases
import records
import tables
import timed_process
from tests.samples import record

TEXT = "in the beginning God created the heaven and the earth. " * 20


def frameworks(difference=2e-6, processor="AVX2"):
    return {
        "kind": "frameworks", "processor": "A processor", "class": processor, "date": "2026-01-02", "text": "a.txt",
        "case": "gpt-tiny", "batch": 4, "steps": 200, "largest_difference": difference, "bound": 1e-3,
    }


def precisions():
    return {
        "kind": "precisions", "processor": "A processor", "class": "AVX2", "date": "2026-01-02", "text": "a.txt",
        "steps": 1000, "largest_difference": 0.0031, "bound": 0.01, "validation_losses": {"fp32": 1.5, "bf16": 1.5046},
    }


class BatchTests(unittest.TestCase):
    def test_the_most_frequent_characters_have_tokens(self):
        tokens = agreement.tokens_of("aaabbc", 3)
        self.assertEqual(tokens, [0, 0, 0, 1, 1, 2])
        self.assertLess(max(agreement.tokens_of(TEXT, 5)), 5)

    def test_batches_are_windows_of_the_text(self):
        sizes = cases.CASES["gpt-tiny"].sizes.resized(batch=3, context=8)
        tokens = agreement.tokens_of(TEXT, sizes.vocabulary)
        found = agreement.batches(tokens, sizes, 5)
        self.assertEqual((len(found), found.itemsize), (5 * 3 * 9, 4))
        rows = [tuple(found[start : start + 9]) for start in range(0, len(found), 9)]
        windows = {tuple(tokens[start : start + 9]) for start in range(len(tokens) - 8)}
        self.assertLessEqual(set(rows), windows)
        self.assertGreater(len(set(rows)), 10)
        self.assertEqual(found, agreement.batches(tokens, sizes, 5))

    def test_the_validation_loss_is_read(self):
        output = "step 3/3 loss 1.9\nvalidation loss 1.3828 on the held-out data\ntrained\n"
        self.assertEqual(agreement.validation_loss(output), 1.3828)
        with self.assertRaises(timed_process.RunError):
            agreement.validation_loss("step 3/3 loss 1.9\n")

    def test_a_program_that_fails_says_why(self):
        with self.assertRaisesRegex(timed_process.RunError, "ended with 2"):
            agreement.output_of(["bash", "-c", "exit 2"])


class RecordTests(unittest.TestCase):
    def test_the_document_says_how_far_off_they_are(self):
        text = tables.performance([record()], [frameworks(), precisions()])
        self.assertIn("losses differ from PyTorch's by at most 2e-06 (bound 0.001)", text)
        self.assertIn("fp32 1.5000, bf16 1.5046", text)
        self.assertIn("by at most 0.31 % (bound 1 %)", text)
        self.assertNotIn("make agreement", tables.performance([record()]))

    def test_a_bound_is_kept_or_not(self):
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertTrue(agreement.finish(frameworks(1e-3), is_dry=True))
            self.assertFalse(agreement.finish(frameworks(1.1e-3), is_dry=True))

    def test_a_new_record_replaces_only_that_of_its_kind_and_class(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "results.json"
            path.write_text(json.dumps({"format": 2, "records": [record()]}))
            records.add(agreements=[frameworks(), precisions(), frameworks(1e-5, "AVX-512")], path=path)
            records.add(agreements=[frameworks(3e-6)], path=path)
            found = records.agreements(path)
            self.assertEqual(len(records.read(path)), 1)
            kinds = collections.Counter((one["class"], one["kind"]) for one in found)
            self.assertEqual(set(kinds.values()), {1})
            self.assertEqual(len(kinds), 3)
            self.assertIn(frameworks(3e-6), found)

    def test_the_committed_records_are_within_their_bounds(self):
        for one in records.agreements():
            self.assertLessEqual(one["largest_difference"], one["bound"], one["kind"])


if __name__ == "__main__":
    unittest.main()
