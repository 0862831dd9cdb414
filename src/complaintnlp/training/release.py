"""From a finished run to what others use: a calibrated model folder, or soft labels for a student."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.torch import load_file
from tokenizers import Tokenizer

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.folder import SETTINGS_FILE, ModelFolder, read_model_folder
from complaintnlp.training import dataset as data
from complaintnlp.training.calibrate import calibrate
from complaintnlp.training.encoder import load_encoder
from complaintnlp.training.export import check_size, write_model_folder, write_settings
from complaintnlp.training.network import ComplaintNetwork
from complaintnlp.training.predict import predict_logits
from complaintnlp.training.project_labels import load_training_labels
from complaintnlp.training.recipe import Recipe
from complaintnlp.training.soft_labels import save_soft_labels
from complaintnlp.training.stage import uses_bfloat16

_CHUNK: Final = 2000


def load_run(run: Path) -> tuple[ComplaintNetwork, Tokenizer, Recipe]:
    """The trained network of a run's folder, its tokenizer and recipe.

    Raises:
        ConfigurationError: the folder holds no finished run.
    """
    weights = run / "network.safetensors"
    if not weights.is_file():
        raise ConfigurationError(f"{run} holds no finished run (network.safetensors); train it first")
    recipe = _recipe_of(run)
    encoder, tokenizer = load_encoder(str(run / "base"))
    network = ComplaintNetwork(encoder, dropout=recipe.dropout, pooling=recipe.pooling)
    network.load_state_dict(load_file(weights))
    return network.eval(), tokenizer, recipe


def release_run(run: Path, out: Path, annotations: Path, *, name: str, version: str, any_size: bool = False) -> Path:
    """Export a run as an int8 model folder and calibrate it on the development split.

    The folder is built beside ``out`` and takes its place when it is complete; a file ``note.md`` in the run's folder
    becomes part of the card.
    """
    refuse_other_folders(out)
    network, tokenizer, recipe = load_run(run)
    development = data.load_hand_labels(annotations, "dev", evaluation_only=False)
    training: dict[str, Any] = {"runs": lineage(run), "calibrated_on": data.fingerprint(development)}
    note = run / "note.md"
    if note.is_file():
        training["note"] = note.read_text(encoding="utf-8").strip()
    with replaced_when_complete(out) as fresh:
        write_model_folder(
            fresh,
            network,
            tokenizer,
            name=name,
            version=version,
            max_tokens=recipe.max_tokens,
            training=training,
        )
        if not any_size:
            check_size(fresh)
        calibrate(fresh, development)
    return out.resolve()


def recalibrate(model: Path, annotations: Path) -> ModelFolder:
    """Fit calibration and thresholds of a model folder anew on the development split, and write them into it.

    Its weights stay as they are.
    """
    development = data.load_hand_labels(annotations, "dev", evaluation_only=False)
    calibrate(model, development)
    settings = read_model_folder(model).settings
    training = {**settings["training"], "calibrated_on": data.fingerprint(development)}
    write_settings(model, {**settings, "training": training})
    return read_model_folder(model)


def refuse_other_folders(out: Path) -> None:
    """Refuse to write a model over what is none.

    Raises:
        ConfigurationError: ``out`` is a file, or a folder that holds anything but a model.
    """
    if out.exists() and not (out / SETTINGS_FILE).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigurationError(f"{out} is no model folder and would be overwritten; name a new folder")


@contextmanager
def replaced_when_complete(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` to write into; it takes the place of ``out`` when the block ends without an error."""
    out = out.resolve()
    fresh, old = (out.with_name(f"{out.name}.{suffix}") for suffix in ("part", "old"))
    for path in (fresh, old):
        shutil.rmtree(path, ignore_errors=True)
    yield fresh
    if out.exists():
        out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def lineage(run: Path) -> list[dict[str, Any]]:
    """Recipe and data of a run and of those whose weights went into it, the first one first."""
    recipe = _recipe_of(run)
    before: list[dict[str, Any]] = []
    for earlier in [*([] if recipe.start is None else [recipe.start]), *recipe.mean_with]:
        before += [entry for entry in lineage(Path(earlier)) if entry not in before]
    made_of = json.loads((run / "data.json").read_text(encoding="utf-8"))
    return [*before, {"recipe": recipe.model_dump(mode="json"), "data": made_of}]


def _recipe_of(run: Path) -> Recipe:
    try:
        return Recipe.model_validate_json((run / "recipe.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{run / 'recipe.json'} is missing or of another version; train the run again"
        ) from error


def soft_label_corpora(
    run: Path,
    out: Path,
    annotations: Path,
    corpora: Path,
    *,
    project: Path | None = None,
    per_source: int,
    progress: Callable[[int, int], None],
) -> int:
    """Write the teacher's logits for a sample of the corpora and for the hand-labelled training texts.

    Returns:
        The number of texts.
    """
    network, tokenizer, recipe = load_run(run)
    held_out = data.HeldOut.of(annotations)
    hand = load_training_labels(annotations, project, corpora)
    texts = dict(zip(hand["id"], hand["text"], strict=True))
    for row in data.sample_corpora(corpora, held_out, per_source=per_source):
        text = data.model_text(row["text"], row["lang"])
        if text:
            texts.setdefault(row["id"], text)
    ids = list(texts)
    half = uses_bfloat16(recipe.precision)
    parts = []
    for start in range(0, len(ids), _CHUNK):
        chunk = [texts[text_id] for text_id in ids[start : start + _CHUNK]]
        parts.append(predict_logits(network, tokenizer, chunk, recipe.max_tokens, half=half))
        progress(min(start + _CHUNK, len(ids)), len(ids))
    save_soft_labels(out, ids, np.concatenate(parts))
    (out.with_suffix(".json")).write_text(
        json.dumps({"teacher": str(run), "texts": len(ids), "per_source": per_source}, indent=2), encoding="utf-8"
    )
    return len(ids)
