"""Run the prediction service. Needs the extra ``serve``, asked for only when it is run."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from complaintnlp.api.settings import Settings
from complaintnlp.errors import MissingExtraError

_PACKAGES: Final = ("fastapi", "uvicorn")


def require_packages() -> None:
    """Check that the packages of the extra ``serve`` are there.

    Raises:
        MissingExtraError: names the first that is missing and how to install it.
    """
    for package in _PACKAGES:
        if find_spec(package) is None:
            raise MissingExtraError("complaintnlp serve", "serve", package)


def serve(host: str = "127.0.0.1", port: int = 8000, model: Path | None = None) -> None:
    """Serve until interrupted.

    The model is loaded before the port opens, so that a wrong model folder ends the command at once.

    Args:
        host: address to listen on; ``0.0.0.0`` for every network the machine is in.
        port: TCP port.
        model: model folder; else ``COMPLAINTNLP_MODEL``, else the released model.

    Raises:
        MissingExtraError: the extra ``serve`` is not installed.
        ConfigurationError: an environment variable is unknown or holds a value that is not allowed.
        ModelFolderError: the model folder is missing, incomplete or of another schema version.
    """
    require_packages()
    import uvicorn  # noqa: PLC0415 - only this command needs the extra

    from complaintnlp.api.app import create_app, load_analyzer  # noqa: PLC0415

    settings = Settings.from_environment(model=model)
    app = create_app(settings, load_analyzer(settings.model))
    uvicorn.run(app, host=host, port=port, access_log=False)
