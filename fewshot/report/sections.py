"""The section of data checks: findings by kind, with thumbnails."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fewshot.data_checks.finding import KINDS, WORDS, Finding
from fewshot.report.thumbnails import SMALL, Album, Images

# So many findings of a kind are shown, and so many images with each.
_MOST_FINDINGS, _MOST_IMAGES = 20, 6
_FIRST = ("conflict", "label", "leak")  # these make the accuracy wrong


def finding_groups(
    findings: Sequence[Finding], album: Album, images: Images
) -> list[dict[str, Any]]:
    """Group findings by kind: ``count`` and ``words`` of each, and its first ``findings``."""
    groups = []
    for kind in sorted(KINDS, key=lambda kind: (kind not in _FIRST, KINDS.index(kind))):
        group = [finding for finding in findings if finding.kind == kind]
        if group:
            shown = [_finding(finding, album, images) for finding in group[:_MOST_FINDINGS]]
            words = WORDS[kind][len(group) > 1]
            groups.append({"count": len(group), "words": words, "findings": shown})
    return groups


def _finding(finding: Finding, album: Album, images: Images) -> dict[str, Any]:
    """Show a finding and its images, which it calls by path or by name."""
    thumbnails = []
    for name in finding.images[:_MOST_IMAGES]:
        # Without any image given, a name may happen to be the path of another file.
        path = name if images and os.path.isfile(name) else None
        thumbnails.append((name, album.add(images.get(name, path), SMALL)))
    return {
        "label": "" if finding.images else finding.label,
        "found": finding.found,
        "advice": finding.advice,
        "images": thumbnails,
        "more": len(finding.images) - len(thumbnails),
    }
