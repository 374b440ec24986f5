//! `lore doctor`

/// Say what this machine lacks.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("lore doctor is not built yet")
}
