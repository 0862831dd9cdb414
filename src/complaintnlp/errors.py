"""Every error that complaintnlp raises on purpose.

    ComplaintNLPError
    ├── InvalidInputError      a text, record or argument that cannot be used
    ├── InputFileError         an input file that is missing, empty or unreadable
    ├── ModelFolderError       a model folder that is missing, damaged or of another schema
    ├── ConfigurationError     a recipe, playbook or mapping file with a wrong entry
    └── MissingExtraError      a command needs an optional dependency group

Each message says what is wrong, where, what is allowed, and what to do.
This module imports nothing, so every room may import it.
"""


class ComplaintNLPError(Exception):
    """Root of all errors raised on purpose; catching it catches them all."""


class InvalidInputError(ComplaintNLPError, ValueError):
    """A text, record or argument cannot be used. Also a ``ValueError``."""


class InputFileError(ComplaintNLPError):
    """An input file is missing, empty, or not what its name says."""


class ModelFolderError(ComplaintNLPError):
    """A model folder is missing, incomplete, damaged, or of another schema version."""


class ConfigurationError(ComplaintNLPError, ValueError):
    """A configuration file (recipe, playbook, label mapping) holds a wrong entry. Also a ``ValueError``."""


class MissingExtraError(ComplaintNLPError, ImportError):
    """A command needs packages of an optional extra that is not installed. Also an ``ImportError``."""

    def __init__(self, feature: str, extra: str, missing: str) -> None:
        super().__init__(
            f"{feature} needs the package {missing!r}, which is not installed; run: pip install 'complaintnlp[{extra}]'"
        )
        self.extra = extra
