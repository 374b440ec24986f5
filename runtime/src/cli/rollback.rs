//! `lore rollback`

use crate::admin::client::{AdminArgs, AdminClient};

/// Go back to the version of a script, or to the content, before the live one.
///
/// Again, and it goes one version further back, up to eight, also after a restart. What was quarantined is
/// passed over. Content cannot go back past a definition that was added since: somebody may hold it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore rollback combat --why 'wolves die too fast'\n  lore rollback content --why 'potions cost nothing'"
)]
pub struct Args {
    /// Name of the script, or `content`.
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
