//! `lore call`

use crate::author::scenario::{call, hinted, notable};
use crate::author::{component_of, engine, from_here, load, scripts_meant, written};
use crate::build::find_workspace;
use anyhow::{Context as _, anyhow, bail};
use host_api::{Called, Harness};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Ask a script by hand: one view in, its answer out, with what it cost.
///
/// What the view does not say is taken from a plausible sample, or is zero with --empty. Without EXPORT
/// and with several functions, or with --describe, tells what can be asked.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore call combat\n  lore call combat resolve --view 'attack-power = 300' --seed 7\n  lore call quests --view '{ progress = { state = \"active\" }, trigger = \"turn-in\" }'\n  lore call scripts/target/lore/wolf.wasm think --view 'health-permille = 100' --json\n  lore call abilities --describe\n\nExits with 1 when the script fails, and shows where and what it wrote to its log."
)]
pub struct Args {
    /// A script, or a component.
    #[arg(value_name = "SCRIPT|FILE")]
    module: String,
    /// The function, such as `resolve`; may be left out where there is only one.
    #[arg(value_name = "EXPORT")]
    export: Option<String>,
    /// Fields of the view: TOML, JSON, or a file with either.
    #[arg(long, value_name = "TOML|FILE", default_value = "")]
    view: String,
    /// Fields of the context, likewise.
    #[arg(long, value_name = "TOML|FILE", default_value = "")]
    context: String,
    /// The view's seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Begin with zeros instead of the sample.
    #[arg(long)]
    empty: bool,
    /// Tell the fields of views and answers, what of an answer comes back in the next view, and which fields
    /// tell time.
    #[arg(long)]
    describe: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

#[expect(clippy::needless_pass_by_value, reason = "every command is handed its arguments")]
pub fn run(args: Args) -> anyhow::Result<()> {
    let component = component_meant(&args.module)?;
    let workspace = find_workspace(&std::env::current_dir().context("no current folder")?).ok();
    let module = load(&engine(workspace.as_deref())?, &component)?;
    let mut harness = Harness::new(&module);
    if args.describe || (args.export.is_none() && harness.functions().count() > 1) {
        return describe(&harness, args.export.as_deref());
    }
    let function = harness.function(args.export.as_deref()).map_err(|e| anyhow!(hinted(e)))?.to_owned();
    let sample = if args.empty { Value::Null } else { harness.sample(&function)? };
    let seed = args.seed.map_or(Value::Null, |seed| json!({ "seed": seed }));
    let given = written(&args.view).context("--view")?;
    let view = harness.view(&function, 1, &[&sample, &given, &seed]).map_err(|e| anyhow!(hinted(e)))?;
    let given = written(&args.context).context("--context")?;
    let told = harness.context(&function, &[&given]).map_err(|e| anyhow!(hinted(e)))?;
    let called = harness.ask(&function, &told, std::slice::from_ref(&view))?;
    let (shown, told) = (harness.show(&view), harness.show_context(&told));
    if args.json {
        println!("{}", json_report(module.label(), &function, &told, &shown, &called));
    } else {
        println!("{} {function}", module.label());
        println!("view    {}", notable(&shown));
        called.log.iter().for_each(|(level, line)| println!("log     {level}: {line}"));
        if let Ok(answers) = &called.outcome {
            answers.iter().for_each(|answer| println!("answer  {answer}"));
            println!("cost    {} fuel, {:.1} us", called.fuel, called.time_ns as f64 / 1_000.0);
        }
    }
    match called.outcome {
        Ok(_) => Ok(()),
        Err(kind) => {
            let again = call(&component.display().to_string(), &function, Some(&told), &shown);
            bail!("{} {function} {kind}\n  again: {again}", module.label())
        }
    }
}

/// A component by its path, else the one built of the script of this name.
fn component_meant(module: &str) -> anyhow::Result<PathBuf> {
    let path = Path::new(module);
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if !host_api::is_script_name(module) {
        bail!("there is no component {module}; `lore build` makes those of scripts, in scripts/target/lore");
    }
    let workspace = find_workspace(&std::env::current_dir().context("no current folder")?)?;
    let component = component_of(&workspace, module);
    if !component.is_file() {
        // Whether it is not built yet or misspelt.
        scripts_meant(&workspace, Some(module))?;
    }
    Ok(from_here(&component))
}

fn json_report(label: &str, function: &str, told: &Value, view: &Value, called: &Called) -> Value {
    let log: Vec<Value> =
        called.log.iter().map(|(level, line)| json!({"level": level, "message": line})).collect();
    json!({
        "module": label,
        "function": function,
        "context": told,
        "view": view,
        "answer": called.outcome.as_ref().ok().and_then(|answers| answers.first()),
        "failure": called.outcome.as_ref().err().map(ToString::to_string),
        "fuel": called.fuel,
        "time_ns": called.time_ns,
        "log": log,
    })
}

fn describe(harness: &Harness, only: Option<&str>) -> anyhow::Result<()> {
    let functions: Vec<String> = match only {
        Some(_) => vec![harness.function(only).map_err(|e| anyhow!(hinted(e)))?.to_owned()],
        None => harness.functions().map(str::to_owned).collect(),
    };
    for function in functions {
        let [view, answer] = harness.fields(&function)?;
        println!("{function}");
        for (title, fields) in [("view", view), ("answer", answer)] {
            println!("  {title}");
            fields.iter().for_each(|(name, ty)| println!("    {name:<26} {ty}"));
        }
        let sequel = harness.sequel(&function, &function)?;
        let clocks: Vec<&str> = sequel.clocks().collect();
        for (title, fields) in [("comes back", sequel.state().join(", ")), ("tells time", clocks.join(", "))]
        {
            if !fields.is_empty() {
                println!("  {title}\n    {fields}");
            }
        }
    }
    Ok(())
}
