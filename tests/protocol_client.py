"""A client of the game in Python over either encoding, written from docs/protocol.md and proto/ alone.

`Client` holds one connection: it calls, hears, answers pings and keeps what it was told. What it says and hears is the
same in both encodings: `lore.v1.json` writes it as JSON-RPC 2.0, `lore.v1.proto` as the messages of proto/, which are
compiled when this is started. Everything is read as plain dictionaries with the names of the document.

What is checked with it is in protocol_check.py. Of what is not in Python's library only `grpcio-tools` is needed.
"""

import base64
import hashlib
import importlib
import json
import math
import os
import re
import select
import socket
import struct
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
PATIENCE_S = 20
# Frames are acknowledged every so many ticks, the last before a silence so long after it was heard.
ACK_TICKS = 5
ACK_AFTER_S = 0.25
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
# Of movement in `lore.v1.proto`.
STEP_MM = 20


def http(method, url, body=None, token=None):
    """Status and JSON of a request; `None` where there is no JSON."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    return status, json.loads(text) if text else None


class NotLetIn(Exception):
    """The upgrade was refused."""


class WebSocket:
    """The client's half of RFC 6455. It never waits for the server but while the connection is opened."""

    def __init__(self, url, token, subprotocol, is_narrow=False):
        address = urllib.parse.urlsplit(url)
        self.socket = socket.socket()
        if is_narrow:
            # Little waits on its way: small segments keep the sender's buffer small, too.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self.socket.settimeout(PATIENCE_S)
        # A call goes at once, also behind another that the server has not acknowledged yet.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect((address.hostname, address.port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            (
                f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Protocol: {subprotocol}\r\nAuthorization: Bearer {token}\r\n\r\n"
            ).encode()
        )
        self.buffer, self.ended = b"", False
        while b"\r\n\r\n" not in self.buffer:
            assert self.fill(), "the server closed instead of answering the upgrade"
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        expected = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        if " 101 " not in status + " ":
            raise NotLetIn(status)
        assert headers["sec-websocket-accept"] == expected
        assert headers["sec-websocket-protocol"] == subprotocol

    def widen(self):
        """Takes in more at once than a narrow one."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def fill(self):
        """Reads what has come; False at the end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        self.buffer += data
        self.ended = not data
        return bool(data)

    def send(self, opcode, payload, reserved=0):
        """Sends a frame; the server may have closed, which is seen by who reads."""
        mask, length = os.urandom(4), len(payload)
        head = bytes([0x80 | reserved | opcode])
        head += bytes([0x80 | length]) if length < 126 else bytes([0xFE]) + struct.pack(">H", length)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
        try:
            self.socket.sendall(head + mask + masked)
        except ConnectionError:
            pass

    def next_frame(self):
        """Opcode and payload of the next whole frame that has come, or None."""
        if len(self.buffer) < 2:
            return None
        first, length, at = self.buffer[0], self.buffer[1], 2
        if length in (126, 127):
            at = 4 if length == 126 else 10
            if len(self.buffer) < at:
                return None
            length = int.from_bytes(self.buffer[2:at], "big")
        if len(self.buffer) < at + length:
            return None
        assert first & 0x80, "this server sends each message in one frame"
        payload, self.buffer = self.buffer[at : at + length], self.buffer[at + length :]
        return first & 0x0F, payload


class Json:
    """`lore.v1.json`: a call or message is a JSON-RPC 2.0 object on a text frame."""

    subprotocol, opcode, other_opcode = "lore.v1.json", TEXT, BINARY
    garbage = b"{"
    without_calls = b"[]"

    def call(self, call_id, method, params):
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        return json.dumps(message if call_id is None else message | {"id": call_id}).encode()

    def unknown_call(self, call_id):
        return self.call(call_id, "no.such_method", {})

    def messages(self, payload):
        message = json.loads(payload)
        for one in message if isinstance(message, list) else [message]:
            assert one.pop("jsonrpc") == "2.0", one
            yield one.pop("seq", None), one


class Proto:
    """`lore.v1.proto`: a ClientFrame or ServerFrame on a binary frame."""

    subprotocol, opcode, other_opcode = "lore.v1.proto", BINARY, TEXT
    garbage = b"\xff\xff"
    without_calls = b""

    def __init__(self, schema):
        self.schema = schema

    def call(self, call_id, method, params):
        frame = self.schema.frames.ClientFrame()
        call = frame.calls.add()
        if call_id is not None:
            call.id = call_id
        field = getattr(call, method.replace(".", "_"))
        field.SetInParent()
        fill(field, params)
        return frame.SerializeToString()

    def unknown_call(self, call_id):
        # A field of a newer schema: number 2000, an empty message.
        frame = self.schema.frames.ClientFrame()
        frame.calls.add().MergeFromString(b"\x08" + bytes([call_id]) + b"\x82\x7d\x00")
        return frame.SerializeToString()

    def messages(self, payload):
        frame = self.schema.frames.ServerFrame.FromString(payload)
        seq = getattr(frame, "seq", 0) or None
        for response in frame.responses:
            outcome = response.WhichOneof("outcome")
            value = plain(getattr(response, outcome))
            # What is written as `null` in JSON is 0 here.
            message = {"id": response.id or None}
            yield seq, message | ({"error": value} if outcome == "error" else {"result": value})
        for notification in frame.notifications:
            field = notification.WhichOneof("method")
            if field is not None:  # else it is of a newer schema
                method = dotted(notification.DESCRIPTOR.fields_by_name[field])
                yield seq, {"method": method, "params": plain(getattr(notification, field))}


def dotted(field):
    """`world_join` is `world.join`, unless its `json_name` says otherwise: one that is made up has no dots."""
    return field.json_name if "." in field.json_name else field.name.replace("_", ".", 1)


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def plain(message):
    """A message as its JSON has it."""
    if message.DESCRIPTOR.name == "Statuses":
        return [plain(status) for status in message.list]
    if message.DESCRIPTOR.name == "Event":
        kind = message.WhichOneof("type")
        return {"type": kind} | plain(getattr(message, kind))
    members = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        if is_map(field):
            members[field.name] = dict(value)
        elif field.is_repeated:
            members[field.name] = [plain_value(field, one) for one in value]
        else:
            members[field.name] = plain_value(field, value)
    return members


def plain_value(field, value):
    if field.message_type is not None:
        return plain(value)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name[len(prefix(field.enum_type)) :].lower()
    return value


def prefix(enum):
    """NPC_STATE_IDLE of NpcState is `idle`."""
    return re.sub("(?<=.)([A-Z])", r"_\1", enum.name).upper() + "_"


def fill(message, params):
    """The other way round."""
    for name, value in params.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.enum_type is not None:
            value = field.enum_type.values_by_name[prefix(field.enum_type) + value.upper()].number
        if field.is_repeated and field.message_type is not None:
            for one in value:
                fill(getattr(message, name).add(), one)
        elif field.is_repeated:
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)


class Schema:
    """proto/, compiled into a folder that is gone in the end."""

    def __init__(self, folder):
        from grpc_tools import protoc

        self.compiled = tempfile.TemporaryDirectory()
        files = [f"lore/v1/{name}" for name in sorted(os.listdir(f"{folder}/lore/v1")) if name.endswith(".proto")]
        options = [f"--proto_path={folder}", f"--python_out={self.compiled.name}"]
        assert protoc.main(["protoc", *options, *files]) == 0, "the schema does not compile"
        sys.path.insert(0, self.compiled.name)
        sys.dont_write_bytecode = True
        self.frames = importlib.import_module("lore.v1.frame_pb2")
        name_and_type = lambda message: {dotted(field): field.message_type for field in message.DESCRIPTOR.fields}
        self.params = {name: params for name, params in name_and_type(self.frames.Call).items() if params}
        self.notifications = name_and_type(self.frames.Notification)
        rpcs = self.frames.DESCRIPTOR.services_by_name["World"].methods
        results = {rpc.input_type.full_name: rpc.output_type for rpc in rpcs}
        self.results = {name: results[params.full_name] for name, params in self.params.items()}


class Refused(Exception):
    """A call was answered with an error; `args[0]` is it."""

    def __init__(self, error):
        super().__init__(error)
        self.code = error["code"]
        data = error.get("data", {})
        self.rejection, self.retry_after_ms = data.get("rejection"), data.get("retry_after_ms")


class Client:
    """One connection and what it was told. `judge` hears of every message, too."""

    # Open connections: whoever waits keeps all of them alive.
    all = []

    def __init__(self, url, token, codec, judge, is_narrow=False, answers_pings=True):
        self.codec, self.judge, self.answers_pings = codec, judge, answers_pings
        # Who reads when the server has given it up has nothing to tell it any more.
        self.acknowledges = not is_narrow
        self.websocket = WebSocket(url, token, codec.subprotocol, is_narrow)
        self.called, self.next_id, self.answers, self.stray = {}, 1, {}, []
        self.told, self.events = [], []
        self.zone = self.you = self.at = None
        self.entities, self.seq, self.ack, self.tick = {}, 0, 0, 0
        self.steps, self.acknowledged, self.heard_at = {}, 0, 0
        # The number of the last message that must not be lost.
        self.heard = 0
        self.closed = None
        Client.all.append(self)

    # What it says.

    def send(self, method, params, with_id=True):
        call_id = None
        if with_id:
            call_id, self.next_id = self.next_id, self.next_id + 1
            self.called[call_id] = method
        self.websocket.send(self.codec.opcode, self.codec.call(call_id, method, params))
        return call_id

    def call(self, method, params):
        """The result, or `Refused`."""
        call_id = self.send(method, params)
        return self.answer(call_id)

    def answer(self, call_id):
        answer = self.wait(lambda: self.answers.pop(call_id, None), f"the answer to {call_id}")
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def must(self, method, params):
        """The result; calls again when it is only too early."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.call(method, params)
            except Refused as refused:
                later = refused.retry_after_ms is not None
                assert later and time.monotonic() < deadline, f"{method} {params}: {refused}"
                pause(refused.retry_after_ms / 1000)

    def close(self, code=1000):
        """Says goodbye; the code of the answer."""
        self.websocket.send(CLOSE, struct.pack(">H", code))
        return self.close_code()

    # What it hears.

    def close_code(self):
        return self.wait(lambda: self.closed, "the end", is_end_expected=True)

    def notified(self, method, fits=lambda params: True):
        """Waits for such a notification; its params. It and what came before it is forgotten."""

        def take():
            for place, (name, params) in enumerate(self.told):
                if name == method and fits(params):
                    del self.told[: place + 1]
                    return params
            return None

        return self.wait(take, method)

    def event(self, kind, fits=lambda event: True):
        """Waits for such an event of a delta; it and what came before it is forgotten."""

        def take():
            for place, event in enumerate(self.events):
                if event["type"] == kind and fits(event):
                    del self.events[: place + 1]
                    return event
            return None

        return self.wait(take, f"a {kind}")

    def wait(self, look, what, patience_s=PATIENCE_S, is_end_expected=False):
        """Hears until `look` finds something."""
        deadline = time.monotonic() + patience_s
        while True:
            found = look()
            if found is not None and found is not False:
                return found
            assert self.closed is None or is_end_expected, f"closed with {self.closed}, waiting for {what}"
            heard = [name for name, _ in self.told][-20:]
            assert time.monotonic() < deadline, f"waited in vain for {what}; heard {heard}"
            pump(0.05)

    def hear_all(self):
        """Reads what has come, and takes it in."""
        self.websocket.fill()
        self.take_in()
        if self.websocket.ended and self.closed is None:
            self.end(1006)

    def take_in(self):
        """Takes in the frames that were read; whether there was one."""
        took = False
        while self.closed is None and (frame := self.websocket.next_frame()):
            took = True
            opcode, payload = frame
            if opcode == PING and self.answers_pings:
                self.websocket.send(PONG, payload)
            elif opcode == CLOSE:
                self.end(int.from_bytes(payload[:2], "big") if payload else 1005)
                self.websocket.send(CLOSE, payload[:2])
            elif opcode in (TEXT, BINARY):
                assert opcode == self.codec.opcode, "a frame of the other encoding"
                for seq, message in self.codec.messages(payload):
                    self.heard = seq or self.heard
                    self.hear(message)
        return took

    def end(self, code):
        self.closed = code
        Client.all.remove(self)
        self.judge.ended(code)

    def hear(self, message):
        if "method" in message:
            method, params = message["method"], message["params"]
            self.judge.told(method, params)
            self.told.append((method, params))
            self.understand(method, params)
            return
        method = self.called.pop(message["id"], None)
        if "error" in message:
            self.judge.refused(message["error"])
        else:
            assert method, f"an answer to nothing: {message}"
            self.judge.answered(method, message["result"])
        if message["id"] is None:
            self.stray.append(message["error"])
        else:
            self.answers[message["id"]] = message

    # What it makes of it.

    def understand(self, method, params):
        if method == "world.snapshot":
            self.zone, self.you, self.tick = params["zone"], params["you"], params["tick"]
            self.entities, self.steps, self.ack = {}, {}, params["ack"]
            self.place_all(params["entities"])
            self.acknowledge()
        elif method == "world.delta":
            assert params["tick"] > self.tick, "ticks go on"
            self.tick, self.ack = params["tick"], params.get("ack", self.ack)
            for entity in params.get("leave", []):
                del self.entities[entity]
            self.place_all(params.get("enter", []))
            for update in params.get("update", []):
                assert update["id"] in self.entities, f"{update} of one that is not known"
            self.place_all(params.get("update", []))
            self.move_all(params.get("moves", {"ids": [], "dx": [], "dy": []}))
            self.events.extend(params.get("events", []))
            self.heard_at = time.monotonic()
            if self.tick >= self.acknowledged + ACK_TICKS:
                self.acknowledge()
        elif method == "world.zone":
            self.zone = None

    def acknowledge(self):
        self.acknowledged = self.tick
        if self.acknowledges:
            self.send("world.ack", {"tick": self.tick}, with_id=False)

    def acknowledge_last(self):
        """The last frame before a silence: the server may wait for that with what it has to say."""
        if self.tick > self.acknowledged and time.monotonic() > self.heard_at + ACK_AFTER_S:
            self.acknowledge()

    def place_all(self, entities):
        """Takes over what was told of entities, whole or changed."""
        for entity in entities:
            known = self.entities.setdefault(entity["id"], {})
            known.update(entity)
            if "x" in entity or "y" in entity:
                self.steps[entity["id"]] = [known["x"] // STEP_MM, known["y"] // STEP_MM]

    def move_all(self, moves):
        """Of `lore.v1.proto`: ids as differences, movement in steps."""
        entity = 0
        for further, east, north in zip(moves["ids"], moves["dx"], moves["dy"], strict=True):
            entity += further
            steps = self.steps[entity]
            steps[0] += east
            steps[1] += north
            self.entities[entity].update(x=steps[0] * STEP_MM, y=steps[1] * STEP_MM)

    def place(self):
        own = self.entities[self.you]
        return own["x"], own["y"]

    def find(self, template):
        """The nearest living entity of a template, or None."""
        fits = [it for it in self.entities.values() if it["template"] == template and it.get("hp") != 0]
        return min(fits, key=lambda it: math.dist(self.place(), (it["x"], it["y"])), default=None)

    def seek(self, template):
        return self.wait(lambda: self.find(template), template)

    def step(self, x, y, with_id=False):
        """One movement; once it is acknowledged or corrected, or led into another zone."""
        self.seq += 1
        params = {"seq": self.seq, "x": round(x), "y": round(y)}
        call_id = self.send("world.move", params, with_id)
        over = lambda: self.zone is None or self.ack >= params["seq"] or any(
            name == "world.corrected" and note["seq"] == params["seq"] for name, note in self.told
        )
        self.wait(over, "an acknowledgement")
        return self.answer(call_id) if with_id else None

    def walk(self, x, y, near=0):
        """Walks until the place is that near, as fast as the zone allows, or into another zone."""
        zone = self.zone
        while self.zone is zone and (distance := math.dist(self.place(), (x, y))) > near:
            stride = zone["max_speed"] / 20
            share = min(1, stride / distance)
            from_x, from_y = self.place()
            self.step(from_x + (x - from_x) * share, from_y + (y - from_y) * share)


def pump(seconds):
    """Hears what comes on any connection, at most so long."""
    sockets = {client.websocket.socket: client for client in Client.all}
    if not sockets:
        time.sleep(seconds)
        return
    # What came with the answer to the handshake is in no socket any more.
    if any([client.take_in() for client in sockets.values()]):
        return
    readable, _, _ = select.select(list(sockets), [], [], seconds)
    for one in readable:
        sockets[one].hear_all()
    for client in list(Client.all):
        client.acknowledge_last()


def pause(seconds):
    """Hears what comes for so long."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        pump(left)
