from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.cues import CUE_KINDS, Cue, CueKind, find_cues, fold, load_cues, read_cues
from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.text.model_text import text_for_model
from complaintnlp.text.normalize import normalize

SOURCE = resources.files("complaintnlp.judgement").joinpath("severity_cues.toml").read_text(encoding="utf-8")

HARM = {
    "en": [
        ("The waiter dropped the pot and I got burned by the soup", "injury"),
        ("My son was badly injured on your slide.", "injury"),
        ("A shard flew off and cut my wife's hand", "injury"),
        ("Four of us came home with FOOD POISONING", "illness"),
        ("My mother had to be taken to hospital after dinner", "illness"),
        ("The charger caught fire at night", "fire"),
        ("I got an electric shock from the kettle.", "fire"),
        ("The battery exploded next to the bed", "fire"),
        ("There are fraudulent charges on my statement", "account_fraud"),
        ("Someone used my credit card in another country", "account_fraud"),
        ("My account has been hacked since Sunday", "account_takeover"),
        ("You sold my phone number to advertisers", "data_leak"),
        ("The receptionist made racist remarks", "discrimination"),
        ("They left us at the gate with a baby stranded, our child stuck outside", "stranded"),
        ("We were trapped in the lift for two hours", "stranded"),
        ("The driver punched me and drove off", "assault"),
    ],
    "tr": [
        ("Kaydırakta oğlum ağır yaralandı", "injury"),
        ("Bardağın kenarı elimi kesti, dikiş atıldı", "injury"),
        ("Akşam yemeğinden sonra ailecek zehirlendik", "illness"),
        ("Yediğimiz tavuktan sonra hastanelik olduk", "illness"),
        ("Eşimi ambulansla götürdüler", "illness"),
        ("Gece odada YANGIN çıktı", "fire"),
        ("sarj aleti yuzunden evde yangin cikti", "fire"),
        ("Şofbenden elektrik çarptı", "fire"),
        ("Telefonun bataryası cebimde patladı", "fire"),
        ("Kartım kopyalanmış, limitim bitmiş", "account_fraud"),
        ("Hesabımdaki para bir gecede boşaltıldı", "account_fraud"),
        ("Üyelik hesabım hacklendi", "account_takeover"),
        ("Kişisel verilerim üçüncü kişilere satılmış", "data_leak"),
        ("Görevli bize açıkça ayrımcılık yaptı", "discrimination"),
        ("Hasta annemle kapıda, iki çocuk sokakta kaldı", "stranded"),
        ("Asansörde mahsur kaldık, kimse gelmedi", "stranded"),
        ("Kurye bana vurdu ve kaçtı", "assault"),
    ],
    "zh": [
        ("杯子裂开把手划伤了，孩子也烫伤了", "injury"),
        ("滑梯太陡，女儿摔伤了", "injury"),
        ("吃完全家食物中毒", "illness"),
        ("半夜叫了救护车", "illness"),
        ("充电的时候突然着火了", "fire"),
        ("热水器漏电，差点出人命", "fire"),
        ("充电宝在包里发生爆炸", "fire"),
        ("信用卡被盗刷了八千", "account_fraud"),
        ("有人冒用我的身份贷款", "account_fraud"),
        ("我的账号被盗，积分全没了", "account_takeover"),
        ("你们泄露了我的个人信息", "data_leak"),
        ("前台歧视外地人", "discrimination"),
        ("老人和孩子被困在机场一整晚", "stranded"),
        ("我们被困电梯四十分钟", "stranded"),
        ("保安动手打人", "assault"),
        ("信用卡被盜刷，電熱水器漏電", "account_fraud"),
        ("充電器突然著火了", "fire"),
        ("客房服務員動手打人", "assault"),
    ],
    "hy": [
        ("Սահուղուց ընկնելիս ոտքս կոտրվեց", "injury"),
        ("Տաք ջրից այրվածքներ ստացա", "injury"),
        ("Ընթրիքից հետո բոլորս թունավորվեցինք", "illness"),
        ("Մորս տեղափոխեցին հիվանդանոց", "illness"),
        ("Գիշերը սենյակում հրդեհ սկսվեց", "fire"),
        ("Լիցքավորիչը վառվեց պատի մեջ", "fire"),
        ("Լվացքի մեքենան հոսանքով խփում է", "fire"),
        ("Հեռախոսի մարտկոցը պայթեց", "fire"),
        ("Քարտիցս գումար են գողացել", "account_fraud"),
        ("Իմ անունով վարկ են ձևակերպել", "account_fraud"),
        ("Հաշիվս կոտրել են", "account_takeover"),
        ("Հաճախորդների տվյալները վաճառել են", "data_leak"),
        ("Աշխատակիցը խտրական վերաբերմունք ցույց տվեց", "discrimination"),
        ("Երեխայի հետ փողոցում մնացինք", "stranded"),
        ("Վերելակում մնացինք մեկ ժամ", "stranded"),
        ("Պահակը ծեծեց եղբորս", "assault"),
        ("Bolors tunavorvecinq", "illness"),
    ],
}

NEAR_MISSES = {
    "en": [
        "Great fire sale, but the queue was long",
        "The team is fired up and still slow",
        "A killer deal, sadly sold out",
        "The shock price was gone at checkout",
        "An explosion of flavours, cold fries though",
        "The fire exit sign kept us awake with its light",
        "They hit me with a fee of 20 euros",
        "The hotel is opposite the hospital and noisy",
        "It broke my heart that the cake was dry",
        "Useful life hack section, but the app crashes",
        "To add insult to injury, the soup was cold",
        "The kitchen was on fire tonight, service was slow",
        "Nobody was injured, but the chair is broken",
        "There was no fire, just a late pizza",
        "If it had caught fire I would have sued",
        "Thank God it never exploded, it just stopped working",
        "A ceasefire of emails, still no answer",
    ],
    "tr": [
        "Yangından mal kaçırır gibi servis yaptılar",
        "Yangın merdiveni kirliydi",
        "Bomba gibi kampanya dediler, stok yok",
        "Zehir gibi acıydı, hiç beğenmedim",
        "Fiyatlar patladı resmen",
        "Sabrımız patlama noktasına geldi",
        "Pozitif ayrımcılık beklerdik",
        "Otel hastane karşısında, gürültülü",
        "Sinirden hastanelik olacaktım",
        "Yemekleri çok beğendik, bayıldık, ama oda küçük",
        "Kavga çıkmadı, yangın çıkmadı, sadece geç kaldılar",
        "Neyse ki zehirlenmedik ama et bayattı",
        "Kimse yaralanmadı, sandalye kırıldı",
        "Yangın değil, sadece buhar",
        "Kablo böyle kalırsa yangın çıkabilir",
        "Yan oda çok gürültülüydü",
        "Yangın dedektörü sürekli öttü",
        "Tek asansöre mahkûm kaldık",
        "Parmaklarımızı yedik, ama servis yavaştı",
    ],
    "zh": [
        "老板不让杀价，态度冷淡",
        "店里生意火爆，等位太久",
        "火锅味道一般",
        "秒杀活动抢不到",
        "辣得冒烟，汤太咸",
        "热水器打不着火，修了才好",
        "心态炸了，外卖迟到",
        "口感爆炸好吃就是贵",
        "防漏电插座少发了一个",
        "酒店在医院附近，有点吵",
        "骚扰电话太多",
        "被打扰了一晚上",
        "价格歧视老用户",
        "没有着火，只是发热",
        "幸好没受伤，椅子坏了",
        "如果着火了谁负责",
        "电脑中毒了，系统太慢",
        "玩得内伤，心里受伤",
        "价格远高于市场主流产品",
        "安装费简直是抢劫",
    ],
    "hy": [
        "Կրակոտ սոուսը շատ կծու էր",
        "Պայթուցիկ գներ էին խոստացել, բայց չկային",
        "Համի պայթյուն էր, բայց ուշ բերեցին",
        "Ծիծաղից պայթեցինք, իսկ սպասարկումը դանդաղ էր",
        "Հրդեհի ելքը փակ էր աթոռներով",
        "Հիվանդանոցի կողքին է, աղմկոտ է",
        "Ծեծված թեմա է, պատասխան չկա",
        "Շատ վիրավորված եմ ձեր պատասխանից",
        "Լայֆհաք բաժինը չի բացվում",
        "Հարվածեց գրպանիս, շատ թանկ է",
        "Ոչ ոք չթունավորվեց, բայց միսը հին էր",
        "Հրդեհ չկար, պարզապես գոլորշի էր",
        "Եթե հրդեհ լիներ, ո՞վ էր պատասխան տալու",
        "Լույսը վառվեց ու հանգավ",
        "Մատչելի գին է, բայց որակը վատն է",
        "Արյունս եռաց էդ սպասարկումից",
    ],
}

OTHER: list[tuple[str, CueKind, str]] = [
    ("en", "loss", "Because of you we missed our connection"),
    ("en", "loss", "The whole order arrived wrong"),
    ("en", "loss", "We slept on the airport floor"),
    ("en", "loss", "Waiting for three weeks and nobody writes"),
    ("en", "repeated", "This is the third time the screen fails"),
    ("en", "repeated", "I called them four times"),
    ("en", "repeated", "It breaks again and again"),
    ("en", "small", "Just a minor issue with the lid"),
    ("en", "repaired", "The lamp was cracked, they replaced it immediately"),
    ("tr", "loss", "Sizin yüzünüzden düğünü kaçırdım"),
    ("tr", "loss", "Maaşıma bloke konuldu"),
    ("tr", "loss", "Tatilimiz zehir oldu"),
    ("tr", "loss", "Aylardır bekliyorum"),
    ("tr", "repeated", "Üçüncü kez bozuluyor"),
    ("tr", "repeated", "defalarca aradim"),
    ("tr", "repeated", "Hâlâ çözülmedi"),
    ("tr", "small", "Küçük bir eksik vardı"),
    ("tr", "repaired", "Kapağı kırıktı, hemen yenisini gönderdiler"),
    ("zh", "loss", "害我错过了转机"),
    ("zh", "loss", "隔壁太吵，一夜没睡"),
    ("zh", "loss", "工资卡被冻结"),
    ("zh", "loss", "等了三个月"),
    ("zh", "repeated", "这是第三次坏了"),
    ("zh", "repeated", "打了五次电话"),
    ("zh", "repeated", "多次聯繫都沒用，多次投訴"),
    ("zh", "small", "有个小问题"),
    ("zh", "repaired", "杯子有裂，客服马上给换了"),
    ("hy", "loss", "Գիշերեցինք օդանավակայանում"),
    ("hy", "loss", "Հարսանիքից ուշացանք"),
    ("hy", "loss", "Երկու ամիս է սպասում եմ"),
    ("hy", "repeated", "Երրորդ անգամ է փչանում"),
    ("hy", "repeated", "Բազմիցս զանգել եմ"),
    ("hy", "small", "Մանր բան էր"),
    ("hy", "repaired", "Կափարիչը ջարդված էր, անմիջապես փոխեցին"),
]

NOT_OTHER: list[tuple[str, CueKind, str]] = [
    ("en", "loss", "You do not want to miss the show button"),
    ("en", "loss", "I have been a member for three months"),
    ("en", "repeated", "Third time here and the soup was cold"),
    ("en", "small", "That is no small problem"),
    ("en", "repaired", "They never replaced it"),
    ("en", "repaired", "Please get it fixed immediately"),
    ("en", "repaired", "I want you to make sure the problem is solved"),
    ("tr", "loss", "Kaçırılmayacak fırsat dediler"),
    ("tr", "loss", "Üç aydır severek kullanıyorum"),
    ("tr", "repeated", "Üçüncü kez geliyoruz, oda küçüktü"),
    ("tr", "small", "Küçük bir sorun değil"),
    ("tr", "repaired", "Sorun çözülmedi"),
    ("tr", "repaired", "Hemen iade edilsin"),
    ("tr", "repaired", "Hemen değiştirmediler"),
    ("zh", "loss", "千万别错过演出"),
    ("zh", "loss", "用了两个月就坏了"),
    ("zh", "repeated", "第三次购买了，这次漏发"),
    ("zh", "small", "这不是小问题"),
    ("zh", "repaired", "要求马上给换了"),
    ("zh", "repaired", "请立刻解决"),
    ("hy", "loss", "Երեք ամիս է օգտագործում եմ"),
    ("hy", "repeated", "Երրորդ անգամ պատվիրում եմ"),
    ("hy", "repaired", "Խնդիրը չի լուծվել"),
    ("hy", "repaired", "Խնդրում եմ արագ փոխեցեք"),
]


def cues_of(text: str, language: str) -> tuple[Cue, ...]:
    return find_cues(text_for_model(normalize(text), language), language)


def pairs(sentences: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(language, sentence) for language, group in sentences.items() for sentence in group]


# --- what counts


@pytest.mark.parametrize(
    ("language", "text", "group"), [(code, *case) for code, group in HARM.items() for case in group]
)
def test_harm_is_found_with_its_meaning(language: str, text: str, group: str) -> None:
    found = {cue.group for cue in cues_of(text, language) if cue.kind == "critical"}
    assert group in found


@pytest.mark.parametrize(("language", "text"), pairs(NEAR_MISSES))
def test_what_only_looks_like_harm_is_left_alone(language: str, text: str) -> None:
    assert [cue for cue in cues_of(text, language) if cue.kind == "critical"] == []


@pytest.mark.parametrize(("language", "kind", "text"), OTHER)
def test_the_other_kinds_are_found(language: str, kind: CueKind, text: str) -> None:
    assert kind in {cue.kind for cue in cues_of(text, language)}


@pytest.mark.parametrize(("language", "kind", "text"), NOT_OTHER)
def test_what_only_looks_like_another_kind_is_left_alone(language: str, kind: CueKind, text: str) -> None:
    assert kind not in {cue.kind for cue in cues_of(text, language)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_enough_examples_of_every_kind(language: str) -> None:
    assert len(HARM[language]) >= 12
    assert len(NEAR_MISSES[language]) >= 12
    assert {kind for code, kind, _ in OTHER if code == language} == {*CUE_KINDS} - {"critical"}


# --- matching


@pytest.mark.parametrize("text", ["YANGIN çıktı", "yangın çıktı", "YANGİN ÇIKTI", "yangin cikti", "Yangınlar çıktı"])
def test_turkish_is_found_with_and_without_dots(text: str) -> None:
    assert [cue.group for cue in cues_of(text, "tr")] == ["fire"]


def test_a_word_inside_another_word_is_no_cue() -> None:
    assert cues_of("Reassaulted by minor-league firewood of ceasefires", "en") == ()


def test_negation_ends_with_its_clause() -> None:
    assert cues_of("It was not the food: my son was hospitalised", "en")[0].group == "illness"
    assert cues_of("The plug did not catch fire", "en") == ()


def test_not_only_is_no_negation() -> None:
    assert [cue.group for cue in cues_of("It was not only racist", "en")] == ["discrimination"]


def test_a_group_carries_the_types_that_it_needs() -> None:
    (cue,) = cues_of("I went to the hospital", "en")
    assert (cue.group, cue.types) == ("hospital", ("safety_security",))


def test_another_language_and_an_empty_text_have_no_cues() -> None:
    assert find_cues(normalize("Es gab einen fire"), "de") == ()
    assert find_cues(normalize(""), "en") == ()


@pytest.mark.parametrize("letter", ["İ", "I", "ı", "Ş", "é", "电", "電", "Ա", "և", "’", "ß"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_folding_keeps_the_length(letter: str, language: str) -> None:
    assert len(fold(f"a{letter}b", language)) == 3


# --- places


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "Terrible &amp; late.\n\nMy  card was   cloned yesterday", "card was   cloned"),
        ("tr", "Kötü!!!!!!  Gece   YANGIN çıktı", "YANGIN"),
        ("zh", "太慢了！！！！！，充電器突然著火了", "著火"),
        ("hy", "Bolors tunavorvecinq ereg", "tunavorvecinq"),
        ("hy", "Բոլորս թունավորվեցի՜նք", "թունավորվեցի՜նք"),
    ],
)
def test_a_cue_points_into_the_original_text(language: str, text: str, words: str) -> None:
    (cue,) = (cue for cue in cues_of(text, language) if cue.kind == "critical")
    assert text[cue.start : cue.end].rstrip("՜") in words
    assert text[cue.start : cue.end][:6] == words[:6]


# --- the data file


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[str, str], Path]:
    def edit(old: str, new: str) -> Path:
        assert SOURCE.count(old) == 1, old
        path = tmp_path / "own.toml"
        path.write_text(SOURCE.replace(old, new), encoding="utf-8")
        return path

    return edit


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"house fire",',
            '"house [fire",',
            r"own\.toml: languages\.en\.critical\.fire\.phrases\.\d+: .*allowed: letters",
        ),
        ('"house fire",', '"house (fire",', r"own\.toml: languages\.en\.critical\.fire\.phrases\.\d+: .*no phrase"),
        ('"house fire",', '"* fire",', r"phrases\.\d+: .*must begin with a letter"),
        (
            "[languages.en.critical.fire]",
            '[languages.en.critical.fire]\ntypes = ["flood"]',
            r"languages\.en\.critical\.fire\.types\.0: .*'flood'; allowed: delay_wait, ",
        ),
        (
            "[languages.en.critical.fire]",
            "[languages.en.critical.fire]\ncolour = 1",
            "unknown field; allowed: phrases, types",
        ),
        ("[languages.hy.near_misses]", "[languages.hy.other]", r"languages\.hy\.near_misses: required"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(
    edited: Callable[[str, str], Path], old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_cues(edited(old, new))
    assert re.search(message, str(caught.value))


def test_a_missing_language_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('traditional = ""\n[languages]\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"own\.toml: languages lacks tr, zh, hy, en"):
        read_cues(path)


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("kinds", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"own\.toml cannot be read"):
        read_cues(path)


def test_chinese_phrases_stand_in_simplified_characters() -> None:
    forms = {form for group in load_cues().traditional.split() for form in group[1:]}
    phrases = SOURCE[SOURCE.index("[languages.zh.critical") : SOURCE.index("[languages.hy.critical")]
    assert forms.isdisjoint(phrases)
