//! `lore build`

use crate::build::{Choice, Order, Step, build_scripts, find_workspace};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Build the scripts into components.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  lore build combat && lore push scripts/target/lore/combat.wasm --admin http://127.0.0.1:7878")]
pub struct Args {
    /// Only this script; all if missing.
    script: Option<String>,
    /// Folder of the scripts' workspace; found from the current folder upwards if missing.
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// Keep line tables (about 1.5 MB a script), so that every trap names your line.
    #[arg(long)]
    lines: bool,
    /// Which Rust compiles the scripts.
    #[arg(long, value_enum, env = "LORE_TOOLCHAIN", default_value_t)]
    toolchain: Choice,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let workspace = match args.scripts {
        Some(dir) => dir,
        None => find_workspace(&std::env::current_dir().context("no current folder")?)?,
    };
    let order = Order { only: args.script.as_deref(), lines: args.lines, toolchain: args.toolchain };
    let begun = Instant::now();
    let mut progress = Progress::new();
    let result = build_scripts(&workspace, order, &mut |step| progress.show(step));
    progress.bar.finish_and_clear();
    let built = result?;
    if args.json {
        let scripts: Vec<_> = built
            .iter()
            .map(|script| {
                json!({
                    "name": script.name,
                    "version": script.version,
                    "kind": script.kind,
                    "path": script.path,
                    "digest": script.digest.to_hex().as_str(),
                    "bytes": script.bytes,
                    "changed": script.changed,
                })
            })
            .collect();
        println!("{}", json!({ "scripts": scripts, "elapsed_ms": begun.elapsed().as_millis() as u64 }));
    } else {
        let changed = built.iter().filter(|script| script.changed).count();
        println!("{} scripts, {changed} changed, {:.1} s", built.len(), begun.elapsed().as_secs_f32());
    }
    Ok(())
}

/// Shows a build on standard error: a moving line on a terminal, plain lines elsewhere.
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
}

impl Progress {
    /// Nothing shown yet.
    pub fn new() -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bar = if plain { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, plain }
    }

    /// Shows one step.
    pub fn show(&mut self, step: Step<'_>) {
        match step {
            Step::Toolchain(toolchain) => self.line(&format!("scripts: compiling with {toolchain}")),
            Step::Waiting(reason) => self.line(&format!("scripts: {reason}")),
            Step::Crate(count, name) => self.bar.set_message(format!("compiled {count}: {name}")),
            Step::Diagnostic(text) => self.line(text.trim_end()),
            Step::Script(script) => self.line(&format!(
                "scripts: {} {} ({}), {:.1} kB, {}",
                script.name,
                script.version,
                script.kind,
                script.bytes as f64 / 1_000.0,
                if script.changed { "new" } else { "unchanged" },
            )),
        }
    }

    fn line(&self, text: &str) {
        if self.plain {
            eprintln!("{text}");
        } else {
            self.bar.println(text);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
