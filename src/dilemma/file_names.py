"""File names: any label of an agent, an environment or a tournament as a safe path component."""

from __future__ import annotations

import hashlib
import re
import unicodedata

MARK = "learner.json"
"""The file in a folder of checkpoints with the learner's identity, which stays when its label changes."""
LONGEST = 80
"""Longest label that is used unchanged."""
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_.-]*(?<!\.)", re.ASCII)
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(\..*)?", re.ASCII | re.IGNORECASE)
"""Names that Windows reserves for devices."""
_MARKED = re.compile(r".*-[0-9a-f]{10}", re.ASCII)


def file_name(label: str) -> str:
    """The name of the file or folder for `label`.

    Plain labels are unchanged: lower-case letters, digits and `_.-`, up to LONGEST. Any other keeps its ASCII
    letters and digits, followed by ten digits of its hash. Distinct labels have distinct names, also on
    case-insensitive file systems; no name is a path or a device.
    """
    if len(label) <= LONGEST and _PLAIN.fullmatch(label) and not (_DEVICE.match(label) or _MARKED.match(label)):
        return label
    ascii_only = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", ascii_only).strip("-")[:60].rstrip("-")
    mark = hashlib.blake2b(label.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    return f"{readable or 'label'}-{mark}"
