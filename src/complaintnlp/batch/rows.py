"""What travels from a reader to a writer: a row, or a line that could not become one."""

from __future__ import annotations

from dataclasses import dataclass


class RawJson(str):
    """JSON text of a value that is not a string, as it stood in the file (``9``, ``null``, ``{"a": 1.10}``).

    Kept as text so that no number loses digits on its way through.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One record of an input file.

    Attributes:
        line: number of its first physical line, counted from 1.
        raw: the record as it stood in the file, without the final line end.
        cells: column name and value in file order; a value other than a JSON string is a `RawJson`.
    """

    line: int
    raw: str
    cells: tuple[tuple[str, str], ...]

    def values(self) -> dict[str, str]:
        """Values by column name; where a name is repeated the first one counts."""
        return dict(reversed(self.cells))


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be scored: where it starts, why, and everything that stood there."""

    line: int
    reason: str
    raw: str
