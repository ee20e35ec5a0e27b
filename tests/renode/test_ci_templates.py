"""The CI templates: what their services' schemas and shellcheck say, and what their steps do."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
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


def checker(name: str) -> str:
    """Return the path of a checking program of the `dev` extra."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"{name} is not installed: pip install -e '.[dev]'")
    return str(path)


#: The schemas that come with check-jsonschema; GitLab's own tags are taken out before.
SCHEMAS = {
    GITHUB: ("--builtin-schema", "vendor.github-workflows"),
    GITLAB: ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
}


@BOTH
def test_its_service_takes_it(path: Path, tmp_path: Path) -> None:
    command = [checker("check-jsonschema"), *SCHEMAS[path]]
    done = subprocess.run([*command, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(re.sub(r"\b(runs-on|script):", "no-such-key:", path.read_text()))
    done = subprocess.run([*command, wrong], capture_output=True, text=True, check=False)
    assert done.returncode != 0, "the schema sees what is wrong"


@BOTH
def test_the_shell_is_sound(path: Path) -> None:
    command = [checker("shellcheck"), "--shell=bash", "-"]
    found = list(scripts(path))
    assert len(found) >= 2
    for script in found:
        done = subprocess.run(command, input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout


def installs_renode(path: Path) -> str:
    """Return the part of a template that installs Renode's portable package."""
    if path == GITHUB:
        parts = [step.get("run", "") for step in load(path)["jobs"]["renode"]["steps"]]
    else:
        parts = [part for part in load(path)["renode"]["before_script"] if isinstance(part, str)]
    (part,) = [part for part in parts if "RENODE_URL" in part]
    return part


def run_step(path: Path, folder: Path, sha256: str) -> subprocess.CompletedProcess[str]:
    """Run it as a runner's shell does; then say where Renode is."""
    variables = {
        "HOME": str(folder), "PATH": os.environ["PATH"], "GITHUB_ENV": str(folder / "env"),
        "RENODE_URL": (folder / "package.tar.gz").as_uri(), "RENODE_SHA256": sha256,
    }  # fmt: skip
    said = 'echo "RENODE=$RENODE"' if path == GITLAB else "cat env"
    script = f"{installs_renode(path)}\n{said}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An archive as Renode's portable package is: all in one folder of some name."""
    program = tmp_path / "renode"
    program.write_text("#!/bin/sh\necho Renode v1.16.1.1\n")
    program.chmod(0o755)
    path = tmp_path / "package.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(program, "renode_1.16.1_portable/renode")
    program.unlink()
    return path


@BOTH
@pytest.mark.skipif(shutil.which("curl") is None, reason="the templates' curl is not installed")
def test_renodes_package_is_checked_unpacked_and_named(path: Path, package: Path) -> None:
    right = hashlib.sha256(package.read_bytes()).hexdigest()
    program = package.parent / "renode" / "renode"
    wrong = run_step(path, package.parent, "0" * 64)
    assert wrong.returncode != 0
    assert not program.exists(), "nothing of a package that is another is unpacked"
    done = run_step(path, package.parent, right)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, [f"RENODE={program}"])
    assert os.access(program, os.X_OK)


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


@BOTH
def test_each_job_ends_and_each_keeps_its_reports(path: Path) -> None:
    jobs = load(path)["jobs"] if path == GITHUB else load(path)
    for name in ("renode", "board"):
        job = jobs[name] if path == GITHUB else {**jobs[jobs[name]["extends"]], **jobs[name]}
        assert job["timeout-minutes" if path == GITHUB else "timeout"]
        if path == GITLAB:
            assert job["artifacts"]["when"] == "always"
            assert job["artifacts"]["reports"]["junit"] == "build/*.xml"
            continue
        (kept,) = [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
        assert kept["if"] == "always()"
    for call in commands(path, "pytest"):
        assert {"--html", "--junitxml"} <= set(call)


def test_githubs_actions_are_commits_and_get_no_credentials() -> None:
    text = GITHUB.read_text()
    used = re.findall(r"uses: (\S+)", text)
    assert len(used) >= 5
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action) for action in used)
    assert load(GITHUB)["permissions"] == {"contents": "read"}
    for job in load(GITHUB)["jobs"].values():
        (checkout,) = [s for s in job["steps"] if "actions/checkout@" in s.get("uses", "")]
        assert checkout["with"]["persist-credentials"] is False


def test_no_strangers_code_reaches_the_board_and_one_run_at_a_time_does() -> None:
    board = load(GITHUB)["jobs"]["board"]
    assert board["if"] == "vars.TINYHIL_RUNNER != '' && github.event_name == 'push'"
    assert board["concurrency"] == {"group": "tinyhil-board", "cancel-in-progress": False}
    board = load(GITLAB)["board"]
    assert board["rules"] == [{"if": '$TINYHIL_RUNNER && $CI_COMMIT_REF_PROTECTED == "true"'}]
    assert (board["resource_group"], board["interruptible"]) == ("tinyhil-board", False)
