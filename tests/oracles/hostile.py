"""Forty strings that have been trouble somewhere: markup, scripts, templates, styles, control and bidirectional characters."""

from __future__ import annotations

import os

HOSTILE = (
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "</title><script>alert(1)</script>"),
    *("</style><script>alert(1)</script>", "</script><script>alert(1)</script>", "<!-- comment", "--><b>out</b>", "<![CDATA[x]]>"),
    *('"><script>alert(1)</script>', "'><script>alert(1)</script>", '" onmouseover="alert(1)', "' onfocus='alert(1)", "`onload=alert(1)`"),
    *("javascript:alert(1)", "data:text/html,<b>x", "&lt;b&gt;", "&amp;", "&#60;b&#62;", "&"),
    *("{{ 7 * 7 }}", "{% for x in y %}", "{# gone #}", "${7*7}", "#{7*7}", "%s%n", "{0.__class__}"),
    *(
        "\x1b[31mred\x1b[0m",
        "line\nbreak",
        "tab\tstop",
        "nul\x00",
        "\u202egnp.exe",
        "\u2066x\u2069",
        "\ufeffbom",
        os.fsdecode(b"m\xff.jpg"),
    ),
    *("[bold]markup[/bold]", "'; DROP TABLE images; --", "../../etc/passwd", "\u2028line", "x" * 3000),
)
