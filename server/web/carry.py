"""The page on which carried files are handed in; its script sends them to the API."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

router = APIRouter(include_in_schema=False)

_PAGE = Path(__file__).parent / "templates" / "carry.html"


@router.get("/carry", response_class=FileResponse)
def show_carry() -> FileResponse:
    """Say what will happen, and take files."""
    return FileResponse(_PAGE, media_type="text/html")
