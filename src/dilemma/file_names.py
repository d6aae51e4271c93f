"""File names: what anybody may call an agent, an environment or a tournament, as one component of a path."""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST = 80
"""Letters of a label that stays as it is."""
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_.-]*(?<!\.)", re.ASCII)
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(\..*)?", re.ASCII | re.IGNORECASE)
"""What Windows takes for a device."""
_MARKED = re.compile(r".*-[0-9a-f]{10}", re.ASCII)


def file_name(label: str) -> str:
    """The name of the file or folder of what is called `label`.

    Plain labels stay as they are: small letters, digits and `_.-`, up to LONGEST. Any other has its letters and
    digits, as far as they are ASCII, and ten digits of its hash. Distinct labels have distinct names, also where
    a file system takes capitals for small letters; no name leads anywhere, or is a device's.
    """
    if len(label) <= LONGEST and _PLAIN.fullmatch(label) and not (_DEVICE.match(label) or _MARKED.match(label)):
        return label
    ascii_only = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", ascii_only).strip("-")[:60].rstrip("-")
    mark = hashlib.blake2b(label.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    return f"{readable or 'label'}-{mark}"
