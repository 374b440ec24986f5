//! `lore migrate`

/// Bring the database to the newest schema.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("lore migrate is not built yet")
}
