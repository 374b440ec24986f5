//! `lore check`

use crate::author::{component_of, engine};
use crate::build::{Script, find_workspace, scripts_of};
use crate::content::{Summary, load};
use crate::reload::{missing_content, out_of_scope};
use anyhow::Context;
use host_api::{CallLimits, Generation, MigrationLimits, Module};
use serde_json::{Value, json};
use sim::content::Content;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Check scripts and content without a server.
///
/// Built modules are loaded as a server would load them: binary interface, limits, one smoke call of
/// every export, content they require.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  lore check\n  content/npcs.toml:12: there is no item `wolf_plet` (did you mean `wolf_pelt`?)\n\nExit code 1 if anything is wrong."
)]
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
    let known = scripts_of(&scripts)?;
    let mut errors = Vec::new();
    let mut loaded = None;
    match load(&content) {
        Ok(found) => loaded = Some(found),
        Err(found) => errors = found.0,
    }
    let mut mistakes: Vec<String> =
        errors.iter().map(|error| format!("{}/{error}", content.display())).collect();
    let definitions = loaded.as_ref().map(|(content, _)| content);
    let checked = check_modules(&known, &scripts, definitions)?;
    mistakes.extend(checked.mistakes);
    let summary = loaded.map(|(_, summary)| summary).unwrap_or_default();
    mistakes.extend(missing_scripts(&summary, &known));
    if args.json {
        println!(
            "{}",
            json!({
                "ok": mistakes.is_empty(),
                "mistakes": mistakes,
                "content": errors,
                "summary": summary,
                "modules": checked.modules,
                "limits": checked.limits,
                "unbuilt": checked.unbuilt,
            })
        );
    } else {
        mistakes.iter().for_each(|mistake| println!("{mistake}"));
        if !checked.unbuilt.is_empty() {
            println!("not checked, because not built (`lore build`): {}", checked.unbuilt.join(", "));
        }
        if mistakes.is_empty() {
            println!("{summary}; {} modules; no mistakes", checked.modules.len());
        }
    }
    anyhow::ensure!(mistakes.is_empty(), "{} mistake(s)", mistakes.len());
    Ok(())
}

/// What came of the built modules.
#[derive(Default)]
struct Checked {
    mistakes: Vec<String>,
    /// Labels of those that loaded.
    modules: Vec<String>,
    /// What each of them may cost.
    limits: Vec<Value>,
    /// Names of scripts without a built module.
    unbuilt: Vec<String>,
}

/// Loads every built module, and all of them together if none failed.
fn check_modules(known: &[Script], workspace: &Path, content: Option<&Content>) -> anyhow::Result<Checked> {
    let engine = engine(Some(workspace))?;
    let mut checked = Checked::default();
    let mut modules = Vec::new();
    for script in known {
        let path = component_of(workspace, script.name());
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                checked.unbuilt.push(script.name().to_owned());
                continue;
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        match Module::load(&engine, &bytes) {
            Ok(module) => {
                checked.mistakes.extend(module_mistakes(script, &module, content));
                checked.modules.push(module.label().to_owned());
                checked.limits.push(limits_of(&module));
                modules.push(module);
            }
            Err(error) => checked.mistakes.push(format!("{}: {error}", path.display())),
        }
    }
    if modules.len() == known.len()
        && let Err(error) = Generation::new(0, modules)
    {
        checked.mistakes.push(error.to_string());
    }
    Ok(checked)
}

/// What a module may cost, by function.
fn limits_of(module: &Module) -> Value {
    let limits = module.limits();
    let mut exports: BTreeMap<&str, &CallLimits> =
        limits.exports.iter().map(|(export, call)| (export.name(), call)).collect();
    if module.schema() > 0 {
        let MigrationLimits { schema, migrate, revert } = &limits.migration;
        exports.extend([
            ("migration.schema", schema),
            ("migration.migrate", migrate),
            ("migration.revert", revert),
        ]);
    }
    json!({
        "module": module.label(),
        "memory_bytes": limits.memory_bytes,
        "tick_share_percent": limits.tick_share_percent,
        "exports": exports,
    })
}

fn module_mistakes(script: &Script, module: &Module, content: Option<&Content>) -> Vec<String> {
    let lore_toml = script.folder().join("lore.toml");
    let missing = content.into_iter().flat_map(|content| missing_content(module, content));
    let mut mistakes: Vec<String> = missing
        .map(|name| format!("{}: requires {name}, which the content does not have", lore_toml.display()))
        .collect();
    let elsewhere = content.into_iter().flat_map(|content| out_of_scope(module, content));
    mistakes.extend(
        elsewhere
            .map(|who| format!("{}: {who}, which is not among the zones of its scope", lore_toml.display())),
    );
    if *module.manifest() != script.manifest {
        mistakes.push(format!(
            "{} was built from another {} or version; run `lore build`",
            module.label(),
            lore_toml.display()
        ));
    }
    mistakes
}

/// Scripts that the content names but the workspace does not have, or has as another kind.
fn missing_scripts(summary: &Summary, known: &[Script]) -> Vec<String> {
    let mut mistakes = Vec::new();
    for (kind, name) in &summary.scripts {
        match known.iter().find(|script| script.name() == name).map(|script| script.manifest.kind) {
            None => mistakes.push(format!("content names the {kind} script `{name}`, which does not exist")),
            Some(other) if other.name() != *kind => {
                mistakes.push(format!("content uses `{name}` as {kind} script, but it is of kind {other}"));
            }
            Some(_) => {}
        }
    }
    mistakes
}
