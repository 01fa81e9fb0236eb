"""What observers tell the world of a run: over real HTTP on loopback, and a real file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import attrs
import pytest
from prometheus_client.parser import text_string_to_metric_families

from po_ingest import __version__
from po_ingest.errors import ConfigError
from po_ingest.model import RunEnd, RunOutcome, RunReport, RunStart, StageError
from po_ingest.settings import AuditSettings, ErpSettings, LineageSettings, LogSettings, NotifySettings, Settings
from po_ingest.settings import StoreSettings as Store
from po_ingest_adapters.observers import heartbeat, lineage, metrics, notify
from support.web_server import WebService, web_service

AT = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
START = RunStart(run_id=7, run_identifier="20260301T020000Z-abc123", erp="erp", mode="nightly", started_at=AT)
REPORT = RunReport(
    run_id=7,
    run_identifier=START.run_identifier,
    erp="erp",
    mode="nightly",
    baseline=False,
    dry_run=False,
    status="completed",
    started_at=AT,
    finished_at=AT,
    duration_seconds=3.25,
    po_lines_processed=5000,
    new_lines_created=3,
    lines_changed=98,
    change_events_detected=112,
    absent_po_lines=2,
    batches_reconstructed=40,
    xref_gaps_found=1,
    unmapped_item_codes=("X-1",),
)
DONE = RunEnd(erp="erp", outcome="completed", exit_code=0, ended_at=AT, report=REPORT)
FAILED = RunEnd(
    erp="erp",
    outcome="failed",
    exit_code=4,
    ended_at=LATER,
    message="the ERP could not be read; mend it",
    report=attrs.evolve(
        REPORT,
        status="failed",
        errors_encountered=(StageError("snapshot", "ErpError", "the ERP could not be read; mend it"),),
    ),
)
NOT_BEGUN = RunEnd(erp="erp", outcome="failed", exit_code=7, ended_at=LATER, message="the store is down")


Create = Callable[[Settings], object]


def settings(**given: Any) -> Settings:  # noqa: ANN401 - parts of Settings
    return Settings(
        file=Path("po-ingest.toml"),
        erp=ErpSettings(connection="erp.db", folder=Path()),
        store=Store(url="sqlite:///po.db"),
        audit=AuditSettings(file=Path("audit.jsonl")),
        log=LogSettings(file=Path("po.log")),
        **given,
    )


@pytest.fixture
def service() -> Iterator[WebService]:
    with web_service() as service:
        yield service


@pytest.mark.parametrize("create", [heartbeat.create, lineage.create, metrics.create, notify.create])
def test_nobody_observes_what_the_configuration_does_not_ask_for(create: Create) -> None:
    assert create(settings()) is None


# -- the heartbeat


def beat(url: str) -> heartbeat.Heartbeat:
    observer = heartbeat.create(settings(heartbeat_url=url))
    assert observer is not None
    return observer


def test_the_heartbeat_is_pinged_at_start_success_and_failure(service: WebService) -> None:
    observer = beat(f"{service.url}/ping/uuid")
    observer.started(START)
    observer.ended(DONE)
    observer.ended(FAILED)
    observer.ended(NOT_BEGUN)
    assert service.paths == ["/ping/uuid/start", "/ping/uuid", "/ping/uuid/fail", "/ping/uuid/fail"]


def test_a_heartbeat_keeps_the_query_of_its_url(service: WebService) -> None:
    beat(f"{service.url}/push/?token=1").ended(FAILED)
    assert service.paths == ["/push/fail?token=1"]


def test_a_heartbeat_is_tried_again_where_the_service_is_busy(service: WebService) -> None:
    service.statuses = [503]
    beat(service.url).ended(DONE)
    assert len(service.requests) == 2


def test_a_heartbeat_that_is_refused_or_stays_busy_is_an_error(service: WebService) -> None:
    service.statuses = [404, 503, 503]
    for expected in (1, 3):
        with pytest.raises(OSError, match=r"404|503"):
            beat(service.url).ended(DONE)
        assert len(service.requests) == expected


def test_a_heartbeat_is_tried_again_where_the_connection_was_refused_once(
    service: WebService, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = [URLError(ConnectionRefusedError(111, "Connection refused"))]

    def once_refused(*arguments: Any, **named: Any) -> object:  # noqa: ANN401 - as urlopen
        if refused:
            raise refused.pop()
        return urlopen(*arguments, **named)  # noqa: S310 - loopback

    monkeypatch.setattr("urllib.request.urlopen", once_refused)
    beat(service.url).ended(DONE)
    assert len(service.requests) == 1


def test_a_heartbeat_whose_service_is_down_is_an_error() -> None:
    with web_service() as gone:
        pass
    with pytest.raises(OSError, match="refused"):
        beat(gone.url).started(START)


def test_r16_a_heartbeats_url_is_not_in_its_repr() -> None:
    assert "secret" not in repr(beat("https://beat.example/secret"))


# -- the metrics file


def figures(path: Path) -> dict[str, float]:
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    samples = [sample for family in families for sample in family.samples]
    assert all(sample.labels == {"erp": "erp"} for sample in samples)
    return {sample.name: sample.value for sample in samples}


def metrics_file(path: Path) -> metrics.MetricsFile:
    observer = metrics.create(settings(metrics_textfile=path))
    assert observer is not None
    return observer


def test_the_metrics_file_has_the_figures_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "new" / "po.prom"
    observer = metrics_file(path)
    observer.started(START)
    assert not path.exists()
    observer.ended(DONE)
    found = figures(path)
    assert found["po_ingest_lines"] == 5000
    assert found["po_ingest_lines_changed"] == 98
    assert found["po_ingest_duration_seconds"] == 3.25
    assert found["po_ingest_last_run_success"] == 1
    assert found["po_ingest_last_run_timestamp_seconds"] == AT.timestamp()
    assert set(found) == {*metrics.LAST_RUN, *metrics.LAST_APPLIED}


def test_a_failed_run_keeps_the_figures_of_the_last_one_that_was_applied(tmp_path: Path) -> None:
    observer = metrics_file(tmp_path / "po.prom")
    observer.ended(DONE)
    before = figures(observer.path)
    observer.ended(NOT_BEGUN)
    found = figures(observer.path)
    assert found["po_ingest_last_run_success"] == 0
    assert found["po_ingest_last_run_exit_code"] == 7
    assert found["po_ingest_last_run_timestamp_seconds"] == LATER.timestamp()
    assert {name: found[name] for name in metrics.LAST_APPLIED} == {name: before[name] for name in metrics.LAST_APPLIED}


def test_a_metrics_file_that_cannot_be_read_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "po.prom"
    path.write_text("po_ingest_lines{erp=", encoding="utf-8")
    metrics_file(path).ended(FAILED)
    assert set(figures(path)) == set(metrics.LAST_RUN)


def test_the_metrics_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "po.prom"
    metrics_file(path).ended(DONE)
    before = path.stat().st_ino
    metrics_file(path).ended(DONE)
    assert path.stat().st_ino != before
    assert [each.name for each in tmp_path.iterdir()] == ["po.prom"]


# -- notifications


def notifier(url: str, *on: str) -> notify.Notifier:
    observer = notify.create(settings(notify=NotifySettings(urls=(url.replace("http://", "json://"),), on=on)))
    assert observer is not None
    return observer


def test_a_failure_is_told_with_its_story_and_what_to_do(service: WebService) -> None:
    observer = notifier(service.url, "failed")
    observer.started(START)
    observer.ended(FAILED)
    (request,) = service.requests
    told = json.loads(request.body)
    assert told["title"] == "po-ingest erp: FAILED"
    assert told["type"] == "failure"
    assert told["message"].splitlines() == [
        "run 7 of ERP 'erp' failed in stage snapshot: the ERP could not be read; mend it",
        "",
        "run: 20260301T020000Z-abc123",
        "exit code: 4",
    ]


def test_a_failure_is_told_as_the_process_tells_it_whatever_the_report_says_by_then() -> None:
    told = notify.body(attrs.evolve(FAILED, message="the ERP could not be read; see the log"))
    assert told.startswith("run 7 of ERP 'erp' failed in stage snapshot: the ERP could not be read; see the log\n")
    assert "mend it" not in told


def test_a_reservation_is_told_after_the_story() -> None:
    told = notify.body(attrs.evolve(DONE, outcome="partial", exit_code=3, message="a file was not written; mend it"))
    story, _, message, *_ = told.splitlines()
    assert story.startswith("run 7 of ERP 'erp' completed: 5,000 lines")
    assert message == "a file was not written; mend it"


@pytest.mark.parametrize(
    ("on", "outcome", "is_told"),
    [
        ("failed", "failed", True),
        ("failed", "guard", True),
        ("guard", "guard", True),
        ("guard", "failed", False),
        ("partial", "partial", True),
        ("partial", "completed", False),
        ("completed", "completed", True),
        ("completed", "failed", False),
        ("gaps", "completed", True),
        ("gaps", "partial", True),
        ("gaps", "failed", False),
    ],
)
def test_who_asked_for_an_outcome_hears_of_it(
    service: WebService, on: str, outcome: RunOutcome, *, is_told: bool
) -> None:
    notifier(service.url, on).ended(attrs.evolve(DONE, outcome=outcome))
    assert len(service.requests) == int(is_told)


def test_no_gap_is_no_news_for_who_asked_for_gaps(service: WebService) -> None:
    report = attrs.evolve(REPORT, xref_gaps_found=0, unmapped_item_codes=())
    notifier(service.url, "gaps").ended(attrs.evolve(DONE, report=report))
    assert service.requests == []


def test_an_applied_run_is_told_with_its_numbers() -> None:
    codes = tuple(f"X-{number}" for number in range(25))
    told = notify.body(attrs.evolve(DONE, report=attrs.evolve(REPORT, unmapped_item_codes=codes)))
    assert "lines_changed: 98" in told
    assert "X-19 and 5 more" in told


def test_a_run_that_could_not_begin_is_told_by_its_message() -> None:
    assert notify.body(NOT_BEGUN) == "the store is down"


def test_a_notification_that_is_not_taken_is_an_error_without_the_url(service: WebService) -> None:
    service.statuses = [500]
    with pytest.raises(notify.NotTakenError) as caught:
        notifier(service.url, "failed").ended(FAILED)
    assert str(caught.value) == ""


def test_a_url_that_no_service_knows_is_an_error() -> None:
    with pytest.raises(notify.NotTakenError):
        notifier("nosuchservice://token", "failed").ended(FAILED)


def test_r16_a_notifiers_urls_are_not_in_its_repr() -> None:
    assert "token" not in repr(notifier("http://token", "failed"))


# -- lineage


def events(service: WebService) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in service.requests]


def lineage_of(url: str, **given: str) -> lineage.Lineage:
    observer = lineage.create(settings(lineage=LineageSettings(url=url, **given)))
    assert observer is not None
    return observer


def test_a_data_platform_sees_start_and_completion_with_row_counts(service: WebService) -> None:
    observer = lineage_of(service.url, namespace="plant")
    observer.started(START)
    observer.ended(DONE)
    start, complete = events(service)
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert start["job"] == {**start["job"], "namespace": "plant", "name": "po-ingest.erp"}
    assert start["producer"] == f"pkg:generic/po-ingest@{__version__}"  # a URI, as the specification wants
    rows = {each["name"]: each["outputFacets"]["outputStatistics"]["rowCount"] for each in complete["outputs"]}
    assert rows == {"erp.po_line": 101, "erp.erp_change_event": 117, "erp.batch": 40}


def test_a_data_platform_sees_a_failure_with_its_message(service: WebService) -> None:
    lineage_of(service.url, api_key="key-1").ended(FAILED)
    (fail,) = events(service)
    assert fail["eventType"] == "FAIL"
    assert fail["run"]["facets"]["errorMessage"]["message"] == "the ERP could not be read; mend it"
    assert service.requests[0].headers["Authorization"] == "Bearer key-1"


def test_a_run_that_could_not_begin_is_no_run_to_a_data_platform(service: WebService) -> None:
    lineage_of(service.url).ended(NOT_BEGUN)
    assert service.requests == []


def test_r16_neither_url_nor_key_of_lineage_is_in_a_repr() -> None:
    told = repr(lineage_of("https://user:pass@lineage.example", api_key="key-1"))
    assert "pass" not in told
    assert "key-1" not in told


# -- extras that are not installed


@pytest.mark.parametrize(
    ("module", "given", "package"),
    [
        (notify, {"notify": NotifySettings(urls=("json://host",))}, "apprise"),
        (lineage, {"lineage": LineageSettings(url="http://host")}, "openlineage-python"),
    ],
)
def test_a_missing_extra_is_told_before_the_night(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, given: dict[str, object], package: str
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=rf"pip install {package}$"):
        module.create(settings(**given))
