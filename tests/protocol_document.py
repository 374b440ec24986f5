"""docs/protocol.md as a program reads it: its examples, and whether what a server says looks like them.

`Document` is the judge of a `Client`: every message that any connection hears is compared with the example of its kind.
Members must be those of the example, of the same types; only those may be missing that the schema lets be missing. What
was seen of the examples is remembered: in the end all of it has to have been seen.
"""

import json
import re

from protocol_client import is_map

# Entities and events differ by this member.
KIND = {"ENTITY": "kind", "EVENT": "type"}


class Shape(str):
    """The name of a shape in an example: `QUEST`."""


class Anything:
    """Where the document writes `..`: whatever the schema says."""


def section(text, title):
    """What stands below `## TITLE`."""
    return re.search(rf"^## {re.escape(title)}.*?$(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)


def code_spans(text):
    """What stands between backticks, blocks of code excluded."""
    return re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.S)


def example(text):
    """An example as a value: JSON with names of shapes, `...` and `..` in it."""

    def named(value):
        if isinstance(value, dict):
            return {name: named(member) for name, member in value.items()}
        if isinstance(value, list):
            return [named(member) for member in value]
        if isinstance(value, str) and re.fullmatch("[A-Z]{3,}", value):
            return Shape(value)
        return Anything if value == ".." else value

    text = text.replace(", ...]", "]")
    text = re.sub(r":\.\.(?=[,}])", ':".."', text)
    text = re.sub(r'(?<![\w"])([A-Z]{3,})(?![\w"])', r'"\1"', text)
    return named(json.loads(text))


def merged(first, second):
    """One example that shows what both do. A list shows one element."""
    if isinstance(first, dict) and isinstance(second, dict):
        both = {name: merged(first[name], second[name]) for name in first if name in second}
        return {**first, **second, **both}
    if isinstance(first, list) and isinstance(second, list):
        elements = first + second
        for element in elements[1:]:
            elements[0] = merged(elements[0], element)
        return elements[:1]
    return first


def one_element(value):
    """The same with lists of one element, which shows what all of them do."""
    if isinstance(value, dict):
        return {name: one_element(member) for name, member in value.items()}
    if isinstance(value, list):
        return merged([one_element(element) for element in value], [])
    return value


class Mismatch(AssertionError):
    """The server says something that the document does not."""


class Document:
    """The document, and what of it was seen."""

    def __init__(self, text, schema, subprotocol):
        self.schema, self.subprotocol = schema, subprotocol
        notifications = section(text, "Notifications")
        self.methods = self.read_methods(section(text, "Methods"))
        self.notifications = self.read_notifications(notifications)
        self.shapes = self.read_shapes(notifications)
        self.by_kind = self.read_kinds(notifications)
        errors = section(text, "Errors")
        rows = re.findall(r"^\| (-32\d+) \| `(\w+)`", errors, re.M)
        self.errors = {int(code): reason for code, reason in rows}
        self.rejections = set(re.search(r"`data\.rejection`: `([^`]+)`", errors).group(1).split())
        codes = re.search(r"^Close codes: (.*?)\n\n", errors, re.M | re.S).group(1)
        self.close_codes = {int(code) for code in re.findall(r"\b[14]\d{3}\b", codes)}
        # Names of members, errors, rejections and codes that were seen.
        self.seen = set()

    def read_methods(self, text):
        """By name: params and result."""
        methods = {}
        for row in re.findall(r"^\| (`.*) \|$", text, re.M):
            name, params, result = row.split(" | ", 2)
            params, *_ = [span for span in code_spans(params) if span.startswith("{")]
            results = [one_element(example(span)) for span in code_spans(result) if span.startswith("{")]
            for other in results[1:]:
                results[0] = merged(results[0], other)
            methods[name.strip("`")] = example(params), results[0]
        assert set(methods) == set(self.schema.params), "the table of methods is that of the schema"
        return methods

    def read_notifications(self, text):
        """By name: params; several examples of one are taken together."""
        found = []
        for line in re.findall(r"^\{\"jsonrpc\".*$", text, re.M):
            message = example(line)
            found.append((message["method"], message["params"]))
        spans = code_spans(text)
        for name, params in zip(spans, spans[1:]):
            if name in self.schema.notifications and params.startswith("{"):
                found.append((name, example(params)))
        notifications = {}
        for name, params in found:
            params = one_element(params)
            notifications[name] = merged(notifications[name], params) if name in notifications else params
        assert set(notifications) == set(self.schema.notifications), "every notification has an example"
        # "`update` holds only the changed members", "`self` holds members of one's own character".
        notifications["world.delta"]["update"] = [Shape("ENTITY")]
        notifications["world.delta"]["self"] = Shape("SELF")
        if self.subprotocol == "lore.v1.proto":
            # "those who did nothing but move are in `moves`", on this one only.
            notifications["world.delta"]["moves"] = {"ids": [33], "dx": [10], "dy": [-5]}
        return notifications

    def read_shapes(self, text):
        shapes = re.findall(r"^([A-Z]{3,}): `([^`]+)`", text, re.M)
        shapes = {name: one_element(example(shape)) for name, shape in shapes}
        # RECIPE: what is missing in its example stands behind it.
        shapes["RECIPE"] |= {"station": "tobin", "masterwork": shapes["RECIPE"]["product"]}
        return shapes

    def read_kinds(self, text):
        """ENTITY and EVENT: an example for each kind."""
        kinds = {}
        for shape, member in KIND.items():
            block = re.split(rf"^{shape}\b.*\n", text, maxsplit=1, flags=re.M)[1]
            block = block.split("```json\n", 1)[1].split("```", 1)[0]
            examples = [one_element(example(line)) for line in block.splitlines()]
            kinds[shape] = {one[member]: one for one in examples}
        players = kinds["ENTITY"]
        players["player"]["statuses"] = players["npc"]["statuses"]
        return kinds

    def params(self, method, **real):
        """The params of the example, with what is real here in the place of its ids and names."""
        params, _ = self.methods[method]
        assert set(real) <= set(params), f"{method} has no {set(real) - set(params)}"
        return params | real

    # The judge.

    def answered(self, method, result):
        self.seen.add(f"method {method}")
        _, shown = self.methods[method]
        self.compare(shown, result, self.schema.results[method], f"result of {method}")

    def told(self, method, params):
        self.seen.add(f"notification {method}")
        if method not in self.notifications:
            raise Mismatch(f"the document has no notification {method}")
        self.compare(self.notifications[method], params, self.schema.notifications[method], method)

    def refused(self, error):
        code, data = error["code"], error.get("data", {})
        if self.errors.get(code) != data.get("reason"):
            raise Mismatch(f"the document has no such error: {error}")
        if code in (-32001, -32010, -32012) and data.get("retry_after_ms", 0) < 1:
            raise Mismatch(f"nothing says when to try again: {error}")
        if code == -32011 and data.get("rejection") not in self.rejections:
            raise Mismatch(f"the document has no such rejection: {error}")
        if not error["message"]:
            raise Mismatch(f"nothing for people: {error}")
        self.seen.add(f"error {code}")
        if code == -32011:
            self.seen.add(f"rejection {data['rejection']}")

    def ended(self, code):
        if code not in self.close_codes:
            raise Mismatch(f"the document has no close code {code}")
        self.seen.add(f"close {code}")

    def compare(self, shown, real, message, path):
        """That `real`, a `message` of the schema, looks like what is shown; `path` says where it stands."""
        is_whole = False
        if isinstance(shown, Shape):
            name, shown = shown, self.shapes.get(shown)
            path, member = name, KIND.get(name)
            if member is not None and member in real:
                kind, is_whole = real[member], True
                shown, path = self.by_kind[name].get(kind), f"{name} {kind}"
                if shown is None:
                    raise Mismatch(f"{path} is not in the document: {real}")
            elif member is not None:
                # Changed members of one that is known.
                for one in self.by_kind[name].values():
                    shown = one if shown is None else merged(shown, one)
        if shown is Anything:
            return
        if isinstance(shown, dict):
            self.compare_members(shown, real, message, path, is_whole)
        elif isinstance(shown, list):
            for element in self.of_type(list, real, path):
                if not shown:
                    raise Mismatch(f"{path}: the document shows no element such as {element}")
                self.compare(shown[0], element, message, path + "[]")
        elif isinstance(shown, float):
            self.of_type((int, float), real, path)
        else:
            self.of_type(type(shown), real, path)

    def compare_members(self, shown, real, message, path, is_whole):
        self.of_type(dict, real, path)
        if message is None:  # a map
            for value in real.values():
                self.of_type(str, value, path)
            return
        if message.name == "Event":
            message = message.fields_by_name[real["type"]].message_type
        fields = message.fields_by_name
        for name, value in real.items():
            if name not in shown:
                raise Mismatch(f"{path}.{name} is not in the document: {real}")
            self.seen.add(f"{path}.{name}")
            field = fields.get(name)
            # Of an event only its type is no field.
            of = None if field is None or is_map(field) else field.message_type
            self.compare(shown[name], value, of, f"{path}.{name}")
        for name in set(shown) - set(real):
            field = fields[name]
            # The target is left out when there is none, everything else of a whole entity is there.
            can_miss = name == "target" if is_whole else field.has_presence or field.is_repeated
            if not can_miss:
                raise Mismatch(f"{path}.{name} is missing: {real}")

    @staticmethod
    def of_type(kind, value, path):
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise Mismatch(f"{path}: {value!r} is not like the example")
        return value

    # What has to have been seen.

    def shown(self):
        """Everything that the document shows, in the words of `seen`."""
        yield from (f"method {name}" for name in self.methods)
        yield from (f"notification {name}" for name in self.notifications)
        yield from (f"error {code}" for code in self.errors)
        yield from (f"rejection {rejection}" for rejection in self.rejections)
        yield from (f"close {code}" for code in self.close_codes)
        for name, (_, result) in self.methods.items():
            yield from self.members(result, self.schema.results[name], f"result of {name}")
        for name, params in self.notifications.items():
            yield from self.members(params, self.schema.notifications[name], name)
        in_use = self.used_shapes()
        for name, shape in self.shapes.items():
            if name in in_use:
                yield from self.members(shape, None, name)
        for name, kinds in self.by_kind.items():
            for kind, shape in kinds.items():
                yield from self.members(shape, None, f"{name} {kind}")

    def used_shapes(self):
        """Shapes that some message holds; others belong to HTTP."""
        used, rest = set(), [self.notifications, *(result for _, result in self.methods.values())]
        rest += [self.by_kind]
        while rest:
            value = rest.pop()
            if isinstance(value, Shape) and value not in used:
                used.add(value)
                rest.append(self.shapes.get(value))
            elif isinstance(value, dict):
                rest += value.values()
            elif isinstance(value, list):
                rest += value
        return used

    def members(self, shown, message, path):
        if isinstance(shown, list):
            for element in shown:
                yield from self.members(element, message, path + "[]")
        elif isinstance(shown, dict):
            for name, value in shown.items():
                field = message.fields_by_name.get(name) if message else None
                yield f"{path}.{name}"
                if field is None or not is_map(field):
                    of = field.message_type if field is not None else None
                    yield from self.members(value, of, f"{path}.{name}")

    def unseen(self):
        # A player of the example has no status; what one looks like is shown by the NPC.
        borrowed = {path for path in self.shown() if path.startswith("ENTITY player.statuses[]")}
        return set(self.shown()) - borrowed - self.seen
