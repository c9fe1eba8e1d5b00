#!/usr/bin/env python3
"""Makes the C++ of Kafka's messages from src/weir/log/kafka/messages.txt, which tells its notation.

    kafka_codec.py --outputs                 # the names of the files it makes, one a line
    kafka_codec.py MESSAGES.txt FOLDER       # writes those that changed

For every message a struct with Decode and Encode, plain nested structs for its parts, and an
equality that compares all fields. Files: X.h a pair of request and response, codec_N.cc with their
bodies, api_key.h and api.cc for the table of requests, all_messages.h, random_messages.{h,cc} for
tests.
"""
import dataclasses
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "src/weir/log/kafka/messages.txt"
CODEC_FILES = 6
LAST = 10**6  # the end of "3+"

# type -> (C++ type, the Decoder's and Encoder's function, fewest bytes on the wire)
FIXED = {
    "bool": ("bool", "Bool", 1),
    "int8": ("int8_t", "Int8", 1),
    "int16": ("int16_t", "Int16", 2),
    "uint16": ("uint16_t", "Uint16", 2),
    "int32": ("int32_t", "Int32", 4),
    "int64": ("int64_t", "Int64", 8),
    "float64": ("double", "Float64", 8),
    "uuid": ("Uuid", "Uuid", 16),
}
# type -> (C++ type, function, fewest bytes where it is not compact)
SIZED = {
    "string": ("std::string", "String", 2),
    "bytes": ("std::string", "Bytes", 4),
    "records": ("Records", "Records", 4),
}
KEYWORDS = {"bool", "default", "delete", "operator", "private", "public", "register", "this", "new"}


def versions(text, around):
    """The (first, last) that `text` means inside of `around`; None where they do not meet."""
    if text is None:
        return around
    match = re.fullmatch(r"(\d+)(?:(\+)|-(\d+))?", text)
    if not match:
        raise ValueError(f"not a range of versions: {text}")
    first = int(match[1])
    last = LAST if match[2] else int(match[3] or first)
    both = (max(first, around[0]), min(last, around[1]))
    return both if both[0] <= both[1] else None


@dataclasses.dataclass
class Field:
    name: str
    type: str  # without []
    is_array: bool
    versions: tuple
    null: tuple = None  # versions where it may be null
    tag: int = None
    default: str = None
    ignorable: bool = False
    never_compact: bool = False
    fields: list = None  # of the struct that this field defines; empty: a shared struct

    @property
    def cpp_name(self):
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", self.name).lower()
        return snake + "_" if snake in KEYWORDS else snake

    @property
    def is_struct(self):
        return self.type not in FIXED and self.type not in SIZED


@dataclasses.dataclass
class Message:
    kind: str
    key: int
    name: str
    versions: tuple
    flexible: int = LAST  # first flexible version
    listed: int = None
    unstable: int = None
    fields: list = dataclasses.field(default_factory=list)
    shared: dict = dataclasses.field(default_factory=dict)  # name -> fields

    def structs(self):
        """name -> (fields, versions), what is used before what uses it."""
        found = {}

        def walk(fields):
            for field in fields:
                if not field.is_struct:
                    continue
                inner = field.fields or self.shared.get(field.type)
                if not inner:
                    raise ValueError(f"{self.name}.{field.name}: no struct {field.type}")
                walk(inner)
                around = field.versions if field.fields else self.versions
                found.setdefault(field.type, (inner, around))

        walk(self.fields)
        return found


def parse_field(words, around, where):
    kind = words[1] if len(words) > 1 else ""
    field = Field(words[0], kind.removeprefix("[]"), kind.startswith("[]"), around)
    rest = words[2:]

    def take_range():
        return rest.pop(0) if rest and rest[0][0].isdigit() else None

    field.versions = versions(take_range(), around)
    if field.versions is None or not field.type:
        raise ValueError(f"{where}: {words[0]} is in no version, or has no type")
    while rest:
        word = rest.pop(0)
        if word == "null":
            field.null = versions(take_range(), field.versions)
        elif word == "tag":
            field.tag = int(rest.pop(0))
        elif word == "default":
            field.default = rest.pop(0)
        elif word == "ignorable":
            field.ignorable = True
        elif word == "flexible" and rest and rest.pop(0) == "none":
            field.never_compact = True
        else:
            raise ValueError(f"{where}: what is {word}?")
    if field.tag is not None and field.null and field.is_struct and not field.is_array:
        raise ValueError(f"{where}: a tagged struct that may be null has no code yet")
    return field


def parse_message(words):
    kind, *rest = words
    key = int(rest.pop(0)) if kind != "data" else None
    message = Message(kind, key, rest.pop(0), versions(rest.pop(0), (0, LAST)))
    while rest:
        word, value = rest.pop(0), rest.pop(0)
        if word == "flexible":
            message.flexible = versions(value, message.versions)[0]
        elif word in ("listed", "unstable"):
            setattr(message, word, int(value))
        else:
            raise ValueError(f"{message.name}: what is {word}?")
    return message


def parse(text):
    messages, stack = [], []  # stack: (indent, list of fields, versions around them)
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].rstrip()
        if not line:
            continue
        words = line.split()
        indent = len(line) - len(line.lstrip())
        where = f"messages.txt:{number}"
        if indent == 0:
            messages.append(parse_message(words))
            stack = [(0, messages[-1].fields, messages[-1].versions)]
            continue
        while stack[-1][0] >= indent:
            stack.pop()
        if stack[-1][1] is None or indent != stack[-1][0] + 2:
            raise ValueError(f"{where}: indentation")
        if words[0] == "struct":
            fields = messages[-1].shared.setdefault(words[1], [])
            stack.append((indent, fields, messages[-1].versions))
            continue
        field = parse_field(words, stack[-1][2], where)
        stack[-1][1].append(field)
        children = None
        if field.is_struct:
            children = field.fields = []  # stays empty where the struct is a shared one
        stack.append((indent, children, field.versions))
    return messages


# ---- C++ ---------------------------------------------------------------------------------------


def in_versions(inner, around):
    """A C++ condition for `v in inner`, given that it is in `around`; None where it always is."""
    first = f"v >= {inner[0]}" if inner[0] > around[0] else None
    last = f"v <= {inner[1]}" if inner[1] < around[1] else None
    if first and last and inner[0] == inner[1]:
        return f"v == {inner[0]}"
    return " && ".join(filter(None, (first, last))) or None


def cpp_type(field, message):
    base = (FIXED.get(field.type) or SIZED.get(field.type) or (f"{message.name}::{field.type}",))[0]
    if field.is_struct:
        base = field.type
    if field.is_array:
        base = f"std::vector<{base}>"
    return f"std::optional<{base}>" if field.null else base


def cpp_default(field):
    """The default as a C++ expression; "" where the type's own {} is it."""
    if field.default in (None, "null", "false", "0"):
        if field.null and field.default != "null" and field.type != "records":
            return "std::vector<>" if field.is_array else '""'
        return ""
    if field.type in SIZED:
        return f'"{field.default}"'
    if field.type == "int64" and field.default == str(2**63 - 1):
        return "std::numeric_limits<int64_t>::max()"
    return field.default


def reset(field, message, target):
    """A statement that sets the default."""
    default = cpp_default(field)
    if default == "std::vector<>":
        return f"{target}.emplace();"
    if default:
        return f"{target} = {default};"
    if field.null:
        return f"{target}.reset();"
    if field.type in ("string", "bytes") or field.is_array:
        return f"{target}.clear();"
    if field.type == "records":
        return f"{target}.Clear();"
    if field.type in FIXED and field.type != "uuid":
        return f"{target} = {'false' if field.type == 'bool' else '0'};"
    return f"{target} = {{}};"


def is_default(field, target):
    default = cpp_default(field)
    if default == "std::vector<>":
        return f"{target}.has_value() && {target}->empty()"
    if default:
        return f"{target} == {default}"
    if field.null:
        return f"!{target}.has_value()"
    if field.type in ("string", "bytes") or field.is_array:
        return f"{target}.empty()"
    if field.type == "records":
        return f"{target}.size() == 0"
    if field.type == "uuid":
        return f"{target}.IsZero()"
    if field.type == "bool":
        return f"!{target}"
    if field.type in FIXED:
        return f"{target} == 0"
    return f"{target} == decltype({target}){{}}"


def bytes_min(field, message, version):
    """The fewest bytes that this field takes at this version."""
    if not field.versions[0] <= version <= field.versions[1] or field.tag is not None:
        return 0
    compact = version >= message.flexible and not field.never_compact
    if field.is_array:
        return 1 if compact else 4
    if field.type in FIXED:
        return FIXED[field.type][2]
    if field.type in SIZED:
        return 1 if compact else SIZED[field.type][2]
    if field.null:
        return 1
    return struct_bytes_min(message, field.type, version)


def struct_bytes_min(message, name, version):
    fields, _ = message.structs()[name]
    tags = 1 if version >= message.flexible else 0
    return tags + sum(bytes_min(field, message, version) for field in fields)


class Body:
    """Lines of C++ with their indentation."""

    def __init__(self):
        self.lines, self.depth = [], 0

    def add(self, line=""):
        if line.startswith("}"):
            self.depth -= 1
        self.lines.append("  " * self.depth + line if line else "")
        if line.endswith("{"):
            self.depth += 1


class Codec:
    """The bodies of one message."""

    def __init__(self, message, body):
        self.m, self.b = message, body
        self.structs = message.structs()

    def path(self, struct, field):
        return f'"{struct or self.m.name}.{field.cpp_name}"'

    def compact(self, field):
        if field.never_compact or self.m.flexible > self.m.versions[1]:
            return "false"
        return "true" if self.m.flexible <= self.m.versions[0] else "f"

    def flexible_constant(self, around):
        if self.m.versions[0] < self.m.flexible <= self.m.versions[1]:
            self.b.add(f"[[maybe_unused]] const bool f = v >= {self.m.flexible};")

    def nullable(self, field, around):
        if not field.null:
            return "false"
        return in_versions(field.null, around) or "true"

    def item_min(self, field):
        if not field.is_struct:
            size = FIXED.get(field.type)
            return str(size[2]) if size else f"{self.compact(field)} ? 1 : 2"
        return f"k{self.m.name}{field.type}Min[v - {self.m.versions[0]}]"

    def write_minimums(self):
        in_arrays = {f.type for fields in [self.m.fields, *(s[0] for s in self.structs.values())]
                     for f in fields if f.is_array and f.is_struct}
        for name in sorted(in_arrays):
            table = [struct_bytes_min(self.m, name, v)
                     for v in range(self.m.versions[0], self.m.versions[1] + 1)]
            self.b.add(f"constexpr uint8_t k{self.m.name}{name}Min[] = "
                       f"{{{', '.join(map(str, table))}}};")

    # -- decoding

    def read_value(self, field, struct, around):
        """A statement that reads the field, which is in this version."""
        target, path = f"m.{field.cpp_name}", self.path(struct, field)
        compact, nullable = self.compact(field), self.nullable(field, around)
        if field.is_array:
            item = self.read_item(field, path)
            if field.null:
                return (f"d.NullableArray({compact}, {nullable}, {self.item_min(field)}, {path}, "
                        f"{target}, {item});")
            return f"d.Array({compact}, {self.item_min(field)}, {path}, {target}, {item});"
        if field.type in FIXED:
            return f"{target} = d.{FIXED[field.type][1]}({path});"
        if field.type in SIZED:
            function = SIZED[field.type][1]
            if field.null:
                return f"d.Nullable{function}({compact}, {nullable}, {path}, {target});"
            return f"d.{function}({compact}, {path}, {target});"
        if field.null:
            return (f"if (d.StructIsPresent({nullable}, {path})) {{ "
                    f"Read(d, v, {target}.emplace()); }} else {{ {target}.reset(); }}")
        return f"Read(d, v, {target});"

    def read_item(self, field, path):
        if field.is_struct:
            return "[&](auto& x) { Read(d, v, x); }"
        if field.type in FIXED:
            return f"[&](auto& x) {{ x = d.{FIXED[field.type][1]}({path}); }}"
        return f"[&](auto& x) {{ d.{SIZED[field.type][1]}({self.compact(field)}, {path}, x); }}"

    def write_read(self, name, fields, around, struct):
        self.b.add(f"void Read(Decoder& d, [[maybe_unused]] int16_t v, {name}& m) {{")
        self.flexible_constant(around)
        for field in fields:
            target = f"m.{field.cpp_name}"
            if field.tag is not None:
                self.b.add(reset(field, self.m, target))
                continue
            condition = in_versions(field.versions, around)
            if condition:
                self.b.add(f"if ({condition}) {{")
                self.b.add(self.read_value(field, struct, field.versions))
                self.b.add("} else {")
                self.b.add(reset(field, self.m, target))
                self.b.add("}")
            else:
                self.b.add(self.read_value(field, struct, around))
        self.write_tag_reader(fields, around, struct)
        self.b.add("}")
        self.b.add()

    def if_flexible(self, around):
        """Opens `if (flexible) {`; says False where no version here is flexible."""
        if self.m.flexible > around[1]:
            return False
        self.b.add(f"if (v >= {self.m.flexible}) {{" if self.m.flexible > around[0] else "{")
        return True

    def write_tag_reader(self, fields, around, struct):
        if not self.if_flexible(around):
            return
        tagged = [f for f in fields if f.tag is not None]
        path = f'"{struct or self.m.name}.tagged_fields"'
        if not tagged:
            self.b.add(f"d.TaggedFields({path}, [](uint32_t) {{ return false; }});")
            self.b.add("}")
            return
        self.b.add(f"d.TaggedFields({path}, [&](uint32_t tag) {{")
        self.b.add("switch (tag) {")
        for field in tagged:
            self.b.add(f"case {field.tag}:")
            condition = in_versions(field.versions, around)
            if condition:
                self.b.add(f"if (!({condition})) return false;")
            self.b.add(self.read_value(field, struct, field.versions))
            self.b.add("return true;")
        self.b.add("}")
        self.b.add("return false;")
        self.b.add("});")
        self.b.add("}")

    # -- encoding

    def write_value(self, field, struct, around):
        target, path = f"m.{field.cpp_name}", self.path(struct, field)
        compact, nullable = self.compact(field), self.nullable(field, around)
        if field.is_array:
            item = self.write_item(field, path)
            if field.null:
                return f"e.NullableArray({compact}, {nullable}, {path}, {target}, {item});"
            return f"e.Array({compact}, {path}, {target}, {item});"
        if field.type in FIXED:
            return f"e.{FIXED[field.type][1]}({target});"
        if field.type in SIZED:
            function = SIZED[field.type][1]
            if field.null:
                return f"e.Nullable{function}({compact}, {nullable}, {path}, {target});"
            return f"e.{function}({compact}, {path}, {target});"
        if field.null:
            return (f"e.StructIsPresent({target}.has_value(), {nullable}, {path}); "
                    f"if ({target}.has_value()) Write(e, v, *{target});")
        return f"Write(e, v, {target});"

    def write_item(self, field, path):
        if field.is_struct:
            return "[&](const auto& x) { Write(e, v, x); }"
        if field.type in FIXED:
            return f"[&](auto x) {{ e.{FIXED[field.type][1]}(x); }}"
        write = f"e.{SIZED[field.type][1]}({self.compact(field)}, {path}, x);"
        return f"[&](const auto& x) {{ {write} }}"

    def write_write(self, name, fields, around, struct):
        used = "" if fields else "[[maybe_unused]] "
        self.b.add(f"void Write(Encoder& e, [[maybe_unused]] int16_t v, {used}const {name}& m) {{")
        self.flexible_constant(around)
        for field in fields:
            target, path = f"m.{field.cpp_name}", self.path(struct, field)
            condition = in_versions(field.versions, around)
            if condition and not field.ignorable:
                self.b.add(f"if (!({condition}) && !({is_default(field, target)})) "
                           f"e.FailAbsent({path}, v);")
            if field.tag is not None:
                continue
            if condition:
                self.b.add(f"if ({condition}) {{")
            self.b.add(self.write_value(field, struct, field.versions))
            if condition:
                self.b.add("}")
        self.write_tag_writer(fields, around, struct)
        self.b.add("}")
        self.b.add()

    def write_tag_writer(self, fields, around, struct):
        if not self.if_flexible(around):
            return
        tagged = sorted((f for f in fields if f.tag is not None), key=lambda f: f.tag)
        if not tagged:
            self.b.add("e.UnsignedVarint(0);")
            self.b.add("}")
            return
        for field in tagged:
            condition = in_versions(field.versions, around)
            written = f"!({is_default(field, 'm.' + field.cpp_name)})"
            self.b.add(f"const bool tag_{field.tag} = "
                       f"{condition + ' && ' if condition else ''}{written};")
        self.b.add(f"e.UnsignedVarint({' + '.join(f'uint32_t{{tag_{f.tag}}}' for f in tagged)});")
        for field in tagged:
            self.b.add(f"if (tag_{field.tag}) {{")
            self.b.add(f"e.Tagged({field.tag}, [&] {{")
            self.b.add(self.write_value(field, struct, field.versions))
            self.b.add("});")
            self.b.add("}")
        self.b.add("}")

    def write_all(self):
        name, (first, last) = self.m.name, self.m.versions
        self.b.add("namespace {")
        self.b.add()
        self.write_minimums()
        for struct, (fields, around) in self.structs.items():
            self.write_read(f"{name}::{struct}", fields, around, f"{name}.{struct}")
            self.write_write(f"{name}::{struct}", fields, around, f"{name}.{struct}")
        self.write_read(name, self.m.fields, self.m.versions, None)
        self.write_write(name, self.m.fields, self.m.versions, None)
        self.b.add("}  // namespace")
        self.b.depth = 0
        self.b.add()
        for verb, coder, call, const in (("Decode", "Decoder& coder", "Read", ""),
                                         ("Encode", "Encoder& coder", "Write", " const")):
            self.b.add(f"Status {name}::{verb}({coder}, int16_t version){const} {{")
            self.b.add(f"if (version < {first} || version > {last}) return NoSuchVersion(kName, "
                       "kMinVersion, kMaxVersion, version);")
            self.b.add(f"{call}(coder, version, *this);")
            self.b.add("return coder.status();")
            self.b.add("}")
            self.b.add()


# ---- files -------------------------------------------------------------------------------------


def version_words(field, around):
    words = []
    if field.versions != around:
        words.append(range_text(field.versions, around))
    if field.null and field.null != field.versions:
        words.append(f"null {range_text(field.null, field.versions)}")
    if field.tag is not None:
        words.append(f"tag {field.tag}")
    return f"  // {', '.join(words)}" if words else ""


def range_text(inner, around):
    if inner[1] == around[1]:
        return f"{inner[0]}+"
    return str(inner[0]) if inner[0] == inner[1] else f"{inner[0]}-{inner[1]}"


def members(message, name, fields, around, body):
    for field in fields:
        default = cpp_default(field)
        if default == "std::vector<>":
            initial = "{std::in_place}"
        elif default == '""':
            initial = ' = ""'
        elif default:
            initial = f" = {default}"
        elif field.type in FIXED and not field.null and not field.is_array and field.type != "uuid":
            initial = f" = {'false' if field.type == 'bool' else '0'}"
        else:
            initial = ""
        body.add(f"{cpp_type(field, message)} {field.cpp_name}{initial};"
                 f"{version_words(field, around)}")
    body.add(f"bool operator==(const {name}&) const = default;")


def message_struct(message, body):
    first, last = message.versions
    every_field = list(message.fields)
    for fields, _ in message.structs().values():
        every_field += fields
    nullable = {f.type for f in every_field if f.is_struct and f.null and not f.is_array}
    body.add(f"struct {message.name} {{")
    body.add(f'static constexpr std::string_view kName = "{message.name}";')
    if message.key is not None:
        body.add(f"static constexpr int16_t kApiKey = {message.key};")
    body.add(f"static constexpr int16_t kMinVersion = {first};")
    body.add(f"static constexpr int16_t kMaxVersion = {last};")
    body.add()
    for struct, (fields, around) in message.structs().items():
        body.add(f"struct {struct} {{")
        if struct in nullable:
            # While the struct around it is not complete, neither are the initialisers in here, and
            # Clang takes it for a struct that std::optional cannot make.
            body.add(f"{struct}() {{}}")
        members(message, struct, fields, around, body)
        body.add("};")
        body.add()
    members(message, message.name, message.fields, message.versions, body)
    body.add()
    body.add("Status Decode(Decoder& coder, int16_t version);")
    body.add("Status Encode(Encoder& coder, int16_t version) const;")
    body.add("};")
    body.add()


def api_name(message):
    return re.sub(r"(Request|Response)$", "", message.name)


def header_name(message):
    if message.kind == "data":
        if message.name.endswith("Header"):
            return "header"
        return "consumer_protocol" if message.name.startswith("Consumer") else "end_txn_marker"
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", api_name(message)).lower()
    return name


NOTICE = "// Made by tools/kafka_codec.py of src/weir/log/kafka/messages.txt."
FOLDER = "weir/log/kafka/messages"


def header_file(messages):
    body = Body()
    names = ", ".join(m.name for m in messages)
    body.lines += [
        NOTICE, f"// {names}", "#pragma once", "", "#include <cstdint>", "#include <limits>",
        "#include <optional>", "#include <string>", "#include <string_view>", "#include <vector>",
        "", '#include "weir/base/result.h"', '#include "weir/log/kafka/types.h"', "",
        "namespace weir::log::kafka {", ""]
    body.lines += ["class Decoder;", "class Encoder;", ""]
    for message in messages:
        message_struct(message, body)
    body.lines.append("}  // namespace weir::log::kafka")
    return body.lines


def codec_file(groups):
    body = Body()
    body.lines += [NOTICE, *(f'#include "{FOLDER}/{name}.h"' for name, _ in groups), "",
                   '#include "weir/log/kafka/decoder.h"', '#include "weir/log/kafka/encoder.h"', "",
                   "namespace weir::log::kafka {", ""]
    for _, messages in groups:
        for message in messages:
            Codec(message, body).write_all()
    body.lines.append("}  // namespace weir::log::kafka")
    return body.lines


def api_key_file(requests):
    lines = [NOTICE, "#pragma once", "", "#include <cstdint>", "", "namespace weir::log::kafka {",
             "", "enum class ApiKey : int16_t {"]
    lines += [f"  k{api_name(m)} = {m.key}," for m in requests]
    return lines + ["};", "", "}  // namespace weir::log::kafka"]


def api_file(requests):
    lines = [NOTICE, '#include "weir/log/kafka/api.h"', "", "namespace weir::log::kafka {",
             "namespace {", "", "constexpr ApiInfo kApis[] = {"]
    for m in requests:
        last = m.versions[1] if m.unstable is None else m.unstable - 1
        listed = m.versions[0] if m.listed is None else m.listed
        flexible = "kNeverFlexible" if m.flexible == LAST else m.flexible
        lines.append(f'    {{ApiKey::k{api_name(m)}, "{api_name(m)}", {m.versions[0]}, {last}, '
                     f"{listed}, {flexible}}},")
    return lines + ["};", "", "}  // namespace", "",
                    "std::span<const ApiInfo> Apis() { return kApis; }", "",
                    "}  // namespace weir::log::kafka"]


def all_messages_file(groups, messages):
    lines = [NOTICE, "// Every message, for what goes through all of them: tests and fuzzers.",
             "#pragma once", "", *(f'#include "{FOLDER}/{name}.h"' for name in groups), ""]
    for macro, kinds in (("WEIR_KAFKA_MESSAGES", ("data", "request", "response")),
                         ("WEIR_KAFKA_REQUESTS", ("request",))):
        chosen = [m for m in messages if m.kind in kinds]
        lines.append(f"#define {macro}(X) \\")
        lines += [f"  X({m.name}) \\" for m in chosen[:-1]] + [f"  X({chosen[-1].name})", ""]
    return lines


def random_file(messages):
    """Fill(random, version, message): random values in the fields that the version has."""
    body = Body()
    body.lines += [NOTICE, '#include "weir/log/kafka/testing/random_message.h"', "",
                   "namespace weir::log::kafka::testing {", ""]

    def value(field, around):
        nullable = "false" if not field.null else in_versions(field.null, around) or "true"
        return f"r.Fill(v, {nullable}, m.{field.cpp_name});" if field.null else (
            f"r.Fill(v, m.{field.cpp_name});")

    for message in messages:
        functions = [(f"{message.name}::{name}", fields, around)
                     for name, (fields, around) in message.structs().items()]
        functions.append((message.name, message.fields, message.versions))
        for name, fields, around in functions:
            body.add("void FillFields([[maybe_unused]] RandomMessage& r, "
                     f"[[maybe_unused]] int16_t v, [[maybe_unused]] {name}& m) {{")
            for field in fields:
                condition = in_versions(field.versions, around)
                body.add(f"{f'if ({condition}) ' if condition else ''}"
                         f"{value(field, field.versions)}")
            body.add("}")
            body.add()
    body.lines.append("}  // namespace weir::log::kafka::testing")
    return body.lines


def random_header_file(messages):
    lines = [NOTICE, "#pragma once", "", f'#include "{FOLDER}/all_messages.h"', "",
             "namespace weir::log::kafka::testing {", "", "class RandomMessage;"]
    for message in messages:
        for name in [*(f"{message.name}::{s}" for s in message.structs()), message.name]:
            lines.append(f"void FillFields(RandomMessage& r, int16_t v, {name}& m);")
    return lines + ["", "}  // namespace weir::log::kafka::testing"]


def files(messages):
    """name -> lines of every file."""
    groups = {}
    for message in messages:
        groups.setdefault(header_name(message), []).append(message)
    requests = sorted((m for m in messages if m.kind == "request"), key=lambda m: m.key)
    out = {f"{name}.h": header_file(group) for name, group in groups.items()}
    # The groups go to the files so that each gets about as many fields.
    bins = [[0, []] for _ in range(CODEC_FILES)]
    for item in sorted(groups.items(), key=lambda g: -sum(len(m.structs()) for m in g[1])):
        smallest = min(bins, key=lambda b: b[0])
        smallest[0] += 2 + sum(1 + len(m.structs()) for m in item[1])
        smallest[1].append(item)
    for number, (_, chosen) in enumerate(bins):
        out[f"codec_{number}.cc"] = codec_file(sorted(chosen))
    out["api_key.h"] = api_key_file(requests)
    out["api.cc"] = api_file(requests)
    out["all_messages.h"] = all_messages_file(groups, messages)
    out["random_messages.h"] = random_header_file(messages)
    out["random_messages.cc"] = random_file(messages)
    return out


def main():
    if sys.argv[1:] == ["--outputs"]:
        print("\n".join(files(parse(SOURCE.read_text()))))
        return
    source, folder = map(pathlib.Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in files(parse(source.read_text())).items():
        text = "\n".join(lines) + "\n"
        file = folder / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


if __name__ == "__main__":
    main()
