from pathlib import Path

import pytest
from pydantic import ValidationError

from complaintnlp.api.settings import Settings
from complaintnlp.errors import ConfigurationError


def test_defaults_without_any_variable() -> None:
    settings = Settings.from_environment({"PATH": "/bin", "COMPLAINT": "not ours"})
    assert (settings.model, settings.max_items, settings.max_body_bytes) == (None, 256, 2 * 1024 * 1024)


def test_reads_every_variable() -> None:
    settings = Settings.from_environment(
        {
            "COMPLAINTNLP_MODEL": "/srv/model",
            "COMPLAINTNLP_MAX_ITEMS": "8",
            "COMPLAINTNLP_MAX_BODY_BYTES": "4096",
        }
    )
    assert settings == Settings(model=Path("/srv/model"), max_items=8, max_body_bytes=4096)


def test_reads_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPLAINTNLP_MAX_ITEMS", "7")
    assert Settings.from_environment().max_items == 7


def test_an_override_wins_over_the_environment_but_none_does_not() -> None:
    environment = {"COMPLAINTNLP_MODEL": "/srv/model"}
    assert Settings.from_environment(environment, model=Path("/other")).model == Path("/other")
    assert Settings.from_environment(environment, model=None).model == Path("/srv/model")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().max_items = 3


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("COMPLAINTNLP_MAX_ITEMS", "many"),
        ("COMPLAINTNLP_MAX_ITEMS", ""),
        ("COMPLAINTNLP_MAX_ITEMS", "0"),
        ("COMPLAINTNLP_MAX_ITEMS", "1000000"),
        ("COMPLAINTNLP_MAX_BODY_BYTES", "2MB"),
        ("COMPLAINTNLP_MAX_BODY_BYTES", "-1"),
        ("COMPLAINTNLP_MODEL", " "),
    ],
)
def test_an_invalid_value_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment({variable: value})
    assert f"{variable}={value!r}" in str(caught.value)
    assert "unset it" in str(caught.value)


def test_an_unknown_variable_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"COMPLAINTNLP_MAXITEMS is not a setting; .*COMPLAINTNLP_MAX_ITEMS"):
        Settings.from_environment({"COMPLAINTNLP_MAXITEMS": "5"})


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment({"COMPLAINTNLP_TYPO": "5", "COMPLAINTNLP_MAX_ITEMS": "x"})
    assert "COMPLAINTNLP_TYPO" in str(caught.value)
    assert "COMPLAINTNLP_MAX_ITEMS" in str(caught.value)
