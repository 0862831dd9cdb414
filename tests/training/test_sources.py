"""The register of public sources: the committed one, and what is wrong in others."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.training.fetch import read_ids
from complaintnlp.training.sources import Source, load_sources, permissive_names

DATA = Path(__file__).resolve().parents[2] / "data"
SOURCE = """[[source]]
language = "en"
name = "shop"
rows = 2
licence = "MIT"
permissive = true
verified = true
"""


@pytest.fixture(scope="module", name="register")
def committed() -> tuple[Source, ...]:
    return load_sources(DATA / "sources.toml")


def test_the_register_names_every_source_of_the_labels(register: tuple[Source, ...]) -> None:
    names = {source.name for source in register}
    for path in (DATA / "labels").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            assert {row["source"] for row in csv.DictReader(stream)} <= names


def test_every_row_of_the_corpora_has_its_id(register: tuple[Source, ...]) -> None:
    ids = read_ids(DATA / "ids")
    rows: dict[tuple[str, str], int] = {(source.language, source.name): source.rows for source in register}
    assert {key: len(found) for key, found in ids.items()} == {key: rows[key] for key in ids}
    assert sum(map(len, ids.values())) == 542_874


def test_what_is_not_verified_says_why(register: tuple[Source, ...]) -> None:
    for source in register:
        assert source.verified or source.note or not source.repository, source.name
        assert not source.verified or source.layout, source.name
        assert not source.layout or source.files, source.name


def test_share_alike_and_unstated_licences_are_not_permissive(register: tuple[Source, ...]) -> None:
    permissive = permissive_names(register)
    assert {"banking77", "hotel-aspects", "massive"} <= permissive
    for source in register:
        if "BY-SA" in source.licence or source.licence.startswith(("none", "unknown")):
            assert source.name not in permissive, source.name


def test_a_name_is_permissive_only_in_all_its_languages(tmp_path: Path) -> None:
    path = tmp_path / "sources.toml"
    other = SOURCE.replace('"en"', '"tr"').replace("permissive = true", "permissive = false")
    path.write_text(SOURCE + other, encoding="utf-8")
    assert permissive_names(load_sources(path)) == frozenset()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (SOURCE.replace("rows = 2", "rows = -1"), r"source\.0\.rows: .*greater than or equal to 0"),
        (SOURCE + 'licens = "MIT"\n', r"source\.0\.licens: unknown field; allowed: language, name, rows"),
        (SOURCE + SOURCE, "en shop stands there more than once"),
        (SOURCE + "[source.layout]\n" + 'format = "xlsx"\ntext = ["a"]\n', r"layout\.format: .*'csv' or 'jsonl'"),
        ("[[source]\n", "cannot be read as TOML"),
    ],
)
def test_a_wrong_register_is_named(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=rf"sources\.toml: .*{problem}"):
        load_sources(path)


def test_a_missing_register_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"does not exist; run the command from the repository's top folder"):
        load_sources(tmp_path / "sources.toml")
