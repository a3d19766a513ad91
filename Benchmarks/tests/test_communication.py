"""What the benchmark of communication makes of the programs' reports."""

import sys
import unittest

import communication
import printed_report


def reports(deepep, limit, peer):
    return {
        "deepep": [
            {"seconds_median": one, "seconds_best": one, "limit_seconds": limit, "bus_bytes_per_second": 1e9}
            for one in deepep
        ],
        "gloo": [{"seconds_median": one, "seconds_best": one, "version": "x"} for one in peer],
    }


class CommunicationTests(unittest.TestCase):
    def test_a_report_is_found_behind_the_rank(self):
        output = 'note\n[0] {"seconds_median": 2.5}\n[1] done\n'
        self.assertEqual(printed_report.report_in(output), {"seconds_median": 2.5})
        with self.assertRaises(ValueError):
            printed_report.report_in("nothing")

    def test_ratios_are_taken_round_by_round(self):
        found = communication.figures(reports([1.0, 2.0, 4.0], 2.0, [10.0, 10.0, 10.0]))
        self.assertEqual(found["deepep"]["seconds"], 2.0)
        self.assertEqual(found["deepep"]["by_limit"], 1.0)
        self.assertEqual(found["gloo"]["times_deepep"], 5.0)

    def test_a_peer_that_fails_is_left_out(self):
        found = communication.figures({"deepep": reports([1.0], 2.0, [])["deepep"]})
        self.assertEqual(set(found), {"deepep"})
        self.assertEqual(communication.bars(2, 4096, {}, 2), [])

    def test_every_contestant_is_told_the_collective(self):
        for one in communication.deepep("deepep"), communication.gloo():
            if one:
                for collective in communication.COLLECTIVES:
                    self.assertIn(collective, one.command(collective, 2, 4096))

    def test_another_contestant_goes_first_in_each_round(self):
        first, second = (
            communication.Contestant(name, lambda collective, ranks, count, name=name: [
                sys.executable, "-c", f"print('{{\"seconds_median\": {ranks}, \"name\": \"{collective}\"}}')",
            ]) for name in ("a", "b")
        )
        found = communication.case([first, second], "all-gather", 2, 4096, 2)
        self.assertEqual(found, {name: [{"seconds_median": 2, "name": "all-gather"}] * 2 for name in "ab"})

    def test_bars(self):
        found = communication.figures(reports([1.0], 1.0, [4.9]))
        self.assertEqual([kept for _, kept in communication.bars(2, 64 << 20, found, 2)], [False, False])
        found = communication.figures(reports([0.9], 1.0, [4.5]))
        self.assertEqual([kept for _, kept in communication.bars(2, 64 << 20, found, 2)], [True, True])
        found = communication.figures(reports([9e-6], 1.0, [1.0]))
        self.assertEqual([kept for _, kept in communication.bars(2, 4096, found, 2)], [False])
        self.assertEqual([kept for _, kept in communication.bars(4, 4096, found, 2)], [True])


if __name__ == "__main__":
    unittest.main()
