//! What zones tell their clients, on its way: a zone hands over all of a tick at once, and couriers, tasks of the runtime,
//! carry it to the clients. So a zone's thread neither writes to sockets nor wakes the task of each; and what a tick
//! changed of the world goes into the socket without the task of that being woken at all.

use super::frame::{Frame, Shared};
use super::rpc::RpcError;
use super::{Client, CloseReason, NO_REQUEST, Outgoing, Traffic};
use crate::client::limits::{COURIER_BATCHES, COURIER_STRETCH};
use protocol::v1::Done;
use protocol::v1::notification::Method;
use protocol::v1::response::Outcome;
use sim::RequestId;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Something for one client.
struct Parcel {
    client: Arc<Client>,
    item: Item,
}

enum Item {
    /// For the outbox, in which it waits for the task of the socket.
    Told(Outgoing),
    /// What the next one makes good for, made for this socket of the client.
    Delta { link: u32, frame: Frame },
}

impl Parcel {
    fn deliver(self, sent: &Traffic) {
        let Self { client, item } = self;
        match item {
            Item::Delta { link, frame } => client.deliver(link, frame, sent),
            // Others' words are the first to go when a client falls behind.
            Item::Told(Outgoing::Speech(_)) if !client.has_room() => {}
            Item::Told(outgoing) => client.tell(outgoing),
        }
    }
}

/// The clonable front of the couriers. What is for one client always goes the same way, in its order.
#[derive(Clone)]
pub struct Couriers {
    /// None: whoever hands something over carries it out.
    couriers: Arc<[Courier]>,
    sent: Traffic,
}

struct Courier {
    /// Bounded by [`COURIER_BATCHES`].
    batches: mpsc::Sender<Vec<Parcel>>,
    spare: Spare,
}

/// Empty batches, to be filled again; one at most.
type Spare = Arc<Mutex<Option<Vec<Parcel>>>>;

impl Couriers {
    /// So many, on the runtime this is called on; they end with the last clone of this.
    pub fn start(count: usize) -> Self {
        let sent = Traffic::sent();
        let couriers = (0..count).map(|_| {
            let (batches, queue) = mpsc::channel(COURIER_BATCHES);
            let spare = Spare::default();
            tokio::spawn(rounds(queue, Arc::clone(&spare), sent.clone()));
            Courier { batches, spare }
        });
        Self { couriers: couriers.collect(), sent }
    }

    /// None: what is handed over is delivered on the spot, by who hands it over.
    pub fn none() -> Self {
        Self { couriers: Arc::default(), sent: Traffic::sent() }
    }
}

async fn rounds(mut queue: mpsc::Receiver<Vec<Parcel>>, spare: Spare, sent: Traffic) {
    while let Some(mut batch) = queue.recv().await {
        // What is told to one client goes to it in one piece.
        if batch.iter().any(|parcel| matches!(parcel.item, Item::Told(_))) {
            batch.sort_by_key(|parcel| Arc::as_ptr(&parcel.client));
        }
        for (number, parcel) in batch.drain(..).enumerate() {
            parcel.deliver(&sent);
            if number % COURIER_STRETCH == COURIER_STRETCH - 1 {
                tokio::task::yield_now().await;
            }
        }
        *spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(batch);
    }
}

/// What one zone has to tell, until it is handed over.
pub struct Mail {
    couriers: Couriers,
    /// One for each courier; one if there is none.
    batches: Vec<Vec<Parcel>>,
}

impl Mail {
    /// Nothing yet.
    pub fn new(couriers: Couriers) -> Self {
        let batches = (0..couriers.couriers.len().max(1)).map(|_| Vec::new()).collect();
        Self { couriers, batches }
    }

    fn put(&mut self, client: &Arc<Client>, item: Item) {
        // Clients lie a few hundred bytes apart.
        let number = (Arc::as_ptr(client).addr() >> 6) % self.batches.len();
        self.batches[number].push(Parcel { client: Arc::clone(client), item });
    }

    /// Something that must not be lost.
    pub fn tell(&mut self, client: &Arc<Client>, outgoing: Outgoing) {
        self.put(client, Item::Told(outgoing));
    }

    /// What changed of the world, made for this socket of the client.
    pub fn delta(&mut self, client: &Arc<Client>, link: u32, frame: Frame) {
        self.put(client, Item::Delta { link, frame });
    }

    /// A notification.
    pub fn notify(&mut self, client: &Arc<Client>, method: Method) {
        self.tell(client, client.frame(method));
    }

    /// A notification that others are sent too.
    pub fn share(&mut self, client: &Arc<Client>, shared: &Shared) {
        self.tell(client, Outgoing::Told(shared.frame(client.encoding)));
    }

    /// What somebody says; left out for a client that falls behind.
    pub fn speak(&mut self, client: &Arc<Client>, shared: &Shared) {
        self.tell(client, Outgoing::Speech(shared.frame(client.encoding)));
    }

    /// Answers a request, unless nobody waits for it.
    pub fn answer(&mut self, client: &Arc<Client>, request: RequestId, result: Result<Outcome, RpcError>) {
        if request != NO_REQUEST {
            self.tell(client, Outgoing::Answer { request, result: result.map(Box::new) });
        }
    }

    /// Answers a request that is done, unless nobody waits for it.
    pub fn done(&mut self, client: &Arc<Client>, request: RequestId) {
        self.answer(client, request, Ok(Outcome::Done(Done {})));
    }

    /// Whether the couriers are so far behind that what can be told later should be.
    pub fn is_late(&self) -> bool {
        self.couriers.couriers.iter().any(|courier| courier.batches.capacity() < COURIER_BATCHES / 2)
    }

    /// Hands over all that there is. The clients of a courier that has no room for it are closed: they learn the truth
    /// from the snapshot after their next join.
    pub fn send(&mut self) {
        let Self { couriers: Couriers { couriers, sent }, batches } = self;
        if couriers.is_empty() {
            return batches.iter_mut().flat_map(|batch| batch.drain(..)).for_each(|it| it.deliver(sent));
        }
        for (courier, batch) in couriers.iter().zip(batches).filter(|(_, batch)| !batch.is_empty()) {
            let spare = courier.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
            let full = std::mem::replace(batch, spare.unwrap_or_default());
            if let Err(mpsc::error::TrySendError::Full(lost)) = courier.batches.try_send(full) {
                metrics::counter!("websocket_courier_overflows_total").increment(1);
                lost.iter().for_each(|parcel| parcel.client.close(CloseReason::TooSlow));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::frame::Encoding;

    fn client() -> (Arc<Client>, super::super::Outbox) {
        let (client, outbox) = Client::new(Encoding::Json);
        (Arc::new(client), outbox)
    }

    fn told(number: usize) -> Outgoing {
        Outgoing::Told(Frame::Text(number.to_string().into()))
    }

    fn number(outgoing: Outgoing) -> usize {
        match outgoing {
            Outgoing::Told(Frame::Text(text)) | Outgoing::Frame(Frame::Text(text)) => {
                text.parse().expect("a number")
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_is_for_one_client_comes_in_its_order() {
        let couriers = Couriers::start(3);
        let mut mail = Mail::new(couriers);
        let mut clients: Vec<_> = (0..20).map(|_| client()).collect();
        for round in 0..10 {
            for turn in 0..2 {
                for (client, _) in &clients {
                    let link = client.link().expect("it has a socket");
                    let frame = Frame::Text((round * 3 + 2).to_string().into());
                    mail.tell(client, told(round * 3 + turn));
                    if turn == 1 {
                        mail.delta(client, link, frame);
                    }
                }
            }
            mail.send();
        }
        for (_, outbox) in &mut clients {
            for expected in 0..30 {
                assert_eq!(number(outbox.recv().await.expect("open")), expected);
            }
        }
    }

    #[tokio::test]
    async fn couriers_that_never_come_have_room_for_so_much() {
        let mut mail = Mail::new(Couriers::start(1));
        let (client, _outbox) = client();
        for _ in 0..COURIER_BATCHES {
            assert!(!client.has_ended());
            mail.tell(&client, told(0));
            mail.send();
        }
        assert!(mail.is_late());
        mail.tell(&client, told(0));
        mail.send();
        assert_eq!(client.closed().await, CloseReason::TooSlow);
    }

    #[test]
    fn without_couriers_it_is_delivered_on_the_spot() {
        let mut mail = Mail::new(Couriers::none());
        let (client, mut outbox) = client();
        mail.tell(&client, told(1));
        assert!(outbox.try_recv().is_err());
        mail.send();
        assert_eq!(number(outbox.try_recv().expect("delivered")), 1);
        assert!(!mail.is_late());
    }

    #[test]
    fn a_delta_for_another_socket_is_not_delivered() {
        let mut mail = Mail::new(Couriers::none());
        let (client, mut outbox) = client();
        let old = client.link().expect("it has a socket");
        client.set_away();
        client.set_back();
        mail.delta(&client, old, Frame::Text("1".into()));
        mail.delta(&client, client.link().expect("it is back"), Frame::Text("2".into()));
        mail.send();
        assert_eq!(number(outbox.try_recv().expect("the second")), 2);
        assert!(outbox.try_recv().is_err());
    }

    #[test]
    fn speech_makes_way_for_what_must_not_be_lost() {
        let mut mail = Mail::new(Couriers::none());
        let (client, _outbox) = client();
        let shared = Shared::new(Method::DialogEnd(protocol::v1::DialogEnd {}));
        for _ in 0..10_000 {
            mail.speak(&client, &shared);
        }
        mail.send();
        for request in 1..=crate::client::limits::PENDING_REQUESTS {
            mail.done(&client, RequestId(request as u64));
        }
        mail.send();
        assert!(!client.has_ended());
    }
}
