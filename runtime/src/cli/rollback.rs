//! `lore rollback`

use crate::admin::client::{AdminArgs, AdminClient};

/// Go back to the version of a script before the live one.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  lore rollback combat --why 'wolves die too fast'")]
pub struct Args {
    /// Name of the script.
    script: String,
    #[command(flatten)]
    admin: AdminArgs,
    /// For the history.
    #[arg(long, default_value = "")]
    why: String,
    /// The answer as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let Args { script, admin, why, json } = args;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let client = AdminClient::connect(&admin)?;
        client.rollback(&script, &why).await
    })?;
    if json {
        println!("{answer}");
    } else {
        super::push::describe(&answer);
    }
    Ok(())
}
