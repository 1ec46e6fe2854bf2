"""Measure, and write the results into a folder: `python -m benchmarks [--quick] FOLDER`."""

import argparse
from pathlib import Path

from . import goals, pictures, report, scenes


def main() -> None:
    """Measure, write, and print the goals."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure this client beside others.")
    parser.add_argument("folder", type=Path, help="where the results are written")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under two minutes")
    arguments = parser.parse_args()
    effort = scenes.QUICK if arguments.quick else scenes.FULL
    with scenes.live_target() as target:
        results = goals.measured(target, effort)
    text = report.markdown(goals.goals(results, effort), results, effort)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "results.md").write_text(text, encoding="utf-8")
    pictures.draw(results, arguments.folder)
    print(text)


if __name__ == "__main__":
    main()
