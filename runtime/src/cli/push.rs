//! `lore push`

/// Ship a script or content to a running world.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("lore push is not built yet")
}
