//! How a bot gets into the world: for the first time, and back into it when its connection was lost.

use super::account::Player;
use super::bot::Run;
use super::client::{CallFailed, Client, ConnectError, PATIENCE, ResumeFailed};
use protocol::v1::{self, Joined};
use std::time::{Duration, Instant};

/// How long a bot keeps trying to get into a full or busy world.
const JOIN_PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two tries to join or to connect.
const JOIN_PAUSE: Duration = Duration::from_millis(500);

/// How a bot came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// Its session goes on.
    Resumed,
    /// There was no session any more: it has begun another.
    JoinedAnew,
}

/// Connects and joins as bot number `index`, which was sent at `sent`.
///
/// # Errors
/// There is no connection, or no room within its patience.
pub(super) async fn enter(run: &Run, index: usize, sent: Instant) -> anyhow::Result<Client> {
    let player = &run.players[index];
    let mut client = Client::connect(&run.ws_url, &player.token, run.encoding).await?;
    if !run.is_whole(index) {
        client = client.looking_past_others();
    }
    match join(run, player, &mut client, sent + JOIN_PATIENCE).await {
        Ok(joined) => {
            run.count(|tally| {
                tally.joined += 1;
                tally.zones.count(&joined.zone);
            });
            Ok(client)
        }
        Err(error) => {
            run.count_conduct(&client);
            client.close().await;
            Err(error.into())
        }
    }
}

/// Takes the session of bot number `index`, cut off at `since`, up again over another connection, or joins anew where
/// there is none any more.
///
/// # Errors
/// There is no connection, or no room within its patience.
pub(super) async fn come_back(
    run: &Run,
    index: usize,
    client: &mut Client,
    since: Instant,
) -> anyhow::Result<Back> {
    let (player, until) = (&run.players[index], since + JOIN_PATIENCE);
    let under_way = client.replica().pending() as u64;
    run.count(|tally| tally.comeback.under_way += under_way);
    loop {
        match client.resume(&player.token).await {
            Ok(resumed) if resumed.character.is_some() => {
                run.count(|tally| {
                    tally.in_world += 1;
                    tally.comeback.resumed += 1;
                });
                return Ok(Back::Resumed);
            }
            // The session goes on, but its character has left the world.
            Ok(_) => break,
            Err(ResumeFailed::Over(_)) => {
                run.count(|tally| tally.unanswered += under_way);
                break;
            }
            Err(error @ ResumeFailed::Connect(ConnectError::BadUrl { .. })) => return Err(error.into()),
            Err(error) if Instant::now() >= until || run.stop.is_cancelled() => return Err(error.into()),
            Err(_) => tokio::time::sleep(JOIN_PAUSE).await,
        }
    }
    join(run, player, client, until).await?;
    run.count(|tally| tally.comeback.joined_anew += 1);
    Ok(Back::JoinedAnew)
}

/// Joins, and tries again while the zone is full or busy: others walk on and make room.
async fn join(run: &Run, player: &Player, client: &mut Client, until: Instant) -> Result<Joined, CallFailed> {
    let asked = Instant::now();
    loop {
        let params = v1::WorldJoin { character: player.character };
        match client.call::<Joined>("world.join", params).await {
            Ok(joined) => {
                run.count(|tally| {
                    tally.in_world += 1;
                    tally.join.record(asked.elapsed());
                });
                return Ok(joined);
            }
            Err(CallFailed::Refused { method, error }) => {
                run.count(|tally| tally.refusals.count(&format!("{method}: {}", error.stable_code())));
                let passes =
                    matches!(error.stable_code(), "zone_full" | "busy" | "rate_limited" | "unavailable");
                if !passes || Instant::now() >= until || run.stop.is_cancelled() {
                    return Err(CallFailed::Refused { method, error });
                }
                let pause = error.retry_after_ms().map_or(JOIN_PAUSE, Duration::from_millis);
                tokio::time::sleep(pause.min(PATIENCE)).await;
            }
            Err(failed) => return Err(failed),
        }
    }
}
