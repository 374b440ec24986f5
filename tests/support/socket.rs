//! A client that hides nothing: raw frames out, everything heard kept, and a replica rebuilt from
//! snapshots and deltas as `docs/protocol.md` describes it.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long anything may take that a story waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The world as the protocol says a client can know it.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    /// Name of the zone.
    pub zone: String,
    /// The own entity.
    pub you: u64,
    /// Newest tick.
    pub tick: u64,
    /// Highest acknowledged movement.
    pub ack: u64,
    /// By id, whole.
    pub entities: BTreeMap<u64, Value>,
    /// SELF.
    pub own: Map<String, Value>,
    /// ENVIRONMENT.
    pub environment: Value,
    /// HAPPENING by name; what is over stays until the next snapshot.
    pub world_events: BTreeMap<String, Value>,
}

impl Replica {
    /// The own entity.
    pub fn me(&self) -> &Value {
        &self.entities[&self.you]
    }

    /// The first entity of a template that is not dead.
    pub fn find(&self, template: &str) -> Option<u64> {
        let fits = |entity: &Value| entity["template"] == template && entity["hp"] != 0;
        self.entities.iter().find(|(_, entity)| fits(entity)).map(|(id, _)| *id)
    }

    fn snapshot(&mut self, params: &Value) {
        self.zone = params["zone"]["name"].as_str().unwrap().to_owned();
        self.you = params["you"].as_u64().unwrap();
        self.tick = params["tick"].as_u64().unwrap();
        self.ack = params["ack"].as_u64().unwrap();
        self.own = params["self"].as_object().unwrap().clone();
        self.environment = params["environment"].clone();
        let events = params["world_events"].as_array().unwrap().iter();
        self.world_events = events.map(|event| (named(event), event.clone())).collect();
        self.entities.clear();
        for entity in params["entities"].as_array().unwrap() {
            assert!(self.entities.insert(entity["id"].as_u64().unwrap(), entity.clone()).is_none());
        }
    }

    fn delta(&mut self, params: &Value) {
        let tick = params["tick"].as_u64().unwrap();
        assert!(tick > self.tick, "tick {tick} after {}", self.tick);
        self.tick = tick;
        if let Some(ack) = params["ack"].as_u64() {
            assert!(ack >= self.ack);
            self.ack = ack;
        }
        let list = |name: &str| params[name].as_array().cloned().unwrap_or_default();
        for id in list("leave") {
            assert!(self.entities.remove(&id.as_u64().unwrap()).is_some(), "{id} left unknown");
        }
        for entity in list("enter") {
            let id = entity["id"].as_u64().unwrap();
            assert!(self.entities.insert(id, entity).is_none(), "{id} entered twice");
        }
        for update in list("update") {
            let known = self.entities.get_mut(&update["id"].as_u64().unwrap()).unwrap();
            for (member, value) in update.as_object().unwrap() {
                known[member] = value.clone();
            }
        }
        for (member, value) in params["self"].as_object().into_iter().flatten() {
            self.own.insert(member.clone(), value.clone());
        }
        for event in list("events") {
            if event["type"] == "environment" {
                self.environment = event["environment"].clone();
            }
        }
    }
}

fn named(event: &Value) -> String {
    event["name"].as_str().unwrap().to_owned()
}

/// One connection.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Of the next call.
    pub next_id: u64,
    seq: u64,
    /// Answers nobody has asked for yet.
    answers: VecDeque<Value>,
    /// Notifications not yet waited for; deltas are not among them.
    notes: VecDeque<Value>,
    /// Events of the deltas, oldest first.
    pub events: Vec<Value>,
    /// What is known of the world.
    pub replica: Replica,
    /// What the replica was before the last snapshot.
    pub before_snapshot: Option<Replica>,
    /// Whether the socket is open; else the close code.
    closed: Option<u16>,
    /// `session.welcome`.
    pub welcome: Value,
}

impl Socket {
    /// Opens the socket with the token in the header and hears the welcome.
    pub async fn open(url: &str, token: &str) -> Self {
        Self::open_with(url, token, &[]).await
    }

    /// The same with these headers more.
    pub async fn open_with(url: &str, token: &str, more: &[(&str, &str)]) -> Self {
        let request = ClientRequestBuilder::new(url.parse().unwrap())
            .with_header("Authorization", format!("Bearer {token}"))
            .with_sub_protocol("lore.v1.json");
        let request = more.iter().fold(request, |request, (name, value)| request.with_header(*name, *value));
        let (stream, _) = timeout(PATIENCE, connect_async(request)).await.unwrap().unwrap();
        let mut socket = Self {
            stream,
            next_id: 1,
            seq: 0,
            answers: VecDeque::new(),
            notes: VecDeque::new(),
            events: Vec::new(),
            replica: Replica::default(),
            before_snapshot: None,
            closed: None,
            welcome: Value::Null,
        };
        socket.welcome = socket.notified("session.welcome").await;
        socket
    }

    /// Sends any message.
    pub async fn send(&mut self, message: Message) {
        timeout(PATIENCE, self.stream.send(message)).await.unwrap().unwrap();
    }

    /// Sends a text frame as it is.
    pub async fn text(&mut self, text: impl Into<String>) {
        self.send(Message::text(text.into())).await;
    }

    /// Sends a text frame and waits for the answer to whatever it was.
    pub async fn ask(&mut self, text: impl Into<String>) -> Value {
        self.text(text).await;
        self.answer().await
    }

    /// The next answer.
    pub async fn answer(&mut self) -> Value {
        self.until("an answer", |socket| socket.answers.pop_front()).await
    }

    /// Calls; the result, or the error object.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.next_id;
        self.next_id += 1;
        let call = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.text(call.to_string()).await;
        let answer = self
            .until(method, |socket| {
                let place = socket.answers.iter().position(|answer| answer["id"] == id)?;
                socket.answers.remove(place)
            })
            .await;
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].clone()),
        }
    }

    /// Calls and insists on success; waits as long as the server asks to when it is too early.
    pub async fn done(&mut self, method: &str, params: Value) -> Value {
        self.patient(method, &params).await.unwrap_or_else(|error| panic!("{method} {params}: {error}"))
    }

    /// Calls again as long as the answer is that it is too early.
    pub async fn patient(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        loop {
            match self.call(method, params.clone()).await {
                Err(error)
                    if matches!(error["code"].as_i64(), Some(-32001 | -32010))
                        || error["data"]["rejection"] == "too_soon" =>
                {
                    let wait = Duration::from_millis(error["data"]["retry_after_ms"].as_u64().unwrap());
                    self.pump_for(wait).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Calls and insists that the game's rules say no, with this word; milliseconds after which they may say yes, if
    /// they are told.
    #[track_caller]
    pub fn rejected<'a>(
        &'a mut self,
        method: &'a str,
        params: Value,
        rejection: &'a str,
    ) -> impl Future<Output = Option<u64>> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let outcome = self.patient(method, &params).await;
            let Err(error) = &outcome else { panic!("{caller}: {method} {params} was allowed: {outcome:?}") };
            assert_eq!(error["code"], -32011, "{caller}: {method} {params}: {error}");
            assert_eq!(error["data"]["reason"], "rejected", "{caller}: {error}");
            assert_eq!(error["data"]["rejection"], rejection, "{caller}: {method} {params}: {error}");
            error["data"]["retry_after_ms"].as_u64()
        }
    }

    /// Waits for a notification and takes it; its params. Others stay.
    pub async fn notified(&mut self, method: &str) -> Value {
        self.until(method, |socket| {
            let place = socket.notes.iter().position(|note| note["method"] == method)?;
            socket.notes.remove(place).map(|mut note| note["params"].take())
        })
        .await
    }

    /// Waits for an event after those already taken; drops what was before it.
    pub async fn event(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.until(what, |socket| {
            let place = socket.events.iter().position(&fits)?;
            let event = socket.events[place].clone();
            socket.events.drain(..=place);
            Some(event)
        })
        .await
    }

    /// Notifications heard and not waited for.
    pub fn unheard(&self, method: &str) -> usize {
        self.notes.iter().filter(|note| note["method"] == method).count()
    }

    /// Forgets notifications that were not waited for.
    pub fn forget_notes(&mut self) {
        self.notes.clear();
    }

    /// Hears frames until `check` finds what it looks for.
    pub async fn until<T>(&mut self, what: &str, mut check: impl FnMut(&mut Self) -> Option<T>) -> T {
        let hearing = async {
            loop {
                if let Some(found) = check(self) {
                    return Ok(found);
                }
                if let Some(code) = self.closed {
                    return Err(code);
                }
                self.pump().await;
            }
        };
        match timeout(PATIENCE, hearing).await {
            Ok(Ok(found)) => found,
            Ok(Err(code)) => panic!("waiting for {what}: closed with {code}"),
            Err(_) => panic!("no {what} within {PATIENCE:?}; unheard: {:?}", self.notes),
        }
    }

    /// Hears frames until the world has gone on.
    pub async fn one_delta(&mut self) {
        let tick = self.replica.tick;
        self.until("a delta", |socket| (socket.replica.tick > tick).then_some(())).await;
    }

    /// Hears whatever comes for this long: what a client does that was asked to wait.
    pub async fn pump_for(&mut self, time: Duration) {
        let hear = async {
            while self.closed.is_none() {
                self.pump().await;
            }
        };
        // The end of the time is the point.
        let _ = timeout(time, hear).await;
    }

    /// Hears frames until the server closes; the close code.
    pub async fn close_code(&mut self) -> u16 {
        let hearing = async {
            loop {
                if let Some(code) = self.closed {
                    return code;
                }
                self.pump().await;
            }
        };
        timeout(PATIENCE, hearing).await.expect("the server closes")
    }

    /// Sends, unless the server has closed.
    pub async fn send_or_closed(&mut self, message: Message) {
        // Whoever reads next learns how it was closed.
        let _ = timeout(PATIENCE, self.stream.send(message)).await.expect("the server reads");
    }

    /// Asks for an answer; the close code if the server has closed instead.
    pub async fn ping_or_closed(&mut self) -> Option<u16> {
        let id = self.next_id;
        self.next_id += 1;
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "system.ping"});
        self.send_or_closed(Message::text(call.to_string())).await;
        let hearing = async {
            loop {
                if let Some(place) = self.answers.iter().position(|answer| answer["id"] == id) {
                    drop(self.answers.remove(place));
                    return None;
                }
                if self.closed.is_some() {
                    return self.closed;
                }
                self.pump().await;
            }
        };
        timeout(PATIENCE, hearing).await.expect("an answer or the end")
    }

    /// Hears what is there already; the close code if that was among it.
    pub async fn closed_now(&mut self) -> Option<u16> {
        self.pump_for(Duration::from_millis(1)).await;
        self.closed
    }

    /// Leaves with a close frame.
    pub async fn close(mut self) {
        timeout(PATIENCE, self.stream.close(None)).await.unwrap().unwrap();
        while self.closed.is_none() {
            timeout(PATIENCE, self.pump()).await.unwrap();
        }
    }

    async fn pump(&mut self) {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => self.hear(&text),
            Some(Ok(Message::Binary(_))) => panic!("a binary frame from the server"),
            Some(Ok(Message::Close(frame))) => {
                self.closed = Some(frame.map_or(1005, |frame| u16::from(frame.code)));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => self.closed = self.closed.or(Some(1006)),
        }
    }

    fn hear(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap();
        if message.get("method").is_none() {
            self.answers.push_back(message);
            return;
        }
        assert_eq!(message["jsonrpc"], "2.0");
        match message["method"].as_str().unwrap() {
            "world.delta" => {
                self.replica.delta(&message["params"]);
                let events = message["params"]["events"].as_array();
                self.events.extend(events.into_iter().flatten().cloned());
            }
            "world.snapshot" => {
                self.before_snapshot = Some(self.replica.clone());
                self.replica.snapshot(&message["params"]);
                self.notes.push_back(message);
            }
            "world.event" => {
                let event = &message["params"]["event"];
                self.replica.world_events.insert(named(event), event.clone());
                self.notes.push_back(message);
            }
            _ => self.notes.push_back(message),
        }
    }

    /// Tells the server that the newest frame was taken in.
    pub async fn acknowledge(&mut self) {
        let params = json!({"tick": self.replica.tick});
        self.text(json!({"jsonrpc": "2.0", "method": "world.ack", "params": params}).to_string()).await;
    }

    /// Asks for one step to a place; its sequence number.
    pub async fn step(&mut self, x: i64, y: i64) -> u64 {
        self.seq += 1;
        let params = json!({"seq": self.seq, "x": x, "y": y});
        let call = json!({"jsonrpc": "2.0", "method": "world.move", "params": params});
        self.text(call.to_string()).await;
        self.seq
    }

    /// Asks for several steps in one call; the sequence number of the last.
    pub async fn steps(&mut self, places: &[(i64, i64)]) -> u64 {
        let first = self.seq + 1;
        let moves = (first..).zip(places).map(|(seq, (x, y))| json!({"seq": seq, "x": x, "y": y}));
        let params = json!({"moves": moves.collect::<Vec<_>>()});
        self.seq += places.len() as u64;
        self.done("world.position.batch", params).await;
        self.seq
    }

    /// Walks in steps that the zone allows until it stands there or is in another zone. Every
    /// step waits for its acknowledgement: nothing is ever corrected.
    pub async fn walk(&mut self, x: i64, y: i64, max_speed: i64) {
        let zone = self.replica.zone.clone();
        // Millimetres of half a movement credit, which refills while the step is acknowledged.
        let stride = max_speed / 20;
        while self.replica.zone == zone {
            let (at_x, at_y) = self.place();
            let (dx, dy) = (x - at_x, y - at_y);
            let distance = ((dx * dx + dy * dy) as f64).sqrt() as i64;
            if distance == 0 {
                return;
            }
            let part = stride.min(distance);
            let seq = self.step(at_x + dx * part / distance, at_y + dy * part / distance).await;
            self.until("an acknowledgement", |socket| {
                let over = socket.replica.zone != zone || socket.unheard("world.zone") > 0;
                (over || socket.replica.ack >= seq || socket.unheard("world.corrected") > 0).then_some(())
            })
            .await;
            assert_eq!(self.unheard("world.corrected"), 0, "corrected while walking");
            if self.unheard("world.zone") > 0 {
                return;
            }
            if distance <= stride {
                return;
            }
        }
    }

    /// A step to where the own character stands, with its acknowledgement: some time has passed then.
    pub async fn step_in_place(&mut self) {
        let (x, y) = self.place();
        let seq = self.step(x, y).await;
        self.until("an acknowledgement", |socket| (socket.replica.ack >= seq).then_some(())).await;
    }

    /// Where the own character stands.
    pub fn place(&self) -> (i64, i64) {
        let me = self.replica.me();
        (me["x"].as_i64().unwrap(), me["y"].as_i64().unwrap())
    }

    /// The slot of the first stack of an item.
    pub async fn slot_of(&mut self, item: &str) -> u64 {
        let inventory = self.done("inventory.list", json!({})).await;
        let slots = inventory["slots"].as_array().unwrap();
        slots.iter().find(|slot| slot["item"] == item).unwrap()["slot"].as_u64().unwrap()
    }

    /// How many of an item are in the inventory.
    pub async fn count_of(&mut self, item: &str) -> u64 {
        let inventory = self.done("inventory.list", json!({})).await;
        let slots = inventory["slots"].as_array().unwrap();
        slots.iter().filter(|slot| slot["item"] == item).map(|slot| slot["count"].as_u64().unwrap()).sum()
    }
}
