"""Names that are orders where they are not taken for data: to browsers, sheets, TeX, terminals."""

NAMES = [
    "</script><script>document.title='taken'</script>",
    "<!--<script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "constructor",
    "__proto__",
    "=HYPERLINK(A1)",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "'=1",
    "{{data}} ${x} %s",
    "[a](javascript:alert) `b` **c** d\\|e | f",
    "\\input{/etc/passwd} $x^2$ 50% a_b #1 ~ & {",
    "[2ex]*",
    "$\\frac{$",
    "a@@b",
    '"quoted", <b>',
    "#1 &lt; é",
]
"""Such as a class list or a file name may hold: one line, without control characters."""
ORDERS = "a\x1b[2J\x9b2Jb\u202ec\r\x07"
"""What a terminal obeys."""
