#!/usr/bin/env python3
"""Plays through docs/protocol.md and checks every example of it against a running server.

    python3 -m pip install --target FOLDER -r tests/protocol_check.txt
    PYTHONPATH=FOLDER python3 tests/protocol_check.py http://127.0.0.1:7777 json|proto

Every method is called with the params of its example (ids are those of the world at hand), every notification, error,
rejection and close code is brought about, and all that is heard is compared with the document (protocol_document.py).
The world is that of the story `independent`, which starts this, and which is asked for what only operators can by lines
on standard output: `say` for a word to all, `push` for a new version of the weather, `terminate` for the end of the
server.
"""

import os
import random
import re
import string
import sys
import threading
import urllib.request

sys.dont_write_bytecode = True

from protocol_client import CLOSE, TEXT, Client, Json, NotLetIn, Proto, Refused, Schema, http, pause
from protocol_document import Document

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")

# What the document shows and no client can bring about, and why.
NOT_PROVOKED = {
    "error -32603": "a defect of the server: none is known; tests/defects.rs makes one",
    "error -32010": "thousands of commands in one tick or 129 open ones: more than the limits let one client send",
    "error -32012": "a store that cannot be reached",
    "rejection not_in_zone": "a command in the tick in which its character leaves: tests/not_now.rs",
    "rejection not_enough_mana": "content in which more is asked for than anybody has: tests/rejections.rs",
    "rejection not_enough_energy": "the same",
    "rejection stunned": "content in which characters can be stunned for sure: tests/rejections.rs",
    "rejection silenced": "content that has silence: tests/rejections.rs",
    "rejection ability_refused": "a script that refuses for reasons of its own: tests/rejections.rs",
    "rejection chat_shouting": "the same",
    "rejection chat_refused": "the same",
    "rejection quest_limit": "content with more quests: tests/rejections.rs",
    "rejection inventory_full": "content with a full bag: tests/crafting.rs",
    "rejection zone_full": "a full world: tests/full_zones.rs",
    "rejection shop_busy": "more prices in one tick than the limits let one client ask for: tests/not_now.rs",
    "rejection craft_busy": "the same for attempts",
}


class Check:
    """One run in one encoding."""

    def __init__(self, base, encoding):
        self.base, self.ws = base, base.replace("http://", "ws://") + "/v1/world/ws"
        schema = Schema(os.path.join(ROOT, "proto"))
        with open(os.path.join(ROOT, "docs", "protocol.md"), encoding="utf-8") as file:
            text = file.read()
        self.codec = Proto(schema) if encoding == "proto" else Json()
        self.document = Document(text, schema, self.codec.subprotocol)

    # Who plays.

    def guest(self):
        status, tokens = http("POST", f"{self.base}/v1/auth/guest", {})
        assert status == 201, tokens
        return tokens["access_token"]

    def character(self, token, kind):
        name = "I" + "".join(random.choices(string.ascii_lowercase, k=9))
        status, character = http("POST", f"{self.base}/v1/characters", {"name": name, "class": kind}, token)
        assert status == 201, character
        return character["id"]

    def open(self, token=None, **how):
        client = Client(self.ws, token or self.guest(), self.codec, self.document, **how)
        client.recovery = client.notified("session.welcome").get("recovery")
        return client

    def player(self, kind):
        """A connection with a character that is not in the world yet."""
        token = self.guest()
        client = self.open(token)
        client.token, client.character = token, self.character(token, kind)
        return client

    def join(self, client):
        joined = self.ask(client, "world.join", character=client.character)
        client.notified("world.snapshot")
        assert joined["entity"] == client.you and joined["zone"] == client.zone["name"], joined

    def ask(self, client, method, **real):
        """Calls with the params of the example."""
        return client.must(method, self.document.params(method, **real))

    def refused(self, client, code, method, params, rejection=None):
        """Calls until it is refused for another reason than that it calls too often; how it was refused."""
        while True:
            try:
                result = client.call(method, params)
            except Refused as refused:
                if refused.code == -32001:
                    pause(refused.retry_after_ms / 1000)
                    continue
                assert (refused.code, refused.rejection) == (code, rejection), f"{method} {params}: {refused}"
                return refused
            raise AssertionError(f"{method} {params} was allowed: {result}")

    def rejected(self, client, rejection, method, params):
        return self.refused(client, -32011, method, params, rejection)

    # What is checked, in the order in which it can be had.

    def run(self):
        hero, friend = self.player("warrior"), self.player("mage")
        self.envelopes(hero)
        self.refused(hero, -32003, "inventory.list", {})
        self.refused(hero, -32000, "world.join", {"character": friend.character})
        self.join(hero)
        self.join(friend)
        self.movement(hero)
        self.rejections(hero, friend)
        self.speech(hero, friend)
        self.presence(hero, friend)
        self.topics(hero)
        self.conversation(hero)
        self.things(hero)
        self.trade(hero)
        self.craft(hero)
        self.duels(hero, friend)
        self.fight(hero)
        self.hunt(hero)
        self.death(hero)
        self.crossing(hero)
        self.ask(hero, "world.leave")
        self.refused(hero, -32003, "quest.list", {})
        self.limits(friend)
        self.refresh()
        self.comeback()
        self.expiry()
        friend = self.closes(friend)
        self.weather(friend)
        self.shutdown(friend)

    def envelopes(self, client):
        """What is no call, and calls that cannot be."""
        for text, code in [(self.codec.garbage, -32700), (self.codec.without_calls, -32600)]:
            client.websocket.send(self.codec.opcode, text)
            error = client.wait(lambda: client.stray.pop() if client.stray else None, f"{code}")
            assert error["code"] == code, error
        call_id, client.next_id = client.next_id, client.next_id + 1
        client.websocket.send(self.codec.opcode, self.codec.unknown_call(call_id))
        try:
            client.answer(call_id)
        except Refused as refused:
            assert refused.code == -32601, refused
        self.refused(client, -32602, "inventory.unequip", {"from": "tail"})
        pong = self.ask(client, "system.ping")
        assert pong["nonce"] == self.document.params("system.ping")["nonce"] and "tick" not in pong, pong
        assert "nonce" not in client.must("system.ping", {})

    def movement(self, hero):
        x, y = hero.place()
        hero.seq += 1
        self.ask(hero, "world.move", seq=hero.seq, x=x + 300, y=y)
        hero.wait(lambda: hero.ack == hero.seq, "an acknowledgement")
        hero.seq += 1
        self.ask(hero, "world.move", seq=hero.seq, x=x + 90_000, y=y)
        corrected = hero.notified("world.corrected")
        assert corrected == {"seq": hero.seq, "x": x + 300, "y": y}, corrected
        first, hero.seq = hero.seq + 1, hero.seq + 2
        steps = [{"seq": first, "x": x + 500, "y": y}, {"seq": hero.seq, "x": x + 500, "y": y + 200}]
        self.ask(hero, "world.position.batch", moves=steps)
        hero.wait(lambda: hero.ack == hero.seq and hero.place() == (x + 500, y + 200), "both steps")
        self.ask(hero, "state.sync")
        hero.notified("world.snapshot")
        assert "tick" in self.ask(hero, "system.ping")
        self.ask(hero, "world.ack", tick=hero.tick)

    def rejections(self, hero, friend):
        """What the rules say no to where everybody begins; the rest follows where there is a way to it."""
        mira, slots = hero.seek("mira")["id"], self.slots(hero)
        sword, bread = slots["rusty_sword"]["slot"], slots["bread"]["slot"]
        for method, params, rejection in [
            ("npc.interact", {"target": 4_000_000_000}, "no_target"),
            ("npc.interact", {"target": friend.you}, "wrong_target"),
            ("npc.interact", {"target": mira}, "out_of_range"),
            ("combat.use_skill", {"ability": "nonsense", "target": mira}, "unknown_ability"),
            ("quest.accept", {"quest": "nonsense"}, "unknown_quest"),
            ("chat.send", {"text": "two\nlines"}, "bad_text"),
            ("inventory.use", {"slot": sword}, "wrong_item"),
            ("inventory.drop", {"slot": bread, "count": 0}, "bad_count"),
            ("craft.make", {"recipe": "nonsense"}, "unknown_recipe"),
            ("craft.make", {"recipe": "fur_jerkin"}, "requirement"),
            ("craft.make", {"recipe": "leather_cap", "count": 50}, "missing_ingredients"),
            ("duel.accept", {"duel": 4_000_000}, "no_duel"),
        ]:
            self.rejected(hero, rejection, method, params)

    def speech(self, hero, friend):
        """A line that all hear; then lines that nobody hears, of one who is soon not heard any more."""
        self.ask(hero, "chat.send")
        for listener in (hero, friend):
            said = listener.notified("chat.message")
            assert (said["from"], said["text"]) == (hero.you, "hello"), said
        for _ in range(2):
            self.ask(hero, "chat.send")
        self.rejected(hero, "chat_spam", "chat.send", self.document.params("chat.send"))
        self.rejected(friend, "chat_link", "chat.send", {"text": "look at www.example.com"})
        for _ in range(3):
            self.rejected(friend, "chat_profanity", "chat.send", {"text": "kys"})
        self.rejected(friend, "chat_muted", "chat.send", {"text": "what have I done?"})

    def presence(self, hero, friend):
        both = [hero.character, friend.character]
        heard = self.ask(hero, "presence.subscribe", characters=both)
        assert [one["character"] for one in heard["presences"]] == both, heard
        self.ask(friend, "presence.update")
        told = hero.notified("presence.changed", lambda told: told["presences"][0]["state"] == "busy")
        assert told["presences"][0]["status"] == self.document.params("presence.update")["status"], told
        asked = self.ask(hero, "presence.query", characters=both, names=["Nobody"])
        assert asked["presences"][-1] == {"name": "Nobody", "state": "offline"}, asked
        many = list(range(1_000_001, 1_000_200))
        self.refused(hero, -32004, "presence.subscribe", {"characters": many})
        self.ask(hero, "presence.unsubscribe", characters=both)

    def topics(self, hero):
        """What is told to all can be left out; in the end everything is heard again."""
        left = self.ask(hero, "system.unsubscribe")["topics"]
        taken = self.document.params("system.unsubscribe")["topics"]
        assert not set(left) & set(taken), left
        every = self.ask(hero, "system.subscribe", topics=taken)["topics"]
        assert set(every) == set(left) | set(taken), every
        self.ask(hero, "system.subscribe")
        print("say", flush=True)
        said = hero.notified("system.message", lambda said: said.get("topic") == "operator")
        assert "level" in said, said

    def near(self, client, template):
        """Walks up to an NPC; its id."""
        npc = client.seek(template)
        client.walk(npc["x"], npc["y"], near=2_000)
        return npc["id"]

    def conversation(self, hero):
        mira = self.near(hero, "mira")
        assert self.ask(hero, "npc.interact", target=mira) == {"kind": "dialog"}
        assert hero.notified("dialog.show")["npc"] == mira
        self.rejected(hero, "unknown_choice", "dialog.choose", {"choice": "nonsense"})
        self.ask(hero, "dialog.choose")
        asked = hero.notified("dialog.show")
        self.ask(hero, "dialog.choose", choice=asked["choices"][-1]["id"])
        hero.notified("dialog.show")
        self.ask(hero, "dialog.choose", choice="farewell")
        hero.notified("dialog.end")
        self.ask(hero, "npc.interact", target=mira)
        hero.notified("dialog.show")
        self.ask(hero, "dialog.close")
        self.rejected(hero, "no_dialog", "dialog.close", {})
        self.ask(hero, "quest.accept")
        assert hero.notified("quest.update")["quest"]["state"] == "active"
        quests = self.ask(hero, "quest.list")["quests"]
        name = self.document.params("quest.accept")["quest"]
        assert [quest["name"] for quest in quests] == [name], quests
        self.ask(hero, "quest.abandon", quest=name)
        hero.notified("quest.update", lambda update: update["quest"]["state"] == "abandoned")
        self.ask(hero, "quest.accept")
        self.rejected(hero, "quest_state", "quest.accept", self.document.params("quest.accept"))

    def slots(self, client):
        return {slot["item"]: slot for slot in self.ask(client, "inventory.list")["slots"]}

    def things(self, hero):
        slots = self.slots(hero)
        self.ask(hero, "inventory.equip", slot=slots["rusty_sword"]["slot"])
        hero.notified("inventory.update", lambda update: update.get("equipment", {}).get("main_hand"))
        assert self.ask(hero, "inventory.list")["equipment"] == {"main_hand": "rusty_sword"}
        self.ask(hero, "inventory.unequip")
        bread = slots["bread"]["slot"]
        self.ask(hero, "inventory.move", **{"from": bread, "to": 20})
        self.ask(hero, "inventory.drop", slot=20)
        item = hero.seek("bread")
        assert self.ask(hero, "npc.interact", target=item["id"]) == {"kind": "picked_up"}
        hero.wait(lambda: item["id"] not in hero.entities, "the bread to be gone")
        self.rejected(hero, "empty_slot", "inventory.use", {"slot": 31})

    def trade(self, hero):
        tobin = self.near(hero, "tobin")
        assert self.ask(hero, "npc.interact", target=tobin) == {"kind": "greeting"}
        hero.notified("chat.message", lambda said: said["from"] == tobin)
        shop = self.ask(hero, "shop.list", npc=tobin)
        assert shop["asks"] and shop["pays"], shop
        bought = self.ask(hero, "shop.buy", npc=tobin)
        assert bought["count"] == self.document.params("shop.buy")["count"], bought
        hero.notified("character.update", lambda update: update.get("gold_delta", 0) < 0)
        pelts = self.slots(hero)["wolf_pelt"]["slot"]
        self.ask(hero, "shop.sell", npc=tobin, slot=pelts)
        bread = {"npc": tobin, "item": "bread", "count": 1}
        self.rejected(hero, "not_for_sale", "shop.buy", bread | {"item": "greyjaw_mantle"})
        self.rejected(hero, "not_enough_gold", "shop.buy", bread | {"count": 1_000})
        self.rejected(hero, "price_changed", "shop.buy", bread | {"price": 1})

    def craft(self, hero):
        recipes = {recipe["name"]: recipe for recipe in self.ask(hero, "craft.list")["recipes"]}
        asked = self.document.params("craft.make")
        crafted = self.ask(hero, "craft.make")
        assert asked["recipe"] in recipes
        assert crafted["made"] + crafted["masterworks"] + crafted["failed"] == asked["count"], crafted

    def duels(self, hero, friend):
        """One is declined, one is played until something was said of a blow, and ends by surrender."""
        hero.walk(*friend.place(), near=2_000)
        duel = self.ask(hero, "duel.challenge", target=friend.you)["duel"]
        self.rejected(hero, "duel_busy", "duel.challenge", {"target": friend.you})
        assert friend.notified("duel.challenged")["from"] == hero.you
        self.ask(friend, "duel.decline", duel=duel)
        assert "result" not in hero.notified("duel.ended")
        duel = self.ask(hero, "duel.challenge", target=friend.you)["duel"]
        friend.notified("duel.challenged")
        self.ask(friend, "duel.accept", duel=duel)
        self.ask(friend, "combat.auto")
        turns = lambda actor: hero.notified("duel.turn", lambda turn: turn.get("actor") == actor)
        turns(hero.you)
        self.rejected(friend, "not_your_turn", "duel.act", {"duel": duel})
        self.ask(hero, "duel.act", duel=duel)
        blow = turns(friend.you)["last"]
        assert (blow["actor"], blow["ability"]) == (hero.you, self.document.params("duel.act")["ability"]), blow
        turns(hero.you)
        self.ask(hero, "combat.surrender")
        for client, result in ((hero, "lost"), (friend, "won")):
            ended = client.notified("duel.ended", lambda ended: "result" in ended)
            assert (ended["duel"], ended["result"], ended["why"]) == (duel, result, "surrender"), ended

    def fight(self, hero):
        """A dummy that does not strike back: blows, bleeding; then bread for what a wolf has bitten."""
        dummy = self.near(hero, "dummy")
        attack = self.document.params("combat.attack", target=dummy)
        first, second = [hero.send("combat.attack", attack) for _ in range(2)]
        hero.answer(first)
        try:
            hero.answer(second)
        except Refused as refused:
            assert refused.rejection == "too_soon" and refused.retry_after_ms <= 500, refused
        else:
            raise AssertionError("two blows at once")
        hero.event("swing", lambda swing: swing["attacker"] == hero.you)
        self.ask(hero, "combat.use_skill", target=dummy)
        hero.event("swing", lambda swing: swing["ability"] == "cleave")
        # What is too soon is not asked whether it is ready.
        pause(0.6)
        cleave = self.document.params("combat.use_skill", target=dummy)
        left = self.rejected(hero, "on_cooldown", "combat.use_skill", cleave)
        assert 0 < left.retry_after_ms <= 6000, left
        bleeds = lambda: any(status["name"] == "bleed" for status in hero.entities[dummy]["statuses"])
        while not bleeds():
            hero.must("combat.use_skill", {"ability": "rend", "target": dummy})
            hero.event("swing", lambda swing: swing["ability"] == "rend")
            pause(0.2)
        self.ask(hero, "state.sync")
        hero.notified("world.snapshot")
        hero.event("pulse", lambda pulse: pulse["target"] == dummy)

    def hunt(self, hero):
        """Wolves for the quest; their deaths bring about the world event."""
        kills = 0
        while kills < 3:
            wolf = hero.wait(lambda: hero.find("wolf"), "a wolf", patience_s=60)
            if self.fell(hero, wolf["id"]):
                kills += 1
        hero.notified("world.event", lambda told: told["event"]["stage"] == 1)
        self.ask(hero, "inventory.use", slot=self.slots(hero)["bread"]["slot"])
        hero.event("heal", lambda heal: heal["with"] == "bread")
        scarecrow = hero.seek("scarecrow")
        # A snapshot holds the events that go on.
        self.ask(hero, "state.sync")
        hero.notified("world.snapshot", lambda snapshot: snapshot["world_events"])
        self.fell(hero, scarecrow["id"])
        hero.notified("world.event", lambda told: told["event"]["state"] == "success")
        reward = hero.notified("event.reward")
        assert reward["items"] and reward["rank"] == 1, reward
        mira = self.near(hero, "mira")
        self.ask(hero, "npc.interact", target=mira)
        hero.notified("quest.update", lambda update: update["quest"]["state"] == "complete")
        name = self.document.params("quest.accept")["quest"]
        self.ask(hero, "quest.turn_in", quest=name)
        hero.notified("quest.update", lambda update: update["quest"]["state"] == "turned_in")

    def fell(self, hero, target):
        """Strikes until the target is dead or gone; whether it died."""
        while target in hero.entities:
            at = hero.entities[target]
            hero.walk(at["x"], at["y"], near=1_500)
            try:
                hero.call("combat.attack", {"target": target})
            except Refused:  # too early, too far, or somebody's last breath
                pause(0.1)
            if any(event["type"] == "death" and event["entity"] == target for event in hero.events):
                hero.event("death", lambda death: death["entity"] == target)
                return True
        return False

    def death(self, hero):
        ogre = hero.wait(lambda: hero.find("ogre"), "the ogre")
        hero.walk(ogre["x"], ogre["y"], near=2_500)
        hero.event("death", lambda death: death["entity"] == hero.you)
        hero.notified("character.died")
        self.rejected(hero, "dead", "inventory.use", {"slot": 31})
        hero.notified("character.respawned")
        hero.wait(lambda: hero.entities[hero.you]["hp"] > 0, "life")

    def crossing(self, hero):
        hero.walk(200_000, 20_000)
        hero.walk(200_000, 0)
        assert hero.notified("world.zone") == {"zone": "greywood"}
        hero.wait(lambda: hero.zone, "the snapshot of the other zone")

    def limits(self, friend):
        """Too many calls at once; the answer says when to try again."""
        calls = [friend.send("state.sync", {}) for _ in range(8)]
        refusals = 0
        for call_id in calls:
            try:
                friend.answer(call_id)
            except Refused as refused:
                assert refused.code == -32001, refused
                refusals += 1
        assert refusals >= 3, refusals

    def expiry(self):
        """The token is revoked while calls wait for the next tick."""
        for _ in range(10):
            client = self.player("warrior")
            self.join(client)
            logout = threading.Thread(target=http, args=("POST", f"{self.base}/v1/auth/logout", {}, client.token))
            logout.start()
            calls = []
            # No faster than is allowed, but more than one a tick, however long the logout takes.
            while client.closed is None and len(calls) < 1_000:
                calls.append(client.send("dialog.close", {}))
                pause(0.02)
            logout.join()
            assert client.close_code() == 4001
            if any(client.answers.get(call, {}).get("error", {}).get("code") == -32002 for call in calls):
                return
        raise AssertionError("no call that waited was told of the end of its token")

    def refresh(self):
        """Another token of the same account, in the place of the first."""
        status, tokens = http("POST", f"{self.base}/v1/auth/guest", {})
        client = self.open(tokens["access_token"])
        status, newer = http("POST", f"{self.base}/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]})
        assert status == 200, newer
        refreshed = self.ask(client, "auth.refresh", token=newer["access_token"])
        assert refreshed["expires_in_ms"] > 0, refreshed
        self.refused(client, -32000, "auth.refresh", {"token": self.guest()})
        assert client.close() == 1000

    def comeback(self):
        """The connection breaks; another one goes on where it was."""
        first = self.player("warrior")
        self.join(first)
        self.ask(first, "session.ack", seq=first.heard)
        answered, heard = first.next_id - 1, first.heard
        Client.all.remove(first)
        first.websocket.socket.close()
        client = Client(self.ws, first.token, self.codec, self.document)
        welcome = client.notified("session.welcome")
        resumed = self.ask(client, "session.resume", token=first.recovery, seq=heard)
        client.notified("world.snapshot")
        assert resumed["character"] == first.character and resumed["last_id"] == answered, resumed
        assert resumed["recovery"] == welcome["recovery"], "the next token is that of the welcome"
        assert client.close() == 1000

    def banned(self):
        """An account that breaks the rules again and again is turned away."""
        token = self.guest()
        watcher = self.open(token)
        for _ in range(100):
            try:
                breach = Client(self.ws, token, self.codec, self.document)
            except NotLetIn:
                break
            breach.websocket.send(self.codec.opcode, b"{}", reserved=0x40)
            assert breach.close_code() in (1002, 4005)
        assert watcher.close_code() == 4005

    def closes(self, friend):
        """Every close code but 4001 and 1012, which have their own; the connection that took over from the friend's."""
        assert self.open().close(1000) == 1000
        for code, frame in [
            (1002, lambda client: client.websocket.send(self.codec.opcode, b"{}", reserved=0x40)),
            (1003, lambda client: client.websocket.send(self.codec.other_opcode, b"{}")),
            (1007, lambda client: client.websocket.send(TEXT, b"\xff\xfe")),
            (1009, lambda client: client.websocket.send(self.codec.opcode, b" " * 16_385)),
            (1007, lambda client: client.websocket.send(CLOSE, b"\x03\xe8\xff\xfe")),
        ]:
            client = self.open()
            frame(client)
            assert client.close_code() == code, (code, client.closed)
        flood = self.open()
        for _ in range(1_500):
            flood.send("system.ping", {}, with_id=False)
        assert flood.close_code() == 1008
        assert self.open(answers_pings=False).close_code() == 4002
        self.banned()
        twin = self.open(friend.token)
        twin.token, twin.character = friend.token, friend.character
        self.join(twin)
        assert friend.close_code() == 4004
        self.slow_reader(twin)
        return twin

    def slow_reader(self, friend):
        """Joins and reads no more, until the server says by its figures that it has had enough."""
        slow = self.player("mage")
        token, character = slow.token, slow.character
        assert slow.close() == 1000
        slow = self.open(token, is_narrow=True)
        slow.send("world.join", {"character": character})
        Client.all.remove(slow)
        x, y = friend.place()
        before = self.too_slow()
        for step in range(1_000):
            if step % 2 == 0 and self.too_slow() > before:
                break
            # It lives and asks, but does not read.
            slow.send("system.ping", {})
            if step % 10 == 0:
                slow.send("craft.list", {})
            if step % 20 == 0:
                slow.send("state.sync", {})
            friend.step(x + step % 2 * 500, y)
        else:
            raise AssertionError("the server bears with it for ever")
        slow.websocket.widen()
        Client.all.append(slow)
        assert slow.close_code() == 4003

    def too_slow(self):
        """How many the server has closed for not reading."""
        counts = re.findall(r'^websocket_closed_total\{code="4003"\} (\d+)$', self.metrics(), re.MULTILINE)
        return int(counts[0]) if counts else 0

    def metrics(self):
        with urllib.request.urlopen(f"{self.base}/metrics") as response:
            return response.read().decode()

    def weather(self, friend):
        friend.events.clear()
        print("push", flush=True)
        friend.event("environment", lambda event: event["environment"]["weather"] == "snow")

    def shutdown(self, friend):
        print("terminate", flush=True)
        friend.notified("system.reconnect")
        assert friend.close_code() == 1012

    def judge(self):
        """All of the document was seen, but what cannot be; and what cannot be is in the document."""
        unknown = sorted(set(NOT_PROVOKED) - set(self.document.shown()))
        assert not unknown, f"not in the document: {unknown}"
        missing = sorted(self.document.unseen() - set(NOT_PROVOKED))
        assert not missing, f"never seen: {missing}"
        print(f"{len(set(self.document.shown()))} parts of the document seen; not provoked: {sorted(NOT_PROVOKED)}")


if __name__ == "__main__":
    check = Check(sys.argv[1].rstrip("/"), sys.argv[2])
    check.run()
    check.judge()
