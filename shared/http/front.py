"""`GET /`: a page about the service, as HTML for a browser and as JSON for a program.

The page loads nothing: no script, no picture, nothing from elsewhere, and its policy allows none.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_STYLE = """\
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem}
h1{margin-bottom:0}
dt{font-weight:600;margin-top:.75rem}
dd{margin:0}
pre{padding:1rem;border:1px solid;overflow-x:auto}
"""
_POLICY = "; ".join(
    [
        "default-src 'none'",
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "Accept",
}

_LINKS = {
    "/openapi.json": "every call, described (OpenAPI 3.1)",
    "/livez": "whether the process works",
    "/readyz": "whether it can do its job now",
    "/metrics": "figures for Prometheus",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Content of `GET /`. `example` is one call for a shell, without a key."""

    title: str
    about: str
    example: str
    documents: Mapping[str, str] = field(default_factory=dict)
    """Pages of the source code by path, and what is in them."""


def route(front: Front) -> Route:
    """The route of `/`."""
    return Route("/", _endpoint(front), methods=["GET"])


def _endpoint(front: Front) -> Callable[[Request], Response]:
    content = {
        "name": front.title,
        "version": version("stageline"),
        "about": front.about,
        "links": _LINKS,
        "documents": dict(front.documents),
        "example": front.example,
    }
    page = _page(front)

    def endpoint(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return Response(page, media_type="text/html", headers=_HEADERS)
        return JSONResponse(content, headers=_HEADERS)

    return endpoint


def _page(front: Front) -> str:
    links = {f'<a href="{path}">{path}</a>': about for path, about in _LINKS.items()}
    documents = {f"<code>{escape(path)}</code>": what for path, what in front.documents.items()}
    title = escape(front.title)
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>Version {version("stageline")}</p>
<p>{escape(front.about)}</p>
<h2>Here</h2>
{_list(links)}
<h2>One call</h2>
<pre><code>{escape(front.example)}</code></pre>
<h2>In the source code</h2>
{_list(documents)}
</main>
</body>
</html>
"""


def _list(rows: Mapping[str, str]) -> str:
    items = "\n".join(f"<dt>{term}</dt><dd>{escape(about)}</dd>" for term, about in rows.items())
    return f"<dl>\n{items}\n</dl>"
