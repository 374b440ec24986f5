//! `lore build`

/// Build the scripts into components.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("lore build is not built yet")
}
