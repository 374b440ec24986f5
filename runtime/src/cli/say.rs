//! `lore say`

use crate::admin::client::{AdminArgs, AdminClient};
use crate::admin::{Level, Said};

/// Say something to the players.
///
/// They get it as a `system.message`. Without --zone everybody is told who is connected; who does not want to hear
/// the operator is told only what is critical. It stands in the history.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore say 'The server restarts in five minutes' --level warning\n  lore say 'Wolves were seen at the gate' --zone downtown --zone westview"
)]
pub struct Args {
    /// One line of at most 500 bytes.
    text: String,
    #[command(flatten)]
    admin: AdminArgs,
    /// Only to who is in this zone; may be given several times.
    #[arg(long = "zone", value_name = "NAME")]
    zones: Vec<String>,
    /// How much it matters.
    #[arg(long, value_enum, default_value_t)]
    level: Level,
    /// For the history.
    #[arg(long, default_value = "")]
    why: String,
    /// The answer as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let Args { text, admin, zones, level, why, json } = args;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let client = AdminClient::connect(&admin)?;
        client.say(&Said { text, zones, level }, &why).await
    })?;
    if json {
        println!("{answer}");
    } else {
        println!("told {}", answer["told"]);
    }
    Ok(())
}
