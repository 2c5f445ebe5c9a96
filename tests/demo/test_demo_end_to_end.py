"""The whole demo with its six processes, once as it is and once with one patient changed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from parties.demo.queries import DESCRIBED, QUERIES
from parties.demo.run import joint_and_pooled

pytestmark = pytest.mark.skipif(shutil.which("ps") is None, reason="the command ps is not installed")
PROPERTIES = ["name", "joint", "pooled", "max_abs_error", "seconds", "rounds", "bytes_sent_per_party"]


def demo_processes() -> set[str]:
    """Command lines of running nodes that belong to a demo."""
    lines = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return {line for line in lines.splitlines() if "triune-demo-" in line and "node run" in line}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    before = demo_processes()
    command = [sys.executable, "-m", "parties.cli", "demo", "--json", "demo.json", "--out", "report"]
    temporary = {**os.environ, "TMPDIR": str(folder)}
    ended = subprocess.run(command, cwd=folder, env=temporary, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert demo_processes() <= before
    assert sorted(path.name for path in folder.iterdir()) == ["demo.json", "report"]
    records = json.loads((folder / "demo.json").read_text())
    return {"out": ended.stdout, "page": (folder / "report" / "report.html").read_text(), "records": records}


def test_the_demo_is_right_and_leaves_nothing_behind(shown):
    assert [record["name"] for record in shown["records"]] == [query.name for query in QUERIES]
    for record in shown["records"]:
        assert list(record) == PROPERTIES
        assert record["max_abs_error"] < 1e-6
        assert record["rounds"] > 0
        assert len(record["bytes_sent_per_party"]) == 3
    by_name = {record["name"]: record for record in shown["records"]}
    assert by_name["count"]["joint"] == 686
    assert by_name["filtered count"]["joint"] == by_name["filtered count"]["pooled"]
    assert {f"{column} 95%" for column in DESCRIBED} <= by_name["describe"]["joint"].keys()
    small = by_name["small cells"]["joint"]
    assert None in small.values()
    assert any(value is not None for value in small.values())


def test_the_report_stands_alone(shown):
    assert shown["page"].count("<svg") == len(QUERIES)
    assert "every joint answer is right" in shown["page"]
    for reference in ("<script", "<link", "src="):
        assert reference not in shown["page"]
    assert "Every joint answer is right" in shown["out"]


def test_one_changed_patient_changes_the_answer(shown):
    def grow_a_tumour(parts):
        path = parts["waldkrankenhaus"]
        header, first, *rest = path.read_text().splitlines()
        cells = first.split(",")
        cells[header.split(",").index("tsize")] = "150"
        path.write_text("\n".join([header, ",".join(cells), *rest]) + "\n")

    comparisons, _ = joint_and_pooled(grow_a_tumour)
    assert not any(comparison.wrong for comparison in comparisons)
    now = {comparison.name: comparison.joint for comparison in comparisons}
    then = {record["name"]: record["joint"] for record in shown["records"]}
    assert now["describe"]["tsize mean"] > then["describe"]["tsize mean"]
    assert now["describe"]["age mean"] == then["describe"]["age mean"]
    changed = {
        label for label, value in now["mean tsize by horTh, menostat"].items()
        if value != then["mean tsize by horTh, menostat"][label]
    }  # fmt: skip
    assert len(changed) == 1


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "kill"])
def test_an_interrupted_demo_ends_its_hospitals(tmp_path, sign):
    before = demo_processes()
    command = [sys.executable, "-m", "parties.cli", "demo"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    # A suite that runs in the background has Ctrl-C switched off, and its children would inherit that.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    started = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    signal.signal(signal.SIGINT, handler)
    deadline = time.monotonic() + 120
    while len(demo_processes() - before) < 5 and time.monotonic() < deadline:
        time.sleep(0.1)
    started.send_signal(sign)
    assert started.wait(timeout=60) != 0
    assert demo_processes() <= before
    assert list(tmp_path.iterdir()) == []
