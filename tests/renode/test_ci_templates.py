"""The CI templates: YAML that loads, shell that parses, commands and options that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hil.board import PROJECT_DIR, board_names

TEMPLATES = PROJECT_DIR / "ci"
GITHUB, GITLAB = TEMPLATES / "github-actions.yml", TEMPLATES / "gitlab-ci.yml"
BOTH = pytest.mark.parametrize("path", [GITHUB, GITLAB], ids=lambda p: p.name)

#: What one job of GitLab's runs in one shell, in this order.
GITLAB_LISTS = ("before_script", "script")


class Reference(yaml.YAMLObject):
    """GitLab's !reference [JOB, KEY]."""

    yaml_tag = "!reference"
    yaml_loader = yaml.SafeLoader

    def __init__(self, job: str, key: str) -> None:
        self.job, self.key = job, key

    @classmethod
    def from_yaml(cls, loader: Any, node: Any) -> Reference:
        return cls(*loader.construct_sequence(node))


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def lines_of(jobs: dict[str, Any], script: list[Any]) -> Iterator[str]:
    for line in script:
        if isinstance(line, Reference):
            yield from lines_of(jobs, jobs[line.job][line.key])
        else:
            yield line


def scripts(path: Path) -> Iterator[str]:
    """Return each shell script of a template: a step, or what one job runs in one shell."""
    if path == GITHUB:
        for job in load(path)["jobs"].values():
            yield from (step["run"] for step in job["steps"] if "run" in step)
        return
    jobs = load(path)
    for job in jobs.values():
        if "script" in job:
            whole = {**jobs[job["extends"]], **job}
            yield "\n".join(line for key in GITLAB_LISTS for line in lines_of(jobs, whole[key]))


@BOTH
def test_the_shell_parses(path: Path) -> None:
    found = list(scripts(path))
    assert len(found) >= 2
    for script in found:
        done = subprocess.run(
            ["bash", "-n"], input=script, text=True, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), script


def commands(path: Path, program: str) -> list[list[str]]:
    """Return the arguments of every call of a program that stands first on its line."""
    text = "\n".join(scripts(path)).replace("\\\n", " ")
    calls = [shlex.split(line) for line in text.splitlines() if re.search(rf"\b{program}\b", line)]
    return [call[1:] for call in calls if Path(call[0]).name == program]


@BOTH
def test_options_exist(path: Path) -> None:
    suite = help_of("pytest", "hil/")
    for arguments in commands(path, "pytest"):
        assert set(options(arguments)) <= {*re.findall(r"--[\w-]+", suite), "--junitxml"}
    for arguments in commands(path, "tinyhil"):
        text = help_of("hil.cli", arguments[0])
        assert set(options(arguments)) <= set(re.findall(r"--[\w-]+", text))


def options(arguments: list[str]) -> list[str]:
    return [a for a in arguments if a.startswith("--")]


def help_of(module: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments, "--help"],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@BOTH
def test_the_suite_runs_on_renode_for_every_board_and_on_a_board_that_is_attached(
    path: Path,
) -> None:
    calls = commands(path, "pytest")
    assert [c for c in calls if "--backend" in c and c[c.index("--backend") + 1] == "renode"]
    assert [c for c in calls if "--port" in c]
    matrix = re.search(r"(?:board|BOARD): \[(.*)\]", path.read_text())
    assert matrix is not None
    assert matrix.group(1).split(", ") == board_names()


@BOTH
def test_renode_is_of_a_named_version_and_checked(path: Path) -> None:
    text = path.read_text()
    assert "antmicro/renode:1.16.1" in text
    assert "sha256sum --check" in text
    assert "://" not in text, "addresses are the user's to set"


@BOTH
def test_files_that_are_named_exist(path: Path) -> None:
    named = re.findall(r"(?:requirements|test_vectors)/[\w./]+", "\n".join(scripts(path)))
    assert named
    assert all((PROJECT_DIR / name).exists() for name in named)
