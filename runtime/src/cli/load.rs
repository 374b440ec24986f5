//! `lore load`

/// Send bots into a running world.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("lore load is not built yet")
}
