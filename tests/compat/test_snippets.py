from pathlib import Path

import pytest

from tests.compat.snippets import Snippet, snippet, snippets

PAGE = """\
# Python

```sh
pip install something
```

```python test=python-sdk
client.track("ann", "Demo Requested")

client.flush()
```

````md lines=2 test=nested
```python test=inner
```
````
"""


def test_only_blocks_that_name_a_test_are_read_whole_and_in_order() -> None:
    assert snippets(PAGE) == [
        Snippet(
            language="python",
            test="python-sdk",
            text='client.track("ann", "Demo Requested")\n\nclient.flush()\n',
        ),
        Snippet(language="md", test="nested", text="```python test=inner\n```\n"),
    ]


def test_a_test_finds_its_one_snippet_in_all_pages(tmp_path: Path) -> None:
    (tmp_path / "node.md").write_text("```js test=node-sdk\nconst a = 1\n```\n", "utf-8")
    (tmp_path / "python.md").write_text(PAGE, "utf-8")

    assert snippet("node-sdk", tmp_path).text == "const a = 1\n"


@pytest.mark.parametrize("test", ["python-sdk", "nowhere"])
def test_two_snippets_or_none_for_a_test_are_an_error(test: str, tmp_path: Path) -> None:
    for name in ("one.md", "two.md"):
        (tmp_path / name).write_text(PAGE, "utf-8")

    with pytest.raises(ValueError, match=test):
        snippet(test, tmp_path)
