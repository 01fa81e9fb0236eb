"""Makes pages of what lies outside docs/, and mends links: a hook of MkDocs, see mkdocs.yml.

README, CHANGELOG and CONTRIBUTING stand at the root of the repository, and link as they must there. A link that leads
to a file which is no part of the site, such as a source file, becomes its text; one that leads nowhere stays, and fails
the strict build.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS: Final = Path(__file__).parent.resolve()
ROOT: Final = DOCS.parent
PAGES: Final = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
"""File at the root -> page of the site."""
OUTSIDE: Final = {page: name for name, page in PAGES.items()}
LINK: Final = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - named by MkDocs
    """Return the page's text with links that hold in the site."""
    uri = page.file.src_uri
    folder = ROOT if uri in OUTSIDE else (DOCS / uri).parent
    return LINK.sub(lambda link: mended(link, folder, uri, files), markdown)


def mended(link: re.Match[str], folder: Path, uri: str, files: Files) -> str:
    """Return a link of a page, which stands in a folder of the repository and under a URI in the site."""
    path, mark, anchor = link["target"].partition("#")
    target = (folder / path).resolve()
    if not path or ":" in path or not target.is_relative_to(ROOT) or not target.exists():
        return link[0]
    name = target.relative_to(ROOT).as_posix()
    there = PAGES.get(name, name.removeprefix("docs/"))
    if files.get_file_from_path(there) is None:
        return link["text"]
    return f"[{link['text']}]({posixpath.relpath(there, posixpath.dirname(uri) or '.')}{mark}{anchor})"
