"""Commits that say "perf:" and bring no figures are refused."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "Scripts/perf-commits.sh"
AUTHOR = {f"GIT_{who}_{what}": "someone@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
# Nothing of whoever runs the tests: neither a hook's variables nor settings such as signing.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
ENVIRONMENT |= AUTHOR | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


@unittest.skipUnless(shutil.which("git"), "there is no git")
class PerfCommitTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.top = pathlib.Path(temporary.name)
        self.folder = self.top / "original"
        self.folder.mkdir()
        self.git("init", "--quiet")

    def git(self, *arguments, folder=None):
        command = ["git", "-C", str(folder or self.folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout

    def commit(self, title, **files):
        for name, content in files.items():
            path = self.folder / {"code": "code.swift", "results": "Benchmarks/results.json"}[name]
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", title)

    def check(self, folder=None):
        command = ["bash", str(SCRIPT), str(folder or self.folder)]
        return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)

    def assert_refused(self, title):
        run = self.check()
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn(title, run.stderr)

    def test_a_change_with_figures_passes(self):
        self.commit("Start", code="1", results="{}")
        self.commit("perf: faster", code="2", results='{"speed": 2}')
        run = self.check()
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("1 checked", run.stdout)

    def test_a_change_without_figures_is_refused(self):
        self.commit("Start", code="1", results="{}")
        self.commit("perf: faster", code="2")
        self.commit("Later work", code="3", results='{"speed": 2}')
        self.assert_refused("perf: faster")

    def test_a_scope_does_not_hide_it(self):
        self.commit("Start", code="1", results="{}")
        self.commit("perf(fuse): faster", code="2")
        self.assert_refused("perf(fuse): faster")

    def test_an_empty_commit_is_refused(self):
        self.commit("Start", code="1", results="{}")
        self.commit("perf: nothing at all")
        self.assert_refused("perf: nothing at all")

    def test_other_titles_are_left_alone(self):
        self.commit("Start", code="1", results="{}")
        self.commit("Fuse: perf: is only mentioned", code="2")
        self.commit("performance: not the word", code="3")
        self.assertEqual(self.check().returncode, 0)

    def test_a_commit_on_a_merged_branch_is_refused(self):
        self.commit("Start", code="1", results="{}")
        self.git("checkout", "--quiet", "-b", "side")
        self.commit("perf: faster", code="2")
        self.git("checkout", "--quiet", "-")
        self.git("merge", "--quiet", "--no-ff", "--message", "Merge side", "side")
        self.assert_refused("perf: faster")

    def test_a_shallow_clone_passes(self):
        self.commit("Start", code="1", results="{}")
        self.commit("perf: faster", code="2")
        clone = self.top / "clone"
        self.git("clone", "--quiet", "--depth", "1", f"file://{self.folder}", str(clone), folder=self.top)
        run = self.check(clone)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("cannot be checked", run.stdout)

    def test_a_folder_without_history_passes(self):
        plain = self.top / "plain"
        plain.mkdir()
        self.assertEqual(self.check(plain).returncode, 0)
        self.assertEqual(self.check().returncode, 0, "a repository without commits")


if __name__ == "__main__":
    unittest.main()
