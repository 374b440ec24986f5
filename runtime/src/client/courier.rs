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
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

/// Something for one client.
struct Parcel {
    client: Arc<Client>,
    item: Item,
}

enum Item {
    /// For the outbox, in which it waits for the task of the socket.
    Told(Outgoing),
    /// What the next one makes up for, made for this socket of the client.
    Delta { link: u32, frame: Frame },
}

impl Parcel {
    /// A defect of ours ends the session of this client, and none but this.
    fn deliver(self, sent: &Traffic) {
        let Self { client, item } = self;
        if std::panic::catch_unwind(AssertUnwindSafe(|| item.deliver(&client, sent))).is_err() {
            tracing::error!("what a client is told hit a defect; the client is closed");
            client.close(CloseReason::Restart);
        }
    }
}

impl Item {
    fn deliver(self, client: &Client, sent: &Traffic) {
        match self {
            Self::Delta { link, frame } => client.deliver(link, frame, sent),
            // Others' words are the first to go when a client falls behind.
            Self::Told(Outgoing::Speech(_)) if !client.has_room() => {}
            Self::Told(outgoing) => client.tell(outgoing),
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

impl Courier {
    /// What is in a batch, which is empty then.
    fn exchange(&self, batch: &mut Vec<Parcel>) -> Vec<Parcel> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::mem::replace(batch, spare.unwrap_or_default())
    }
}

/// Empty batches, to be filled again; one at most.
type Spare = Arc<Mutex<Option<Vec<Parcel>>>>;

impl Couriers {
    /// So many, on the runtime this is called on. They end with the last clone of this; who waits for `tracker` waits
    /// until all is delivered.
    pub fn start(count: usize, tracker: &TaskTracker) -> Self {
        let sent = Traffic::sent();
        let couriers = (0..count).map(|_| {
            let (batches, queue) = mpsc::channel(COURIER_BATCHES);
            let spare = Spare::default();
            tracker.spawn(rounds(queue, Arc::clone(&spare), sent.clone()));
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
    let mut delivered = 0_usize;
    while let Some(mut batch) = queue.recv().await {
        // What is told to one client goes to it in one piece.
        if batch.iter().any(|parcel| matches!(parcel.item, Item::Told(_))) {
            batch.sort_by_key(|parcel| Arc::as_ptr(&parcel.client));
        }
        for parcel in batch.drain(..) {
            parcel.deliver(&sent);
            delivered += 1;
            if delivered.is_multiple_of(COURIER_STRETCH) {
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
        // Fibonacci hashing: what lies at regular distances is spread, too.
        let number = (Arc::as_ptr(client).addr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let number = number as usize % self.batches.len();
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

    /// What others say, in the encoding of the client; left out if it falls behind.
    pub fn speak(&mut self, client: &Arc<Client>, lines: Arc<[Frame]>) {
        self.tell(client, Outgoing::Speech(lines));
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

    /// Whether all that there was is handed over.
    pub fn is_empty(&self) -> bool {
        self.batches.iter().all(Vec::is_empty)
    }

    /// Hands over what the couriers have room for; whether that is all. Never waits.
    pub fn try_send(&mut self) -> bool {
        let Self { couriers: Couriers { couriers, sent }, batches } = self;
        if couriers.is_empty() {
            batches.iter_mut().flat_map(|batch| batch.drain(..)).for_each(|parcel| parcel.deliver(sent));
        }
        for (courier, batch) in couriers.iter().zip(batches).filter(|(_, batch)| !batch.is_empty()) {
            // Without the runtime nobody is told anything any more.
            match courier.batches.try_reserve() {
                Ok(place) => place.send(courier.exchange(batch)),
                Err(mpsc::error::TrySendError::Full(())) => {}
                Err(mpsc::error::TrySendError::Closed(())) => batch.clear(),
            }
        }
        self.is_empty()
    }

    /// Hands over all that there is; waits until the couriers have room for it.
    pub async fn send(&mut self) {
        while !self.try_send() {
            for (courier, _) in self.couriers.couriers.iter().zip(&self.batches).filter(|it| !it.1.is_empty())
            {
                // What came of it shows with the next try.
                let _ = courier.batches.reserve().await;
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
        let tracker = TaskTracker::new();
        let mut mail = Mail::new(Couriers::start(3, &tracker));
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
            mail.send().await;
        }
        drop(mail);
        tracker.close();
        tracker.wait().await;
        for (_, outbox) in &mut clients {
            for expected in 0..30 {
                assert_eq!(number(outbox.try_recv().expect("all is delivered")), expected);
            }
        }
    }

    #[tokio::test]
    async fn couriers_that_are_behind_are_waited_for() {
        let mut mail = Mail::new(Couriers::start(1, &TaskTracker::new()));
        let (client, mut outbox) = client();
        for sent in 0..COURIER_BATCHES {
            mail.tell(&client, told(sent));
            assert!(mail.try_send());
        }
        assert!(mail.is_late());
        mail.tell(&client, told(COURIER_BATCHES));
        assert!(!mail.try_send() && !mail.is_empty());
        let (told, ()) = tokio::join!(
            async {
                let mut told = Vec::new();
                while told.len() <= COURIER_BATCHES {
                    told.push(number(outbox.recv().await.expect("open")));
                }
                told
            },
            mail.send()
        );
        assert!(told.into_iter().eq(0..=COURIER_BATCHES));
        assert!(mail.is_empty() && !client.has_ended());
    }

    #[test]
    fn without_couriers_it_is_delivered_on_the_spot() {
        let mut mail = Mail::new(Couriers::none());
        let (client, mut outbox) = client();
        mail.tell(&client, told(1));
        assert!(outbox.try_recv().is_err());
        assert!(mail.try_send());
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
        assert!(mail.try_send());
        assert_eq!(number(outbox.try_recv().expect("the second")), 2);
        assert!(outbox.try_recv().is_err());
    }

    #[test]
    fn speech_makes_way_for_what_must_not_be_lost() {
        let mut mail = Mail::new(Couriers::none());
        let (client, _outbox) = client();
        let lines: Arc<[Frame]> = [Frame::Text("hello".into())].into();
        for _ in 0..10_000 {
            mail.speak(&client, Arc::clone(&lines));
        }
        assert!(mail.try_send());
        for request in 1..=crate::client::limits::PENDING_REQUESTS {
            mail.done(&client, RequestId(request as u64));
        }
        assert!(mail.try_send());
        assert!(!client.has_ended());
    }
}
