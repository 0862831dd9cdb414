"""Register of the public sources (``data/sources.toml``): their addresses, licences, and how their files are read."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from complaintnlp.errors import ConfigurationError
from complaintnlp.records import LanguageCode, explain

REGISTER_FILE: Final = "sources.toml"
WRITTEN: Final = "written"
"""Source of texts that were written for the project; they stand in ``data/written`` and in no register."""

AFTER_CASES: Final = "written-after-cases"
"""Source of texts written for the project after a situation that a public text tells: the same failures and the same
feeling, another customer, other things, other words."""

COMMENTS: Final = "written-comments"
"""Source of texts written for the project as people comment below posts of public bodies and firms."""

BARE_FACTS: Final = "written-bare-facts"
"""Source of texts written for the project that report an event in a few words, and of texts like them without one."""

OWN_SOURCES: Final = (WRITTEN, AFTER_CASES, COMMENTS, BARE_FACTS)


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LabelRule(_Table):
    """A native label that is more than a column as it stands.

    Attributes:
        constant: the same for every row of the source.
        column: column or key that holds the label.
        values: what each native value is called in the corpora; others are dropped.
        names: the column holds a list with one value for each of these; the label is a table of those not dropped.
    """

    constant: str | None = None
    column: str | None = None
    values: dict[str, str] | None = None
    names: tuple[str, ...] = ()


class Layout(_Table):
    """How rows stand in a source's files.

    Attributes:
        format: ``csv`` with any delimiter, or one JSON object a line.
        encoding: of the files; a byte order mark is allowed.
        delimiter, quoted: of CSV; where not quoted, quotation marks are text.
        columns: names of the columns where the file has no header.
        text: columns or keys that hold the text, joined with ``". "``.
        labels: native labels: a column or key as it stands, or a rule.
    """

    format: Literal["csv", "jsonl"]
    encoding: str = "utf-8-sig"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quoted: bool = True
    columns: tuple[str, ...] = ()
    text: tuple[str, ...] = Field(min_length=1)
    labels: dict[str, str | LabelRule] = {}

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns or keys that every file must have."""
        rules = (rule if isinstance(rule, str) else rule.column for rule in self.labels.values())
        return (*self.text, *(column for column in rules if column is not None))


class Source(_Table):
    """One source in one language; the header of the register explains each entry."""

    language: LanguageCode
    name: str
    rows: int = Field(ge=0)
    native_labels: str = ""
    repository: str = ""
    commit: str = ""
    licence: str
    permissive: bool
    verified: bool
    note: str = ""
    files: tuple[str, ...] = ()
    unpacked: tuple[str, ...] = ()
    layout: Layout | None = None

    @property
    def readable_files(self) -> tuple[str, ...]:
        """What is read: the files, or what was unpacked of them."""
        return self.unpacked or self.files

    @property
    def address(self) -> str:
        """Where the repository is, and at which commit."""
        if not self.repository:
            return "address unknown"
        return f"https://github.com/{self.repository}" + (f" at {self.commit}" if self.commit else "")


class _Register(_Table):
    source: list[Source]


def load_sources(path: Path) -> tuple[Source, ...]:
    """Read the register.

    Raises:
        ConfigurationError: the file is missing, is no TOML, or an entry is wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path} does not exist; run the command from the repository's top folder, or name it with --project"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read as TOML ({error})") from None
    try:
        sources = tuple(_Register.model_validate(data).source)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {explain(error, _Register)}") from None
    keys = [(source.language, source.name) for source in sources]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigurationError(f"{path}: {key[0]} {key[1]} stands there more than once; keep one entry")
    return sources


def permissive_names(sources: tuple[Source, ...]) -> frozenset[str]:
    """Names of the sources whose licence is permissive in every language that they stand in."""
    return frozenset(source.name for source in sources) - {s.name for s in sources if not s.permissive}
