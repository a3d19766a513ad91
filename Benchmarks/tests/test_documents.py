"""What is derived from the results is up to date, and says what they say."""

import copy
import unittest

import cases
import chart
import claims
import records
import report
import tables
from tests.samples import record


class DocumentTests(unittest.TestCase):
    def test_documents_are_up_to_date(self):
        self.assertEqual(report.stale(), [], "run make claims")

    def test_the_file_of_results_is_as_it_is_written(self):
        self.assertEqual(records.PATH.read_text(), records.text(records.read(), records.agreements()))

    def test_the_table_shows_the_ratio_to_the_better_mode(self):
        table = tables.performance([record()])
        self.assertIn("| `gpt-tiny` | fp32 | 4096 | 2048 | 2560 | 1.60 (1.60–1.60) |", table)
        self.assertIn("AVX2", table)
        self.assertIn("| `gpt-tiny` | fp32 | 1.60 (1.60–1.60) |", tables.readme([record()]))

    def test_a_new_record_replaces_only_that_of_its_case_and_processor(self):
        old = [
            record("gpt-tiny", "AVX2"), record("gpt2-124m", "AVX2"), record("gpt-tiny", "AVX-512"),
            record("gpt-tiny", "AVX2", model="Another processor"),
        ]
        new = record("gpt-tiny", "AVX2", seconds=0.5)
        merged = records.merged(old + [new])
        self.assertEqual(len(merged), 4)
        self.assertIn(new, merged)
        self.assertNotIn(old[0], merged)

    def test_cases_come_in_the_order_of_their_list(self):
        names = list(cases.CASES)
        merged = records.merged([record(name) for name in reversed(names)])
        self.assertEqual([one["case"] for one in merged], names)

    def test_the_chart_has_a_bar_for_each_contestant(self):
        self.assertEqual(chart.svg([record()]).count("<rect"), 1 + 3)

    def test_a_record_without_a_peer_can_be_shown(self):
        alone = copy.deepcopy(record())
        alone["contestants"] = {"deepep fp32": alone["contestants"]["deepep fp32"]}
        alone["comparisons"] = []
        self.assertIn("| – |", tables.performance([alone]))
        self.assertIn("DeepEP", chart.svg([alone]))


class ClaimTests(unittest.TestCase):
    def test_a_figure_comes_from_the_results(self):
        source = {"case": "gpt-tiny", "precision": "fp32", "quantity": "speed", "baseline": "better"}
        row = {"status": "measured", "what": "a step", "source": source}
        lines = list(claims.rows_of(row, [record(), record(processor="AVX-512")]))
        self.assertEqual([line[0] for line in lines], ["1.60 (1.60–1.60)"] * 2)
        self.assertEqual(lines[0][1:4:2], ["measured", "pytorch compile fp32"])

    def test_a_measured_figure_that_nobody_measured_is_not_yet(self):
        source = {"case": "gpt2-124m", "precision": "fp32", "quantity": "speed", "baseline": "better"}
        row = {"status": "measured", "what": "a step", "source": source}
        text = claims.text([{"title": "Speed", "stated": "2 times", "ours": [row]}], [record()])
        self.assertIn("| Speed: **2 times** | – | not yet |", text)

    def test_every_stated_figure_is_there(self):
        stated = [claim["stated"] for claim in claims.read()]
        expected = ["2.3 times", "1.8 times", "−35 %", "−62 %", "−40 %", "+18 %", "+12 %", "−30 %", "4.7 times", "92 %"]
        self.assertEqual(stated, expected)


if __name__ == "__main__":
    unittest.main()
