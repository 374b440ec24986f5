//! One connection: the task that owns the socket, drives the conversation, and writes what the outbox
//! holds. A single task, so that the session needs no lock: a client that does not read also does
//! not get read. When the socket breaks, the task goes on without it ([`Absent`]) until the client is back.

use super::Gateway;
use super::conversation::Conversation;
use super::line::{Farewell, Line, Socket, fault};
use super::linkdead::{Absent, check_token, hand_over, revoked, time_until};
use super::occasions::{Ending, Occasion, Occasions};
use super::presence::{Attendance, is_input};
use super::recovery::{NoSession, Registration, Taker};
use super::session::{Action, Session, State};
use crate::abuse::{Allowance, Offence, Place};
use crate::auth::{AuthError, Claims};
use crate::client::frame::{Encoding, Numbered, notification};
use crate::client::limits;
use crate::client::rpc::RpcError;
use crate::client::{CloseReason, Outgoing};
use futures_util::{FutureExt, SinkExt, StreamExt, TryFutureExt};
use protocol::v1::notification::Method as Notice;
use protocol::v1::response::Outcome;
use protocol::v1::{Refreshed, SessionWelcome, SystemReconnect};
use sim::RequestId;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// Why a connection ended.
enum End {
    /// We close it.
    Close(CloseReason),
    /// The client has closed it, as it should or for another reason.
    Closed { on_purpose: bool },
    /// It is gone.
    Gone,
    /// Its client is back on another, which takes the session.
    Taken(Taker),
}

impl From<Ending> for End {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Close(reason) => Self::Close(reason),
            Ending::Taken(taker) => Self::Taken(taker),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close(reason) => write!(f, "closed with {}", reason.code().0),
            Self::Closed { on_purpose: true } => f.write_str("the client said goodbye"),
            Self::Closed { on_purpose: false } => f.write_str("the client closed it"),
            Self::Gone => f.write_str("gone without a word"),
            Self::Taken(_) => f.write_str("taken up on another connection"),
        }
    }
}

/// One client's socket and everything about it.
pub(super) struct Connection {
    gateway: Arc<Gateway>,
    line: Line,
    talk: Conversation,
    /// How others come by the session; `None` if it ends with its connection.
    registration: Option<Registration>,
    /// The token for that; told in the welcome.
    recovery: Option<String>,
    claims: Claims,
    token: String,
    /// When the token was last looked at.
    token_checked: Instant,
    occasions: Occasions,
    /// Something was heard since the last ping.
    alive: bool,
    /// The session was taken up with the frame that is being answered.
    has_resumed: bool,
    actions: Vec<Action>,
}

impl Connection {
    /// A connection whose token was accepted.
    pub(super) fn new(
        gateway: Arc<Gateway>,
        socket: Socket,
        encoding: Encoding,
        claims: Claims,
        token: String,
        place: Arc<Place>,
    ) -> Self {
        let is_resumable = !gateway.linkdead.is_zero();
        let (recovery, registration, takers) =
            match is_resumable.then(|| gateway.recovery.register(claims.account, encoding)) {
                Some((token, registration, takers)) => (Some(token), Some(registration), Some(takers)),
                None => (None, None, None),
            };
        let mut occasions = Occasions::new(gateway.sources(), takers);
        occasions.expire(claims.expires_at);
        let session = Session::limited(encoding, Allowance::of(Arc::clone(&place)));
        let session = if is_resumable { session.resumable() } else { session };
        let attendance = Attendance::new(&gateway.presences);
        let mut talk =
            Conversation::new(claims.account, encoding, session, attendance, gateway.abuse.epoch());
        talk.membership = Some(gateway.crowd.join(&talk.client));
        place.attach(&talk.client);
        occasions.watch(&talk.client);
        Self {
            line: Line { socket, opened: Instant::now(), place },
            talk,
            registration,
            recovery,
            gateway,
            claims,
            token,
            token_checked: Instant::now(),
            occasions,
            alive: true,
            has_resumed: false,
            actions: Vec::new(),
        }
    }

    /// Runs the connection to its end; boxed, or the task would reserve memory for it twice. Then its client may come back
    /// for a while; its character leaves the world if it does not.
    pub(super) async fn run(mut self: Box<Self>) {
        metrics::counter!("websocket_connections_total").increment(1);
        metrics::gauge!("websocket_active_connections").increment(1.0);
        let session = self.talk.name.clone();
        tracing::debug!(session, account = self.claims.account.0, "connected");
        // A defect of ours ends this connection, and none but this.
        let end = match AssertUnwindSafe(self.attend()).catch_unwind().await {
            Ok(end) => end,
            Err(_) => {
                tracing::error!(
                    session,
                    account = self.claims.account.0,
                    "a connection hit a defect and is closed"
                );
                End::Close(CloseReason::Restart)
            }
        };
        tracing::debug!(session, %end, "disconnected");
        // Apart, so that the many that are open need no memory for it.
        Box::pin(self.finish(end)).await;
    }

    async fn finish(self: Box<Self>, end: End) {
        // What is said from here on is the last.
        self.talk.client.set_sink(None);
        let may_return = self.may_return(&end);
        let Self { gateway, line, mut talk, registration, claims, token, occasions, .. } = *self;
        let farewell = match end {
            End::Taken(taker) => {
                // Whoever has the session hears who closes it, and nobody else.
                drop(occasions);
                hand_over(&gateway, talk, taker).await;
                return line.end(Vec::new(), Farewell::Say(CloseReason::Elsewhere)).await;
            }
            End::Close(reason) => Farewell::Say(reason),
            End::Closed { .. } => Farewell::Linger,
            End::Gone => Farewell::None,
        };
        if let Some(registration) = registration.filter(|_| may_return) {
            // Before the place goes with the socket, so that no ban comes in between.
            let watch = line.place.watch(&talk.client);
            // Nobody waits for the socket of a client that does not answer.
            gateway.connections.spawn(line.end(Vec::new(), farewell));
            *talk.session.allowance() = Allowance::alone(gateway.abuse.policy());
            // What of it must not be lost is kept by the session.
            talk.out = VecDeque::new();
            return Absent { gateway, talk, registration, claims, token, occasions, watch }.wait().await;
        }
        drop(occasions);
        let mut last: Vec<Numbered> = talk.out.drain(..).collect();
        last.extend(match farewell {
            Farewell::Say(CloseReason::Token) => talk.session.fail_all(&RpcError::SessionExpired),
            Farewell::Say(CloseReason::Restart) if !gateway.is_draining() => {
                talk.session.fail_all(&RpcError::Internal)
            }
            _ => Vec::new(),
        });
        // The client is told at once, however long its character takes to leave.
        tokio::join!(talk.leave(&gateway), line.end(last, farewell));
    }

    /// Whether its client may have lost the connection against its will, and there is something to come back to.
    fn may_return(&self, end: &End) -> bool {
        let is_lost = match end {
            End::Gone
            | End::Closed { on_purpose: false }
            | End::Close(CloseReason::Heartbeat | CloseReason::TooSlow) => true,
            End::Close(_) | End::Closed { on_purpose: true } | End::Taken(_) => false,
        };
        is_lost
            && !self.talk.client.has_ended()
            && !self.talk.session.is_unused()
            && !self.gateway.is_draining()
    }

    async fn welcome(&mut self) -> Result<(), End> {
        let welcome = SessionWelcome {
            session: self.talk.name.clone(),
            server: concat!("loreforge/", env!("CARGO_PKG_VERSION")).to_owned(),
            tick_ms: self.gateway.tick_ms,
            account: self.claims.account.0,
            heartbeat_ms: self.gateway.heartbeat.as_millis() as u64,
            max_message_bytes: limits::MESSAGE_BYTES as u64,
            recovery: self.recovery.clone(),
            linkdead_ms: self.gateway.linkdead.as_millis() as u64,
        };
        self.notify(Notice::SessionWelcome(welcome)).await
    }

    async fn attend(&mut self) -> End {
        // A token that was revoked while the connection was let in is in no news.
        if let Err(reason) = check_token(&self.gateway, &self.token) {
            return End::Close(reason);
        }
        match self.welcome().await {
            Ok(()) => {
                self.talk.client.set_sink(Some(Arc::clone(self.line.sink())));
                self.converse().await
            }
            Err(end) => end,
        }
    }

    async fn converse(&mut self) -> End {
        loop {
            let result = tokio::select! {
                // The frequent before the seldom; what is sent is bounded by ticks, what is heard by limits.
                biased;
                Some(outgoing) = self.talk.outbox.recv() => self.forward(outgoing).await,
                message = self.line.socket.next() => self.received(message).await,
                () = self.talk.attendance.due(), if self.talk.attendance.listens() => {
                    self.tell_presences().await
                }
                occasion = self.occasions.next() => self.take(occasion).await,
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    async fn take(&mut self, occasion: Occasion) -> Result<(), End> {
        match occasion {
            Occasion::Ending(ending) => return Err(ending.into()),
            Occasion::Draining => self.reconnect().await?,
            Occasion::Heartbeat => self.beat().await?,
            Occasion::Expiry if time_until(self.claims.expires_at).is_zero() => {
                return Err(End::Close(CloseReason::Token));
            }
            // It was replaced, and the end of the other is waited for.
            Occasion::Expiry => {}
            Occasion::Revocation(news) => {
                revoked(&self.gateway, &self.claims, &self.token, news).map_err(End::Close)?;
            }
            Occasion::Policy(policy) => {
                self.line.socket.get_mut().set_policy(Arc::clone(&policy));
                self.talk.session.allowance().set_policy(policy);
            }
        }
        Ok(())
    }

    async fn received(&mut self, message: Option<Result<Message, Error>>) -> Result<(), End> {
        self.alive = true;
        match message {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => self.hear(&message).await,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            // tungstenite has queued the answer; a flush sends it.
            Some(Ok(Message::Close(frame))) => {
                // Nothing may follow it.
                self.talk.client.set_sink(None);
                let _ = tokio::time::timeout(limits::CLOSE_TIMEOUT, self.line.socket.flush()).await;
                let on_purpose = frame.is_none_or(|frame| frame.code == CloseCode::Normal);
                Err(End::Closed { on_purpose })
            }
            Some(Err(error)) => Err(match fault(&error) {
                Some((reason, offence)) => {
                    self.line.place.offend(offence, 1);
                    End::Close(reason)
                }
                None => End::Gone,
            }),
            None => Err(End::Gone),
        }
    }

    /// The frames are not what they should be.
    fn broken(&self, reason: CloseReason) -> End {
        self.line.place.offend(Offence::Breach, 1);
        End::Close(reason)
    }

    /// There is too much of something.
    fn flood(&self) -> End {
        self.line.place.offend(Offence::Flood, 1);
        End::Close(CloseReason::Policy)
    }

    async fn hear(&mut self, message: &Message) -> Result<(), End> {
        let now = self.talk.now();
        self.gateway.meters.received.count(message.len());
        // A defect of ours in one call harms no other.
        match AssertUnwindSafe(self.carry_out(message, now)).catch_unwind().await {
            Ok(result) => result?,
            Err(_) => self.recover(now),
        }
        if self.talk.out.is_empty() {
            return Ok(());
        }
        self.send().await?;
        if std::mem::take(&mut self.has_resumed) {
            // Its client hears first that it is back.
            self.talk.client.set_sink(Some(Arc::clone(self.line.sink())));
        }
        Ok(())
    }

    /// Carries out all that a frame asks for, whether or not its answers can be written: the client may come back for
    /// them.
    async fn carry_out(&mut self, message: &Message, now: Duration) -> Result<(), End> {
        let mut actions = std::mem::take(&mut self.actions);
        self.talk.under_way = None;
        match (self.talk.client.encoding, message) {
            (Encoding::Json, Message::Text(text)) => self.talk.session.receive_text(text, now, &mut actions),
            (Encoding::Proto, Message::Binary(bytes)) => {
                self.talk.session.receive_binary(bytes, now, &mut actions);
            }
            (encoding, _) => return Err(self.broken(CloseReason::Unsupported(encoding))),
        }
        self.talk.session.allowance().settle();
        // Where those that are left are found if one hits a defect.
        actions.reverse();
        self.actions = actions;
        let gateway = Arc::clone(&self.gateway);
        while let Some(action) = self.actions.pop() {
            self.talk.under_way = action.request();
            if is_input(&action) {
                let character = self.talk.character();
                self.talk.attendance.input(character, now);
            }
            match action {
                Action::Flood => return Err(self.flood()),
                Action::Refresh { request, token } => {
                    let refreshed = self.refresh(token);
                    self.talk.answer(request, refreshed);
                }
                Action::Resume { request, token, seq } => self.resume(request, &token, seq).await,
                action => self.talk.act(&gateway, action).await,
            }
        }
        Ok(())
    }

    /// Something that came with this frame hit a defect of ours, and so did what waits for it.
    fn recover(&mut self, now: Duration) {
        let Conversation { name, account, session, under_way, .. } = &self.talk;
        let call = under_way.and_then(|request| session.named(request, now));
        let (id, method) = (call.map(|(id, _)| tracing::field::display(id)), call.map(|(_, method)| method));
        tracing::error!(session = name, account = account.0, id, method, "a call hit a defect");
        if self.talk.session.state() == State::Resuming {
            self.talk.session.set_state(State::Authenticated);
        }
        for action in self.actions.drain(..).rev() {
            if let Action::Send(frame) = action {
                self.talk.out.push_back(frame);
            }
        }
        let failed = self.talk.session.fail_since(now, &RpcError::Internal);
        self.talk.out.extend(failed);
    }

    /// The connection goes on with another token of the same account, which ends no sooner.
    fn refresh(&mut self, token: String) -> Result<Outcome, RpcError> {
        let claims = match self.gateway.auth.verify(&token) {
            Ok(claims) => claims,
            Err(AuthError::Expired) => {
                return Err(RpcError::Unauthorized("this token has expired; get another"));
            }
            Err(AuthError::Revoked) => {
                return Err(RpcError::Unauthorized("this token was revoked; log in again"));
            }
            Err(AuthError::Invalid) => {
                self.line.place.offend(Offence::BadToken, 1);
                return Err(RpcError::Unauthorized("this is no access token; log in"));
            }
        };
        if claims.account != self.claims.account {
            let why = "this token is of another account; open a connection for that";
            return Err(RpcError::Unauthorized(why));
        }
        if claims.expires_at < self.claims.expires_at {
            return Err(RpcError::Unauthorized("this token ends before the one in use; get a newer one"));
        }
        let expires_in_ms = time_until(claims.expires_at).as_millis() as u64;
        self.occasions.expire(claims.expires_at);
        (self.claims, self.token) = (claims, token);
        Ok(Outcome::Refreshed(Refreshed { expires_in_ms }))
    }

    /// Goes on with the session of this token in the place of the one that began with this connection.
    async fn resume(&mut self, request: RequestId, token: &str, seq: u64) {
        let outcome = match self.take_up(token, seq).await {
            Ok((talk, missed)) => {
                let resumed = talk.resumed(&self.gateway, self.recovery.clone().unwrap_or_default());
                self.talk.answer(request, Ok(Outcome::Resumed(resumed)));
                let mut begun = std::mem::replace(&mut self.talk, *talk);
                // What the session may do, and who is closed by a ban, is a matter of the socket it is on.
                std::mem::swap(self.talk.session.allowance(), begun.session.allowance());
                self.line.place.attach(&self.talk.client);
                self.occasions.watch(&self.talk.client);
                self.talk.out = std::mem::take(&mut begun.out);
                self.talk.out.extend(missed);
                begun.client.set_sink(None);
                self.talk.client.set_back();
                self.talk.regain_client();
                self.has_resumed = true;
                "resumed"
            }
            Err(no_session) => {
                self.talk.answer(request, Err(no_session.into()));
                self.talk.session.set_state(State::Authenticated);
                no_session.name()
            }
        };
        metrics::counter!("websocket_resumes_total", "outcome" => outcome).increment(1);
    }

    /// The session of this token, and what its client has not heard after `seq`.
    async fn take_up(
        &mut self,
        token: &str,
        seq: u64,
    ) -> Result<(Box<Conversation>, Vec<Numbered>), NoSession> {
        // Nobody hands a session over to himself.
        if self.registration.as_ref().is_none_or(|own| own.is_of(token)) {
            return Err(NoSession::Unknown);
        }
        let encoding = self.talk.client.encoding;
        let mut session = self.gateway.recovery.claim(token, self.claims.account, encoding)?;
        let handed_over = tokio::time::timeout(limits::TAKEOVER_TIMEOUT, &mut session).await;
        // Nothing is handed over from here on, and what was just now is not lost.
        session.close();
        let mut talk = match handed_over {
            Ok(Ok(talk)) => talk,
            _ => session.try_recv().map_err(|_| NoSession::Unknown)?,
        };
        // What waits for the client comes before what it asks for now.
        while let Ok(outgoing) = talk.outbox.try_recv() {
            talk.keep(outgoing);
        }
        talk.outbox.settle(&talk.client);
        match talk.session.resume(seq) {
            Ok(missed) => Ok((talk, missed)),
            Err(_) => {
                let gateway = Arc::clone(&self.gateway);
                // Before the client joins anew.
                self.gateway.connections.spawn(async move { talk.leave(&gateway).await });
                Err(NoSession::Missed)
            }
        }
    }

    /// Sends what the outbox holds, all of it that is there, with one flush.
    async fn forward(&mut self, first: Outgoing) -> Result<(), End> {
        let mut next = Some(first);
        while let Some(outgoing) = next {
            if let Some(reason) = self.talk.outgoing(outgoing) {
                let sent = self.send().await;
                self.talk.client.close(reason);
                return sent.and(Err(End::Close(reason)));
            }
            if self.talk.out.iter().map(Numbered::len).sum::<usize>() >= limits::WRITE_BUFFER {
                // A line that is slow is still given its time for each of them.
                self.send().await?;
                self.talk.outbox.settle(&self.talk.client);
            }
            next = self.talk.outbox.try_recv().ok();
        }
        self.walk();
        match self.talk.client.take_corrections() {
            0 => {}
            count => self.line.place.offend(Offence::Corrected, count),
        }
        self.send().await?;
        self.talk.outbox.settle(&self.talk.client);
        Ok(())
    }

    /// Others see in which zone the character is.
    fn walk(&mut self) {
        let (character, zone) = (self.talk.character(), self.talk.client.zone());
        self.talk.attendance.walk(character, zone, &self.gateway.zones);
    }

    async fn beat(&mut self) -> Result<(), End> {
        if !std::mem::take(&mut self.alive) {
            return Err(End::Close(CloseReason::Heartbeat));
        }
        self.walk();
        let (character, now) = (self.talk.character(), self.talk.now());
        self.talk.attendance.look_idle(character, now, self.gateway.away_after);
        if self.token_checked.elapsed() >= limits::TOKEN_CHECK {
            self.token_checked = Instant::now();
            check_token(&self.gateway, &self.token).map_err(End::Close)?;
        }
        let ping = Message::Ping(Bytes::new());
        self.gateway.meters.sent.count(ping.len());
        let Self { occasions, line, .. } = self;
        written(occasions, line.socket.send(ping).map_err(|_| End::Gone)).await
    }

    async fn tell_presences(&mut self) -> Result<(), End> {
        if let Some(notice) = self.talk.attendance.changes() {
            let frame = notification(self.talk.client.encoding, notice);
            let frame = self.talk.session.tell(frame);
            self.talk.out.push_back(frame);
        }
        self.send().await
    }

    async fn reconnect(&mut self) -> Result<(), End> {
        let reconnect = SystemReconnect { reason: "shutdown".to_owned(), after_ms: 1_000 };
        self.notify(Notice::SystemReconnect(reconnect)).await
    }

    /// Tells something about this connection, which is of no use on another.
    async fn notify(&mut self, notice: Notice) -> Result<(), End> {
        self.talk.out.push_back(notification(self.talk.client.encoding, notice).into());
        self.send().await
    }

    /// Writes what waits. What cannot be written and must not be lost is kept by the session.
    async fn send(&mut self) -> Result<(), End> {
        let Self { gateway, line, talk, occasions, .. } = self;
        talk.out.iter().for_each(|message| gateway.meters.sent.count(message.len()));
        let sink = line.sink();
        written(occasions, poll_fn(|context| sink.poll_send(context, &mut talk.out)).map_err(|_| End::Gone))
            .await
    }
}

/// Waits for a write, but not for ever, and not when the connection is to be closed or its client is back elsewhere.
async fn written(occasions: &mut Occasions, write: impl Future<Output = Result<(), End>>) -> Result<(), End> {
    tokio::select! {
        biased;
        result = write => result,
        ending = occasions.ending() => Err(ending.into()),
        () = tokio::time::sleep(limits::WRITE_TIMEOUT) => Err(End::Close(CloseReason::TooSlow)),
    }
}
