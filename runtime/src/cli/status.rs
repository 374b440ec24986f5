//! `lore status`

/// Show what is live.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("lore status is not built yet")
}
