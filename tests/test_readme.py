"""The README's examples are run as they stand, on the released model."""

import json
import re
import shlex
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from complaintnlp import Analyzer
from complaintnlp.api.app import create_app
from complaintnlp.api.settings import Settings
from complaintnlp.cli import app

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer.load()


def command_lines() -> list[str]:
    lines = "\n".join(blocks("sh")).splitlines()
    return [
        line.split("#")[0].strip() for line in lines if line.startswith(("complaintnlp analyze", "complaintnlp score"))
    ]


@pytest.mark.parametrize("line", command_lines())
def test_command_lines_run(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    line = line.replace("-o ", f"-o {tmp_path}/")  # nothing is left behind in the checkout
    words = shlex.split(line)[1:]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    if "--json" in words:
        assert json.loads(result.stdout)["status"] == "scored"


def test_there_are_command_lines() -> None:
    assert len(command_lines()) >= 3


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python")
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - the repository's own text
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("delay_wait S")
    assert printed[-2].startswith("1 hy promoter text")
    assert printed[-1] == "2 tr detractor survey"


def test_the_http_example_is_answered(analyzer: Analyzer) -> None:
    (body,) = re.findall(r"curl .*? -d '\n(.*?)'", README, re.DOTALL)
    with TestClient(create_app(Settings(), analyzer)) as client:
        answer = client.post("/v1/analyze", content=body.encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["id"] for result in results] == ["a", "b"]
    assert results[0]["primary_failure"] == "facility_hygiene"
    assert results[1]["nps"]["class"] == "promoter"


def test_the_printed_answer_is_the_models_own(analyzer: Analyzer) -> None:
    (shown,) = re.findall(r"<!-- answer -->.*?```json\n(.*?)```", README, re.DOTALL)
    printed = json.loads(shown)
    command = next(line for line in command_lines() if "--json" not in line and "analyze" in line)
    real = analyzer.analyze(shlex.split(command)[2]).to_dict()
    assert printed["model"] == real["model"]
    for field in ("status", "primary_failure", "severity"):
        assert printed[field] == real[field]
    assert [f["code"] for f in printed["failure_types"]] == [f["code"] for f in real["failure_types"]]


def test_the_two_commands_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^demo:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)
