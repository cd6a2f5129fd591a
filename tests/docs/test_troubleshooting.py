"""Every error in docs/troubleshooting.md is provoked on the image and compared with the page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import PostGIS
from tests.docs import snippets
from tests.docs.provokers import ERRORS, Stage
from tests.support.containers import LABEL, Containers, docker

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/troubleshooting.md"
BLOCKS = {each.argument: each for each in snippets.read(PAGE, ROOT) if each.kind == "printed"}
# Starting a container is mostly waiting for the engine.
AT_ONCE = 4


@pytest.fixture(scope="module")
def printed(
    request: pytest.FixtureRequest, postgis: PostGIS, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[str]]]:
    """The output of each selected error. All of them are provoked at the same time."""
    items = (item for item in request.session.items if item.module is request.module)
    names = [item.callspec.params["name"] for item in items if hasattr(item, "callspec")]
    network, started = f"test-{uuid.uuid4().hex[:12]}", Containers()
    # The tests provoke each error of the page.
    started.may_log("ERROR", "WARNING")
    docker("network", "create", "--label", LABEL, network)
    try:
        stage = Stage(started, postgis, network, tmp_path_factory.mktemp("stage"))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield {name: pool.submit(ERRORS[name], stage) for name in names}
        stage.close()
    finally:
        started.clean()
        docker("network", "disconnect", network, postgis.host, check=False)
        docker("network", "rm", network)


@pytest.mark.engine
@pytest.mark.parametrize("name", sorted(ERRORS))
def test_page_has_what_the_image_prints(name: str, printed: dict[str, Future[str]]) -> None:
    block, output = BLOCKS[name], printed[name].result()
    assert snippets.matches(block.text, output), (
        f"{block.place} says\n{block.text}\nbut the output is\n{output}"
    )


def test_every_block_is_provoked() -> None:
    assert BLOCKS.keys() == ERRORS.keys()
    assert len(snippets.read(PAGE, ROOT)) == len(BLOCKS)


def test_every_error_is_found_by_its_first_words() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for block in BLOCKS.values():
        heading = [line for line in lines[: block.line] if line.startswith("#")][-1].lstrip("# ")
        # `...` stands for a part that varies.
        pattern = ".*".join(re.escape(plain(part)) for part in heading.split("..."))
        assert re.search(pattern, plain(block.text)), block.place


def plain(text: str) -> str:
    return text.replace("`", "")
