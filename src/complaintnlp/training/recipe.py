"""A training recipe: one TOML file that fixes everything a run depends on."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from complaintnlp.errors import ConfigurationError
from complaintnlp.records import LanguageCode, explain
from complaintnlp.training.encoder import PACKAGED_ENCODER

Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(ge=0)]
Change = Literal["typos", "no_diacritics", "traditional", "emoji", "code_mixing"]
"""Changes of `complaintnlp.training.perturb` under which all labels stay and the text is read as it is."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EncoderSection(_Section):
    """Base encoder: its source, which layers to keep (all if None), and the vocabulary's trimming.

    ``layers = []`` keeps no transformer layer: a static model of token and position embeddings under the same heads.
    The ``encoder`` folder of a finished run is a source too: so a student starts from its teacher's layers.
    """

    source: str = PACKAGED_ENCODER
    layers: list[int] | None = None
    trim_vocabulary: bool = True
    min_piece_count: int = Field(default=2, ge=1)


class DataSection(_Section):
    """Which texts may be learned from: of ``all`` sources, or only of those that the register calls ``permissive``.

    This limits the texts with native, soft and hand labels and those that the vocabulary is counted on. Texts written
    for the project are allowed, but for those after the situation of a public text; development and test texts stay
    those of all sources. What another run has learned (``start``, ``soft``) follows that run's recipe.
    """

    licences: Literal["all", "permissive"] = "all"


class LossSection(_Section):
    """Factor per head."""

    failure_types: float = Field(default=5.0, ge=0)
    primary: float = Field(default=0.7, ge=0)
    intensity: float = Field(default=1.5, ge=0)
    nps: float = Field(default=1.0, ge=0)
    at_risk: float = Field(default=1.0, ge=0)
    risk_reasons: float = Field(default=0.7, ge=0)


class StageSection(_Section):
    """One pass of training over one mixture of data.

    Attributes:
        name: names the stage in logs.
        hand, weak: whether hand labels and mapped native labels are in the mixture.
        hand_part: part of the hand labels, for a learning curve; chosen by a hash of the text's id.
        changes: share of the hand-labelled texts that are read changed, as `complaintnlp.training.perturb` does it;
            chosen by a hash of the text's id.
        soft: files of soft labels in the mixture; of several teachers the mean of the probabilities counts.
        soft_share: weight of the teachers' view of a hand-labelled text beside its hand labels.
        weak_per_source: at most so many weakly labelled texts of each language and source.
        weak_sources: only these sources' native labels; all if empty. Where named, they replace soft labels:
            a teacher that was shown no voice command or novel finds failures in them.
        epochs: passes over the mixture.
        learning_rate: peak rate of the encoder's top layer.
        head_learning_rate: peak rate of the output layer.
        layer_decay: each lower layer learns at this factor of the layer above.
        batch_tokens: padded tokens a batch.
        warmup: share of the steps in which the rate rises; it falls linearly to zero after.
        language_factors: how often a language's hand-labelled texts occur an epoch.
        origin_factors: the same for an origin (``real``, ``adapted``, ``written``).
        source_factors: the same for a source; all three factors multiply.
        patience: stop after so many epochs without a better development score; None trains to the end.
        frozen_layers: 0 freezes the embeddings, n also the n lowest layers; None lets everything learn.
        ema_decay: decay of the moving average of the weights that is evaluated and kept; 0 keeps the last weights.
        objective: ``labels``; or ``masked_words``, which ignores them and guesses tokens left out of the same texts.
        r_drop: weight of the divergence between two passes of a batch that differ by dropout, beside the mean of their
            losses: half the alpha of Liang et al. 2021.
        fgm: a second pass of each batch with adversarial noise of this share of the token vectors' norm
            (Miyato et al. 2017).
        alignment: weight of a contrast that draws together parallel texts of two languages.
    """

    name: str
    hand: bool = True
    hand_part: float = Field(default=1.0, gt=0, le=1)
    weak: bool = False
    changes: dict[Change, Share] = {}
    soft: tuple[str, ...] = ()
    soft_share: float = Field(default=0.5, ge=0, le=1)
    weak_per_source: int = Field(default=2000, ge=1)
    weak_sources: tuple[str, ...] = ()
    epochs: int = Field(default=5, ge=1)
    learning_rate: float = Field(default=2e-4, gt=0)
    head_learning_rate: float = Field(default=3e-3, gt=0)
    layer_decay: float = Field(default=0.95, gt=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0)
    batch_tokens: int = Field(default=2048, ge=64)
    warmup: float = Field(default=0.1, ge=0, le=1)
    language_factors: dict[LanguageCode, Factor] = {}
    origin_factors: dict[Literal["real", "adapted", "written"], Factor] = {}
    source_factors: dict[str, Factor] = {}
    patience: int | None = Field(default=None, ge=1)
    frozen_layers: int | None = Field(default=None, ge=0)
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    objective: Literal["labels", "masked_words"] = "labels"
    r_drop: float = Field(default=0.0, ge=0)
    fgm: float = Field(default=0.0, ge=0)
    alignment: float = Field(default=0.0, ge=0)

    @field_validator("soft", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        if value is None:
            return ()
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _labels_for_extras(self) -> StageSection:
        if self.objective != "labels" and (self.r_drop or self.fgm or self.alignment):
            raise ValueError("r_drop, fgm and alignment go with objective = 'labels'")
        return self


class Recipe(_Section):
    """Everything that a run depends on, besides the data.

    Attributes:
        name: names the run's folder.
        seed: of all random choices.
        max_tokens: longest input in training, special tokens included.
        precision: ``bf16`` computes matrix products in bfloat16; ``auto`` does so where the CPU has
            instructions for it and uses float32 elsewhere, where bfloat16 is emulated and far slower.
        dropout: on the token vectors that the heads see.
        pooling: ``attention`` gives every output its own weights over the tokens, ``mean`` weighs them alike.
        start: folder of a finished run whose encoder, vocabulary and heads this one goes on from; of ``encoder``
            only ``layers`` counts then.
        mean_with: folders of finished runs of the same form and their parts in the final weights, the rest being the
            trained ones. A mean with the start keeps more of what it knew (Wortsman et al. 2022, "Robust fine-tuning of
            zero-shot models"), a mean of several runs evens out what each learned by chance (2022, "Model soups").
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    seed: int = 13
    max_tokens: int = Field(default=256, ge=16, le=512)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    dropout: float = Field(default=0.1, ge=0, lt=1)
    pooling: Literal["attention", "mean"] = "attention"
    start: str | None = None
    mean_with: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=dict)
    data: DataSection = DataSection()
    encoder: EncoderSection = EncoderSection()
    loss: LossSection = LossSection()
    stage: list[StageSection] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _before_0_6(cls, values: Any) -> Any:
        """Runs made before 0.6.0 name only the part of their start."""
        if not isinstance(values, dict) or "start_share" not in values:
            return values
        share, rest = values["start_share"], {name: value for name, value in values.items() if name != "start_share"}
        return {**rest, "mean_with": {rest.get("start"): share}} if share else rest

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if sum(self.mean_with.values()) >= 1:
            raise ValueError("mean_with: the parts of the other runs must leave something of this one, sum < 1")
        if self.stage[-1].objective != "labels":
            raise ValueError("the last stage must have objective = 'labels', or the heads learn nothing")
        return self


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        ConfigurationError: names the file, the entry, and what is allowed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"recipe {path} does not exist; recipes stand in training/recipes/") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"recipe {path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"recipe {path} is no valid TOML: {error}") from None
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise ConfigurationError(f"recipe {path}: {explain(error, Recipe)}") from None
