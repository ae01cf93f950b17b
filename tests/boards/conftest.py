from pathlib import Path

import pytest

DESIGNS = Path(__file__).parent / "designs"


@pytest.fixture
def echo_chip() -> list[Path]:
    return [DESIGNS / "echo_chip.v"]


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """No test sees results of earlier runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROTOTILE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("PROTOTILE_NATIVE_TOOLS", raising=False)
        yield
