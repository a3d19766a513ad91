"""The arithmetic between what was timed and what is printed."""

import unittest

import cases
import figures
import rounds
import timed_process
from tests.samples import contestant, figures_of, measurement


class FigureTests(unittest.TestCase):
    def test_a_spread_has_the_median_and_the_extremes(self):
        found = figures.spread([3.0, 1.0, 2.0, 10.0, 2.5])
        self.assertEqual((found["median"], found["min"], found["max"]), (2.5, 1.0, 10.0))

    def test_rates_follow_from_step_times(self):
        found = figures_of(deepep_fp32=[2.0, 4.0, 1.0])["deepep fp32"]
        self.assertEqual(found["tokens_per_second"]["median"], 16 * 256 / 2.0)
        self.assertEqual(found["resident_bytes"]["median"], 200)
        self.assertEqual(found["launch_cold_seconds"], 3.0)

    def test_the_share_of_the_peak_takes_the_peaks_around_each_round(self):
        one = measurement("deepep fp32", [1.0, 2.0])
        flops = cases.CASES["gpt-tiny"].sizes.flops() / 1e9
        share = figures.peak_fraction(one, [100.0, 300.0, 500.0])
        self.assertEqual(share["each"], [flops / 1.0 / 200.0, flops / 2.0 / 400.0])
        self.assertIsNone(figures.peak_fraction(measurement("deepep bf16", [1.0]), [1.0, 1.0]))

    def test_the_better_of_two_modes_counts(self):
        found = figures_of(
            deepep_fp32=[1.0, 1.0, 1.0],
            pytorch_eager_fp32=[3.0, 2.0, 3.0],
            pytorch_compile_fp32=[2.0, 2.5, 2.0],
        )
        self.assertEqual(figures.better(found, "fp32"), "pytorch compile fp32")
        ratios = {one["to"]: one["speed"] for one in figures.comparisons(found)}
        self.assertEqual(ratios["pytorch compile fp32"]["each"], [2.0, 2.5, 2.0])
        self.assertEqual(ratios["pytorch eager fp32"]["median"], 3.0)

    def test_bf16_is_also_compared_with_what_people_start_from(self):
        found = figures_of(deepep_bf16=[1.0], pytorch_eager_bf16=[2.0], pytorch_eager_fp32=[4.0])
        ratios = {one["to"]: one["speed"]["median"] for one in figures.comparisons(found)}
        self.assertEqual(ratios, {"pytorch eager bf16": 2.0, "pytorch eager fp32": 4.0})

    def test_without_a_peer_there_is_no_comparison(self):
        self.assertEqual(figures.comparisons(figures_of(deepep_fp32=[1.0])), [])

    def test_losses_are_compared_step_by_step(self):
        self.assertAlmostEqual(figures.loss_difference([4.0, 3.03], [4.0, 3.0]), 0.01)


class RoundTests(unittest.TestCase):
    def test_a_step_takes_the_wall_between_two_steps_by_their_number(self):
        one = rounds.Measurement(contestant("deepep fp32"), cases.CASES["gpt2-124m"])
        n = one.case.steps
        # The first steps are slow; those that count take two seconds each.
        ends = [10.0, 18.0] + [20.0 + 2 * index for index in range(2 * n)]
        run = timed_process.TimedRun(tuple(ends), 1 << 20, 0.0, {"losses": [1.0]})
        original, rounds.timed = rounds.timed, lambda *_: run
        try:
            one.add_round(2, {})
        finally:
            rounds.timed = original
        self.assertEqual(one.step_seconds, [2.0])
        self.assertEqual(one.launch_seconds, [8.0])


class SizeTests(unittest.TestCase):
    def test_weights_are_those_of_the_jobs(self):
        weights = {name: case.sizes.weights for name, case in cases.CASES.items()}
        self.assertEqual(weights["gpt-tiny"], 10_770_816)
        self.assertEqual(weights["gpt2-124m"], 123_849_984)
        self.assertEqual(weights["llama-tiny"], 11_015_040)

    def test_a_width_keeps_the_width_of_a_head(self):
        sizes = cases.CASES["width-320"].sizes
        self.assertEqual((sizes.width, sizes.heads, sizes.batch), (320, 5, 16))

    def test_a_llama_keeps_its_proportions(self):
        sizes = cases.CASES["llama-tiny"].sizes.resized(width=192)
        self.assertEqual((sizes.heads, sizes.kv_heads, sizes.hidden), (3, 1, 512))

    def test_what_is_only_looked_up_does_not_count(self):
        for name in ("gpt-tiny", "llama-tiny"):
            sizes = cases.CASES[name].sizes
            matrices = sizes.flops() - sizes.tokens * 12 * sizes.layers * sizes.width * sizes.context
            self.assertEqual(matrices, 6 * sizes.tokens * (sizes.weights - sizes.looked_up))
        self.assertEqual(cases.CASES["gpt-tiny"].sizes.looked_up, 256 * 384)
        self.assertEqual(cases.CASES["llama-tiny"].sizes.looked_up, 2048 * 384)

    def test_the_mask_leaves_half_of_attention(self):
        sizes = cases.CASES["gpt-tiny"].sizes
        attention = sizes.tokens * 12 * sizes.layers * sizes.width * sizes.context
        self.assertEqual(sizes.flops() - sizes.flops(causal=True), attention / 2)


if __name__ == "__main__":
    unittest.main()
