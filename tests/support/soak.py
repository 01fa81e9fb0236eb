"""A soak: many nights of a living ERP, with a fault in some of them, each night in a process of its own.

Afterwards the store must be what the ERP itself said day by day (R4), the events must lead there (R3), batches must sum
up (R10), and the audit trail must be whole (R14). A fault may cost a night; it may cost nothing else.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any, Final, NoReturn

import attrs

import po_ingest.cli.nightly  # noqa: F401 - imported once here, not in the process of each night
import po_ingest_adapters.audit.file
import po_ingest_adapters.erp.sqlite
import po_ingest_adapters.store.sql  # noqa: F401 - as above
from po_ingest import config, pipeline, plugins, wiring  # noqa: F401 - as above
from po_ingest.cli.main import main
from po_ingest.errors import ErpError
from po_ingest.fields import INDEX, Values, to_text
from po_ingest.ports import ErpSource, Finding, ResultSet
from po_ingest.settings import Settings
from support.soak_erp import SLOTS, Key, LivingErp, Texts

CONFIG: Final = """
[erp]
name = "soak"
adapter = "sqlite"
connection = "erp.db"
{lines}
[erp.receipts]
query = "SELECT * FROM receipts"
[erp.item_xref]
query = "SELECT * FROM erp_item_xref"
[erp.retry]
wait_initial = 0.01
[custom_columns.custom_date_1]
column = "ship_date"
[custom_columns.custom_decimal_1]
column = "weight"
[store]
url = "{url}"
{schema}
[store.retry]
attempts = 3
wait_initial = 0.01
"""
HALF: Final = '[erp.po_lines]\nquery = "SELECT * FROM erp_order_lines WHERE line_number % 20 = 0"\n'
FEW: Final = 20
"""So many rows are bad in a night of bad rows, or a fiftieth of all if that is less: the guard holds no such night."""


def forked(work: Callable[[], Any], beside: Callable[[int], object] = lambda _: None) -> tuple[int, Any]:
    """Do work in a process of its own; return its exit code (negative: the signal) and what the work returned.

    `beside` is done meanwhile, with the process's id.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _work(work, writing)
    os.close(writing)
    beside(child)
    with os.fdopen(reading, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), pickle.loads(content) if content else None  # noqa: S301 - our own child's


def _work(work: Callable[[], Any], writing: int) -> NoReturn:
    code = 70  # none of po-ingest's
    try:
        result = work()
        code = result if isinstance(result, int) else 0
        with os.fdopen(writing, "wb") as stream:
            stream.write(pickle.dumps(result))
    finally:
        os._exit(code)


@attrs.frozen
class Flaky:
    """A source that breaks midway a few times, as connections do."""

    wrapped: ErpSource
    faults: list[int]  # how many rows come before each break

    @contextmanager
    def query(self, sql: str) -> Iterator[ResultSet]:
        with self.wrapped.query(sql) as result:
            yield ResultSet(columns=result.columns, chunks=self._breaking(result.chunks))

    def _breaking(self, chunks: Any) -> Iterator[Any]:  # noqa: ANN401 - of rows
        rows = 0
        for chunk in chunks:
            rows += len(chunk)
            yield chunk
            if self.faults and rows >= self.faults[0]:
                del self.faults[0]
                raise ErpError("the connection was lost", transient=True)

    def check(self) -> list[Finding]:
        return list(self.wrapped.check())


@attrs.define
class Soak:
    """A soak in a folder; `url` and `schema` name a store elsewhere."""

    folder: Path
    lines: int
    seed: int = 1
    url: str = "sqlite:///po-ingest.db"
    schema: str = ""
    share: float = 0.1
    tell: Callable[[str], None] = lambda _: None
    erp: LivingErp = attrs.field(init=False)
    rng: Random = attrs.field(init=False)
    before: dict[Key, Texts] = attrs.Factory(dict)  # the state that the last applied run must have
    digests: dict[int, bytes] = attrs.Factory(dict)  # applied run -> digest of the state it must have
    outcomes: Counter[tuple[str, str]] = attrs.Factory(Counter)  # fault, what came of the night
    sizes: list[tuple[int, int]] = attrs.Factory(list)  # night, bytes of the store
    usual_seconds: float = 1.0
    _planned: list[str] = attrs.Factory(list)

    def __attrs_post_init__(self) -> None:
        self.rng = Random(self.seed)  # noqa: S311 - the same faults each time
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        self.erp = LivingErp(self.folder / "erp.db", self.lines, Random(self.seed))  # noqa: S311 - the same days each time
        self._configure()

    def _configure(self, lines: str = "") -> None:
        schema = f'schema = "{self.schema}"' if self.schema else ""
        self._config.write_text(CONFIG.format(lines=lines, url=self.url, schema=schema), encoding="utf-8")

    @property
    def _config(self) -> Path:
        return self.folder / "po-ingest.toml"

    @property
    def is_on_sqlite(self) -> bool:
        return self.url.startswith("sqlite:")

    def settings(self) -> Settings:
        return config.load(self._config, {})

    # -- the nights

    def run(self, nights: int) -> None:
        """Let the nights pass: the first is the baseline, and has no fault."""
        self.night("none")
        for number in range(2, nights + 1):
            self.erp.next_day()
            self.night(self._fault() if self.rng.random() < self.share else "none")
            if number % 30 == 0 or number == nights:
                self._weigh(number)
                self.tell(f"night {number}: {self.sizes[-1][1]:,} bytes, {self.usual_seconds:.1f} s a night")

    def _fault(self) -> str:
        """Return a fault by chance, each kind once before any comes again."""
        if not self._planned:
            kinds = [kind for kind in FAULTS if kind != "none" and (self.is_on_sqlite or kind not in OF_SQLITE)]
            self._planned = self.rng.sample(kinds, len(kinds))
        return self._planned.pop()

    def night(self, kind: str) -> int:
        """Run a night with a fault; return its exit code."""
        start = time.monotonic()
        with FAULTS[kind](self) as fault:
            code, _ = forked(lambda: self._nightly(fault), fault.beside)
            assert code in fault.codes, (kind, code, (self.folder / "stderr.txt").read_text("utf-8"))
            applied = self._take_note()
        if kind == "none":
            self.usual_seconds = time.monotonic() - start
            assert applied
        self.outcomes[kind, "applied" if applied else "not applied"] += 1
        return code

    def _nightly(self, fault: Fault) -> int:
        with (self.folder / "stderr.txt").open("w", encoding="utf-8") as stream:
            sys.stdout = sys.stderr = stream
            fault.inside()
            code = main(["--config", str(self._config), "--quiet", "nightly"])
            stream.flush()
        return code

    def _take_note(self) -> bool:
        """Say whether the night was applied, and keep what its state must be."""
        code, last = forked(lambda: (self._last_applied(),))
        assert code == 0
        if last[0] is None or last[0] in self.digests:
            return False
        self.before = self.erp.expected(self.before)
        self.digests[last[0]] = digest(self.before)
        return True

    def _last_applied(self) -> int | None:
        store = wiring.open_store(self.settings())
        if store.schema().relation == "missing":
            return None
        with store.read() as view:
            last = view.last_applied("soak")
        return None if last is None else last.id

    def _weigh(self, night: int) -> None:
        if self.is_on_sqlite:
            files = self.folder.glob("po-ingest.db*")
            self.sizes.append((night, sum(file.stat().st_size for file in files)))

    # -- what must hold in the end

    def check(self) -> dict[str, str]:
        """Hold the store against the ERP's own days; return what the proofs looked at."""
        self.erp.next_day()
        assert self.night("none") == 0  # what a fault of the last night left over is made good by the next
        again, report = forked(self._again)
        assert again == 0
        assert set(report.values()) == {0}, report  # R17
        shown = {}
        for proof in ("store", "audit"):
            code, text = forked(lambda proof=proof: (self._proof(proof),))  # type: ignore[misc]  # bound at once
            assert (code, text[0][0]) == (0, 0), text
            shown[proof] = " ".join(text[0][1].split())
        code, wrong = forked(lambda: (self._wrong_runs(),))
        assert (code, wrong) == (0, ([],))  # R4
        return shown

    def _again(self) -> dict[str, int]:
        code = self._nightly(Fault())
        assert code == 0
        with wiring.open_store(self.settings()).read() as view:
            last = view.last_applied("soak")
        assert last is not None
        assert last.report is not None
        names = ("lines_changed", "change_events_detected", "new_lines_created", "batches_reconstructed")
        return {name: int(str(last.report[name])) for name in names}

    def _proof(self, group: str) -> tuple[int, str]:
        file = self.folder / "proof.txt"
        with file.open("w", encoding="utf-8") as stream:
            sys.stdout = sys.stderr = stream
            code = main(["--config", str(self._config), group, "verify"])
            stream.flush()
        return code, file.read_text("utf-8")

    def _wrong_runs(self) -> list[int]:
        """Return the runs whose snapshot is not what the ERP said on that day."""
        with wiring.open_store(self.settings()).read() as view:
            return [
                run
                for run, expected in self.digests.items()
                if digest({key: _texts(values) for key, values in view.snapshot("soak", run)}) != expected
            ]


def _texts(values: Values) -> Texts:
    return {name: to_text(values[at]) for name, at in INDEX.items() if not name.startswith("custom") or name in SLOTS}


def digest(state: Mapping[Key, Texts]) -> bytes:
    """Return a digest of lines and their fields; a field that is not tracked does not count."""
    lines = blake2b(digest_size=16)
    for key in sorted(state):
        fields = {name: text for name, text in state[key].items() if name != "last_update_timestamp" and text}
        lines.update(repr((key, sorted(fields.items()))).encode("utf-8"))
    return lines.digest()


# -- faults


def _nothing() -> None:
    """Do nothing."""


@attrs.frozen
class Fault:
    """A night's fault: which exit codes it may end with, what is done in its process before, and beside it."""

    codes: tuple[int, ...] = (0,)
    inside: Callable[[], None] = _nothing
    beside: Callable[[int], object] = lambda _: None


def no_fault(_soak: Soak) -> AbstractContextManager[Fault]:
    return nullcontext(Fault())


def _signalled(soak: Soak, number: int) -> Callable[[int], None]:
    """Return what sends a signal at some moment of the night; the night may be faster."""
    delay = soak.rng.random() * soak.usual_seconds

    def send(child: int) -> None:
        time.sleep(delay)
        os.kill(child, number)  # it cannot have been forgotten yet: nobody has waited for it

    return send


def killed(soak: Soak) -> AbstractContextManager[Fault]:
    return nullcontext(Fault((-signal.SIGKILL, 0), beside=_signalled(soak, signal.SIGKILL)))


def ended(soak: Soak) -> AbstractContextManager[Fault]:
    # before and after the command itself, the signal has its default effect
    return nullcontext(Fault((1, 3, 0, -signal.SIGTERM), beside=_signalled(soak, signal.SIGTERM)))


def erp_breaks(soak: Soak) -> AbstractContextManager[Fault]:
    faults = [soak.rng.randint(1, soak.lines) for _ in range(soak.rng.randint(1, 3))]

    def wrap() -> None:
        original = plugins.erp_source
        plugins.erp_source = lambda settings: Flaky(original(settings), faults)

    return nullcontext(Fault(inside=wrap))


@contextmanager
def store_is_busy(soak: Soak) -> Iterator[Fault]:
    """Have another process write into the store when the run begins."""
    seconds = soak.rng.random() / 2
    reading, writing = os.pipe()
    holder = os.fork()
    if holder == 0:
        _hold(soak.folder / "po-ingest.db", seconds, writing)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    yield Fault()
    assert os.waitpid(holder, 0)[1] == 0


def _hold(store: Path, seconds: float, ready: int) -> NoReturn:
    code = 1
    try:
        connection = sqlite3.connect(store, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        os.write(ready, b"!")
        time.sleep(seconds)
        connection.execute("ROLLBACK")
        code = 0
    finally:
        os._exit(code)


@contextmanager
def half_the_rows(soak: Soak) -> Iterator[Fault]:
    soak._configure(HALF)
    yield Fault((5,))
    soak._configure()


@contextmanager
def bad_rows(soak: Soak) -> Iterator[Fault]:
    soak.erp.spoil(min(FEW, soak.lines // 50))
    yield Fault()
    soak.erp.mend()


@contextmanager
def audit_file_unwritable(soak: Soak) -> Iterator[Fault]:
    file, kept = soak.folder / "logs" / "audit.jsonl", soak.folder / "logs" / "kept"
    file.rename(kept)
    file.mkdir()
    yield Fault((3,))
    file.rmdir()
    kept.rename(file)


def disk_full(soak: Soak) -> AbstractContextManager[Fault]:
    """Let no file of the night grow beyond some size; what is written behind it fails as on a full disk."""
    size = soak.rng.choice((0, 4096, 65_536, 300_000))

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return nullcontext(Fault((7, 3, 0), inside=limit))


FAULTS: Final[dict[str, Callable[[Soak], AbstractContextManager[Fault]]]] = {
    "none": no_fault,
    "killed (SIGKILL)": killed,
    "ended (SIGTERM)": ended,
    "ERP breaks midway": erp_breaks,
    "store busy": store_is_busy,
    "ERP gives half the rows": half_the_rows,
    "bad rows": bad_rows,
    "audit file not writable": audit_file_unwritable,
    "disk full": disk_full,
}
OF_SQLITE: Final = ("store busy", "disk full")
"""Faults that are made in the store's own file."""
