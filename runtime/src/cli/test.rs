//! `lore test`

use super::build::Progress;
use crate::author::scenario::{Options, ScriptReport, files_of, junit, run_files};
use crate::author::{component_of, engine, from_here, load, scripts_meant};
use crate::build::{Choice, Order, Script, build_scripts, find_workspace};
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};

/// Test scripts: the very components a server would run, with scenarios written as text.
///
/// Builds first what is not built. Scenarios are the *.toml files in a script's folder `tests`; what can
/// stand in them is described in docs/scripting.md.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore test\n  lore test combat --case critical\n  lore test scripts/combat/tests/swings.toml --seed 7\n  lore test wolf --bless   # take the answers of golden cases over\n  lore test --junit target/scripts.xml --json\n\nExits with 1 when a case fails, and says which command repeats it."
)]
pub struct Args {
    /// A script, a scenario file, or a folder; all scripts if missing.
    #[arg(value_name = "SCRIPT|PATH")]
    what: Option<String>,
    /// Only cases whose name contains this.
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Seed of repeated and random cases, instead of the cases' own.
    #[arg(long)]
    seed: Option<u64>,
    /// Write golden files instead of comparing with them.
    #[arg(long)]
    bless: bool,
    /// Test this component in the place of the script's own.
    #[arg(long, value_name = "FILE", requires = "what")]
    module: Option<PathBuf>,
    /// Do not build; test what was built last.
    #[arg(long)]
    no_build: bool,
    /// Build with line tables, so that every trap names your line.
    #[arg(long, conflicts_with = "no_build")]
    lines: bool,
    /// Folder of the scripts' workspace; found from the current folder upwards if missing.
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// Which Rust compiles the scripts.
    #[arg(long, value_enum, env = "LORE_TOOLCHAIN", default_value_t)]
    toolchain: Choice,
    /// Write a JUnit report, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[expect(clippy::needless_pass_by_value, reason = "every command is handed its arguments")]
pub fn run(args: Args) -> anyhow::Result<()> {
    let workspace = match &args.scripts {
        Some(dir) => dir.clone(),
        None => find_workspace(&std::env::current_dir().context("no current folder")?)?,
    };
    let mut chosen = Vec::new();
    let scripts = scripts_meant(&workspace, args.what.as_deref())?;
    let folders: Vec<String> =
        scripts.iter().map(|script| from_here(script.folder()).join("tests").display().to_string()).collect();
    for script in scripts {
        let files = files_meant(&script, args.what.as_deref())?;
        if !files.is_empty() {
            chosen.push((script, files));
        }
    }
    ensure!(
        !chosen.is_empty(),
        "{} has no scenarios; they are the *.toml in {} (docs/scripting.md, Tests as text)",
        args.what.as_deref().unwrap_or("the workspace"),
        folders.join(", ")
    );
    if !args.no_build && args.module.is_none() {
        build(&args, &workspace, &chosen)?;
    }
    let engine = engine(Some(&workspace))?;
    let options = Options { seed: args.seed, bless: args.bless };
    let mut reports = Vec::new();
    for (script, files) in &chosen {
        let built = from_here(&component_of(&workspace, script.name()));
        let component = args.module.clone().unwrap_or(built);
        let module = load(&engine, &component)?;
        let report = run_files(&module, &component, files, args.case.as_deref(), options, &mut |_| {});
        if !args.json {
            print!("{}", report.text());
        }
        reports.push(report);
    }
    finish(&args, &reports)
}

/// The file or folder named, else all files of the script.
fn files_meant(script: &Script, what: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
    let files = files_of(script.folder())?;
    let path = what.map(Path::new).filter(|path| *path != Path::new(script.name()) && path.exists());
    let Some(wanted) = path else { return Ok(files.iter().map(|file| from_here(file)).collect()) };
    let wanted = wanted.canonicalize()?;
    let mut meant = Vec::new();
    for file in files {
        if file.canonicalize()?.starts_with(&wanted) {
            meant.push(from_here(&file));
        }
    }
    Ok(meant)
}

fn build(args: &Args, workspace: &Path, chosen: &[(Script, Vec<PathBuf>)]) -> anyhow::Result<()> {
    let only = match chosen {
        [(script, _)] => Some(script.name()),
        _ => None,
    };
    let mut progress = Progress::new();
    let order = Order { only, lines: args.lines, toolchain: args.toolchain };
    build_scripts(workspace, order, &mut |step| progress.show(step))?;
    Ok(())
}

fn finish(args: &Args, reports: &[ScriptReport]) -> anyhow::Result<()> {
    let (mut cases, mut failed) = (0, 0);
    for (of_script, wrong) in reports.iter().map(ScriptReport::count) {
        cases += of_script;
        failed += wrong;
    }
    if let Some(file) = &args.junit {
        std::fs::write(file, junit(reports)).with_context(|| format!("write {}", file.display()))?;
    }
    if args.json {
        let report = serde_json::json!({
            "ok": failed == 0, "cases": cases, "failed": failed, "scripts": reports,
        });
        println!("{report}");
    } else if failed == 0 {
        println!("{cases} cases passed");
    }
    ensure!(cases > 0, "no case has a name with `{}`", args.case.as_deref().unwrap_or_default());
    ensure!(failed == 0, "{failed} of {cases} cases failed");
    Ok(())
}
