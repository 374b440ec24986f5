//! `lore replay`

use crate::reload::Archive;
use crate::replay::{
    self, Bisected, Compared, Decision, Difference, ExportedTest, Focus, Missed, Outcome, Played, Player,
};
use anyhow::{Context as _, bail, ensure};
use host_api::{Engine, Harness, Module, RecordedCall};
use indicatif::{ProgressBar, ProgressStyle};
use sim::EntityId;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Ticks of a second at most: a server takes at least 10 ms for one.
const TICKS_PER_SECOND: u64 = 100;

/// Let a zone's recorded ticks happen again, to the bit.
///
/// LOG is a file or a folder of DATA/replay. Modules and content that ran are taken from the archive
/// in DATA. Without options: plays everything and compares the digest after every tick with the
/// recorded one. With --until or --export-test: begins with the last checkpoint that shows what is asked.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore replay data/replay/greywood\n  lore replay data/replay/greywood --until 48210 --entity 17   # every decision about entity 17\n  lore replay data/replay/greywood --with scripts/target/lore/combat.wasm   # what would have happened\n  lore replay data/replay/greywood --with combat@0.1.3   # the same with a module that was pushed once\n  lore replay data/replay/greywood --bisect   # which push changed the outcome\n  lore replay data/replay/greywood --export-test 48210 --entity 17 --script combat --out scripts/combat/tests/tick-48210.toml\n\nExits with 1 when the replay differs from what was recorded."
)]
pub struct Args {
    /// One segment, or a zone's folder.
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// Folder of the server that recorded it.
    #[arg(long, value_name = "DIR", default_value = "./data", env = "LORE_DATA")]
    data: PathBuf,
    /// Stop after this tick. With --with, --bisect and --all the log is played from its beginning, else
    /// from a checkpoint shortly before the tick.
    #[arg(long, value_name = "TICK")]
    until: Option<u64>,
    /// Show every decision about an entity; the last second's, or all with --all.
    #[arg(long, value_name = "ID", conflicts_with_all = ["with", "bisect"])]
    entity: Option<u64>,
    /// With --entity: every decision, the newest 10,000, not only the last second's.
    #[arg(long, requires = "entity")]
    all: bool,
    /// Play again with this component in the place of the module of its name, and compare. It comes from a
    /// file, or from the archive in DATA: `combat@0.1.3`, or `combat@0.1.3+1a2b3c4d` where several builds
    /// have that version. Where the log has a break, both begin anew with what was recorded.
    #[arg(long, value_name = "FILE|MODULE@VERSION", conflicts_with = "bisect")]
    with: Option<PathBuf>,
    /// Find the generation swap that changed the outcome; of a log with breaks, among those after the last.
    #[arg(long)]
    bisect: bool,
    /// Turn what a script was asked in this tick, with --entity only what was about it, into a test for
    /// `lore test`.
    #[arg(long, value_name = "TICK", conflicts_with_all = ["until", "with", "bisect", "all"])]
    export_test: Option<u64>,
    /// With --export-test: the script, if several were asked.
    #[arg(long, value_name = "NAME", requires = "export_test")]
    script: Option<String>,
    /// With --export-test: where the test goes; to standard output if missing.
    #[arg(long, value_name = "FILE", requires = "export_test")]
    out: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

#[expect(clippy::needless_pass_by_value, reason = "every command is handed its arguments")]
pub fn run(args: Args) -> anyhow::Result<()> {
    let files = replay::segments(&args.log).with_context(|| {
        let beside = args.log.parent().map(zones_in).unwrap_or_default();
        format!("read {}{beside}", args.log.display())
    })?;
    ensure!(!files.is_empty(), "there is no *.replay in {}{}", args.log.display(), zones_in(&args.log));
    ensure!(args.data.is_dir(), "there is no folder {}: name the server's with --data", args.data.display());
    let engine = Engine::new(replay::limits(), Some(&args.data.join("compiled")))?;
    let archive = Arc::new(Archive::open(&args.data).context("open the archive")?);
    let player = || Player::new(engine.clone(), Arc::clone(&archive));
    let until = args.until.unwrap_or(u64::MAX);
    if let Some(tick) = args.export_test {
        return export_test(&args, replay::segments_from(&files, tick)?, player().keeping(tick), tick);
    }
    if let Some(with) = &args.with {
        let module = load(&engine, &args.data, with)?;
        let label = module.label().to_owned();
        let compared = replay::compare(&files, &mut player(), &mut player().with_module(module), until)?;
        return show_compared(&args, &label, &compared);
    }
    if args.bisect {
        let bar = spinner();
        let bisected = replay::bisect(&files, player, until, &mut |what| bar.set_message(what.to_owned()))?;
        bar.finish_and_clear();
        return show_bisected(&args, &bisected);
    }
    let mut player = player();
    player.focus = args.entity.map(|entity| Focus::on(EntityId(entity)));
    let bar = spinner();
    let files = needed(&args, &files)?;
    let played =
        replay::play(files, &mut player, until, &mut |tick| bar.set_message(format!("tick {tick}")))?;
    bar.finish_and_clear();
    show_played(&args, &played, &player)
}

/// The folders in a folder: those of zones, one of which may have been meant.
fn zones_in(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names: BTreeSet<String> =
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<String> = names.into_iter().collect();
    format!("; the zones in {} are: {}", folder.display(), names.join(", "))
}

/// The files that hold the end of what is played, and with an entity the second before it.
fn needed<'a>(args: &Args, files: &'a [PathBuf]) -> anyhow::Result<&'a [PathBuf]> {
    let Some(until) = args.until.filter(|_| !args.all) else { return Ok(files) };
    let before = if args.entity.is_some() { TICKS_PER_SECOND } else { 0 };
    Ok(replay::segments_from(files, until.saturating_sub(before))?)
}

fn export_test(args: &Args, files: &[PathBuf], mut player: Player, tick: u64) -> anyhow::Result<()> {
    player.focus = args.entity.map(|entity| Focus::on(EntityId(entity)).in_tick(tick));
    let bar = spinner();
    let played = replay::play(files, &mut player, tick, &mut |tick| bar.set_message(format!("tick {tick}")))?;
    bar.finish_and_clear();
    if let Some(difference) = &played.difference {
        bail!("{}{}", differs(difference, "what was recorded"), late(&played.missed));
    }
    let Some((recording, world)) = player.kept().zip(player.world()) else {
        bail!("tick {tick} is not in the log, which was played from tick {} to {}", played.from, played.to);
    };
    let heard: Option<BTreeSet<(&str, &str)>> = player
        .focus
        .as_ref()
        .map(|focus| focus.decisions.iter().map(|decision| (decision.export, &*decision.view)).collect());
    let wanted = |call: &RecordedCall| {
        heard.as_ref().is_none_or(|heard| heard.contains(&(call.function, &*call.shown)))
    };
    let mut tests = Vec::new();
    for module in player.modules() {
        if args.script.as_ref().is_none_or(|script| script == module.name()) {
            let mut harness = Harness::new(module);
            tests.extend(replay::scenario(&mut harness, recording, world.content(), wanted)?);
        }
    }
    let asked: Vec<String> =
        tests.iter().map(|test| format!("{} ({} views)", test.script, test.cases)).collect();
    let test = match <[ExportedTest; 1]>::try_from(tests) {
        Ok([test]) => test,
        Err(tests) if tests.is_empty() => {
            let ran: Vec<&str> = player.modules().map(Module::name).collect();
            bail!("no such script was asked about that in tick {tick}; there ran: {}", ran.join(", "))
        }
        Err(_) => {
            bail!("several scripts were asked in tick {tick}: {}; choose one with --script", asked.join(", "))
        }
    };
    if test.more > 0 {
        eprintln!("{} more views are left out: narrow it down with --entity", test.more);
    }
    match &args.out {
        Some(file) => {
            std::fs::write(file, &test.text).with_context(|| format!("write {}", file.display()))?
        }
        None if !args.json => print!("{}", test.text),
        None => {}
    }
    if args.json {
        let ExportedTest { script, label, cases, text, .. } = &test;
        println!("{}", serde_json::json!({"script": script, "label": label, "cases": cases, "text": text}));
    } else if let Some(file) = &args.out {
        println!("{}: {} views {} was asked in tick {tick}", file.display(), test.cases, test.label);
    }
    Ok(())
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_style(
        ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn load(engine: &Engine, data: &Path, with: &Path) -> anyhow::Result<Module> {
    let bytes = match with.to_str() {
        Some(label) if replay::is_label(label) && !with.exists() => replay::stored_module(data, label)?,
        _ => std::fs::read(with).with_context(|| format!("read {}", with.display()))?,
    };
    Module::load(engine, &bytes).with_context(|| with.display().to_string())
}

fn show_played(args: &Args, played: &Played, player: &Player) -> anyhow::Result<()> {
    if args.json {
        let mut json = serde_json::to_value(played)?;
        if let Some(focus) = &player.focus {
            let (decisions, left_out) = decisions(focus, player, args.all, played.to);
            json["decisions_left_out"] = left_out.into();
            json["decisions"] = decisions
                .into_iter()
                .map(|decision| {
                    serde_json::json!({
                        "tick": decision.tick, "export": decision.export, "by": player.label(decision.origin),
                        "view": decision.view, "answer": decision.answer,
                    })
                })
                .collect();
        }
        println!("{json}");
    } else {
        if let Some(focus) = &player.focus {
            explain(args, focus, player, played.to);
        }
        describe(played);
    }
    match &played.difference {
        None => Ok(()),
        Some(difference) => {
            bail!("{}{}", differs(difference, "what was recorded"), late(&played.missed))
        }
    }
}

/// The decisions to show, and how many older ones would be shown if they had been kept.
fn decisions<'a>(focus: &'a Focus, player: &Player, all: bool, last: u64) -> (Vec<&'a Decision>, u64) {
    let second = player.world().map_or(20, |world| 1_000 / u64::from(world.tick_ms()));
    let shown = focus.decisions.iter().filter(|decision| all || decision.tick + second > last);
    let shown: Vec<&Decision> = shown.collect();
    let left_out = if shown.len() == focus.decisions.len() { focus.left_out } else { 0 };
    (shown, left_out)
}

fn explain(args: &Args, focus: &Focus, player: &Player, last: u64) {
    let (decisions, left_out) = decisions(focus, player, args.all, last);
    if left_out > 0 {
        println!("{left_out} older decisions are left out: an earlier --until shows them\n");
    }
    for decision in decisions {
        let (view, answer) = (decision.view.trim_end(), decision.answer.trim_end());
        println!("tick {} {} by {}", decision.tick, decision.export, player.label(decision.origin));
        println!("  asked {}", view.replace('\n', "\n  "));
        println!("  answered {}\n", answer.replace('\n', "\n  "));
    }
    if let Some(id) = args.entity
        && let Some(entity) = player.world().and_then(|world| world.entity(EntityId(id)))
    {
        println!("after tick {last}: {entity:#?}\n");
    }
}

fn describe(played: &Played) {
    println!(
        "{}: ticks {} to {}, {} inputs, {} swaps{}{}",
        played.zone,
        played.from,
        played.to,
        played.inputs,
        played.swaps,
        if played.breaks > 0 { format!(", {} breaks", played.breaks) } else { String::new() },
        if played.cut_off { ", the last file ends in the middle" } else { "" },
    );
    println!("{:.1} s, {:.0} times real time", played.seconds, played.times_real_time);
    for (name, value) in played.outcome.rows() {
        println!("  {name:<12} {value:>12}");
    }
    if played.deadlines > 0 {
        println!("{} calls were ended by the clock: from there on a replay may differ", played.deadlines);
    }
    if played.difference.is_none() {
        println!("every digest is as recorded; the last is {:016x}", played.digest);
    }
}

fn differs(difference: &Difference, from: &str) -> String {
    let entity = match difference.entity {
        Some((entity, tick)) => format!(", entity {entity} first (seen at tick {tick})"),
        None => String::new(),
    };
    format!(
        "tick {} differs from {from}{entity}: digest {:016x} instead of {:016x}",
        difference.tick, difference.found, difference.expected
    )
}

/// What else a difference may come from.
fn late(missed: &[Missed]) -> String {
    let Some(Missed { tick, module, export }) = missed.first() else { return String::new() };
    format!(
        "; the clock of this replay ended {} calls that the recording's did not, first {export} of {module} \
         in tick {tick}: from there on it says nothing, play it again when the machine is less busy",
        missed.len()
    )
}

/// What a log with breaks cannot tell.
fn broken(breaks: u64, from: u64) -> String {
    format!(
        "the log has {breaks} breaks, where the world begins anew as it was recorded: \
         what is said of the end holds from tick {from} on"
    )
}

fn outcomes(names: (&str, &str), left: &Outcome, right: &Outcome) {
    println!("{:<12} {:>14} {:>14} {:>9}", "", names.0, names.1, "change");
    for ((name, left), (_, right)) in left.rows().into_iter().zip(right.rows()) {
        let change = match left {
            _ if left == right => String::new(),
            0 => "new".to_owned(),
            _ => format!("{:+.1} %", (right - left) as f64 * 100.0 / left as f64),
        };
        println!("{name:<12} {left:>14} {right:>14} {change:>9}");
    }
}

fn show_compared(args: &Args, label: &str, compared: &Compared) -> anyhow::Result<()> {
    if args.json {
        println!("{}", serde_json::to_value(compared)?);
    } else {
        let played = &compared.recorded;
        println!("{}: ticks {} to {}, {} inputs", played.zone, played.from, played.to, played.inputs);
        outcomes(("as recorded", "changed"), &compared.recorded.outcome, &compared.changed.outcome);
        if played.breaks > 0 {
            println!("{}", broken(played.breaks, played.unbroken_from));
        }
        match &compared.difference {
            Some(difference) => {
                let late = late(&compared.changed.missed);
                println!("{label}: {}{late}", differs(difference, "the world without it"));
            }
            None => println!("{label} would have changed nothing"),
        }
    }
    match &compared.recorded.difference {
        None => Ok(()),
        Some(difference) => {
            bail!("{}{}", differs(difference, "what was recorded"), late(&compared.recorded.missed))
        }
    }
}

fn show_bisected(args: &Args, bisected: &Bisected) -> anyhow::Result<()> {
    if args.json {
        println!("{}", serde_json::to_value(bisected)?);
        return Ok(());
    }
    println!("{} swaps, played {} times", bisected.swaps, bisected.plays);
    let (breaks, from) = (bisected.breaks, bisected.unbroken_from);
    if breaks > 0 {
        println!("{}; {} swaps before it cannot be judged", broken(breaks, from), bisected.unjudged);
    }
    match (&bisected.culprit, &bisected.outcomes) {
        (Some(change), Some((without, with))) => {
            println!(
                "swap {} before tick {} changed the outcome: {}{}",
                change.number,
                change.tick,
                if change.labels.is_empty() {
                    "back to earlier modules".to_owned()
                } else {
                    change.labels.join(", ")
                },
                late(&bisected.missed),
            );
            outcomes(("without it", "with it"), without, with);
        }
        _ => {
            let where_known = if breaks > 0 { format!(" from tick {from} on") } else { String::new() };
            println!("no swap{where_known} changed the outcome{}", late(&bisected.missed));
        }
    }
    Ok(())
}
