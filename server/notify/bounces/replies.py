"""What mail servers' codes say of an address: those of SMTP, and those in reports. Pure."""

import re

# Enhanced codes (RFC 3463) of faults of the address: no such mailbox or one that is switched off,
# no such domain (5.4.4). Plain codes (RFC 5321, 4.2.3) count where there are no others.
_OF_ADDRESS = ("5.1.", "5.2.1", "5.4.4")
_OF_ADDRESS_PLAIN = (550, 551, 553)
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)
# A code that says no more than "permanent" (RFC 3463, 3.1).
_VAGUE = "5.0.0"


def blames_address(code: int, told: str) -> bool:
    """Tell whether a refusal will be repeated for whatever is sent to the address, by whom ever.

    `told` is what came after the code. 5.1.8 and 5.1.7 blame the sender's address: ours.
    """
    enhanced = _ENHANCED.fullmatch(told.split(" ", 1)[0])
    if enhanced is None or enhanced[0] == _VAGUE:
        return code in _OF_ADDRESS_PLAIN
    return _is_of_address(enhanced[0])


def report_blames_address(status: str, diagnostic: str) -> bool:
    """Tell the same of a report: its Status, and Diagnostic-Code as in `smtp; 550 no such user`."""
    if _ENHANCED.fullmatch(status) and status.startswith("5.") and status != _VAGUE:
        return _is_of_address(status)
    kind, _, said = diagnostic.partition(";")
    code, _, told = said.strip().replace("-", " ", 1).partition(" ")
    is_reply = kind.strip().lower() == "smtp" and code.isascii() and code.isdecimal()
    return is_reply and len(code) == 3 and blames_address(int(code), told)


def _is_of_address(enhanced: str) -> bool:
    of_sender = enhanced in ("5.1.7", "5.1.8")
    is_one = any(
        enhanced.startswith(one) if one.endswith(".") else enhanced == one for one in _OF_ADDRESS
    )
    return is_one and not of_sender
