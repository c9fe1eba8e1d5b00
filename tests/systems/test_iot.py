"""systems/iot, small: broker and runs are killed, every acknowledged reading is there once."""
import os
import subprocess
import sys

import pytest

from weir_process import ROOT, weir_bin
from weir_project import delta_extension


@pytest.mark.parametrize("seconds,kills,rate", [
    pytest.param(2, 2, 1000, id="fast"),
    pytest.param(240, 60, 6000, id="slow", marks=pytest.mark.slow),
])
def test_every_acknowledged_reading_is_there_once(tmp_path, seconds, kills, rate):
    story = subprocess.run(
        [sys.executable, ROOT / "systems/iot/play.py", tmp_path / "iot", "--seconds", str(seconds),
         "--kills", str(kills), "--rate", str(rate), "--every", "0.5"],
        env={**os.environ, "WEIR_BIN": str(weir_bin()), "DELTA_EXTENSION": str(delta_extension())},
        capture_output=True, text=True, timeout=3 * seconds + 120)
    assert story.returncode == 0, story.stdout + story.stderr
    assert "exactly once" in story.stdout
