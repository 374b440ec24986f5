//! Limits and abuse: what clients may do, what those do that do more, and who may not come in.
//!
//! Every limit is part of a [`Policy`] that can be replaced while players play. Misbehaviour counts points of
//! the account and of the address it comes from; too many of them are a ban, which ends by itself. What does not
//! live here: the counting of one connection's frames (`crate::gateway`).

mod bans;
mod document;
mod kept;
mod network;
mod origin;
mod place;
mod policy;
mod rate;
mod record;
#[cfg(test)]
mod tests;

pub use bans::{Ban, Subject};
pub use document::Mistakes;
pub use kept::KeepError;
pub use network::{Block, Network};
pub use origin::{ANY_IN_PRODUCTION, Origin, OriginError};
pub use place::{Allowance, HttpPlace, NoPlace, Place, Watch};
pub use policy::{
    AddressRates, BanRules, CallBuckets, CallRates, FloodRule, FrameLimits, Group, HttpRates, Policy, Score,
    SizeLimits, SocketLimits,
};
pub use rate::{Bucket, Rate};

use crate::auth::AccountId;
use crate::client::CloseReason;
use crate::config::{Config, Profile};
use crate::store::{Store, StoreError, unix_seconds};
use axum::http::HeaderMap;
use bans::{Registry, end_after, length};
use kept::KeptPolicy;
use record::{Record, Table};
use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc, watch};

/// Automatic bans that wait to be written down; more are in force until the server ends.
const UNWRITTEN: usize = 1_024;
/// Who bans by itself.
const OWN_NAME: &str = "loreforge";

/// Something a client should not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// See [`Score::refused`].
    Refused,
    /// See [`Score::malformed`].
    Malformed,
    /// See [`Score::corrected`].
    Corrected,
    /// See [`Score::bad_token`].
    BadToken,
    /// See [`Score::breach`].
    Breach,
    /// See [`Score::flood`].
    Flood,
}

impl Offence {
    fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::Corrected => "corrected",
            Self::BadToken => "bad_token",
            Self::Breach => "breach",
            Self::Flood => "flood",
        }
    }

    fn points(self, score: &Score) -> u32 {
        match self {
            Self::Refused => score.refused,
            Self::Malformed => score.malformed,
            Self::Corrected => score.corrected,
            Self::BadToken => score.bad_token,
            Self::Breach => score.breach,
            Self::Flood => score.flood,
        }
    }
}

/// Where a request comes from; in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whom it is counted as.
    pub network: Network,
    /// Whether it is counted: neither a trusted proxy nor, on a developer's server, its own machine is.
    pub counted: bool,
}

/// Buckets of an account.
#[derive(Default)]
struct AccountBuckets {
    calls: CallBuckets,
    requests: Bucket,
}

/// Buckets of an address.
#[derive(Default)]
struct AddressBuckets {
    handshakes: Bucket,
    requests: Bucket,
    logins: Bucket,
    messages: Bucket,
    bytes: Bucket,
    /// Connections that speak HTTP.
    http: u32,
}

/// Why nobody was banned.
#[derive(Debug, thiserror::Error)]
pub enum BanError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are too many bans.
    #[error("there are too many bans already; lift some with `lore unban`")]
    Full,
}

/// The clonable front.
#[derive(Clone)]
pub struct Abuse(Arc<Inner>);

struct Inner {
    policy: watch::Sender<Arc<Policy>>,
    /// Held while the policy is replaced.
    kept: Mutex<KeptPolicy>,
    accounts: Table<AccountId, AccountBuckets>,
    addresses: Table<Network, AddressBuckets>,
    /// Open sockets of all.
    sockets: AtomicUsize,
    bans: Registry,
    /// Held while the store is told of one: it and the memory change together.
    writing: Mutex<()>,
    unwritten: mpsc::Sender<Subject>,
    store: Store,
    count_loopback: bool,
    epoch: Instant,
}

impl Abuse {
    /// With the policy that was kept, or else that of the settings, and the bans of the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(config: &Config, store: Store) -> Result<Self, StoreError> {
        let (kept, policy) = KeptPolicy::open(&config.data, config.policy(), config.profile);
        let bans = Registry::default();
        for row in store.bans().await? {
            match bans::Ban::from_row(row) {
                Some(ban) if bans.insert(ban.clone()) => {}
                refused => tracing::error!(?refused, "a ban of the store cannot be put in force"),
            }
        }
        let (unwritten, queue) = mpsc::channel(UNWRITTEN);
        let inner = Arc::new(Inner {
            policy: watch::Sender::new(Arc::new(policy)),
            kept: Mutex::new(kept),
            accounts: Table::default(),
            addresses: Table::default(),
            sockets: AtomicUsize::new(0),
            bans,
            writing: Mutex::new(()),
            unwritten,
            store,
            count_loopback: config.profile == Profile::Production,
            epoch: Instant::now(),
        });
        tokio::spawn(write_loop(Arc::downgrade(&inner), queue));
        Ok(Self(inner))
    }

    /// The time that buckets are asked with.
    pub fn now(&self) -> Duration {
        self.0.epoch.elapsed()
    }

    /// When that time began.
    pub fn epoch(&self) -> Instant {
        self.0.epoch
    }

    /// The policy of this moment.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.0.policy.borrow())
    }

    /// The policy whenever it is replaced.
    pub fn watch_policy(&self) -> watch::Receiver<Arc<Policy>> {
        self.0.policy.subscribe()
    }

    /// The policy, and whether an operator has replaced that of the settings.
    pub async fn policy_and_origin(&self) -> (Arc<Policy>, bool) {
        let kept = self.0.kept.lock().await;
        (self.policy(), kept.is_replaced())
    }

    /// Replaces the policy: what the document does not say is as in the settings. It is in force at once, in open
    /// connections too, and after a restart.
    ///
    /// # Errors
    /// [`KeepError`]; then nothing has changed.
    pub async fn set_policy(&self, document: serde_json::Value) -> Result<Arc<Policy>, KeepError> {
        let mut kept = self.0.kept.lock().await;
        let policy = Arc::new(kept.replace(document).await?);
        self.0.policy.send_replace(Arc::clone(&policy));
        Ok(policy)
    }

    /// Goes back to the policy of the settings.
    ///
    /// # Errors
    /// [`KeepError`]; then nothing has changed.
    pub async fn reset_policy(&self) -> Result<Arc<Policy>, KeepError> {
        let mut kept = self.0.kept.lock().await;
        let policy = Arc::new(kept.forget().await?);
        self.0.policy.send_replace(Arc::clone(&policy));
        Ok(policy)
    }

    /// Where a request comes from.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> Address {
        let policy = self.policy();
        let values = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
        let forwarded: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
        self.whom(network::client_of(peer, &forwarded, &policy.trusted_proxies), &policy)
    }

    fn whom(&self, address: IpAddr, policy: &Policy) -> Address {
        let network = Network::from(address);
        let is_proxy = policy.trusted_proxies.iter().any(|block| block.contains(address));
        Address { network, counted: !is_proxy && (self.0.count_loopback || !network.is_loopback()) }
    }

    /// Counts an attempt to open a socket.
    ///
    /// # Errors
    /// There are too many: how long it will be.
    pub fn count_handshake(&self, address: Address) -> Result<(), Duration> {
        let rate = self.policy().address.handshakes;
        self.count_from(address, rate, |buckets| &mut buckets.handshakes)
    }

    /// Counts an HTTP request, whatever it asks for.
    ///
    /// # Errors
    /// There are too many: how long it will be.
    pub fn count_request_from(&self, address: Address) -> Result<(), Duration> {
        let rate = self.policy().address.requests;
        self.count_from(address, rate, |buckets| &mut buckets.requests)
    }

    /// Takes from one of the buckets of an address, if it is counted; what is beyond the rate is an offence.
    fn count_from(
        &self,
        address: Address,
        rate: Rate,
        bucket: impl FnOnce(&mut AddressBuckets) -> &mut Bucket,
    ) -> Result<(), Duration> {
        if !address.counted {
            return Ok(());
        }
        let now = self.now();
        let record = self.0.addresses.of(address.network, now);
        let taken = bucket(&mut record.lock().buckets).take(rate, now);
        if taken.is_err() {
            self.offend_from(address, Offence::Refused);
        }
        taken
    }

    /// Counts an attempt to log in, to register or to refresh.
    ///
    /// # Errors
    /// There are too many: how long it will be.
    pub fn count_login(&self, address: Address) -> Result<(), Duration> {
        if !address.counted {
            return Ok(());
        }
        let (now, rate) = (self.now(), self.policy().http.logins);
        let record = self.0.addresses.of(address.network, now);
        record.lock().buckets.logins.take(rate, now)
    }

    /// Counts an HTTP request of an account.
    ///
    /// # Errors
    /// There are too many: how long it will be.
    pub fn count_request(&self, account: AccountId) -> Result<(), Duration> {
        let (now, rate) = (self.now(), self.policy().http.requests);
        let record = self.0.accounts.of(account, now);
        record.lock().buckets.requests.take(rate, now)
    }

    /// Counts an offence of somebody who has not come in.
    pub fn offend_from(&self, address: Address, offence: Offence) {
        if !address.counted {
            return;
        }
        let (now, policy) = (self.now(), self.policy());
        let points = u64::from(offence.points(&policy.score));
        metrics::counter!("abuse_points_total", "offence" => offence.name()).increment(points);
        let record = self.0.addresses.of(address.network, now);
        self.charge_address(address.network, &record, points, &policy.score);
    }

    /// Adds points to those of an address, and bans it when they are too many.
    fn charge_address(&self, network: Network, record: &Record<AddressBuckets>, points: u64, score: &Score) {
        if let Some(sum) = record.charge(points, score.address_threshold, score.decay_per_second, self.now())
        {
            self.punish(Subject::Address(network), network.to_string(), sum);
        }
    }

    /// The ban in force, if there is one.
    pub fn ban_on(&self, subject: Subject) -> Option<Ban> {
        self.0.bans.in_force(subject)
    }

    /// All bans in force, the latest first.
    pub fn bans(&self) -> Vec<Ban> {
        self.0.bans.all_in_force()
    }

    /// Bans somebody as an operator says, and closes all connections at once. Without a length it is for good.
    ///
    /// # Errors
    /// [`BanError`]; then nothing has changed.
    pub async fn ban(
        &self,
        subject: Subject,
        name: String,
        length: Option<Duration>,
        why: String,
        by: String,
    ) -> Result<Ban, BanError> {
        let _writing = self.0.writing.lock().await;
        let since_s = unix_seconds();
        let until_s = length.map(|length| end_after(since_s, length));
        let times = self.0.bans.get(subject).map_or(0, |ban| ban.times);
        let ban = Ban { subject, name, since_s, until_s, why, by, times };
        self.0.store.save_ban(&ban.row()).await?;
        if !self.0.bans.insert(ban.clone()) {
            self.0.store.delete_ban(&subject.to_string()).await?;
            return Err(BanError::Full);
        }
        tracing::info!(kind = subject.kind(), by = ban.by, "banned");
        self.enforce(&ban, "operator");
        self.count_bans();
        Ok(ban)
    }

    /// Lifts a ban; what was lifted.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing has changed.
    pub async fn lift(&self, subject: Subject) -> Result<Option<Ban>, StoreError> {
        let _writing = self.0.writing.lock().await;
        self.0.store.delete_ban(&subject.to_string()).await?;
        let lifted = self.0.bans.remove(subject).filter(|ban| ban.holds_at(unix_seconds()));
        self.count_bans();
        Ok(lifted)
    }

    /// Bans somebody who has too many points.
    fn punish(&self, subject: Subject, name: String, points: u64) {
        let policy = self.policy();
        let (since_s, before) = (unix_seconds(), self.0.bans.get(subject));
        if before.as_ref().is_some_and(|ban| ban.holds_at(since_s)) {
            return;
        }
        let times = before.map_or(0, |ban| ban.times).saturating_add(1);
        let until_s = Some(end_after(since_s, length(&policy.bans, times)));
        let why = format!("{points} points of misbehaviour");
        let ban = Ban { subject, name, since_s, until_s, why, by: OWN_NAME.to_owned(), times };
        if !self.0.bans.insert(ban.clone()) {
            tracing::warn!("there are too many bans: somebody with {points} points is not banned");
            return;
        }
        // Whose address it is does not belong into the log.
        tracing::info!(kind = subject.kind(), points, times, "banned for misbehaviour");
        if self.0.unwritten.try_send(subject).is_err() {
            tracing::warn!("a ban is not written down: there are too many at once");
        }
        self.enforce(&ban, "score");
        self.count_bans();
    }

    fn enforce(&self, ban: &Ban, cause: &'static str) {
        metrics::counter!("abuse_bans_total", "kind" => ban.subject.kind(), "cause" => cause).increment(1);
        match &ban.subject {
            Subject::Account(account) => {
                self.0
                    .accounts
                    .find(account)
                    .into_iter()
                    .for_each(|record| record.close(CloseReason::Banned));
            }
            Subject::Address(network) => {
                self.0
                    .addresses
                    .find(network)
                    .into_iter()
                    .for_each(|record| record.close(CloseReason::Banned));
            }
        }
    }

    fn count_bans(&self) {
        metrics::gauge!("abuse_bans_active").set(self.0.bans.count_in_force() as f64);
    }

    /// What has to be done every minute or so: bans that ended long ago are forgotten.
    ///
    /// # Errors
    /// [`StoreError`]; the next time will do.
    pub async fn upkeep(&self) -> Result<(), StoreError> {
        let memory = self.policy().bans.memory;
        let then_s = unix_seconds().saturating_sub(i64::try_from(memory.as_secs()).unwrap_or(i64::MAX));
        self.0.bans.forget_before(then_s);
        self.count_bans();
        self.0.store.forget_bans(then_s).await
    }
}

/// Writes automatic bans down, which were in force before.
async fn write_loop(inner: Weak<Inner>, mut queue: mpsc::Receiver<Subject>) {
    while let Some(subject) = queue.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        let _writing = inner.writing.lock().await;
        // It may have been lifted meanwhile.
        let Some(ban) = inner.bans.get(subject) else { continue };
        if let Err(error) = inner.store.save_ban(&ban.row()).await {
            tracing::warn!(%error, "a ban is not written down; it ends with the server");
        }
    }
}
