"""English text without download: the docstrings of numpy, scipy, sympy and matplotlib.

They are read with ``ast`` from the installed sources; nothing is imported, run or downloaded.
``python examples/language/corpus.py`` prints how much text there is.
"""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from inspect import cleandoc
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("numpy", "scipy", "sympy", "matplotlib")
SHORTEST = 20  # words of a paragraph

IGNORED = {  # folders and files
    *("tests", "testing", "test-examples", "conftest.py", "_testutils.py"),
    # bundled code of other projects, or generated code
    *("_external", "_externals", "_vendored", "array_api_compat", "array_api_extra", "_uarray"),
    *("uarray.py", "cobyqa", "pyprima", "_highs", "_highspy", "_docscrape.py", "docscrape.py"),
    *("_pep440.py", "_inspect.py", "decorator.py", "_antlr"),
}
WORD = re.compile(r"[a-z]{2,}")
MARKUP = re.compile(r":[\w:+-]+:(?=`)|%\(\w+\)s|https?://\S+|\\[a-z]+|^\s*\.\. ?[\w:-]*")
PROMPT = re.compile(r">>>|In \[\d+\]:|\$ ")
UNDERLINE = re.compile(r"([-=~^*#+`\"])\1{2,}")
TABLE = re.compile(r"\+[-=+]{3,}|[-=]{2,}( +[-=]{2,})+")
CODE = re.compile(r"\.\. (code|code-block|sourcecode|ipython|doctest|plot|math|parsed-literal)::")
DIRECTIVE = re.compile(r"\.\. [\w:-]+::")


class Paragraph(NamedTuple):
    """The words of a paragraph, and the file that contains it."""

    words: tuple[str, ...]
    file: str


class Corpus(NamedTuple):
    """The paragraphs in the order of their files; `repeated` counts the repeats left out."""

    paragraphs: list[Paragraph]
    repeated: int
    versions: dict[str, str]


def docstrings(body: list[ast.stmt]) -> Iterator[str]:
    """The docstrings in ``body``, and those that ``add_newdoc`` gives to C functions."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if text := ast.get_docstring(node):
                    yield text
            case ast.Expr(value=ast.Call(func=ast.Name(id="add_newdoc"), args=[*_, given])):
                for part in ast.walk(given):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield cleandoc(part.value)
        for inner in ("body", "orelse", "finalbody"):
            yield from docstrings(getattr(node, inner, []))


def prose(text: str) -> Iterator[list[str]]:
    """The paragraphs of a documentation string as lists of words.

    Sessions (from a prompt to the next blank line), tables, literal blocks, formulas, headings
    with their underlines, and markup are left out.
    """
    lines: list[str] = []
    dropped = False  # whether lines are dropped up to the next blank line
    literal = -1  # lines indented by more than this belong to a literal block
    for line in [*text.splitlines(), ""]:
        said = line.strip()
        if not said:
            if lines:
                yield WORD.findall(" ".join(lines).lower())
            lines, dropped = [], False
            continue
        indent = len(line) - len(line.lstrip())
        if 0 <= literal < indent:
            continue
        literal = -1
        dropped = dropped or bool(PROMPT.match(said) or TABLE.fullmatch(said))
        if CODE.match(said):
            literal = indent
        elif UNDERLINE.fullmatch(said):
            lines = lines[:-1]
        elif not dropped:
            lines.append(MARKUP.sub(" ", line))
            if said.endswith("::") and not DIRECTIVE.match(said):
                literal = indent


def sources(package: str) -> Iterator[tuple[str, str]]:
    """The name and text of each source file of an installed package, without ignored files."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise SystemExit(f"{package} is not installed as a folder of source files")
    root = Path(folders[0])
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root.parent)
        if IGNORED.isdisjoint(name.parts):
            yield name.as_posix(), path.read_text(encoding="utf-8")


def read(packages: tuple[str, ...] = PACKAGES, every: int = 1) -> Corpus:
    """The paragraphs of at least 20 words, each once, in one file of each ``every`` files."""
    found: dict[tuple[str, ...], str] = {}
    total = 0
    for package in packages:
        for file, text in list(sources(package))[::every]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                tree = ast.parse(text)
            texts = [ast.get_docstring(tree) or "", *docstrings(tree.body)]
            for words in (words for each in texts for words in prose(each)):
                if len(words) >= SHORTEST:
                    total += 1
                    found.setdefault(tuple(words), file)
    paragraphs = [Paragraph(words, file) for words, file in found.items()]
    return Corpus(paragraphs, total - len(found), {name: version(name) for name in packages})


def main() -> None:
    """Print the amount of text in each package, and the most frequent words."""
    corpus = read()
    print(f"{'package':12}{'version':>10}{'files':>8}{'paragraphs':>12}{'words':>10}")
    for package, number in corpus.versions.items():
        own = [each for each in corpus.paragraphs if each.file.startswith(f"{package}/")]
        files = len({each.file for each in own})
        words = sum(len(each.words) for each in own)
        print(f"{package:12}{number:>10}{files:8}{len(own):12}{words:10}")
    words = Counter(word for each in corpus.paragraphs for word in each.words)
    print(
        f"{len(corpus.paragraphs)} paragraphs, {words.total()} words, {len(words)} different ones; "
        f"{corpus.repeated} paragraphs left out that had been there before"
    )
    print("most frequent: " + " ".join(word for word, _ in words.most_common(40)))


if __name__ == "__main__":
    main()
