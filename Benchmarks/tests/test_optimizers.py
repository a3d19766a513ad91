"""What the benchmark of optimizers makes of the runs' words."""

import unittest

import optimizers
import optimizers_document

OUTPUT = """step 1/40 loss 4.351 tokens/s 17426
step 20/40 loss 1.951 validation 1.9000 tokens/s 17426
step 40/40 loss 1.451 validation 1.5000 tokens/s 17426
validation loss 1.5000 on the held-out data
"""


def run(optimizer, steps, loss, rate=1e-2):
    return {"optimizer": optimizer, "learning_rate": rate, "steps": steps, "curve": [(1, 4.0), (steps, loss)]}


class OptimizerTests(unittest.TestCase):
    def test_a_curve_ends_with_the_last_loss(self):
        self.assertEqual(optimizers.curve_in(OUTPUT, 40), [(20, 1.9), (40, 1.5)])
        with self.assertRaises(ValueError):
            optimizers.curve_in("step 1/40 loss 4.3\n", 40)

    def test_tuning_ends_where_both_neighbours_are_worse(self):
        losses = {0.5: 3.0, 1.0: 2.0, 2.0: 1.0, 4.0: 1.5}
        runs = optimizers.tuned(1.0, lambda rate: run("adamw", 10, losses[rate], rate))
        self.assertEqual([one["learning_rate"] for one in runs], [0.5, 1.0, 2.0, 4.0])

    def test_the_best_of_each_are_compared(self):
        runs = [run("adamw", 100, 1.5), run("adamw", 100, 1.4), run("muon", 80, 1.6), run("muon", 80, 1.39)]
        self.assertTrue(optimizers.record_of(runs)["is_kept"])
        self.assertFalse(optimizers.record_of(runs[:3])["is_kept"])
        # As many steps are no gain.
        self.assertFalse(optimizers.record_of([run("adamw", 100, 1.4), run("muon", 90, 1.3)])["is_kept"])

    def test_the_document_has_every_run_and_both_curves(self):
        record = optimizers.record_of([run("adamw", 100, 1.5), run("muon", 80, 1.39)])
        text, picture = optimizers_document.text(record), optimizers_document.svg(record)
        self.assertIn("| AdamW | 0.01 | 100 | 1.5000 |", text)
        self.assertIn("- kept: Muon reaches 1.3900 in 80 steps", text)
        self.assertEqual(picture.count("<polyline"), 2)


if __name__ == "__main__":
    unittest.main()
