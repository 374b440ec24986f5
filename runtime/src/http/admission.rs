//! Who is let in: where a request comes from, how many come from there, and the bans.

use super::problem::Problem;
use super::rates::too_many;
use crate::abuse::{Abuse, Ban, Subject};
use crate::auth::AccountId;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use std::net::SocketAddr;

/// Lets requests of addresses through that are not banned, at the rate of an address, and leaves a note where they come
/// from.
pub(super) async fn admit(
    State(abuse): State<Abuse>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    if let Some(peer) = peer {
        let address = abuse.address(peer, request.headers());
        refuse_banned(abuse.ban_on(Subject::Address(address.network)))?;
        let counted = abuse.count_request_from(address);
        counted.map_err(|wait| too_many("address", "requests from this address", wait))?;
        request.extensions_mut().insert(address);
    }
    Ok(next.run(request).await)
}

/// Refuses accounts that are banned.
pub(super) fn admit_account(abuse: &Abuse, account: AccountId) -> Result<(), Problem> {
    refuse_banned(abuse.ban_on(Subject::Account(account)))
}

fn refuse_banned(ban: Option<Ban>) -> Result<(), Problem> {
    let Some(ban) = ban else { return Ok(()) };
    let problem = Problem::new(StatusCode::FORBIDDEN, "banned", ban.told());
    Err(match ban.left_s() {
        Some(seconds) => problem.retry_after(seconds),
        None => problem,
    })
}
