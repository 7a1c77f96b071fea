"""docs/pytorch-samples.md says what these tests do."""

import re

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch

from pytorch_samples.database import databases
from pytorch_samples.table import PAGE, page, version


def test_page_is_up_to_date():
    databases()
    written = PAGE.read_text()
    (of,) = re.findall(r"^\*\*PyTorch ([\d.]+): ", written, re.MULTILINE)
    if of != version(torch):
        pytest.skip(f"docs/pytorch-samples.md is about PyTorch {of}, and this is {torch.__version__}")
    assert written == page(), "write it anew: python tests/pytorch_samples/table.py"
