"""What the benchmark of links between hosts makes of the programs' reports."""

import json
import pathlib
import unittest

import communication_document
import links


def reports(**seconds):
    return {
        name.replace("_", " "): [{"seconds_median": one, "seconds_best": one} for one in all_of]
        for name, all_of in seconds.items()
    }


class LinkTests(unittest.TestCase):
    def test_ratios_are_taken_round_by_round(self):
        found = reports(flat_ring=[1.0, 2.0, 4.0], hierarchical=[0.5, 1.5, 2.0])
        self.assertEqual(links.ratio(found, "hierarchical", "flat ring"), 0.5)
        self.assertIsNone(links.ratio(found, "hierarchical", "gloo"))
        self.assertEqual(links.figures(found)["hierarchical"]["by_flat_ring"], 0.5)

    def test_bars(self):
        found = reports(flat_ring=[1.0], hierarchical=[0.74], gloo=[1.1], OpenMPI=[1.3])
        kept = [is_kept for _, is_kept in links.bars(64 << 20, found)]
        self.assertEqual(kept, [False, True, False])
        self.assertEqual(links.bars(4096, found), [])

    def test_bytes_are_exactly_a_third_less(self):
        found = reports(flat_ring=[1.0], hierarchical=[0.7])
        found["flat ring"][0]["host_bytes"] = [3000, 3000]
        for own, is_kept in ([2000, 2000], True), ([2000, 2001], False):
            found["hierarchical"][0]["host_bytes"] = own
            self.assertEqual(links.bars(64 << 20, found)[-1][1], is_kept)

    def test_the_document_says_what_the_record_says(self):
        if communication_document.RESULTS.exists():
            record = json.loads(communication_document.RESULTS.read_text())
            text = communication_document.DOCUMENT.read_text()
            self.assertEqual(text, communication_document.document(record))

    def test_what_was_not_measured_has_a_reason(self):
        self.assertIn("Not measured: no.", communication_document.links([{"skipped": "no"}]))
        self.assertEqual(communication_document.links([]), "")

    def test_without_a_laboratory_there_is_a_reason(self):
        with links.laboratory(pathlib.Path("/nowhere")) as (found, reason):
            self.assertIsNone(found)
            self.assertIn("/nowhere", reason)
        self.assertIn("skipped", links.measure("/nowhere/deepep", None, [4096], 1)[0])


if __name__ == "__main__":
    unittest.main()
