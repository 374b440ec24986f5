//! Bringing a character into the world: its former connection goes and is saved, then it is
//! loaded and handed to its zone.

use super::Gateway;
use super::placement;
use crate::client::limits::TAKEOVER_TIMEOUT;
use crate::client::roster::Roster;
use crate::client::rpc::RpcError;
use crate::client::{Client, CloseReason, Outgoing};
use crate::store::AccountId;
use crate::zone::{Arrival, InboxError, Message};
use futures_util::FutureExt;
use protocol::v1::SystemMessage;
use protocol::v1::notification::Method as Notice;
use sim::input::CharacterState;
use sim::{CharacterId, RequestId};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// When a client should try again after `unavailable`.
const RETRY: Duration = Duration::from_secs(1);

/// Joins, or tells the client why not. True if the character is on its way into its zone; the
/// zone then answers, and the caller owes it a [`Message::Leave`].
pub async fn join(
    gateway: &Gateway,
    client: &Arc<Client>,
    account: AccountId,
    character: CharacterId,
    request: RequestId,
) -> bool {
    or_tell(client, request, try_join(gateway, client, account, character, request)).await
}

/// A defect of ours is a reason, too: without an answer the session would wait for ever. Whose join it is stands in the
/// span of the task.
async fn or_tell(
    client: &Client,
    request: RequestId,
    join: impl Future<Output = Result<(), RpcError>>,
) -> bool {
    let joined = AssertUnwindSafe(join).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a join hit a defect");
        Err(RpcError::Internal)
    });
    match joined {
        Ok(()) => true,
        Err(error) => {
            client.tell(Outgoing::NotJoined { request, error });
            false
        }
    }
}

async fn try_join(
    gateway: &Gateway,
    client: &Arc<Client>,
    account: AccountId,
    character: CharacterId,
    request: RequestId,
) -> Result<(), RpcError> {
    // Before anybody is sent away: a stranger must not be able to close another's connection.
    load(gateway, account, character).await?;
    let claim = Claim::take(&gateway.roster, client, character).await?;
    enter(gateway, client, account, character, request).await?;
    claim.keep();
    Ok(())
}

/// A character nobody else can join with. Dropped, it is given up; once it is on its way into its zone, that does so.
struct Claim<'a> {
    roster: &'a Roster,
    character: CharacterId,
}

impl<'a> Claim<'a> {
    /// Takes the character from whoever plays it, once it is saved.
    async fn take(
        roster: &'a Roster,
        client: &Arc<Client>,
        character: CharacterId,
    ) -> Result<Self, RpcError> {
        let deadline = tokio::time::Instant::now() + TAKEOVER_TIMEOUT;
        while let Err(mut occupied) = roster.claim(character, client) {
            if let Some(client) = &occupied.client {
                client.close(CloseReason::Elsewhere);
            }
            if tokio::time::timeout_at(deadline, occupied.freed()).await.is_err() {
                return Err(RpcError::Unavailable(RETRY));
            }
        }
        Ok(Self { roster, character })
    }

    /// Leaves it to the zone.
    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.roster.release(self.character);
    }
}

async fn enter(
    gateway: &Gateway,
    client: &Arc<Client>,
    account: AccountId,
    character: CharacterId,
    request: RequestId,
) -> Result<(), RpcError> {
    // Again, for only now nobody else changes it.
    let mut state = load(gateway, account, character).await?;
    if gateway.zones.find(state.zone).is_none() {
        tracing::warn!(%character, zone = state.zone.0, "a character stood in a zone that is gone; it starts anew");
        state.zone = gateway.content.borrow().progression.start_zone;
        state.at = None;
    }
    if gateway.zones.find(state.zone).is_none() {
        tracing::error!(zone = state.zone.0, "the zone characters start in is not here");
        return Err(RpcError::Internal);
    }
    let content = Arc::clone(&gateway.content.borrow());
    let Some((index, seat)) = placement::seat(&gateway.zones, &content, state.zone) else {
        return Err(RpcError::Rejected(sim::output::Rejection::ZoneFull.code()));
    };
    let zone = gateway.zones.handle(index);
    client.set_zone(index);
    if zone.id != state.zone {
        let title = |id| content.zones.get(&id).map_or("Your zone", |zone| zone.title.as_str());
        let text = format!("{} is full. You are in {}.", title(state.zone), title(zone.id));
        client.notify(Notice::SystemMessage(SystemMessage { text, ..SystemMessage::default() }));
        (state.zone, state.at) = (zone.id, None);
    }
    // Before it can be gone again: the roster takes it out of the book, whatever becomes of the join.
    gateway.presences.enter(character, &state.name, &zone.name);
    let arrival = Arrival { client: Arc::clone(client), state, seat, last_seq: 0, request: Some(request) };
    zone.submit(Message::Enter(Box::new(arrival))).map_err(|(error, _)| match error {
        InboxError::Busy => RpcError::Busy(Duration::from_millis(100)),
        InboxError::Gone => RpcError::Unavailable(RETRY),
    })
}

async fn load(
    gateway: &Gateway,
    account: AccountId,
    character: CharacterId,
) -> Result<CharacterState, RpcError> {
    match gateway.store.load_character(character).await {
        Ok(Some((owner, state))) if owner == account => Ok(state),
        // Not told apart: nobody learns which characters exist.
        Ok(_) => Err(RpcError::Unauthorized("the character does not belong to this account")),
        Err(error) => {
            tracing::warn!(%error, %character, "a character could not be loaded");
            Err(RpcError::Unavailable(RETRY))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::frame::Encoding;
    use crate::online::Online;
    use crate::presence::Presences;

    const ADA: CharacterId = CharacterId(7);

    #[tokio::test]
    async fn a_join_that_hits_a_defect_is_answered_and_gives_the_character_up() {
        let roster = Roster::new(Online::default(), Presences::new(true));
        let (client, mut outbox) = Client::new(Encoding::Json);
        let client = Arc::new(client);
        let join = async {
            let _claim = Claim::take(&roster, &client, ADA).await?;
            assert_eq!(roster.len(), 0, "a defect, for this test");
            Ok::<(), RpcError>(())
        };
        assert!(!or_tell(&client, RequestId(3), join).await);
        assert!(matches!(
            outbox.try_recv(),
            Ok(Outgoing::NotJoined { request: RequestId(3), error: RpcError::Internal })
        ));
        assert!(roster.is_empty(), "it can be joined with again");
    }

    #[tokio::test]
    async fn a_character_on_its_way_into_its_zone_stays_taken() {
        let roster = Roster::new(Online::default(), Presences::new(true));
        let (client, _outbox) = Client::new(Encoding::Json);
        let client = Arc::new(client);
        Claim::take(&roster, &client, ADA).await.expect("free").keep();
        assert_eq!(roster.len(), 1);
    }
}
