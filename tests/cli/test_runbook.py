"""The runbook in docs/operations.md has an entry for every error, and every verdict, that the code can tell of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

import attrs

from po_ingest import errors
from po_ingest.health import GROWING
from po_ingest.model import lock_is_held
from po_ingest.settings import GuardSettings
from support.paths import ROOT

PLACES: Final = {
    name: 0 for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.PoIngestError)
} | {"OutputError": 0, "foreign": 1, "Finding": 2}
"""What is called to tell of an error -> which of its arguments has the words."""
DOUBLES: Final = {"memory.py", "failing.py"}
"""Files whose errors no user meets."""
PASSED_ON: Final = {
    "error.message",
    "failure.message",
    "finding.message",
    "fault",  # of a configuration: details of another message
    "faults[0]",  # of columns: below
    "str(signal) or 'ended by SIGINT'",
    "lock_is_held(erp, self._running(erp))",  # below
    "lock_is_held(erp, _running(store, erp))",
    "of_run(newest)",
    "f'{path} {what}'",  # by `foreign`
    "f'{path} {fault}'",  # below
    "of_option",  # `--to`, where it is that of store.url
}
"""Words that stand elsewhere."""
OTHERS: Final = (
    "query: the result has no column 'A'",
    "query: the result has 2 columns named 'A'",
    "file is a folder",
    "file lies in a folder that does not exist",
    "ended by SIGTERM",
    lock_is_held("erp", []),
    *(f"{figure}: …, … the run before" for figure in GROWING.values()),
    *(f"{limit.name} is …" for limit in attrs.fields(GuardSettings)),
)
ANY: Final = "…"


def entries() -> list[str]:
    """Return what stands in code marks in the first cells of the runbook's tables, with a mark for `...` and names."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    runbook = page.partition("\n## At seven in the morning")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (.+?) \| ", runbook, re.MULTILINE)
    marked = [words for cell in cells for words in re.findall(r"`([^`]+)`", cell)]
    return [re.sub(r"\.\.\.|\b(N|M|A|B|NAME|FIELD|ENCODING)\b", ANY, words) for words in marked]


def skeletons(message: ast.expr, tree: ast.Module) -> Iterator[str]:
    """Yield what a message may be, with a mark for each value in it; nothing of one that is passed on."""
    if ast.unparse(message) in PASSED_ON:
        return
    if isinstance(message, ast.IfExp):
        yield from skeletons(message.body, tree)
        yield from skeletons(message.orelse, tree)
    elif isinstance(message, ast.Name):
        assigned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign) and names(node, message.id)]
        for value in assigned or [ast.Constant(f"?? {message.id}")]:
            yield from skeletons(value, tree)
    else:
        parts = message.values if isinstance(message, ast.JoinedStr) else [message]
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else ANY for part in parts)


def names(assignment: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in assignment.targets)


def told(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield the messages of errors, of findings that fail, and of verdicts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) > PLACES.get(called(node), len(node.args)):
            if called(node) != "Finding" or ast.unparse(node.args[1]) == "'failed'":
                yield node.args[PLACES[called(node)]]
        elif isinstance(node, ast.Tuple) and ast.unparse(node).startswith("(Level."):
            yield node.elts[1]


def called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def messages() -> Iterator[tuple[str, str]]:
    """Yield every message that the code can tell, and where."""
    for file in sorted(file for folder in ("src", "adapters") for file in (ROOT / folder).rglob("*.py")):
        if file.name not in DOUBLES:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for message in told(tree):
                yield from ((f"{file.name}:{message.lineno}", skeleton) for skeleton in skeletons(message, tree))
    yield from (("", text) for text in OTHERS)


def stands_in(one: str, other: str) -> bool:
    """Say whether the words of one text stand in another, in their order."""
    words = [part.strip() for part in one.split(ANY) if part.strip()]
    return bool(words) and re.search(".*".join(map(re.escape, words)), other, re.DOTALL) is not None


def test_every_message_has_its_entry_in_the_runbook() -> None:
    there = entries()
    every = list(messages())
    assert len(every) > 150
    assert [
        f"{where} {text}"
        for where, text in every
        if not any(stands_in(entry, text) or stands_in(text, entry) for entry in there)
    ] == []
