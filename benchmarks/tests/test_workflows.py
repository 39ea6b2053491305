from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from bench.programs import RUBY, C

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_workflows_are_what_github_takes() -> None:
    check = [sys.executable, "-m", "check_jsonschema"]
    ran = subprocess.run(
        [*check, "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_guard_runs_and_fails_nothing() -> None:
    (job,) = yaml.safe_load((ROOT / ".github/workflows/bench.yml").read_text())["jobs"].values()
    assert job["continue-on-error"] is True
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs[-1] == "hatch run bench:guard"
    assert any(all(each in run for each in C.packages) for run in runs)


def test_the_guard_goes_on_without_ruby() -> None:
    (job,) = yaml.safe_load((ROOT / ".github/workflows/bench.yml").read_text())["jobs"].values()
    (step,) = [each for each in job["steps"] if " ".join(RUBY.packages) in each.get("run", "")]
    assert step["continue-on-error"] is True


@pytest.mark.parametrize("script", ["measure", "growth", "guard"])
def test_the_bench_has_its_scripts(script: str) -> None:
    scripts = tomllib.loads((ROOT / "hatch.toml").read_text())["envs"]["bench"]["scripts"]
    assert scripts[script].startswith("cd {root}/benchmarks && python -m bench")
