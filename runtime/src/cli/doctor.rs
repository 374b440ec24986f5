//! `lore doctor`

use crate::build::{INSTALL, diagnose, diagnose_languages};
use serde_json::json;

/// Say what this machine lacks.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  lore doctor\n\nExit code 1 if scripts in Rust cannot be built here.")]
pub struct Args {
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub fn run(Args { json: as_json }: Args) -> anyhow::Result<()> {
    let (toolchain, mut findings) = diagnose();
    findings.extend(diagnose_languages());
    if as_json {
        let toolchain = toolchain.as_ref().map(ToString::to_string);
        println!("{}", json!({ "ok": toolchain.is_some(), "toolchain": toolchain, "findings": findings }));
    } else {
        for finding in &findings {
            println!(
                "{} {}: {}",
                if finding.ok { "ok     " } else { "missing" },
                finding.what,
                finding.detail
            );
        }
    }
    match toolchain {
        Some(toolchain) if !as_json => println!("\nscripts in Rust are compiled with {toolchain}"),
        Some(_) => {}
        None => anyhow::bail!("scripts cannot be built here; {INSTALL}"),
    }
    Ok(())
}
