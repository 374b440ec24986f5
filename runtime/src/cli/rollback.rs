//! `lore rollback`

/// Put the version before back.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("lore rollback is not built yet")
}
