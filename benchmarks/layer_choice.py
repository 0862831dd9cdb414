"""Which layers of a run should a smaller model start from?

Before any training, the layers named are cut out of a finished run and its heads read what is left: the correlation of
those logits with the whole model's on development texts says how much of it still works. With --keep all choices of so
many layers are tried, with --layers one.

    python benchmarks/layer_choice.py runs/small-cases-b --keep 6
    python benchmarks/layer_choice.py runs/teacher --layers 0,1,3,4,6,8,10,11
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from complaintnlp.training.dataset import load_hand_labels
from complaintnlp.training.network import keep_layers
from complaintnlp.training.predict import predict_logits
from complaintnlp.training.release import load_run
from complaintnlp.training.stage import uses_bfloat16
from complaintnlp.training.tables import table_head, table_row

_MAX_TOKENS: Final = 128
_SHOWN: Final = 5


def main() -> None:
    """Print the choices and their correlation, best first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--keep", type=int, help="try all choices of so many layers")
    parser.add_argument("--layers", action="append", default=[], help="try these, such as 0,2,4; may be repeated")
    parser.add_argument("--texts", type=int, default=160)
    parser.add_argument("--annotations", type=Path, default=Path("../shared/annotations"))
    arguments = parser.parse_args()

    texts = load_hand_labels(arguments.annotations, "dev", evaluation_only=False).shuffle(seed=1)
    texts = texts.select(range(min(arguments.texts, len(texts))))["text"]
    network, tokenizer, _ = load_run(arguments.run)
    layers = network.encoder.encoder.layer

    def logits(kept: Sequence[int]) -> NDArray[np.float32]:
        network.encoder.encoder.layer = layers
        keep_layers(network.encoder, list(kept))
        return predict_logits(network, tokenizer, texts, _MAX_TOKENS, half=uses_bfloat16("auto"))

    choices = [tuple(int(part) for part in named.split(",")) for named in arguments.layers]
    if arguments.keep:
        choices += combinations(range(len(layers)), arguments.keep)
    if not choices:
        parser.error("name --keep or --layers")
    whole = logits(range(len(layers))).ravel()
    found = [(float(np.corrcoef(whole, logits(kept).ravel())[0, 1]), kept) for kept in choices]
    found.sort(reverse=True)
    print("\n".join(table_head("correlation of logits", "layers kept")))
    shown = found if len(found) <= 2 * _SHOWN else [*found[:_SHOWN], *found[-_SHOWN:]]
    for correlation, kept in shown:
        print(table_row([f"{correlation:.3f}", " ".join(map(str, kept))]))
    if len(shown) < len(found):
        print(f"\nThe {_SHOWN} best and worst of {len(found)} choices, {len(texts)} texts.")


if __name__ == "__main__":
    main()
