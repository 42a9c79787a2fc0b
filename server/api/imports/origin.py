"""Tells whether a request that changes something came from our own page, or from no page at all.

There is no access control yet, so a web page from elsewhere must not get a browser to send one.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

# Fetch Metadata (W3C), 2.4: from our own pages, or typed in by the person.
_OWN_SITES = ("same-origin", "none")


def is_own(headers: Headers) -> bool:
    """Tell by what browsers say and pages cannot change; other programs say neither."""
    if headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        return False
    origin = headers.get("origin")  # RFC 6454, 7: "null" for a page without one
    return origin is None or urlsplit(origin).netloc == headers.get("host")
