//! `lore serve`

/// Run a world.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("lore serve is not built yet")
}
