import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import complaintnlp.api.app as app_module
from complaintnlp.api import server
from complaintnlp.api.app import PROBE, AnalysisList, Service, create_app
from complaintnlp.api.problems import MAX_DETAILS
from complaintnlp.api.settings import Settings
from complaintnlp.errors import ConfigurationError, InvalidInputError, MissingExtraError, ModelFolderError
from complaintnlp.records import (
    MAX_TEXT_CHARS,
    Analysis,
    Evidence,
    FailureScore,
    Feedback,
    IntensityResult,
    LanguageResult,
    ModelInfo,
    NpsResult,
    RiskResult,
)
from complaintnlp.recovery.plan import make_plan

WORDS = "Siparişim hâlâ gelmedi 要退款 ամոթ է"
"""Words of a customer, to be found in no error and no log."""

INFO = ModelInfo(name="fake", version="1")


class FakeAnalyzer:
    """Answers at once with real records; what it was asked and where it ran is kept for the tests."""

    def __init__(self, error: Exception | None = None, status: str = "scored") -> None:
        self.error = error
        self.status = status
        self.texts: list[str] = []
        self.on_event_loop: list[bool] = []
        self.workers: list[int | None] = []
        self.written: list[datetime | None] = []

    @property
    def info(self) -> ModelInfo:
        return INFO

    @property
    def own_types(self) -> tuple[str, ...]:
        return ("battery_life",)

    def analyze(self, feedback: Feedback, /, *, evidence: bool = False) -> Analysis:
        self.texts.append(feedback.text)
        self.written.append(feedback.created_at)
        self.on_event_loop.append(_on_event_loop())
        if self.error is not None:
            raise self.error
        language = LanguageResult(code=feedback.language or "tr", confidence=1.0, supported=True)
        if self.status != "scored" or not feedback.text.strip():
            return Analysis.model_validate(
                {"id": feedback.id, "status": "empty", "language": language, "needs_review": False, "model": INFO}
            )
        return Analysis(
            id=feedback.id,
            status="scored",
            language=language,
            failure_types=(FailureScore(code="delay_wait", score=0.9),),
            primary_failure="delay_wait",
            intensity=IntensityResult(level=2, score=2.2),
            nps=NpsResult.model_validate(
                {
                    "class": "detractor",
                    "probabilities": {"detractor": 0.8, "passive": 0.15, "promoter": 0.05},
                    "source": "text",
                }
            ),
            at_risk=RiskResult(flag=False, probability=0.2, reasons=()),
            severity="S2",
            needs_review=False,
            evidence=(Evidence(label="delay_wait", start=0, end=1),) if evidence else None,
            model=INFO,
        )

    def analyze_many(
        self, feedbacks: Iterable[Feedback], /, *, workers: int | None = None, evidence: bool = False
    ) -> Iterator[Analysis]:
        self.workers.append(workers)
        return (self.analyze(feedback, evidence=evidence) for feedback in feedbacks)


class ShortAnalyzer(FakeAnalyzer):
    """Loses the last answer."""

    def analyze_many(
        self, feedbacks: Iterable[Feedback], /, *, workers: int | None = None, evidence: bool = False
    ) -> Iterator[Analysis]:
        return super().analyze_many(list(feedbacks)[:-1], workers=workers, evidence=evidence)


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def client_of(analyzer: FakeAnalyzer | None = None, settings: Settings | None = None) -> TestClient:
    return TestClient(create_app(settings or Settings(), analyzer or FakeAnalyzer()))


def error_of(response: Any, status: int, code: str) -> dict[str, Any]:
    """The error of a response, after checking that it has the one shape that all errors have."""
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    assert all(set(detail) == {"field", "message"} for detail in body["error"]["details"])
    error: dict[str, Any] = body["error"]
    return error


def fields_of(error: dict[str, Any]) -> list[str]:
    return [detail["field"] for detail in error["details"]]


# --- answers


def test_one_feedback_gets_one_analysis() -> None:
    response = client_of().post("/v1/analyze", json={"id": "a", "text": WORDS, "rating": 2, "channel": "email"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["id"] == "a"
    assert body["nps"]["class"] == "detractor"
    assert "nps_class" not in body["nps"]
    assert Analysis.model_validate_json(response.content).primary_failure == "delay_wait"


def test_evidence_is_given_where_it_is_asked_for() -> None:
    client = client_of()
    assert client.post("/v1/analyze", json={"text": WORDS}).json()["evidence"] is None
    asked = client.post("/v1/analyze?evidence=true", json={"text": WORDS}).json()
    assert asked["evidence"] == [{"label": "delay_wait", "start": 0, "end": 1}]
    several = client.post("/v1/analyze?evidence=true", json={"items": [{"text": WORDS}]}).json()
    assert several["results"][0]["evidence"] == asked["evidence"]
    assert client.post("/v1/analyze?evidence=perhaps", json={"text": WORDS}).status_code == 422


def test_due_times_count_from_the_request_where_no_date_is_given() -> None:
    analyzer = FakeAnalyzer()
    with TestClient(create_app(Settings(), analyzer)) as client:
        before = datetime.now(UTC)
        client.post("/v1/analyze", json={"text": WORDS})
        client.post("/v1/analyze", json={"text": WORDS, "created_at": "2026-01-02T03:04:05Z"})
    received, given = analyzer.written
    assert received is not None
    assert before <= received <= datetime.now(UTC)
    assert given == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_items_get_results_in_order() -> None:
    ids = [f"id-{number}" for number in range(50)]
    items = [{"id": name, "text": "" if number % 7 == 0 else WORDS} for number, name in enumerate(ids)]
    response = client_of().post("/v1/analyze", json={"items": items})
    assert response.status_code == 200
    results = response.json()["results"]
    assert [result["id"] for result in results] == ids
    assert [result["status"] for result in results[:8]] == ["empty", *["scored"] * 6, "empty"]
    assert results[1]["nps"]["class"] == "detractor"


def test_one_item_is_still_a_list() -> None:
    assert len(client_of().post("/v1/analyze", json={"items": [{"text": "x"}]}).json()["results"]) == 1


def test_exactly_the_allowed_number_of_items() -> None:
    client = client_of(settings=Settings(max_items=3))
    assert client.post("/v1/analyze", json={"items": [{"text": "x"}] * 3}).status_code == 200


@pytest.mark.parametrize("text", ["a\x00b", "", "   ", "😀" * 10, "x" * MAX_TEXT_CHARS])
def test_unusual_texts_reach_the_analyzer_unchanged(text: str) -> None:
    analyzer = FakeAnalyzer()
    assert client_of(analyzer).post("/v1/analyze", json={"text": text}).status_code == 200
    assert analyzer.texts == [text]


def test_a_byte_order_mark_is_accepted() -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"text": "x"}).encode()
    assert client_of().post("/v1/analyze", content=body).status_code == 200


def test_texts_are_analysed_off_the_event_loop() -> None:
    analyzer = FakeAnalyzer()
    client = client_of(analyzer)
    client.post("/v1/analyze", json={"text": "x"})
    client.post("/v1/analyze", json={"items": [{"text": "x"}, {"text": "y"}]})
    client.get("/health/ready")
    assert analyzer.on_event_loop == [False] * 4


def test_the_items_of_a_request_share_one_worker() -> None:
    analyzer = FakeAnalyzer()
    client_of(analyzer).post("/v1/analyze", json={"items": [{"text": "x"}] * 5})
    assert analyzer.workers == [1]


def test_as_many_requests_at_once_as_cpus_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 8}, raising=False)
    assert Service(Settings()).limiter.total_tokens == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert Service(Settings()).limiter.total_tokens == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert Service(Settings()).limiter.total_tokens == 1


# --- errors of the caller


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": WORDS, "rating": 9}, "rating"),
        ({"text": WORDS, "nps_score": 11}, "nps_score"),
        ({"text": WORDS, "language": "de"}, "language"),
        ({"text": WORDS, "channel": "fax"}, "channel"),
        ({"text": WORDS, "created_at": "yesterday"}, "created_at"),
        ({"text": WORDS, "id": 5}, "id"),
        ({"text": WORDS, "stars": 5}, "stars"),
        ({"txt": WORDS}, "text"),
        ({"text": [WORDS]}, "text"),
        ({"text": None}, "text"),
        ({"text": WORDS * 5000}, "text"),
        ({}, "text"),
        ([{"text": WORDS}], "body"),
        (WORDS, "body"),
        (7, "body"),
        ({"items": []}, "items"),
        ({"items": {"text": WORDS}}, "items"),
        ({"items": WORDS}, "items"),
        ({"items": [WORDS]}, "items.0"),
        ({"items": [{"text": "x"}, {"text": WORDS, "rating": WORDS}]}, "items.1.rating"),
        ({"items": [{"text": "x"}], "text": WORDS}, "text"),
    ],
)
def test_invalid_input_names_the_field_and_never_the_text(body: Any, field: str) -> None:
    analyzer = FakeAnalyzer()
    response = client_of(analyzer).post("/v1/analyze", json=body)
    error = error_of(response, 422, "invalid_input")
    assert field in fields_of(error)
    for word in WORDS.split():
        assert word not in response.text
        assert json.dumps(word).strip('"') not in response.text
    assert analyzer.texts == []


def test_a_customer_text_used_as_a_key_is_not_repeated() -> None:
    response = client_of().post("/v1/analyze", json={"text": "x", "my parcel never came": 1, WORDS: 2})
    assert fields_of(error_of(response, 422, "invalid_input")) == ["?", "?"]


def test_the_message_says_what_is_allowed() -> None:
    error = error_of(
        client_of().post("/v1/analyze", json={"text": "x", "language": "de", "a": 1}), 422, "invalid_input"
    )
    messages = {detail["field"]: detail["message"] for detail in error["details"]}
    assert all(code in messages["language"] for code in ("'tr'", "'zh'", "'hy'", "'en'"))
    assert "nps_score" in messages["a"]


@pytest.mark.parametrize(
    "body", [rb'{"text": "\ud800"}', rb'{"text": "x", "id": "\udfff"}', rb'{"text": "x", "\ud800": 1}']
)
def test_a_lone_surrogate_is_invalid_input(body: bytes) -> None:
    response = client_of().post("/v1/analyze", content=body, headers={"content-type": "application/json"})
    error_of(response, 422, "invalid_input")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        f'{{"text": "{WORDS}"'.encode(),
        b'{"text": "x", "rating": NaN}',
        b'\xff\xfe\xfa{"text": 1}',
        '{"text": "şikâyet"}'.encode("cp1254"),
        b"[" * 200_000,
        b'{"text": "x", "rating": ' + b"9" * 5000 + b"}",
    ],
)
def test_broken_json(body: bytes) -> None:
    response = client_of().post("/v1/analyze", content=body, headers={"content-type": "application/json"})
    error_of(response, 400, "invalid_json")
    assert "Sipari" not in response.text


def test_another_media_type() -> None:
    response = client_of().post("/v1/analyze", data={"text": WORDS})
    assert "application/json" in error_of(response, 415, "unsupported_media_type")["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_an_oversize_body_is_refused(chunked: bool) -> None:
    analyzer = FakeAnalyzer()
    body = json.dumps({"text": "x" * 2000}).encode()
    client = client_of(analyzer, Settings(max_body_bytes=1024))
    response = client.post("/v1/analyze", content=iter([body[:900], body[900:]]) if chunked else body)
    assert "1,024" in error_of(response, 413, "body_too_large")["message"]
    assert analyzer.texts == []


def test_a_body_of_exactly_the_allowed_size() -> None:
    empty = len(json.dumps({"text": ""}))
    body = json.dumps({"text": "x" * (1024 - empty)}).encode()
    client = client_of(settings=Settings(max_body_bytes=1024))
    assert len(body) == 1024
    assert client.post("/v1/analyze", content=body).status_code == 200


def test_too_many_items() -> None:
    response = client_of(settings=Settings(max_items=3)).post("/v1/analyze", json={"items": [0] * 4})
    error = error_of(response, 422, "too_many_items")
    assert "4 items, but at most 3" in error["message"]


def test_the_list_of_problems_is_limited() -> None:
    many_bad_items = {"items": [{"rating": 9}] * 200}
    many_keys = {"text": "x"} | {f"k{number}": 0 for number in range(5000)}
    for body in (many_bad_items, many_keys):
        error = error_of(client_of().post("/v1/analyze", json=body), 422, "invalid_input")
        assert len(error["details"]) == MAX_DETAILS


def test_unknown_paths_and_methods_answer_in_the_same_shape() -> None:
    error_of(client_of().get("/nothing"), 404, "not_found")
    response = client_of().get("/v1/analyze")
    error_of(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_fastapis_own_validation_answer_is_replaced() -> None:
    app = create_app(Settings(), FakeAnalyzer())

    @app.post("/later")
    def later(feedback: Feedback) -> None: ...

    response = TestClient(app).post("/later", json={"text": WORDS, "rating": 9})
    assert fields_of(error_of(response, 422, "invalid_input")) == ["body.rating"]
    assert "Sipari" not in response.text


# --- errors of the service


def test_a_failing_analyzer_is_an_internal_error_and_its_message_stays_unlogged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = client_of(FakeAnalyzer(error=RuntimeError(f"cannot read {WORDS}")))
    with caplog.at_level(logging.DEBUG):
        for body in ({"text": WORDS}, {"items": [{"text": WORDS}]}):
            response = client.post("/v1/analyze", json=body)
            error_of(response, 500, "internal_error")
            assert "Sipari" not in response.text
    assert "RuntimeError" in caplog.text
    assert "test_app.py" in caplog.text
    assert "Sipari" not in caplog.text


def test_a_lost_answer_is_an_internal_error() -> None:
    error_of(client_of(ShortAnalyzer()).post("/v1/analyze", json={"items": [{"text": "x"}] * 2}), 500, "internal_error")


def test_a_feedback_that_the_analyzer_refuses() -> None:
    client = client_of(FakeAnalyzer(error=InvalidInputError(WORDS)))
    response = client.post("/v1/analyze", json={"text": WORDS})
    error_of(response, 422, "invalid_input")
    assert "Sipari" not in response.text


def test_nothing_that_a_customer_wrote_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(settings=Settings(max_items=2))
    with caplog.at_level(logging.DEBUG):
        client.post("/v1/analyze", json={"text": WORDS})
        client.post("/v1/analyze", json={"text": WORDS, "rating": 9})
        client.post("/v1/analyze", json={"items": [{"text": WORDS}] * 3})
        client.post("/v1/analyze", content=f'{{"text": "{WORDS}'.encode())
    for word in WORDS.split():
        assert word not in caplog.text


# --- health


def test_live_needs_no_model() -> None:
    response = TestClient(create_app(Settings())).get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "live"})


def test_ready_asks_the_model() -> None:
    analyzer = FakeAnalyzer()
    response = client_of(analyzer).get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "model": INFO.model_dump()})
    assert analyzer.texts == [PROBE.text]


def test_not_ready_before_the_model_is_loaded() -> None:
    client = TestClient(create_app(Settings()))
    assert "not loaded" in error_of(client.get("/health/ready"), 503, "not_ready")["message"]
    error_of(client.post("/v1/analyze", json={"text": "x"}), 503, "not_ready")


def test_not_ready_when_the_probe_fails() -> None:
    client = client_of(FakeAnalyzer(error=RuntimeError("out of memory")))
    error = error_of(client.get("/health/ready"), 503, "not_ready")
    assert "RuntimeError" in error["message"]
    assert client.get("/health/live").status_code == 200


def test_not_ready_when_the_probe_is_not_scored() -> None:
    error = error_of(client_of(FakeAnalyzer(status="empty")).get("/health/ready"), 503, "not_ready")
    assert "'empty'" in error["message"]


def test_the_model_is_loaded_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path | None] = []

    def load(model: Path | None) -> FakeAnalyzer:
        asked.append(model)
        return FakeAnalyzer()

    monkeypatch.setattr(app_module, "load_analyzer", load)
    with TestClient(create_app(Settings(model=Path("/srv/model")))) as client:
        assert client.get("/health/ready").status_code == 200
    assert asked == [Path("/srv/model")]


def test_a_given_analyzer_is_not_replaced_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "load_analyzer", lambda model: pytest.fail("loaded"))
    with client_of() as client:
        assert client.get("/health/ready").status_code == 200


def test_a_model_that_cannot_be_loaded_leaves_the_service_up_and_telling_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def load(model: Path | None) -> FakeAnalyzer:
        raise ModelFolderError("model.int8.onnx is missing in /srv/model")

    monkeypatch.setattr(app_module, "load_analyzer", load)
    with TestClient(create_app(Settings())) as client:
        assert client.get("/health/live").status_code == 200
        error = error_of(client.get("/health/ready"), 503, "not_ready")
        assert "model.int8.onnx is missing" in error["message"]
        error_of(client.post("/v1/analyze", json={"text": "x"}), 503, "not_ready")
    assert "model.int8.onnx is missing" in caplog.text


# --- the interface as a document


def test_operation_ids_are_stable() -> None:
    paths = client_of().get("/openapi.json").json()["paths"]
    operations = {(path, method): details["operationId"] for path in paths for method, details in paths[path].items()}
    assert operations == {
        ("/v1/analyze", "post"): "analyze",
        ("/health/live", "get"): "health_live",
        ("/health/ready", "get"): "health_ready",
    }


def test_openapi_describes_the_body_that_is_accepted() -> None:
    client = client_of(settings=Settings(max_items=17))
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    operation = document["paths"]["/v1/analyze"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    assert [option["$ref"].rpartition("/")[2] for option in content["schema"]["oneOf"]] == ["Feedback", "FeedbackList"]
    assert schemas["FeedbackList"]["properties"]["items"]["maxItems"] == 17
    assert schemas["NpsResult"]["properties"].keys() >= {"class"}
    assert set(operation["responses"]) == {"200", "400", "413", "415", "422", "500", "503"}
    for example in content["examples"].values():
        assert client.post("/v1/analyze", json=example["value"]).status_code == 200
    answers = operation["responses"]["200"]["content"]["application/json"]["examples"]
    assert Analysis.model_validate(answers["one feedback"]["value"]).status == "scored"
    shown = Analysis.model_validate(answers["one feedback"]["value"])
    plan = make_plan(shown.primary_failure, shown.severity, shown.nps.nps_class if shown.nps else "passive")
    assert shown.recovery == plan.model_copy(update={"steps": plan.steps[:2]})
    assert AnalysisList.model_validate(answers["several feedbacks"]["value"]).results
    assert all(details["tags"] for path in document["paths"].values() for details in path.values())


def test_every_reference_in_openapi_resolves() -> None:
    document = client_of().get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    references = [part.partition('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]]
    assert references
    assert set(references) <= set(schemas)


def test_the_root_leads_to_the_documentation() -> None:
    response = client_of().get("/", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, "/docs")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPLAINTNLP_MAX_ITEMS", "1")
    client = TestClient(create_app(analyzer=FakeAnalyzer()))
    error_of(client.post("/v1/analyze", json={"items": [{"text": "x"}] * 2}), 422, "too_many_items")
    monkeypatch.setenv("COMPLAINTNLP_MAX_ITEMS", "none")
    with pytest.raises(ConfigurationError, match="COMPLAINTNLP_MAX_ITEMS"):
        create_app()


# --- the server


def test_serve_runs_without_access_log(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[FastAPI, dict[str, Any]]] = []
    asked: list[Path | None] = []

    def load(model: Path | None) -> FakeAnalyzer:
        asked.append(model)
        return FakeAnalyzer()

    monkeypatch.setattr(app_module, "load_analyzer", load)
    monkeypatch.setattr("uvicorn.run", lambda app, **options: calls.append((app, options)))
    server.serve("127.0.0.1", 9000, Path("/srv/model"))
    [(app, options)] = calls
    assert options == {"host": "127.0.0.1", "port": 9000, "access_log": False}
    assert asked == [Path("/srv/model")]
    assert TestClient(app).get("/health/ready").status_code == 200


def test_serve_ends_before_the_port_opens_when_the_model_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: Path | None) -> FakeAnalyzer:
        raise ModelFolderError("no such folder")

    monkeypatch.setattr(app_module, "load_analyzer", load)
    monkeypatch.setattr("uvicorn.run", lambda app, **options: pytest.fail("started"))
    with pytest.raises(ModelFolderError):
        server.serve()


@pytest.mark.parametrize("package", ["fastapi", "uvicorn"])
def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setattr(server, "find_spec", lambda name: None if name == package else sys.modules["json"].__spec__)
    with pytest.raises(MissingExtraError, match=rf"complaintnlp serve needs .*{package}.*complaintnlp\[serve\]"):
        server.serve()


def test_an_earlier_complaint_may_name_a_type_of_the_model() -> None:
    def status(name: str) -> int:
        customer = {"previous_complaints": [{"date": "2026-01-01", "type": name}]}
        return client_of().post("/v1/analyze", json={"items": [{"text": "late", "customer": customer}]}).status_code

    assert [status(name) for name in ("battery_life", "delay_wait", "battery_lif")] == [200, 200, 422]
