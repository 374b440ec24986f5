//! `lore check`

use crate::build::{find_workspace, scripts_of};
use crate::content::{Summary, load};
use anyhow::Context;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Check scripts and content without a server.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  lore check\n  content/npcs.toml:12: there is no item `wolf_plet` (did you mean `wolf_pelt`?)\n\nExit code 1 if anything is wrong.")]
pub struct Args {
    /// Folder of the content; beside the scripts if missing.
    #[arg(long, value_name = "DIR")]
    content: Option<PathBuf>,
    /// Folder of the scripts' workspace; found from the current folder upwards if missing.
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let scripts = match args.scripts {
        Some(dir) => dir,
        None => find_workspace(&std::env::current_dir().context("no current folder")?)?,
    };
    let content = args.content.unwrap_or_else(|| scripts.with_file_name("content"));
    let mut mistakes: Vec<String> = Vec::new();
    let mut errors = Vec::new();
    let mut summary = Summary::default();
    match load(&content) {
        Ok((_, loaded)) => summary = loaded,
        Err(found) => errors = found.0,
    }
    mistakes.extend(errors.iter().map(|error| format!("{}/{error}", content.display())));
    mistakes.extend(missing_scripts(&summary, &scripts)?);
    if args.json {
        println!("{}", json!({ "ok": mistakes.is_empty(), "mistakes": mistakes, "content": errors, "summary": summary }));
    } else if mistakes.is_empty() {
        println!("{summary}; no mistakes");
    } else {
        mistakes.iter().for_each(|mistake| println!("{mistake}"));
    }
    anyhow::ensure!(mistakes.is_empty(), "{} mistake(s)", mistakes.len());
    Ok(())
}

/// Scripts that the content names but the workspace does not have, or has as another kind.
fn missing_scripts(summary: &Summary, scripts: &Path) -> anyhow::Result<Vec<String>> {
    let known = scripts_of(scripts)?;
    let mut mistakes = Vec::new();
    for (kind, name) in &summary.scripts {
        match known.iter().find(|script| script.name == *name) {
            None => mistakes.push(format!("content names the {kind} script `{name}`, which does not exist")),
            Some(script) if script.kind != *kind => mistakes
                .push(format!("content uses `{name}` as {kind} script, but it is of kind {}", script.kind)),
            Some(_) => {}
        }
    }
    Ok(mistakes)
}
