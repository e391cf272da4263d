"""The script tag that lets a website send to Stageline."""

from html import escape


def snippet(*, base_url: str, write_key: str) -> str:
    """One line for the head of every page: the script that ingest serves, and the key for it.

    The same as in docs/ways-in/browser.md, which a test runs in a browser.
    """
    return f'<script defer src="{escape(base_url)}/s.js" data-key="{escape(write_key)}"></script>'
