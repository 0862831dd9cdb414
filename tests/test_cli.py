from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from complaintnlp import Analyzer, __version__
from complaintnlp.cli import app, main
from complaintnlp.judgement.risk_policy import read_risk_policy
from complaintnlp.records import Analysis

WORDS = "Fırın üç defa tamir edildi, hâlâ ısıtmıyor!"

Run = Callable[..., tuple[int, str, str]]

ENVIRONMENT = {**os.environ, "COLUMNS": "200", "TERM": "dumb", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}


class Terminal(io.StringIO):
    """A keyboard that nobody types on."""

    def isatty(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> str:
        raise AssertionError("a terminal must not be read: the command would hang")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls `main` as the installed command does; returns exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")

    def call(*arguments: str | Path, stdin: str = "", terminal: bool = False) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["complaintnlp", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", Terminal() if terminal else io.StringIO(stdin))
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call


def python(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A fresh interpreter, as a user's shell starts it."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, env=ENVIRONMENT, check=False)  # noqa: S603


def error_of(result: tuple[int, str, str]) -> str:
    """The message of a failed call, after checking that it is one readable line and nothing else."""
    code, out, err = result
    assert code == 1
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    return err


def write_csv(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


# --- analyze


@pytest.mark.parametrize("command", [("analyze", WORDS), ("score", "in.csv", "-o", "out.csv")])
def test_a_precision_needs_a_calibrated_folder(run: Run, tiny_model: Path, command: tuple[str, ...]) -> None:
    error = error_of(run(*command, "--precision", "0.9", "--model", tiny_model))
    assert f"add them with: complaintnlp calibrate {tiny_model}" in error


def test_analyze_prints_a_card(run: Run, tiny_model: Path) -> None:
    code, out, err = run("analyze", WORDS, "--model", tiny_model)
    assert (code, err) == (0, "")
    assert "tiny 0.0.1" in out
    assert "Turkish" in out
    assert "What to do now" in out


def test_analyze_prints_json(run: Run, tiny_model: Path) -> None:
    code, out, err = run("analyze", WORDS, "--json", "--model", tiny_model)
    assert (code, err) == (0, "")
    answer, alone = Analysis.model_validate_json(out), Analyzer.load(tiny_model).analyze(WORDS, evidence=True)
    # Due times count from now on the command line; without a date of writing the analyzer gives none.
    assert answer.model_copy(update={"recovery": None}) == alone.model_copy(update={"recovery": None})
    assert answer.recovery is not None
    assert answer.recovery.first_reply_due is not None
    assert '"class":' in out


def test_analyze_passes_language_and_survey_score_on(run: Run, tiny_model: Path) -> None:
    _, out, _ = run("analyze", WORDS, "--json", "--model", tiny_model, "--language", "hy", "--nps-score", "10")
    answer = json.loads(out)
    assert answer["language"] == {"code": "hy", "confidence": 1.0, "supported": True}
    assert (answer["nps"]["class"], answer["nps"]["source"]) == ("promoter", "survey")


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_analyze_reads_stdin(run: Run, tiny_model: Path, arguments: tuple[str, ...]) -> None:
    code, out, _ = run("analyze", *arguments, "--json", "--model", tiny_model, stdin=WORDS + "\n")
    assert code == 0
    assert json.loads(out)["language"]["code"] == "tr"


def test_analyze_says_when_there_is_nothing_to_read(run: Run, tiny_model: Path) -> None:
    code, out, _ = run("analyze", "😡", "--model", tiny_model)
    assert code == 0
    assert "there is nothing to read" in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--language", "ru"), "language: "),
        (("--nps-score", "11"), "nps_score: "),
        (("--model", "no/such/model"), "model folder no/such/model does not exist"),
    ],
)
def test_a_wrong_argument_of_analyze_is_one_line(
    run: Run, tiny_model: Path, arguments: tuple[str, ...], problem: str
) -> None:
    model = () if "--model" in arguments else ("--model", tiny_model)
    message = error_of(run("analyze", WORDS, *model, *arguments))
    assert problem in message
    assert WORDS not in message


def test_analyze_at_a_terminal_asks_for_a_text(run: Run, tiny_model: Path) -> None:
    assert "no text given" in error_of(run("analyze", "--model", tiny_model, terminal=True))


def test_a_text_pasted_by_mistake_is_refused(run: Run, tiny_model: Path) -> None:
    assert "50,000 characters" in error_of(run("analyze", "--model", tiny_model, stdin="x" * 60_000))


# --- score


def test_score_writes_the_answers_beside_the_rows(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    source = write_csv(
        tmp_path / "in.csv",
        ("id", "comment", "nps"),
        ("1", WORDS, "3"),
        ("2", "外卖送错了，商家不给换", "9"),
        ("3", "Доставили не тот размер обуви", ""),
        ("4", "Հեռախոսի էկրանը ճաքած էր", ""),
        ("5", "The heating failed all night", ""),
    )
    target = tmp_path / "out.csv"
    code, out, err = run("score", source, "-o", target, "--text-column", "comment", "--model", tiny_model)
    assert (code, out) == (0, "")
    assert "5 read" in err
    assert "4 scored, 1 unsupported language, 0 empty, 0 rejected" in err
    with target.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["cnlp_language"] for row in rows] == ["tr", "zh", "ru", "hy", "en"]
    assert [row["cnlp_status"] for row in rows][2] == "unsupported"


@pytest.mark.parametrize("column", ["[/b]", "comment"])
def test_score_shows_rows_and_names_as_they_are(run: Run, tiny_model: Path, tmp_path: Path, column: str) -> None:
    source = write_csv(tmp_path / "in.csv", ("id", column), ("1", WORDS))
    target = tmp_path / "run[final].csv"
    code, out, err = run("score", source, "-o", target, "--text-column", column, "--show", "3", "--model", tiny_model)
    assert code == 0
    assert "The first rows of" in out
    assert WORDS[:9] in out
    assert f"column '{column}'" in err
    assert "run[final].csv" in err


@pytest.mark.parametrize(
    ("name", "content"),
    [("in.csv", "id,comment\n"), ("in.csv", "id,comment\n1\n"), ("in.jsonl", '{"comment": 5}\n')],
)
@pytest.mark.parametrize("target", ["out.csv", "out.jsonl"])
def test_score_with_nothing_to_show_prints_the_summary(
    run: Run, tiny_model: Path, tmp_path: Path, name: str, content: str, target: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    code, out, err = run("score", tmp_path / name, "-o", tmp_path / target, "--show", "3", "--model", tiny_model)
    assert (code, out) == (0, "")
    assert "0 scored, 0 unsupported language, 0 empty" in err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("missing.csv", "-o", "out.csv"), "missing.csv"),
        (("in.csv", "-o", "out.xlsx"), "out.xlsx"),
        (("in.csv", "-o", "in.csv"), "overwrite the input"),
        (("in.csv", "-o", "out.csv", "--text-column", "words"), "words"),
        (("in.csv", "-o", "out.csv", "--encoding", "klingon"), "klingon"),
    ],
)
def test_what_cannot_be_scored_is_told(
    run: Run,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "in.csv", ("id", "comment"), ("1", WORDS))
    code, _, err = run("score", *arguments, "--model", tiny_model)
    assert code == 1
    assert "Traceback" not in err
    message = next(line for line in err.splitlines() if line.startswith("error: "))
    assert problem in message
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


# --- help and usage


def commands() -> Iterator[tuple[str, ...]]:
    root: Any = typer.main.get_command(app)
    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        yield from ((name, under) for under in inner) if inner else ((name,),)


def test_the_commands_are_these() -> None:
    names = {" ".join(path) for path in commands()}
    expected = ["analyze", "score", "serve", "train", "export", "evaluate", "gate", "calibrate", "card", "soft-label"]
    assert names >= {*expected, "robustness", "data report", "data rates"}


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_shows_an_example_or_says_what_it_needs(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    assert "Example" in result.output or "Needs the extra" in result.output


def test_no_arguments_show_the_help(run: Run) -> None:
    code, out, err = run()
    assert code in (0, 2)  # click 8.2 made it a usage error
    assert "analyze" in out + err
    assert "score" in out + err


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("serve", "--port", "0"), "Invalid value for '--port'"),
        (("serve", "--port", "65536"), "Invalid value for '--port'"),
        (("serve", "--port", "http"), "Invalid value for '--port'"),
        (("score", "in.csv"), "--output"),
        (("anlayze", "x"), "No such command"),
        (("analyze", "--nps-score", "ten", "x"), "Invalid value for '--nps-score'"),
    ],
)
def test_wrong_usage_is_explained(run: Run, arguments: tuple[str, ...], problem: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert problem in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["evaluate", "robustness"])
@pytest.mark.parametrize("split", ["train", "all", ""])
def test_a_bad_split_is_refused_before_anything_is_loaded(run: Run, command: str, split: str) -> None:
    assert f"--split {split!r} is not one of dev, test" in error_of(run(command, "--split", split))


# --- a fresh interpreter


def test_python_m_runs_the_command_line(tiny_model: Path) -> None:
    result = python("-m", "complaintnlp", "analyze", "--json", "--model", tiny_model, stdin=WORDS.encode())
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout)["language"]["code"] == "tr"


@pytest.mark.parametrize(
    ("text", "stdin", "problem"), [("-", b"k\xf6t\xfc", b"stdin is no valid utf-8"), (b"k\xf6t\xfc", b"", b"surrogate")]
)
def test_bytes_of_another_encoding_are_told(tiny_model: Path, text: str | bytes, stdin: bytes, problem: bytes) -> None:
    strict = {**ENVIRONMENT, "PYTHONUTF8": "0", "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8:strict"}
    command = [sys.executable, "-m", "complaintnlp", "analyze", "--model", str(tiny_model), text]
    result = subprocess.run(command, input=stdin, capture_output=True, env=strict, check=False)  # noqa: S603
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.startswith(b"error: ")
    assert problem in result.stderr
    assert result.stderr.count(b"\n") == 1


WITHOUT = """
import sys
sys.modules[{missing!r}] = None
sys.argv[1:] = {arguments!r}
from complaintnlp.cli import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "missing", "extra"),
    [
        (["train", "recipe.toml"], "torch", "train"),
        (["export", "run", "-o", "out"], "torch", "train"),
        (["evaluate"], "datasets", "train"),
        (["robustness"], "opencc", "train"),
        (["serve"], "fastapi", "serve"),
        (["serve"], "uvicorn", "serve"),
    ],
)
def test_a_missing_extra_is_named_with_the_command_to_install_it(
    arguments: list[str], missing: str, extra: str
) -> None:
    result = python("-c", WITHOUT.format(missing=missing, arguments=arguments))
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.decode() == (
        f"error: complaintnlp {arguments[0]} needs the package {missing!r}, which is not installed; "
        f"run: pip install 'complaintnlp[{extra}]'\n"
    )


def test_a_missing_submodule_is_named_by_its_package() -> None:
    code = """
from complaintnlp import cli
from complaintnlp.cli.shared import training_extra
@cli.app.command()
def broken():
    with training_extra("complaintnlp broken"):
        raise ModuleNotFoundError("no such module", name="sklearn.linear_model")
cli.main()
"""
    result = python("-c", code, "broken")
    assert result.returncode == 1
    assert b"complaintnlp broken needs the package 'sklearn', which" in result.stderr


def test_a_missing_part_of_this_package_is_no_missing_extra() -> None:
    missing = "complaintnlp.training.data_report"
    result = python("-c", WITHOUT.format(missing=missing, arguments=["data", "report"]))
    assert result.returncode == 1
    assert b"pip install" not in result.stderr
    assert b"ModuleNotFoundError" in result.stderr


# --- from labels to work


@pytest.mark.parametrize(
    ("language", "words"), [("tr", "Şimdi yapılacaklar"), ("zh", "现在该做什么"), ("hy", "Ինչ անել հիմա")]
)
def test_the_card_speaks_the_language_of_the_team(run: Run, tiny_model: Path, language: str, words: str) -> None:
    code, out, err = run("analyze", WORDS, "--ui-language", language, "--model", tiny_model)
    assert (code, err) == (0, "")
    assert words in out
    assert "What to do now" not in out


def test_what_is_known_of_the_customer_counts(run: Run, tiny_model: Path) -> None:
    known = '{"tier": "vip", "complaints_30d": 2}'
    code, out, _ = run("analyze", WORDS, "--json", "--channel", "email", "--customer", known, "--model", tiny_model)
    assert code == 0
    risk = Analysis.model_validate_json(out).at_risk
    assert risk is not None
    assert risk.value_factor > 1
    assert "repeat_contact" in [part.signal for part in risk.contributions]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--customer", "{tier: vip}"), "--customer is no JSON"),
        (("--customer", '{"tier": "gold"}'), "customer.tier"),
        (("--customer", '{"rank": 1}'), "unknown field; allowed: id, tier"),
        (("--ui-language", "de"), "--ui-language 'de' is not one of"),
        (("--country", "turkey"), "country"),
        (("--channel", "pigeon"), "channel"),
    ],
)
def test_wrong_context_is_explained(run: Run, tiny_model: Path, options: tuple[str, ...], message: str) -> None:
    code, out, err = run("analyze", WORDS, *options, "--model", tiny_model)
    assert (code, out) == (1, "")
    assert message in err


def test_a_playbook_is_checked_and_shown(run: Run, tmp_path: Path) -> None:
    ours = tmp_path / "ours.toml"
    ours.write_text('[matrix.delay_wait.S2]\nowner = "Logistics"\n', encoding="utf-8")
    code, out, _ = run("playbook", "check", ours)
    assert code == 0
    assert "matrix.delay_wait.S2.owner" in out
    assert "1 entries differ" in out
    code, out, _ = run("playbook", "show", "delay_wait", "S2", "--playbook", ours, "--ui-language", "tr")
    assert code == 0
    assert "Logistics" in out
    assert "özür dileyin" in out
    ours.write_text('[matrix.delay_wait.S2]\nowner = "Logistics"\nactions = ["sing"]\n', encoding="utf-8")
    code, out, err = run("playbook", "check", ours)
    assert code == 1
    assert "ours.toml" in err
    assert "sing" in err
    code, _, err = run("playbook", "show", "delay_wait", "S9")
    assert code == 1
    assert "S1, S2, S3, S4" in err


def test_points_are_fitted_and_used(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    exits, falling = generator.random(3000) < 0.3, generator.random(3000) < 0.3
    left = generator.random(3000) < 0.05 + 0.5 * exits + 0.2 * falling
    table = tmp_path / "customers.csv"
    lines = [f"{int(y)},{int(a)},{int(b)}" for y, a, b in zip(left, exits, falling, strict=True)]
    table.write_text("\n".join(["churned,explicit_exit,falling_use", *lines]), encoding="utf-8")
    fitted = tmp_path / "ours.toml"
    code, _, err = run("fit-risk", table, "-o", fitted)
    assert code == 1
    assert "lacks the columns conditional_exit" in err
    code, out, err = run("fit-risk", table, "-o", fitted, "--keep-missing")
    assert code == 0, err
    assert "AUROC" in out
    points = read_risk_policy(fitted).signals
    assert points["explicit_exit"].points > points["falling_use"].points > 0
    code, out, _ = run(
        "analyze",
        WORDS,
        "--json",
        "--customer",
        '{"falling_use": true}',
        "--risk-policy",
        fitted,
        "--model",
        tiny_model,
    )
    assert code == 0
    risk = Analysis.model_validate_json(out).at_risk
    assert risk is not None
    given = {part.signal: part.points for part in risk.contributions}
    assert given["falling_use"] == round(points["falling_use"].points)
