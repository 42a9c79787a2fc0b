"""Elements of XML documents, whatever their text holds."""

from xml.etree import ElementTree as ET

from server.words.legible import legible

# What a text of ours never reaches; it keeps a document from growing without end.
_MOST_LETTERS = 20_000


def put(parent: ET.Element, name: str, value: str) -> ET.Element:
    """Add an element with a text, in one line and of letters that XML may hold (XML 1.0, 2.2)."""
    added = ET.SubElement(parent, name)
    added.text = legible(value, _MOST_LETTERS)
    return added


def document(root: ET.Element) -> bytes:
    """Write a document in UTF-8."""
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written
