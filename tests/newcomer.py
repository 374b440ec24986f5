#!/usr/bin/env python3
"""A client of the game in nothing but Python's standard library, written from docs/protocol.md.

It becomes a guest, makes a character, joins, walks, talks and fights, and prints one JSON line with what it
saw. It shares no code with the server: what works here works for a newcomer.

    python3 tests/newcomer.py http://127.0.0.1:7777
"""

import base64
import hashlib
import json
import math
import os
import random
import socket
import string
import struct
import sys
import time
import urllib.parse
import urllib.request

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
TIMEOUT_S = 10
HUNT_S = 90


def http(method, url, body=None, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        return json.load(response)


class WebSocket:
    """The client's half of RFC 6455: text, ping, close; nothing else is needed here."""

    def __init__(self, host, port, path, token, subprotocol):
        self.socket = socket.create_connection((host, port), TIMEOUT_S)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            (
                f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Protocol: {subprotocol}\r\nAuthorization: Bearer {token}\r\n\r\n"
            ).encode()
        )
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        expected = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        assert " 101 " in status + " ", status
        assert headers["sec-websocket-accept"] == expected
        assert headers["sec-websocket-protocol"] == subprotocol

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection without a close frame")
        self.buffer += data

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def send_frame(self, opcode, payload):
        mask = os.urandom(4)
        length = len(payload)
        head = bytes([0x80 | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        else:
            head += bytes([0x80 | 126]) + struct.pack(">H", length)
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def receive_text(self):
        message = b""
        while True:
            first, second = self.take(2)
            assert second & 0x80 == 0, "a server must not mask"
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", self.take(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self.take(8))
            payload = self.take(length)
            opcode = first & 0x0F
            if opcode == 9:
                self.send_frame(10, payload)
            elif opcode == 8:
                raise ConnectionError(f"closed by the server: {payload!r}")
            elif opcode in (0, 1):
                message += payload
                if first & 0x80:
                    return message.decode()


class Game:
    """What the client knows, and its calls."""

    def __init__(self, websocket):
        self.websocket = websocket
        self.next_id = 1
        self.seq = 0
        self.ack = 0
        self.you = None
        self.zone = None
        self.entities = {}
        self.at = None
        self.replies = {}
        self.heard = {}
        self.swings = []
        self.experience = []

    def send(self, method, params, with_id=True):
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if with_id:
            message["id"] = self.next_id
            self.next_id += 1
        self.websocket.send_frame(1, json.dumps(message).encode())
        return message.get("id")

    def call(self, method, params):
        call_id = self.send(method, params)
        deadline = time.monotonic() + TIMEOUT_S
        while call_id not in self.replies:
            assert time.monotonic() < deadline, f"{method}: no answer"
            self.hear()
        return self.replies.pop(call_id)

    def must(self, method, params):
        reply = self.call(method, params)
        assert "result" in reply, f"{method}: {reply}"
        return reply["result"]

    def hear(self):
        message = json.loads(self.websocket.receive_text())
        assert message["jsonrpc"] == "2.0", message
        if "method" not in message:
            self.replies[message["id"]] = message
            return
        method, params = message["method"], message["params"]
        self.heard[method] = self.heard.get(method, 0) + 1
        if method == "world.snapshot":
            self.zone, self.you = params["zone"], params["you"]
            self.entities = {entity["id"]: entity for entity in params["entities"]}
            self.stand_where_the_server_says()
        elif method == "world.delta":
            self.delta(params)
        elif method == "world.corrected":
            self.at = (params["x"], params["y"])
        elif method == "character.respawned":
            self.at = None
        elif method == "character.update" and "experience_delta" in params:
            self.experience.append(params["experience_delta"])

    def delta(self, delta):
        self.ack = delta.get("ack", self.ack)
        for entity_id in delta.get("leave", []):
            del self.entities[entity_id]
        for entity in delta.get("enter", []):
            self.entities[entity["id"]] = entity
        for update in delta.get("update", []):
            self.entities[update["id"]].update(update)
        for event in delta.get("events", []):
            if event["type"] == "swing" and event["attacker"] == self.you:
                self.swings.append(event)
        if self.at is None:
            self.stand_where_the_server_says()

    def stand_where_the_server_says(self):
        own = self.entities[self.you]
        self.at = (own["x"], own["y"])

    def wait_for(self, condition, what, patience_s=TIMEOUT_S):
        deadline = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}; heard {self.heard}"
            self.hear()

    def step_towards(self, x, y):
        """One tenth of a second on the way to (x, y), paced by the server's frames."""
        stride = self.zone["max_speed"] * 0.09
        distance = math.dist(self.at, (x, y))
        if distance > stride:
            share = stride / distance
            x = round(self.at[0] + (x - self.at[0]) * share)
            y = round(self.at[1] + (y - self.at[1]) * share)
        self.seq += 1
        self.at = (x, y)
        self.send("world.move", {"seq": self.seq, "x": x, "y": y}, with_id=False)
        until = time.monotonic() + 0.1
        sent = self.seq
        while self.ack < sent and self.at == (x, y):
            self.hear()
        # A frame comes sooner than a tenth of a second: keep to our own pace.
        time.sleep(max(0.0, until - time.monotonic()))

    def walk_to(self, place, near_mm, patience_s=60):
        """Walks until the place (a function, since it may move) is near; False when it is gone."""
        deadline = time.monotonic() + patience_s
        while True:
            target = place()
            if target is None:
                return False
            if math.dist(self.at, target) <= near_mm:
                return True
            assert time.monotonic() < deadline, f"could not reach {target} from {self.at}"
            self.step_towards(*target)

    def nearest(self, wanted):
        found = [e for e in self.entities.values() if e["id"] != self.you and wanted(e)]
        return min(found, key=lambda e: math.dist(self.at, (e["x"], e["y"])), default=None)

    def place_of(self, entity_id):
        entity = self.entities.get(entity_id)
        return None if entity is None or entity.get("hp") == 0 else (entity["x"], entity["y"])


def talk(game):
    innkeeper = game.nearest(lambda e: e.get("template") == "mira")
    assert innkeeper is not None, "the innkeeper is not in sight of where characters start"
    assert game.walk_to(lambda: game.place_of(innkeeper["id"]), 3_000)
    answer = game.must("npc.interact", {"target": innkeeper["id"]})
    assert answer["kind"] == "dialog", answer
    game.wait_for(lambda: game.heard.get("dialog.show"), "the innkeeper's words")
    game.must("dialog.close", {})


def go_hunting(game):
    visited = set()
    deadline = time.monotonic() + HUNT_S
    while game.nearest(lambda e: e.get("hostile")) is None:
        assert time.monotonic() < deadline, f"nobody to fight in {game.zone['name']} within {HUNT_S} s"
        name = game.zone["name"]
        visited.add(name)
        ways = sorted(game.zone["crossings"], key=lambda c: (c["to"] != "greywood", c["to"] in visited))
        if name == "greywood" or not ways:
            # Looks around; the wolves may all be dead at the moment.
            place = (random.randrange(game.zone["width"]), random.randrange(game.zone["height"]))
            game.step_towards(*place)
            game.walk_to(lambda: place if game.nearest(lambda e: e.get("hostile")) is None else None, 1)
            continue
        way = ways[0]
        middle = ((way["x0"] + way["x1"]) // 2, (way["y0"] + way["y1"]) // 2)
        game.walk_to(lambda: middle if game.zone["name"] == name else None, 0)
        game.wait_for(lambda: game.zone["name"] != name, f"the crossing to {way['to']}")


def fight(game, ability_range):
    deadline = time.monotonic() + HUNT_S
    while not game.swings:
        assert time.monotonic() < deadline, f"no swing within {HUNT_S} s"
        prey = game.nearest(lambda e: e.get("hostile") and e.get("hp", 0) > 0)
        if prey is None:
            go_hunting(game)
            continue
        if game.walk_to(lambda: game.place_of(prey["id"]), ability_range * 0.8):
            reply = game.call("combat.attack", {"target": prey["id"]})
            if "error" in reply:
                assert reply["error"]["code"] in (-32011, -32001), reply
            until = time.monotonic() + 0.6
            while time.monotonic() < until and not game.swings:
                game.hear()


def main(base):
    address = urllib.parse.urlsplit(base)
    tokens = http("POST", f"{base}/v1/auth/guest", {})
    token = tokens["access_token"]
    me = http("GET", f"{base}/v1/me", token=token)
    assert me["guest"] is True, me
    chosen = http("GET", f"{base}/v1/classes", token=token)["classes"][0]["name"]
    name = "New" + "".join(random.choices(string.ascii_lowercase, k=9))
    character = http("POST", f"{base}/v1/characters", {"name": name, "class": chosen}, token)

    game = Game(WebSocket(address.hostname, address.port, "/v1/world/ws", token, "lore.v1.json"))
    game.wait_for(lambda: game.heard.get("session.welcome"), "the welcome")
    early = game.call("inventory.list", {})
    assert early["error"]["data"]["reason"] == "invalid_state", early
    joined = game.must("world.join", {"character": character["id"]})
    game.wait_for(lambda: game.zone is not None, "the first snapshot")
    assert joined["zone"] == game.zone["name"] and joined["entity"] == game.you

    pong = game.must("system.ping", {"nonce": 5})
    assert pong["nonce"] == 5, pong
    unknown = game.call("no.such_method", {})
    assert unknown["error"]["code"] == -32601, unknown
    inventory = game.must("inventory.list", {})
    game.must("chat.send", {"text": "hello"})
    talk(game)
    go_hunting(game)
    fight(game, joined["character"]["abilities"][0]["range"])
    moves, acknowledged = game.seq, game.ack
    game.must("world.leave", {})
    assert acknowledged > 0, "no movement was ever acknowledged"
    swing = game.swings[0]
    print(
        json.dumps(
            {
                "character": name,
                "zone": game.zone["name"],
                "moves": moves,
                "acknowledged": acknowledged,
                "slots": len(inventory["slots"]),
                "swing": {"hit": swing["hit"], "amount": swing["amount"], "by": swing["by"]},
                "heard": game.heard,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
