//! Bringing a character into the world: its former connection goes and is saved, then it is
//! loaded and handed to its zone.

use super::Gateway;
use super::placement;
use crate::client::limits::TAKEOVER_TIMEOUT;
use crate::client::rpc::RpcError;
use crate::client::{Client, CloseReason, Outgoing};
use crate::store::AccountId;
use crate::zone::{Arrival, InboxError, Message};
use protocol::v1::SystemMessage;
use protocol::v1::notification::Method as Notice;
use sim::input::CharacterState;
use sim::{CharacterId, RequestId};
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
    match try_join(gateway, client, account, character, request).await {
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
    claim(gateway, client, character).await?;
    let entered = enter(gateway, client, account, character, request).await;
    if entered.is_err() {
        gateway.roster.release(character);
    }
    entered
}

/// Takes the character from whoever plays it, once it is saved.
async fn claim(gateway: &Gateway, client: &Arc<Client>, character: CharacterId) -> Result<(), RpcError> {
    let deadline = tokio::time::Instant::now() + TAKEOVER_TIMEOUT;
    while let Err(mut occupied) = gateway.roster.claim(character, client) {
        if let Some(client) = &occupied.client {
            client.close(CloseReason::Elsewhere);
        }
        if tokio::time::timeout_at(deadline, occupied.freed()).await.is_err() {
            return Err(RpcError::Unavailable(RETRY));
        }
    }
    Ok(())
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
