"""XML documents from outside, read without trusting them."""

from __future__ import annotations

from xml.etree import ElementTree

from stfuse.errors import InputError


def read_xml(text: str, what: str) -> ElementTree.Element:
    """The root element of an XML document.

    Parameters
    ----------
    text : str
    what : str
        Which document it is, for the message.

    Raises
    ------
    InputError
        If it is no XML, or declares entities: none of the archives' documents do, and they can be made to grow without
        end.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError(f"{what} declares a document type of its own", "fetch the document from the archive again")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{what} is no XML ({error})", "fetch the document from the archive again") from error


def number_at(root: ElementTree.Element, path: str, what: str) -> float:
    """The number in the first element of a path.

    Raises
    ------
    InputError
        If the element is missing or holds no number.
    """
    found = root.findtext(path)
    try:
        return float(found or "")
    except ValueError as error:
        said = "is missing" if found is None else f"holds {found!r}, no number"
        raise InputError(
            f"{what}: {path.removeprefix('.//')} {said}", "fetch the product from the archive again"
        ) from error
