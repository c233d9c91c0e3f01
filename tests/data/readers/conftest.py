import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real slices of public data, where the machine has them."""
    named = os.environ.get("HOLDFAST_SHARED_DATA")
    folder = Path(named) if named else Path(__file__).parents[4] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder}; set HOLDFAST_SHARED_DATA")
    return folder
