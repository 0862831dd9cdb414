"""The released model as users get it: complete, small enough, carried by the wheel, and no worse than its card says."""

import csv
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from complaintnlp import Analyzer, __version__
from complaintnlp.batch import score_file
from complaintnlp.model.folder import CARD_FILE, CONFIG_FILE, default_model_path, read_model_folder
from complaintnlp.records import Feedback
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training.evaluate import weights_hash

REPOSITORY = Path(__file__).parents[1]
SAMPLES = REPOSITORY / "data" / "samples"


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer.load()


def rows(name: str) -> list[dict[str, str]]:
    with (SAMPLES / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_folder_is_complete_and_small() -> None:
    folder = default_model_path()
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 45_000_000
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    assert tuple(config["id2label"].values()) == FAILURE_TYPE_IDS
    assert not [path for path in folder.iterdir() if path.suffix in {".pkl", ".pt", ".bin", ".pickle"}]


def test_card_speaks_of_this_model() -> None:
    folder = read_model_folder()
    card = (folder.path / CARD_FILE).read_text(encoding="utf-8")
    assert f"# {folder.name} {folder.version}" in card
    for run in folder.settings["training"]["runs"]:
        for stage in run["data"].values():
            assert stage["fingerprint"] in card
    results = json.loads(
        (REPOSITORY / "training" / "results" / f"{folder.name}-{folder.version}-test.json").read_text()
    )
    assert results["model"]["sha256"] == weights_hash(folder.path)
    for group, figures in results["groups"].items():
        assert group in card
        assert f"{figures['type_micro_f1']:.3f}" in card


def test_version_is_the_packages() -> None:
    assert read_model_folder().version == __version__


def test_sample_answers_are_sensible(analyzer: Analyzer) -> None:
    """A floor far below the measured quality: it catches a broken tokenizer or shuffled labels, not a weaker model."""
    labels = {row["review_id"]: row for row in rows("labels.csv")}
    right = detractors = 0
    reviews = rows("reviews.csv")
    for review in reviews:
        answer = analyzer.analyze(Feedback(id=review["review_id"], text=review["text"]))
        label = labels[review["review_id"]]
        assert answer.status == "scored"
        assert answer.nps is not None
        expected = label["failure_types"].split(";")[0] or None
        right += answer.primary_failure == expected
        detractors += (answer.nps.nps_class == "detractor") == (label["nps_class"] == "detractor")
    assert right / len(reviews) >= 0.5
    assert detractors / len(reviews) >= 0.75


def test_same_answer_alone_and_in_a_file_in_both_orders(analyzer: Analyzer, tmp_path: Path) -> None:
    reviews = rows("reviews.csv")
    many = [{**review, "review_id": f"{i}"} for i, review in enumerate(reviews * 17)][:1000]
    columns = [name for name in many[0] if name in {"review_id", "date", "text"}]
    scored: list[dict[str, dict[str, str]]] = []
    for name, order in (("forward", many), ("backward", many[::-1])):
        source, target = tmp_path / f"{name}.csv", tmp_path / f"{name}.scored.csv"
        with source.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(order)
        score_file(source, target, analyzer)
        with target.open(encoding="utf-8", newline="") as stream:
            scored.append({row["review_id"]: row for row in csv.DictReader(stream)})
    assert len(scored[0]) == 1000
    assert scored[0] == scored[1]
    for review in reviews[:60]:
        row = next(row for row in scored[0].values() if row["text"] == review["text"])
        alone = analyzer.analyze(review["text"])
        assert row["cnlp_failure_types"] == ";".join(failure.code for failure in alone.failure_types)
        assert alone.at_risk is not None
        assert float(row["cnlp_risk_probability"]) == pytest.approx(alone.at_risk.probability, abs=1e-9)


def test_wheel_carries_the_model(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)  # noqa: S603 - fixed arguments
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"complaintnlp/released_model/{path.name}" for path in default_model_path().iterdir()} <= names
    assert {"complaintnlp/taxonomy.toml", "complaintnlp/recovery/playbook.toml", "complaintnlp/py.typed"} <= names
