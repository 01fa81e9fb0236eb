"""The page's plots: drawn by pygal as SVG, then relieved of what only its own scripts and styles need.

A year of runs has thousands of points. Each keeps its value as a title, which browsers show when the pointer rests on
it. Screen readers take a plot for one picture with a name, and the keyboard does not reach its points: for them, each
plot has its values as a table beside it. The page's one style sheet colours all plots, in light and dark.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import ModuleType
from typing import Any, Final, cast
from xml.etree.ElementTree import Element, tostring

import attrs

from po_ingest.model import Run
from po_ingest.stages.report import STAGES

DRAWN: Final = {"circle", "g", "line", "path", "rect", "text", "title", "tspan"}
STAGES_SHOWN: Final = 30
"""Runs whose stage times are drawn."""
LABELS: Final = 4
"""Labels of the time axis."""
DENSE: Final = 100
"""From so many runs on, points are seen only when the pointer is on them: the line says it all."""

NUMBER: Final = ",.10g"
"""How values are written."""
_NUMBER: Final = re.compile(r"-?\d+\.\d+")
NUMBERS: Final = {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "d", "transform", "points"}


@attrs.frozen(slots=True)
class Plot:
    """A plot: its title, its SVG, and its values as a table: heads, and rows of a run's start and values."""

    title: str
    svg: str
    heads: Sequence[str]
    rows: Sequence[tuple[datetime, Sequence[float]]]


SERIES: Final = (
    ("Duration, in seconds", {"seconds": "duration_seconds"}),
    ("Active lines", {"lines": "po_lines_processed"}),
    ("Changed and newly absent lines", {"changed": "lines_changed", "newly absent": "absent_po_lines"}),
    ("Item codes without cross-reference", {"codes": "xref_gaps_found"}),
    ("Rejected rows", {"rows": "rows_rejected"}),
)


def plots(applied: Sequence[Run]) -> list[Plot]:
    """Return the plots over runs that were applied, the oldest first; none without runs."""
    if not applied:
        return []
    return [*(_over_time(title, series, applied) for title, series in SERIES), _stages(applied[-STAGES_SHOWN:])]


def _pygal() -> ModuleType:
    """Return pygal, on Python's own XML (it takes lxml's where that is installed, whose elements are others).

    The hook that it puts into Python's imports goes: every later import would warn of it.
    """
    import pygal  # noqa: PLC0415 - rarely needed
    from pygal.etree import etree  # noqa: PLC0415 - as above

    etree.to_etree()
    sys.meta_path[:] = [hook for hook in sys.meta_path if type(hook).__module__ != "pygal"]
    return cast("ModuleType", pygal)


def _over_time(title: str, series: Mapping[str, str], runs: Sequence[Run]) -> Plot:
    chart = _pygal().DateTimeLine(
        **_options(len(series)),
        order_min=None if "seconds" in series else 0,  # there are no halves of lines
        dots_size=1.8,
        x_value_formatter=lambda moment: f"{moment:%Y-%m-%d}",
        include_x_axis=True,
    )
    # pygal reckons with times that have no zone; all of them are in UTC here
    moments = [run.started_at.replace(tzinfo=None) for run in runs]
    chart.x_labels = moments[:: -(-len(moments) // LABELS)]
    rows = [(run.started_at, [run.figure(key) for key in series.values()]) for run in runs]
    for place, name in enumerate(series):
        chart.add(name, [(moment, values[place]) for moment, (_, values) in zip(moments, rows, strict=True)])
    return Plot(title, _lean(chart, title, is_dense=len(runs) >= DENSE), [*series], rows)


def _stages(runs: Sequence[Run]) -> Plot:
    title = f"Seconds by stage, of the last {len(runs)} applied runs"
    chart = _pygal().StackedBar(**_options(len(STAGES)), show_minor_x_labels=False)
    names = [_started(run.started_at) for run in runs]
    chart.x_labels, chart.x_labels_major = names, names[:: -(-len(names) // LABELS)]
    rows = [(run.started_at, [_seconds(run, stage) for stage in STAGES]) for run in runs]
    for place, stage in enumerate(STAGES):
        chart.add(stage, [values[place] for _, values in rows], formatter=f"{stage} {{:{NUMBER}}}".format)
    return Plot(title, _lean(chart, title), STAGES, rows)


def _options(series: int) -> dict[str, Any]:
    return {
        "width": 560,
        "height": 230,
        "max_scale": 5,
        "truncate_label": -1,
        "js": [],
        "css": [],
        "margin": 6,
        "show_legend": series > 1,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": min(series, 3),
        "truncate_legend": -1,
        "value_formatter": f"{{:{NUMBER}}}".format,
        "disable_xml_declaration": True,
        "no_prefix": True,
    }


def _started(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _seconds(run: Run, stage: str) -> float:
    stages = cast("Mapping[str, float]", (run.report or {}).get("stages") or {})
    return stages.get(stage, 0.0)


def _lean(chart: Any, title: str, *, is_dense: bool = False) -> str:  # noqa: ANN401 - pygal ships no types
    """Return the chart's SVG without pygal's scripts, styles and descriptions; values become titles."""
    root: Element = chart.render_tree()
    for parent in reversed(list(root.iter())):  # groups last
        _to_title(parent)
        parent[:] = [_bare(child) for child in parent if child.tag in DRAWN]  # a comment's tag is a function
    for element in root.iter():
        for name in NUMBERS & element.attrib.keys():
            element.set(name, _rounded(element.attrib[name]))
    root.attrib.pop("id", None)
    root.find("title").text = title  # type: ignore[union-attr]  # pygal gives each chart one, with its own name
    root.set("role", "img")
    root.set("aria-label", title)
    if is_dense:
        root.set("class", f"{root.get('class')} dense")
    return tostring(root, encoding="unicode")


def _to_title(parent: Element) -> None:
    """Give the shape before each description of a value that value as its title; of a bar with the time, too."""
    shape: Element | None = None
    told: Element | None = None
    for child in parent:
        kind = child.get("class") if child.tag == "desc" else None
        if kind == "value" and shape is not None:
            told = Element("title")
            told.text = child.text
            shape.insert(0, told)
        elif kind == "x_label" and told is not None and shape is not None and shape.tag == "rect":
            told.text = f"{child.text}: {told.text}"
        elif child.tag in {"circle", "rect", "path"}:
            shape = child


def _bare(child: Element) -> Element:
    """Return the shape alone of a group that has been made for it: there are thousands."""
    if child.get("class") not in {"dots", "bar"}:
        return child
    (shape,) = child
    del shape.attrib["class"]
    return shape


def _rounded(text: str) -> str:
    """Round the numbers of an attribute to a tenth: of a pixel, as these plots are drawn."""
    return _NUMBER.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), text)
