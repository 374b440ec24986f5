//! A connection among the others of its account and its address: its place, and what it may do.

use super::bans::{Ban, Subject};
use super::policy::{CallBuckets, Group, Policy};
use super::record::Record;
use super::{Abuse, AccountBuckets, Address, AddressBuckets, Offence};
use crate::auth::AccountId;
use crate::client::{Client, CloseReason};
use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Why there is no place for a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// The account has so many sockets, which is enough.
    Account(u32),
    /// The address has so many sockets, which is enough.
    Address(u32),
    /// The server has enough sockets.
    Server,
    /// The account is banned.
    Banned(Box<Ban>),
}

/// A socket's place, given back when dropped; what it does counts for its account and its address.
pub struct Place {
    abuse: Abuse,
    account_id: AccountId,
    /// Of the account.
    name: String,
    address: Address,
    of_account: Arc<Record<AccountBuckets>>,
    of_address: Arc<Record<AddressBuckets>>,
    /// Whom a ban closes.
    client: Mutex<Option<Weak<Client>>>,
}

impl Abuse {
    /// Takes a place for a socket of an account, whose name is told to operators.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub fn enter(&self, address: Address, account_id: AccountId, name: &str) -> Result<Place, NoPlace> {
        if let Some(ban) = self.ban_on(Subject::Account(account_id)) {
            return Err(NoPlace::Banned(Box::new(ban)));
        }
        let (now, limits) = (self.now(), self.policy().sockets.clone());
        let of_account = self.0.accounts.of(account_id, now);
        let of_address = self.0.addresses.of(address.network, now);
        if self.0.sockets.fetch_add(1, Relaxed) >= limits.in_all as usize {
            self.0.sockets.fetch_sub(1, Relaxed);
            return Err(NoPlace::Server);
        }
        if !of_account.take_socket(limits.per_account) {
            self.0.sockets.fetch_sub(1, Relaxed);
            return Err(NoPlace::Account(limits.per_account));
        }
        let per_address = if address.counted { limits.per_address } else { u32::MAX };
        if !of_address.take_socket(per_address) {
            of_account.lock().sockets -= 1;
            self.0.sockets.fetch_sub(1, Relaxed);
            return Err(NoPlace::Address(per_address));
        }
        let (abuse, name, client) = (self.clone(), name.to_owned(), Mutex::new(None));
        Ok(Place { abuse, account_id, name, address, of_account, of_address, client })
    }

    /// Takes a place for a connection that speaks HTTP; `None` if its address has enough.
    pub fn connect(&self, peer: IpAddr) -> Option<HttpPlace> {
        let policy = self.policy();
        let address = self.whom(peer, &policy);
        if !address.counted {
            return Some(HttpPlace(None));
        }
        let record = self.0.addresses.of(address.network, self.now());
        let has_room = {
            let mut held = record.lock();
            let has_room = held.buckets.http < policy.sockets.http_per_address;
            held.buckets.http += u32::from(has_room);
            has_room
        };
        has_room.then(|| HttpPlace(Some(record)))
    }
}

/// A client without a place: bans of its account and of the address it came from close it until this is dropped.
pub struct Watch {
    of_account: Arc<Record<AccountBuckets>>,
    of_address: Arc<Record<AddressBuckets>>,
    client: Weak<Client>,
}

impl Place {
    /// The client that has the place, instead of one before: a ban closes it, also one that came in between.
    pub fn attach(&self, client: &Arc<Client>) {
        let weak = Arc::downgrade(client);
        let former = self.client.lock().unwrap_or_else(PoisonError::into_inner).replace(weak.clone());
        let change = |clients: &mut Vec<Weak<Client>>| {
            forget(clients, former.as_ref());
            clients.push(weak.clone());
        };
        change(&mut self.of_account.lock().clients);
        change(&mut self.of_address.lock().clients);
        let subjects = [Subject::Account(self.account_id), Subject::Address(self.address.network)];
        if subjects.into_iter().any(|subject| self.abuse.ban_on(subject).is_some()) {
            client.close(CloseReason::Banned);
        }
    }

    /// Watches over a client that has the place, which is about to be given back.
    pub fn watch(&self, client: &Arc<Client>) -> Watch {
        let (of_account, of_address) = (Arc::clone(&self.of_account), Arc::clone(&self.of_address));
        let client = Arc::downgrade(client);
        of_account.lock().clients.push(client.clone());
        of_address.lock().clients.push(client.clone());
        Watch { of_account, of_address, client }
    }

    fn take(
        &self,
        policy: &Policy,
        group: Option<Group>,
        now: Duration,
    ) -> Result<(), (&'static str, Duration)> {
        let taken = self.of_account.lock().buckets.calls.take(&policy.account, group, now);
        taken.map_err(|wait| ("account", wait))?;
        if !self.address.counted {
            return Ok(());
        }
        let taken = self.of_address.lock().buckets.messages.take(policy.address.messages, now);
        taken.map_err(|wait| ("address", wait))
    }

    fn take_moves(&self, policy: &Policy, count: u32, now: Duration) -> Result<(), (&'static str, Duration)> {
        let taken = self.of_account.lock().buckets.calls.take_more(&policy.account, Group::Move, count, now);
        taken.map_err(|wait| ("account", wait))
    }

    /// Counts bytes that have come. False if they are too many.
    pub fn take_bytes(&self, policy: &Policy, count: u32, now: Duration) -> bool {
        let take =
            || self.of_address.lock().buckets.bytes.take_many(count, policy.address.bytes, now).is_ok();
        !self.address.counted || take()
    }

    /// Counts offences, which may be the one too many.
    pub fn offend(&self, offence: Offence, count: u32) {
        let (now, policy) = (self.abuse.now(), self.abuse.policy());
        let score = &policy.score;
        let points = u64::from(offence.points(score)) * u64::from(count);
        if points == 0 {
            return;
        }
        metrics::counter!("abuse_points_total", "offence" => offence.name()).increment(points);
        let charged = self.of_account.charge(points, score.account_threshold, score.decay_per_second, now);
        if let Some(sum) = charged {
            self.abuse.punish(Subject::Account(self.account_id), self.name.clone(), sum);
        }
        if self.address.counted {
            self.abuse.charge_address(self.address.network, &self.of_address, points, score);
        }
    }

    /// The policy of this moment.
    pub fn policy(&self) -> Arc<Policy> {
        self.abuse.policy()
    }

    /// The time that buckets are asked with.
    pub fn now(&self) -> Duration {
        self.abuse.now()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mine = self.client.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        {
            let mut held = self.of_account.lock();
            held.sockets -= 1;
            forget(&mut held.clients, mine.as_ref());
        }
        {
            let mut held = self.of_address.lock();
            held.sockets -= 1;
            forget(&mut held.clients, mine.as_ref());
        }
        self.abuse.0.sockets.fetch_sub(1, Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        forget(&mut self.of_account.lock().clients, Some(&self.client));
        forget(&mut self.of_address.lock().clients, Some(&self.client));
    }
}

/// Takes a client out once: one that has come to another place, or is watched, is in there for that too.
fn forget(clients: &mut Vec<Weak<Client>>, mine: Option<&Weak<Client>>) {
    let place = mine.and_then(|mine| clients.iter().position(|client| client.ptr_eq(mine)));
    if let Some(place) = place {
        clients.swap_remove(place);
    }
}

/// The place of a connection that speaks HTTP, given back when dropped.
pub struct HttpPlace(Option<Arc<Record<AddressBuckets>>>);

impl Drop for HttpPlace {
    fn drop(&mut self) {
        if let Some(record) = &self.0 {
            record.lock().buckets.http -= 1;
        }
    }
}

/// What one connection may do: by its own rates, and by those it shares with the others of its place.
pub struct Allowance {
    policy: Arc<Policy>,
    calls: CallBuckets,
    /// `None`: it shares with nobody.
    place: Option<Arc<Place>>,
    refused: u32,
    malformed: u32,
}

impl Allowance {
    /// Of a connection that shares with nobody.
    pub fn alone(policy: Arc<Policy>) -> Self {
        Self { policy, calls: CallBuckets::default(), place: None, refused: 0, malformed: 0 }
    }

    /// Of the connection that has this place.
    pub fn of(place: Arc<Place>) -> Self {
        let policy = place.policy();
        Self { place: Some(place), ..Self::alone(policy) }
    }

    /// Another policy holds from now on; what was used up stays used up.
    pub fn set_policy(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Takes what a call of a method costs.
    ///
    /// # Errors
    /// It is beyond a rate: how long it will be.
    pub fn take(&mut self, method: &str, now: Duration) -> Result<(), Duration> {
        let group = Group::of(method);
        let own = self.calls.take(&self.policy.connection, group, now).map_err(|wait| ("connection", wait));
        let all = own.and_then(|()| match &self.place {
            Some(place) => place.take(&self.policy, group, now),
            None => Ok(()),
        });
        self.count(all)
    }

    /// Takes what the moves of one call cost beyond the first, which [`Allowance::take`] took.
    ///
    /// # Errors
    /// They are beyond a rate: how long it will be.
    pub fn take_moves(&mut self, count: u32, now: Duration) -> Result<(), Duration> {
        let own = self.calls.take_more(&self.policy.connection, Group::Move, count, now);
        let all = own.map_err(|wait| ("connection", wait)).and_then(|()| match &self.place {
            Some(place) => place.take_moves(&self.policy, count, now),
            None => Ok(()),
        });
        self.count(all)
    }

    fn count(&mut self, taken: Result<(), (&'static str, Duration)>) -> Result<(), Duration> {
        taken.map_err(|(by, wait)| {
            metrics::counter!("calls_refused_total", "by" => by).increment(1);
            self.refused += 1;
            wait
        })
    }

    /// A call was none, or its params did not fit.
    pub fn count_malformed(&mut self) {
        self.malformed += 1;
    }

    /// Counts the offences since the last time.
    pub fn settle(&mut self) {
        let offences = [(Offence::Refused, &mut self.refused), (Offence::Malformed, &mut self.malformed)];
        for (offence, count) in offences {
            let count = std::mem::take(count);
            if let Some(place) = self.place.as_ref().filter(|_| count > 0) {
                place.offend(offence, count);
            }
        }
    }
}
