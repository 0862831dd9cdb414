"""A tiny encoder, its tokenizer, and folders of hand labels and corpora, all made here; nothing is downloaded."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import string
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from complaintnlp.model.scores import LOGIT_COUNT
from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.training.encoder import save_encoder
from complaintnlp.training.export import write_model_folder
from complaintnlp.training.network import ComplaintNetwork
from complaintnlp.training.recipe import Recipe
from complaintnlp.training.train import Run

Row = dict[str, str]
CorpusRow = dict[str, Any]

SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>")
ARMENIAN: Final = "".join(map(chr, (*range(0x531, 0x557), *range(0x561, 0x588))))
SIGNS: Final = string.digits + string.punctuation + "，。！？：；、«»՝։՞՜՛“”…€₺֏¥😡👎🙏"
UNNEEDED: Final = "กขคงจ가나다라"

OPENERS: Final = {
    "en": (
        "After the holidays,",
        "Yesterday evening,",
        "For the third time,",
        "Last week in the city,",
        "Again today,",
    ),
    "tr": ("Bayramdan sonra", "Dün akşam", "Üçüncü kez", "Geçen hafta şehirde", "Bugün yine"),
    "zh": ("放假回来以后，", "昨天晚上，", "已经是第三次了，", "上周在市里，", "今天又是这样，"),
    "hy": ("Տոներից հետո", "Երեկ երեկոյան", "Արդեն երրորդ անգամ", "Անցած շաբաթ քաղաքում", "Այսօր կրկին"),
}
"""The first three open training texts, the fourth development texts, the last test texts."""

PHRASES: Final[dict[str, dict[str, str]]] = {
    "delay_wait": {
        "en": "the courier was two hours late.",
        "tr": "kurye iki saat geç kaldı.",
        "zh": "快递晚了两个小时。",
        "hy": "առաքիչը երկու ժամ ուշացավ։",
    },
    "cancel_unavailable": {
        "en": "they cancelled my booking without a reason.",
        "tr": "rezervasyonumu sebepsiz iptal ettiler.",
        "zh": "他们无故取消了我的预订。",
        "hy": "առանց պատճառի չեղարկեցին իմ ամրագրումը։",
    },
    "wrong_missing": {
        "en": "one of the shoes was missing from the box.",
        "tr": "kutudan ayakkabının teki çıkmadı.",
        "zh": "盒子里少了一只鞋。",
        "hy": "տուփում մեկ կոշիկը պակասում էր։",
    },
    "damaged_defective": {
        "en": "the kettle arrived with a broken lid.",
        "tr": "su ısıtıcısının kapağı kırık geldi.",
        "zh": "水壶送来时盖子是碎的。",
        "hy": "թեյնիկը եկավ կոտրված կափարիչով։",
    },
    "poor_quality": {
        "en": "the soup tasted of nothing.",
        "tr": "çorbanın hiç tadı yoktu.",
        "zh": "汤一点味道都没有。",
        "hy": "ապուրը ոչ մի համ չուներ։",
    },
    "facility_hygiene": {
        "en": "the bathroom floor was dirty.",
        "tr": "banyonun zemini kirliydi.",
        "zh": "浴室的地板很脏。",
        "hy": "լոգարանի հատակը կեղտոտ էր։",
    },
    "safety_security": {
        "en": "strangers could see my card number!",
        "tr": "kart numaramı yabancılar görebildi!",
        "zh": "陌生人能看到我的卡号！",
        "hy": "օտարները տեսնում էին իմ քարտի համարը։",
    },
    "staff_conduct": {
        "en": "the clerk laughed at my mother.",
        "tr": "görevli anneme güldü.",
        "zh": "店员嘲笑了我妈妈。",
        "hy": "վաճառողը ծիծաղեց մորս վրա։",
    },
    "support_unresolved": {
        "en": "nobody answers my calls, I am leaving you.",
        "tr": "telefonlarıma kimse bakmıyor, sizi bırakıyorum.",
        "zh": "电话没人接，我不用你们了。",
        "hy": "զանգերիս ոչ ոք չի պատասխանում, հեռանում եմ ձեզնից։",
    },
    "price_billing": {
        "en": "the bill was charged twice.",
        "tr": "fatura iki kez çekildi.",
        "zh": "账单扣了两次。",
        "hy": "հաշիվը երկու անգամ գանձեցին։",
    },
    "refund_return": {
        "en": "my money has still not come back, see you in court.",
        "tr": "param hâlâ iade edilmedi, mahkemede görüşürüz.",
        "zh": "退款还没到，法院见。",
        "hy": "գումարս դեռ չեն վերադարձրել, կհանդիպենք դատարանում։",
    },
    "booking_digital": {
        "en": "the app crashes when I pay.",
        "tr": "uygulama ödeme yaparken çöküyor.",
        "zh": "一付款软件就闪退。",
        "hy": "վճարելիս հավելվածը փակվում է։",
    },
    "info_promise": {
        "en": "they promised a gift that never existed.",
        "tr": "hiç olmayan bir hediye vaat ettiler.",
        "zh": "答应的赠品根本不存在。",
        "hy": "խոստացան նվեր, որը գոյություն չուներ։",
    },
    "": {
        "en": "everything was perfect, thank you.",
        "tr": "her şey harikaydı, teşekkürler.",
        "zh": "一切都很完美，谢谢。",
        "hy": "ամեն ինչ հիանալի էր, շնորհակալություն։",
    },
}
"""One sentence per failure type, and one of praise, in each language."""

REASONS: Final = {"support_unresolved": "R1", "refund_return": "R2", "price_billing": "R3", "delay_wait": "R4"}
LEVELS: Final = {"": 0, "poor_quality": 1, "booking_digital": 1, "safety_security": 4, "staff_conduct": 3}


def text_id(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:12]


def annotation(split: str, text: str, failure: str = "", *, origin: str = "real", **other: str) -> Row:
    level = LEVELS.get(failure, 2)
    row = {
        "id": text_id(text),
        "split": split,
        "origin": origin,
        "source": "written-here",
        "source_lang": "",
        "source_id": "",
        "failure_types": failure,
        "primary": failure,
        "intensity": str(level),
        "nps_class": "promoter" if level == 0 else "passive" if level == 1 else "detractor",
        "at_risk": str(int(failure in REASONS)),
        "risk_reasons": REASONS.get(failure, ""),
        "text": text,
    }
    return {**row, **other}


def corpus_row(language: str, source: str, text: str, **labels: Any) -> CorpusRow:
    return {"id": text_id(text), "lang": language, "source": source, "text": text, "labels": labels}


def annotation_rows(language: str) -> list[Row]:
    joint = "" if language == "zh" else " "
    rows = []
    for number, opener in enumerate(OPENERS[language]):
        split = ("train", "train", "train", "dev", "test")[number]
        for failure, phrases in PHRASES.items():
            text = opener + joint + phrases[language]
            origin = "adapted" if language == "hy" else "real"
            rows.append(annotation(split, text, failure, origin=origin))
            if language == "hy" and split != "train":
                rows.append(annotation(split, f"Ասում են՝ {text}", failure, origin="real-evaluation-only"))
    return rows


def corpus_rows(language: str) -> list[CorpusRow]:
    joint = "" if language == "zh" else " "
    source = {"en": "app-reviews", "tr": "trendyol-electronics", "zh": "waimai-10k", "hy": "social-comments"}[language]
    rows = []
    for number in range(6):
        for failure, phrases in PHRASES.items():
            good = failure == ""
            stars = {"stars": 5 if good else 1, "sentiment": "positive" if good else "negative"}
            rows.append(corpus_row(language, source, f"{number + 2}.{joint}{phrases[language]}", **stars))
    rows += [
        corpus_row(language, "massive", f"{number} {OPENERS[language][number % 5]}", massive_id=number, intent="alarm")
        for number in range(10)
    ]
    return rows


def write_annotation_folder(folder: Path, rows: Mapping[str, Iterable[Row]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    names = list(annotation("train", ""))
    for language in LANGUAGES:
        with (folder / f"{language}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, names)
            writer.writeheader()
            writer.writerows(rows.get(language, ()))
    return folder


def write_corpora_folder(folder: Path, rows: Mapping[str, Iterable[CorpusRow]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        with gzip.open(folder / f"{language}.jsonl.gz", "wt", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows.get(language, ()))
    return folder


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """More threads only wait for one another on matrices this small, and far longer beside other work."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", name="annotations")
def annotated_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hand labels: every failure type, praise, all languages, three splits, Armenian of both origins."""
    folder = tmp_path_factory.mktemp("data") / "annotations"
    return write_annotation_folder(folder, {language: annotation_rows(language) for language in LANGUAGES})


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Corpora under real source names, so that the packaged mapping reads their labels."""
    folder = tmp_path_factory.mktemp("data") / "corpora"
    return write_corpora_folder(folder, {language: corpus_rows(language) for language in LANGUAGES})


@pytest.fixture(scope="session")
def annotate() -> Callable[..., Row]:
    """Makes one row of an annotation file."""
    return annotation


@pytest.fixture(scope="session")
def crawled() -> Callable[..., CorpusRow]:
    """Makes one row of a corpus."""
    return corpus_row


@pytest.fixture
def annotation_folder(tmp_path: Path) -> Callable[[Mapping[str, Iterable[Row]]], Path]:
    """Writes the given rows per language as a folder of hand labels."""
    return lambda rows: write_annotation_folder(tmp_path / "annotations", rows)


@pytest.fixture
def corpora_folder(tmp_path: Path) -> Callable[[Mapping[str, Iterable[CorpusRow]]], Path]:
    """Writes the given rows per language as a folder of corpora."""
    return lambda rows: write_corpora_folder(tmp_path / "corpora", rows)


def tiny_vocabulary() -> list[tuple[str, float]]:
    texts = [row["text"] for language in LANGUAGES for row in annotation_rows(language)]
    words = {word.strip(SIGNS) for text in texts for word in text.split()}
    characters = {*string.ascii_letters, *"çğıöşüâÇĞİÖŞÜ", *ARMENIAN, *SIGNS, *UNNEEDED, *"".join(texts)} - {" "}
    pieces = [(f"▁{word}", -6.0) for word in sorted(words) if len(word) > 1]
    pieces += [("เกาะ", -6.0), ("▁nowhere", -6.0), ("▁երբևէ", -6.0)]
    single = [(character, -9.0) for character in sorted(characters)]
    return [*((token, 0.0) for token in SPECIAL), ("▁", -5.0), *single, *pieces, ("<mask>", 0.0)]


@pytest.fixture(scope="session")
def tokenizer_json() -> str:
    """A unigram tokenizer in the layout of XLM-R, as JSON: its state changes, so every test takes its own."""
    vocabulary = tiny_vocabulary()
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=SPECIAL.index("<unk>"), byte_fallback=False))
    tokenizer.pre_tokenizer = Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in (*SPECIAL, "<mask>")])
    return tokenizer.to_str()


@pytest.fixture
def tokenizer(tokenizer_json: str) -> Tokenizer:
    return Tokenizer.from_str(tokenizer_json)


@pytest.fixture
def make_encoder(tokenizer: Tokenizer) -> Callable[[int], BertModel]:
    """Makes an encoder of so many layers of width 32 with random weights, always the same, without dropout."""

    def make(layers: int) -> BertModel:
        config = BertConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=32,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=48,
            max_position_embeddings=96,
            pad_token_id=SPECIAL.index("<pad>"),
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            initializer_range=0.2,
            attn_implementation="sdpa",
        )
        with torch.random.fork_rng():
            torch.manual_seed(5)
            return BertModel(config, add_pooling_layer=False).eval()

    return make


@pytest.fixture
def encoder(make_encoder: Callable[[int], BertModel]) -> BertModel:
    """Two layers."""
    return make_encoder(2)


@pytest.fixture
def source(encoder: BertModel, tokenizer: Tokenizer, tmp_path: Path) -> str:
    """The tiny encoder as a folder that a recipe names."""
    save_encoder(encoder, tokenizer, tmp_path / "source")
    return str(tmp_path / "source")


@pytest.fixture
def make_run(source: str, annotations: Path, corpora: Path, tmp_path: Path) -> Callable[..., Run]:
    def make(name: str, stages: list[dict[str, Any]], **encoder: Any) -> Run:
        recipe = Recipe.model_validate(
            {
                "name": name,
                "max_tokens": 48,
                "precision": "fp32",
                "dropout": 0.0,
                "encoder": {"source": source, "min_piece_count": 1, **encoder},
                "stage": stages,
            }
        )
        return Run(recipe, tmp_path / "runs" / name, annotations, corpora)

    return make


@pytest.fixture
def released(encoder: BertModel, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """The tiny network as a model folder, untrained, as if it were a released model."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = ComplaintNetwork(encoder, dropout=0.0)
    network.set_output_prior(torch.full((LOGIT_COUNT,), -2.0))
    folder = tmp_path / "released"
    write_model_folder(folder, network, tokenizer, name="tiny", version="1", max_tokens=64, training={})
    return folder


@pytest.fixture(scope="session")
def own_rows() -> list[tuple[int, dict[str, str]]]:
    """A user's table: failure types under names of the user's own, NPS scores, and nothing else."""
    scores = {"promoter": "10", "passive": "7", "detractor": "2"}
    kinds = {"delay_wait", "price_billing", "poor_quality", ""}
    rows = [row for code in ("en", "tr", "zh") for row in annotation_rows(code) if row["primary"] in kinds]
    return [
        (
            number,
            {
                "text": row["text"],
                "failure_types": "slow" if row["primary"] == "delay_wait" else row["primary"] or "none",
                "nps_score": scores[row["nps_class"]],
            },
        )
        for number, row in enumerate(rows, start=2)
    ]
