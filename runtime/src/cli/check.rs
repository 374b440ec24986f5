//! `lore check`

/// Check scripts and content without a server.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("lore check is not built yet")
}
