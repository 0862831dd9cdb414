"""Settings of the prediction service, read from environment variables and checked at start.

A leaf module: needs neither fastapi nor the model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from complaintnlp.errors import ConfigurationError

PREFIX: Final = "COMPLAINTNLP_"
"""Every environment variable of the service begins with this; an unknown one is refused as a likely typo."""

MEBIBYTE: Final = 1024 * 1024


class Settings(BaseModel):
    """Settings of the prediction service; each field is read from ``COMPLAINTNLP_<FIELD IN CAPITALS>``.

    Attributes:
        model: the model folder; None means the released model.
        max_items: most feedbacks in one request.
        max_body_bytes: largest request body, in bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Path | None = None
    max_items: int = Field(default=256, ge=1, le=10_000)
    max_body_bytes: int = Field(default=2 * MEBIBYTE, ge=1024, le=64 * MEBIBYTE)

    @field_validator("model", mode="before")
    @classmethod
    def _refuse_empty_path(cls, value: Any) -> Any:
        # Path("") is the working directory, which nobody means by an empty variable.
        if isinstance(value, str) and not value.strip():
            raise ValueError("empty path")
        return value

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Read the settings from ``environment`` (default: the process environment).

        Args:
            environment: variable names and values.
            overrides: field values that win over the environment, as given on a command line; None does not.

        Raises:
            ConfigurationError: names each variable that is unknown or holds a value that is not allowed.
        """
        source = os.environ if environment is None else environment
        values = {name.removeprefix(PREFIX): value for name, value in source.items() if name.startswith(PREFIX)}
        known = {field.upper(): field for field in cls.model_fields}
        problems = [
            f"{PREFIX}{name} is not a setting; allowed: {', '.join(PREFIX + allowed for allowed in known)}"
            for name in sorted(values.keys() - known.keys())
        ]
        fields: dict[str, Any] = {known[name]: value for name, value in values.items() if name in known}
        fields |= {field: value for field, value in overrides.items() if value is not None}
        try:
            settings = cls.model_validate(fields)
        except ValidationError as error:
            problems += _explain(error)
            settings = None
        if settings is None or problems:
            raise ConfigurationError("; ".join(problems))
        return settings


def _explain(error: ValidationError) -> list[str]:
    problems = []
    for problem in error.errors(include_url=False):
        field = ".".join(str(part) for part in problem["loc"])
        default = Settings.model_fields[field].default if field in Settings.model_fields else None
        unset = "the released model" if default is None else f"the default {default}"
        problems.append(
            f"{PREFIX}{field.upper()}={problem['input']!r}: {problem['msg']}; correct it, or unset it for {unset}"
        )
    return problems
