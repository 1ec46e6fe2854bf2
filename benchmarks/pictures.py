"""The results as pictures: SVG, for a light page and for a dark one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure

from . import contestants as who
from .goals import Results
from .measure import Sample, Samples, spread
from .scenes import AT_ONCE

_OURS: Final = {who.OURS, who.OURS_FAST, who.OURS_ASYNC, who.OURS_ASYNC_FAST}
# Text, ours, others.
_THEMES: Final = {"light": ("#24292f", "#1f6feb", "#afb8c1"), "dark": ("#e6edf3", "#58a6ff", "#484f58")}


def draw(results: Results, folder: Path) -> None:
    """Write the pictures."""
    rate = f"Logins a second on the embedded server, {AT_ONCE} threads or tasks (more is better)"
    cpu = "CPU of the client for one login on the embedded server, µs (less is better)"
    _both(folder, "logins", rate, _medians(results.at_once, lambda one: 1 / one.wall))
    _both(folder, "cpu", cpu, _medians(results.one_by_one, lambda one: one.cpu * 1e6))


def _medians(samples: Samples, figure: Callable[[Sample], float]) -> dict[str, float]:
    medians = {name: spread([figure(one) for one in ones]).median for name, ones in samples.items()}
    return dict(sorted(medians.items(), key=lambda item: item[1]))


def _both(folder: Path, name: str, title: str, bars: Mapping[str, float]) -> None:
    for theme, colours in _THEMES.items():
        # The same figures give the same file; text stays text.
        with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.family": "sans-serif"}):
            figure = _figure(title, bars, *colours)
            figure.savefig(folder / f"{name}-{theme}.svg", transparent=True, metadata={"Date": None})


def _figure(title: str, bars: Mapping[str, float], text: str, ours: str, others: str) -> Figure:
    figure = Figure(figsize=(8, 0.34 * len(bars) + 0.6), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", color=text, fontsize=11)
    axes = figure.subplots()
    drawn = axes.barh(list(bars), list(bars.values()), color=[ours if name in _OURS else others for name in bars])
    axes.bar_label(drawn, fmt="{:,.0f}", padding=4, color=text)
    axes.margins(x=0.12)
    axes.tick_params(colors=text, length=0)
    axes.xaxis.set_visible(False)
    axes.spines[:].set_visible(False)
    return figure
