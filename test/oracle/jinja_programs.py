# ===- jinja_programs.py - Random templates -------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small random programs of the template language, for comparisons."""

NAMES = ["a", "b", "c", "xs", "d", "m", "s", "n"]


def random_context(rng):
    return {
        "a": rng.choice([0, 1, -3, 7, True, None, 2.5]),
        "b": rng.choice(
            ["", "x", "Hello World", " pad ", "a-b_c", "Z\u00fc\u4e16"]
        ),
        "xs": rng.choice([[], [3, 1, 2], ["b", "A", "c"], [1.5, 2, True]]),
        "d": rng.choice([{}, {"k": 1, "items": 2}, {"B": [1], "a": "q"}]),
        "m": [
            {"role": "user", "content": "Hi 'there'\n", "n": 2},
            {"role": "assistant", "content": '"ok" \\', "n": 1},
        ],
        "s": rng.choice(["line\nnext\r\nlast", "<b>&'\"", "a,b,,c", "%s-{}"]),
    }


def literal(rng):
    return rng.choice(
        ["0", "1", "2", "-1", "10", "1.5", "2.0", "1e20", "0.1", "''", "'a'"]
        + ["'Ab c'", "'x\\ny'", '"it\'s"', "true", "false", "none", "[]", "{}"]
        + ["()", "(1,)", "[1, 2, 3]", "{'k': 1}", "[1, 'a', none]", "'\u00e9'"]
        + ["{'x': [1, {'y': 2}]}", "('a', 'b')", "[[1, 'p'], [2, 'q']]"]
    )


FILTERS = (
    "trim upper lower title capitalize length count first last list string int "
    "float abs round min max sum sort unique|list reverse|list items|list "
    "dictsort tojson indent wordcount default('z') d('z',true) join join('-') "
    "replace('a','bb') replace('','-') center(9) truncate(5) batch(2)|list "
    "slice(2)|list map('string')|list map('upper')|join map(attribute='n')|list "
    "select|list reject|list select('odd')|list reject('none')|list "
    "selectattr('n')|list rejectattr('n','gt',1)|list sort(reverse=true) "
    "sort(attribute='n') sum(attribute='n') round(1) round(1,'floor') "
    "round(2,'ceil') int(5) float(1.5) tojson(indent=2) tojson(sort_keys=true) "
    "tojson(ensure_ascii=true) tojson(separators=(',',':')) "
    "indent(2,true) indent(3,blank=true) default(none) escape safe format(1,2) "
    "groupby('role') dictsort(by='value') dictsort(reverse=true) trim('a') "
    "max(attribute='n') min(attribute='n') unique(true)|list int(base=16) "
    "map('default','q')|list batch(3,'f')|list slice(2,0)|list "
    "sort(case_sensitive=true) selectattr('role','equalto','user')|list"
).split()

TESTS = (
    (
        "defined undefined none string number integer float boolean mapping "
        "sequence iterable true false odd even divisibleby(2) eq(1) equalto('a') "
        "ne(1) lt(2) gt(0) le(1) ge(1) in([1,'a']) callable lower upper "
        "sameas(none) divisibleby\u00202 filter test"
    )
    .replace("\u0020", " ")
    .split()
)

METHODS = (
    "strip() strip('a ') lstrip() rstrip('c') split() split(',') split('a',1) "
    "rsplit(None,1) rsplit(',',1) splitlines() startswith('a') endswith('c') "
    "startswith(('H','x')) replace('l','L') replace('l','',1) upper() lower() "
    "title() capitalize() find('a') rfind('l') index('a') count('l') "
    "join(['p','q']) join(xs) format(1,'z') isdigit() isalpha() isspace() "
    "removeprefix('H') removesuffix('d') items()|list keys()|list values()|list "
    "get('k') get('z',3) append(1) pop() partition(',') rpartition('a') zfill(5) "
    "ljust(6,'.') rjust(6) center(7,'*') isupper() islower() find('') count('') "
    "split(sep='-') splitlines(true) index(1) update({}) nothing() find('l',3)"
).split()


def expression(rng, depth):
    if depth <= 0:
        return rng.choice(NAMES) if rng.random() < 0.6 else literal(rng)

    def sub():
        return expression(rng, depth - 1)

    kind = rng.randrange(17)
    if kind < 3:
        op = rng.choice(["+", "-", "*", "/", "//", "%", "~", "+", "~"])
        return f"{sub()} {op} {sub()}"
    if kind == 3:
        op = rng.choice(["==", "!=", "<", "<=", ">", ">=", "in", "not in"])
        chain = (
            f" {rng.choice(['<', '=='])} {sub()}" if rng.random() < 0.2 else ""
        )
        return f"({sub()} {op} {sub()}{chain})"
    if kind == 4:
        return f"({sub()} {rng.choice(['and', 'or'])} {sub()})"
    if kind == 5:
        return f"(not {sub()})"
    if kind == 6:
        other = f" else {sub()}" if rng.random() < 0.7 else ""
        return f"({sub()} if {sub()}{other})"
    if kind in (7, 8, 9):
        value = sub()
        value = f"({value})" if rng.random() < 0.7 else value
        return f"{value}|{rng.choice(FILTERS)}"
    if kind == 10:
        negation = rng.choice(["", "not "])
        return f"({sub()} is {negation}{rng.choice(TESTS)})"
    if kind in (11, 12):
        return f"({sub()}).{rng.choice(METHODS)}"
    if kind == 13:
        index = rng.choice(["0", "-1", "1", "'k'", "'role'", "5", "true"])
        return f"({sub()})[{index}]"
    if kind == 14:
        bounds = rng.choice(
            ["1:", ":-1", "::-1", "::2", "-2:", "1:2", ":", "5:1:-2"]
        )
        return f"({sub()})[{bounds}]"
    if kind == 15:
        return rng.choice(
            [f"[{sub()}, {sub()}]", f"({sub()}, {sub()})", f"{{'k': {sub()}}}"]
            + [
                f"-{sub()}",
                f"range({sub()})|list",
                f"dict(a={sub()})",
                f"2 ** {sub()}",
            ]
            + [f"({sub()} if {sub()} is defined else {sub()})", f"({sub()}).k"]
        )
    return literal(rng)


def statement(rng, depth, loop):
    def block():
        return "".join(
            statement(rng, depth - 1, loop) for _ in range(rng.randint(1, 3))
        )

    def tag(text):
        begin, end = rng.choice(
            [("{%", "%}")] * 4
            + [("{%-", "%}"), ("{%", "-%}")]
            + [("{%-", "-%}"), ("{%+", "%}"), ("{%", "+%}")]
        )
        indent = rng.choice(["", "", "  ", "\n", "\n  "])
        return f"{indent}{begin} {text} {end}" + rng.choice(
            ["", "", "\n", " \n", "\n\n"]
        )

    def name():
        return rng.choice(NAMES)

    simple = depth <= 0
    kind = rng.randrange(4 if simple else 14)
    if kind == 0:
        return rng.choice(
            ["text", " ", "\n", "a b\n", "  ", "\t\n", "{# c #}\n"]
            + ["{#- c -#} ", "\n{# x\ny #}"]
        )
    if kind == 1:
        begin, end = rng.choice([("{{", "}}"), ("{{-", "}}"), ("{{", "-}}")])
        return f"{begin} {expression(rng, rng.randint(0, 3))} {end}"
    if kind == 2:
        if loop and rng.random() < 0.5:
            attribute = rng.choice(
                "index index0 revindex revindex0 first last length depth "
                "previtem nextitem cycle('o','e') changed(a)".split()
            )
            return f"{{{{ loop.{attribute} }}}}"
        return f"{{{{ {name()} }}}}"
    if kind == 3:
        if loop == 1 and rng.random() < 0.15:
            word = rng.choice(["break", "continue"])
            return tag(f"if {name()}") + tag(word) + tag("endif")
        return tag(f"set {name()} = {expression(rng, 2)}")
    if kind == 4:
        other = ""
        if rng.random() < 0.3:
            other += tag(f"elif {expression(rng, 1)}") + block()
        if rng.random() < 0.5:
            other += tag("else") + block()
        return tag(f"if {expression(rng, 2)}") + block() + other + tag("endif")
    if kind in (5, 6):
        target = rng.choice([name(), name(), f"{name()}, {name()}"])
        source = rng.choice(
            ["xs", "m", "d.items()", "range(3)", "'abc'", "d|items"]
            + ["m|map(attribute='role')", "[[1, 2], [3, 4]]", name()]
        )
        test = f" if {expression(rng, 1)}" if rng.random() < 0.2 else ""
        body = "".join(
            statement(rng, depth - 1, 1) for _ in range(rng.randint(1, 3))
        )
        other = tag("else") + block() if rng.random() < 0.3 else ""
        return (
            tag(f"for {target} in {source}{test}")
            + body
            + other
            + tag("endfor")
        )
    if kind == 7:
        body = "".join(
            statement(rng, depth - 1, 2 if loop else 0) for _ in range(2)
        )
        chain = rng.choice(["", "", " | upper", " | trim | length"])
        return tag(f"set {name()}{chain}") + body + tag("endset")
    if kind == 8:
        values = rng.choice(
            [f"{name()} = {expression(rng, 1)}"]
            + [f"{name()} = 1, {name()} = {name()}", ""]
        )
        return tag(f"with {values}") + block() + tag("endwith")
    if kind == 9:
        parameters = rng.choice(["", "a", "a, b=2", "a=b, b=a", "q=1"])
        arguments = rng.choice(["", "1", "1, 2", "b=3", "xs, q=2", "a=1, b=m"])
        body = "".join(
            statement(rng, depth - 1, 0) for _ in range(rng.randint(1, 2))
        )
        extra = rng.choice(
            ["", "", "{{ caller() }}", "{{ varargs }}{{ kwargs }}"]
        )
        use = f"{{{{ f({arguments}) }}}}"
        if "caller" in extra or rng.random() < 0.1:
            use = tag(f"call f({arguments})") + "inner {{ b }}" + tag("endcall")
        return (
            tag(f"macro f({parameters})") + body + extra + tag("endmacro") + use
        )
    if kind == 10:
        body = "".join(
            statement(rng, depth - 1, 2 if loop else 0) for _ in range(2)
        )
        chosen = rng.choice(["upper", "trim", "indent(2)", "replace('a', 'b')"])
        return tag(f"filter {chosen}") + body + tag("endfilter")
    if kind == 11:
        attribute = rng.choice(["p", "q"])
        return (
            tag(f"set ns = namespace({attribute}={expression(rng, 1)})")
            + tag(f"for i in {rng.choice(['xs', 'm'])}")
            + tag(f"set ns.{attribute} = ns.{attribute} ~ loop.index")
            + tag("endfor")
            + f"{{{{ ns.{attribute} }}}}{{{{ ns.zz is defined }}}}"
        )
    if kind == 12:
        return (
            tag("raw")
            + rng.choice(["{{ x }}", " {% if %} ", "\n{# #}\n"])
            + tag("endraw")
        )
    return f"{{{{ {expression(rng, 4)} }}}}"


# Expressions of a known type, which seldom fail.

TYPED = {
    "str": (
        ["b", "s", "'Ab c'", "'x\\ny'", '"it\'s"', "''", "m[0].content"]
        + [
            "m[1]['role']",
            "'%d|%5.2f'",
            "' \\t pad'",
            "'\u00c9t\u00e9 \u4e16'",
            "'a-b (c)'",
        ]
    ),
    "int": [
        "0",
        "1",
        "2",
        "7",
        "-3",
        "xs|length",
        "m[0].n",
        "true",
        "m|length",
    ],
    "float": ["1.5", "2.0", "-0.25", "1e16", "1e-5", "123456.789", "0.1 + 0.2"],
    "ints": ["[3, 1, 2]", "range(4)|list", "[]", "[2, 2, 1]", "(5, 6)"],
    "strs": [
        "['b', 'A', 'c']",
        "b.split()",
        "s.splitlines()",
        "['x', '', 'x']",
    ],
    "dict": ["d", "{'k': 1, 'B': 2}", "m[0]", "{}", "dict(z=1, y='q')"],
}

# Results by type: {} is an expression of the type that the list names.
RULES = {
    "str": [
        (
            "str",
            "({})|{}",
            "trim upper lower title capitalize string tojson "
            "indent center(12) truncate(6) truncate(5,true) truncate(7,false,'..',0) "
            "replace('a','bb') replace('','-') replace('x','y',1) first last "
            "default('z',true) escape indent(2,true) indent('>',blank=true) "
            "reverse trim('a') tojson(ensure_ascii=true) "
            "tojson|tojson list|join('.') format",
        ),
        (
            "str",
            "({}).{}",
            "strip() lstrip() rstrip() strip('a ') upper() lower() "
            "title() capitalize() replace('l','L') replace('','_',2) zfill(8) "
            "ljust(9,'.') rjust(9) center(9,'*') removeprefix('A') removesuffix('c') "
            "join(['p','q']) format(1)",
        ),
        ("str", "({})[{}]", ":2 -2: ::-1 1:-1 ::2 5:1:-2 :0 2:100"),
        ("int", "({})|{}", "string tojson"),
        ("float", "({})|{}", "string tojson round(1)|string"),
        (
            "strs",
            "({})|{}",
            "join join('-') join('')|upper sort|join map('trim')|join "
            "map('capitalize')|join('+') reject('eq','x')|join tojson string "
            "unique|join last|default('') tojson(indent=1)",
        ),
        ("ints", "({})|{}", "join(',') string tojson(separators=(',',':'))"),
        (
            "dict",
            "({})|{}",
            "string tojson tojson(indent=2) tojson(sort_keys=true) "
            "dictsort|string list|join items|list|string dictsort(true,'key')|string",
        ),
    ],
    "int": [
        ("str", "({})|{}", "length wordcount int int(7) count list|length"),
        (
            "str",
            "({}).{}",
            "find('a') rfind('l') count('l') count('') find('',1) "
            "find('c',-2) count('b',1,5)",
        ),
        ("int", "({})|{}", "abs int round float|int"),
        ("float", "({})|{}", "int"),
        (
            "ints",
            "({})|{}",
            "sum length sum(start=10) max|default(0) min|default(9) "
            "first|default(4) select('odd')|list|length reject('gt',1)|sum",
        ),
        ("dict", "({})|{}", "length items|list|count"),
    ],
    "float": [
        (
            "float",
            "({})|{}",
            "abs round round(1) round(2,'floor') round(1,'ceil') float",
        ),
        ("int", "({})|{}", "float round(1,'floor')"),
        ("str", "({})|{}", "float float(2.5)"),
    ],
    "ints": [
        (
            "ints",
            "({})|{}",
            "sort unique|list reverse|list list sort(reverse=true) "
            "map('abs')|list select|list select('even')|list batch(2)|map('first')|list "
            "slice(2)|map('length')|list map('int')|list",
        ),
        ("ints", "({})[{}]", "1: ::-1 :2 -1: ::2"),
        ("strs", "({})|{}", "map('length')|list map('wordcount')|list"),
    ],
    "strs": [
        (
            "str",
            "({}).{}",
            "split() split(',') split('a',1) rsplit(' ',1) "
            "splitlines() rsplit(None,1) split(',',0) splitlines(true) partition(',') "
            "rpartition(' ') split('\\n') rsplit('l') split(maxsplit=1)",
        ),
        ("str", "({})|{}", "list batch(2)|map('join')|list"),
        (
            "strs",
            "({})|{}",
            "sort unique|list reverse|list map('upper')|list "
            "sort(case_sensitive=true) map('replace','a','o')|list select|list "
            "reject('in',['x'])|list map('trim','x')|list",
        ),
        ("ints", "({})|{}", "map('string')|list"),
        ("dict", "({})|{}", "list sort"),
        ("dict", "({}).{}", "keys()|list"),
    ],
    "dict": [
        ("str", "{{'v': {}, '{}': 1}}", "w k"),
        ("int", "{{{}: '{}'}}", "w k"),
        ("ints", "{{'l': {}, '{}': none}}", "w k"),
    ],
}

OPERATORS = {
    "str": ("+", "~"),
    "int": ("+", "-", "*", "//", "%"),
    "float": ("+", "-", "*", "/"),
    "ints": (),
    "strs": (),
    "dict": (),
}


def typed(rng, kind, depth):
    if depth <= 0:
        return rng.choice(TYPED[kind])
    choice = rng.random()
    if choice < 0.25 and OPERATORS[kind]:
        operator = rng.choice(OPERATORS[kind])
        left, right = typed(rng, kind, depth - 1), typed(rng, kind, depth - 1)
        return f"(({left}) {operator} ({right}))"
    if choice < 0.3:
        return (
            f"({typed(rng, kind, depth - 1)} if {condition(rng, depth - 1)}"
            f" else {typed(rng, kind, depth - 1)})"
        )
    source, form, words = rng.choice(RULES[kind])
    return form.format(typed(rng, source, depth - 1), rng.choice(words.split()))


def condition(rng, depth):
    kind = rng.choice(list(TYPED))
    value = typed(rng, kind, depth)
    choice = rng.random()
    if choice < 0.3:
        safe = (
            "defined none string number integer float boolean mapping sequence"
        )
        return (
            f"({value}) is {rng.choice(['', 'not '])}{rng.choice(safe.split())}"
        )
    if choice < 0.5:
        operator = rng.choice(
            ["==", "!=", "<", ">="] if kind != "dict" else ["=="]
        )
        return f"({value}) {operator} ({typed(rng, kind, depth)})"
    if choice < 0.6:
        return f"({typed(rng, 'str', depth)}) in ({typed(rng, 'strs', depth)})"
    if choice < 0.7:
        return f"not ({value})"
    if choice < 0.8:
        return (
            f"({condition(rng, depth - 1) if depth > 0 else value} or {value})"
        )
    return f"({value})"


def typed_program(rng):
    parts = []
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice(["str", "int", "float", "ints", "strs", "dict"])
        value = typed(rng, kind, rng.randint(1, 4))
        form = rng.randrange(5)
        if form == 0:
            parts.append(
                f"{{% if {condition(rng, 2)} %}}{{{{ {value} }}}}{{% endif %}}"
            )
        elif form == 1:
            items = typed(rng, rng.choice(["ints", "strs"]), 2)
            parts.append(
                f"{{% for x in {items} %}}\n {{{{- loop.index ~ x }}}}"
                "{% if loop.last %}.{% endif %}\n{% endfor %}"
            )
        elif form == 2:
            parts.append(f"{{% set v = {value} %}}{{{{ [v, v] }}}}")
        else:
            parts.append(f"{{{{ {value} }}}};")
    return "".join(parts)


def random_program(rng):
    if rng.random() < 0.6:
        return typed_program(rng)
    return "".join(
        statement(rng, rng.randint(0, 3), 0) for _ in range(rng.randint(1, 3))
    )
