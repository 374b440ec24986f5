//! `lore sim`

use crate::author::balance::{Attacker, Blows, Line, Pace, Tally, bars, simulate, svg};
use crate::author::{component_of, engine, load};
use crate::build::{find_workspace, scripts_of};
use crate::content::suggestion;
use anyhow::{Context as _, anyhow, bail, ensure};
use hdrhistogram::Histogram;
use host_api::{Engine, Generation, Module};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sim::content::Content;
use sim::def_id;
use sim::limits::LEVEL_MAX;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Simulate fights: who wins, how fast, and what it costs them.
///
/// Held in the real simulation with the built scripts and the content of this project, on all cores.
/// Attackers wear what their class begins with, heal themselves when they can, use what is ready, and
/// gain nothing on the way. The same line, seed and scripts give the same figures.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore sim --attacker warrior:10 --against wolf:3 --fights 1000000\n  lore sim --attacker warrior:6 --attacker mage:6 --against old_greyjaw --svg greyjaw.svg\n  lore sim --attacker mage:3 --against bandit --with scripts/target/lore/combat.wasm --json"
)]
pub struct Args {
    /// Class and level of one attacker; several fight side by side.
    #[arg(long, value_name = "CLASS:LEVEL", required = true)]
    attacker: Vec<String>,
    /// Template and number of defenders.
    #[arg(long, value_name = "NPC[:COUNT]", required = true)]
    against: Vec<String>,
    /// How many fights.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    fights: u64,
    /// Where all chance comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Length of a tick: the server's own is exact, a longer one faster. At most 250ms.
    #[arg(long, value_name = "DURATION", default_value = "250ms", value_parser = duration)]
    tick: Duration,
    /// A fight that takes longer is undecided.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    limit: Duration,
    /// Units between the two sides at first.
    #[arg(long, value_name = "UNITS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=40))]
    distance: u32,
    /// Threads; all cores if missing.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// A component in the place of the script of its name (of its kind, where a world has one).
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// Folder of the content; beside the scripts if missing.
    #[arg(long, value_name = "DIR")]
    content: Option<PathBuf>,
    /// Folder of the scripts' workspace; found from the current folder upwards if missing.
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// Draw the distributions into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration: Duration =
        serde_json::from_value::<Humane>(Value::from(text)).map_err(|error| error.to_string())?.0;
    if duration.is_zero() { Err("it must not be zero".to_owned()) } else { Ok(duration) }
}

#[derive(serde::Deserialize)]
struct Humane(#[serde(with = "humantime_serde")] Duration);

#[expect(clippy::needless_pass_by_value, reason = "every command is handed its arguments")]
pub fn run(args: Args) -> anyhow::Result<()> {
    let scripts = match &args.scripts {
        Some(dir) => dir.clone(),
        None => find_workspace(&std::env::current_dir().context("no current folder")?)?,
    };
    let folder = args.content.clone().unwrap_or_else(|| scripts.with_file_name("content"));
    let (content, _) = crate::content::load(&folder).with_context(|| folder.display().to_string())?;
    let line = line(&args, &content)?;
    let tick_ms = args.tick.as_millis() as u32;
    ensure!((1..=250).contains(&tick_ms), "--tick is {tick_ms}ms, must be 1ms to 250ms");
    let pace = Pace { tick_ms, limit_ms: args.limit.as_millis() as u64 };
    let generation = generation(&engine(Some(&scripts))?, &scripts, &args.with)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or(cores, usize::from);
    let bar = progress(args.fights);
    let begun = Instant::now();
    let over = |fights| bar.set_position(fights);
    let tally = simulate(&generation, &content, &line, pace, (args.fights, args.seed), threads, &over)?;
    let seconds = begun.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let title = format!("{} against {}", args.attacker.join(" + "), args.against.join(" + "));
    if let Some(file) = &args.svg {
        std::fs::write(file, svg(&title, &tally, tick_ms))
            .with_context(|| format!("write {}", file.display()))?;
    }
    let speed = tally.fights as f64 / seconds / threads as f64;
    if args.json {
        let modules: Vec<&str> = generation.modules().map(Module::label).collect();
        println!("{}", report(&args, &tally, &modules, (seconds, threads, speed)));
    } else {
        show(&title, &args, &tally);
        println!("{speed:.0} fights a second and core ({threads} threads, {seconds:.1} s)");
    }
    Ok(())
}

fn progress(fights: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} fights, {eta} left");
    ProgressBar::new(fights).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn line(args: &Args, content: &Content) -> anyhow::Result<Line> {
    let named = |text: &str| match text.split_once(':') {
        Some((name, number)) => number.parse().map(|number| (name.to_owned(), Some(number))),
        None => Ok((text.to_owned(), None)),
    };
    let mut attackers = Vec::new();
    for text in &args.attacker {
        let (name, level) =
            named(text).with_context(|| format!("`{text}` is not CLASS:LEVEL, such as `warrior:10`"))?;
        let level = level.unwrap_or(1);
        ensure!((1..=LEVEL_MAX).contains(&level), "`{text}`: a level is 1 to {LEVEL_MAX}");
        let class = def_id(&format!("class/{name}"));
        let known = content.classes.values().map(|class| class.name.as_str());
        ensure!(content.classes.contains_key(&class), unknown("class", &name, known));
        attackers.push(Attacker { class, level });
    }
    let mut defenders = Vec::new();
    for text in &args.against {
        let (name, count) =
            named(text).with_context(|| format!("`{text}` is not NPC:COUNT, such as `wolf:3`"))?;
        let id = def_id(&format!("npc/{name}"));
        let known = content.npcs.values().map(|npc| npc.name.as_str());
        let npc = content.npcs.get(&id).ok_or_else(|| anyhow!(unknown("NPC", &name, known)))?;
        let hostile = content.npcs.values().filter(|npc| npc.hostile).map(|npc| npc.name.as_str());
        ensure!(npc.hostile, "nobody can attack {name}: it is not hostile; hostile are {}", listed(hostile));
        defenders.push((id, count.unwrap_or(1)));
    }
    Ok(Line { attackers, defenders, distance_mm: args.distance * 1_000 })
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let hint = suggestion(name, known.clone());
    format!("there is no {what} `{name}`{hint}; there are {}", listed(known))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<&str>>().join(", ")
}

/// The built scripts, some replaced.
fn generation(engine: &Engine, scripts: &Path, with: &[PathBuf]) -> anyhow::Result<Generation> {
    let mut modules: Vec<Module> = Vec::new();
    for file in with {
        modules.push(load(engine, file)?);
    }
    for script in scripts_of(scripts)? {
        let kind = script.manifest.kind;
        let replaced = modules
            .iter()
            .take(with.len())
            .any(|module| module.name() == script.name() || (kind.is_single() && module.kind() == kind));
        let path = component_of(scripts, script.name());
        if !replaced && path.is_file() {
            modules.push(load(engine, &path)?);
        }
    }
    if modules.len() == with.len() {
        bail!("no script of {} is built; `lore build` does that", scripts.display());
    }
    Ok(Generation::new(1, modules)?)
}

/// Names and quantiles of a table's columns.
const QUANTILES: [(&str, f64); 5] = [("p5", 0.05), ("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p95", 0.95)];

fn show(title: &str, args: &Args, tally: &Tally) {
    let (share, least, most) = tally.won_share();
    let percent = |count: u64| count as f64 * 100.0 / tally.fights.max(1) as f64;
    println!("{title}: {} fights, ticks of {} ms, seed {}", tally.fights, args.tick.as_millis(), args.seed);
    println!("  won       {:>7.2} %  (95 %: {:.2} to {:.2})", share * 100.0, least * 100.0, most * 100.0);
    println!("  lost      {:>7.2} %", percent(tally.lost));
    println!("  undecided {:>7.2} %", percent(tally.fights - tally.won - tally.lost));
    print!("\n{:<30}", "");
    QUANTILES.iter().for_each(|(name, _)| print!("{name:>9}"));
    println!("{:>9}", "mean");
    row("seconds to win", &tally.kill_ms, 0.001);
    row("seconds to lose", &tally.death_ms, 0.001);
    row("health the attackers lost", &tally.taken, 1.0);
    row("health left after winning, %", &tally.left_permille, 0.1);
    println!(
        "\n{:<12}{:>12}{:>8}{:>8}{:>8}{:>8}{:>10}{:>14}",
        "", "SWINGS", "MISS", "DODGE", "BLOCK", "HIT", "CRITICAL", "DAMAGE/FIGHT"
    );
    blows("attackers", &tally.attackers, tally.fights);
    blows("defenders", &tally.defenders, tally.fights);
    println!(
        "\n{}",
        bars("seconds until the last defender fell", &tally.kill_ms, 0.001, args.tick.as_millis() as u64)
    );
    if let Some(first) = &tally.first_failure {
        println!("{} failures of scripts, answered by the fallback; the first: {first}", tally.failures);
    }
    if tally.deadlines > 0 {
        println!("{} calls were ended by the clock: the figures need not repeat", tally.deadlines);
    }
}

fn row(name: &str, histogram: &Histogram<u64>, scale: f64) {
    if histogram.is_empty() {
        return;
    }
    print!("{name:<30}");
    for (_, quantile) in QUANTILES {
        print!("{:>9.1}", histogram.value_at_quantile(quantile) as f64 * scale);
    }
    println!("{:>9.1}", histogram.mean() * scale);
}

fn blows(side: &str, blows: &Blows, fights: u64) {
    let percent = |count: u64| count as f64 * 100.0 / blows.swings.max(1) as f64;
    println!(
        "{side:<12}{:>12}{:>7.2}%{:>7.2}%{:>7.2}%{:>7.2}%{:>9.2}%{:>14.1}",
        blows.swings,
        percent(blows.miss),
        percent(blows.dodge),
        percent(blows.block),
        percent(blows.hit),
        percent(blows.critical),
        blows.damage as f64 / fights.max(1) as f64
    );
}

fn report(
    args: &Args,
    tally: &Tally,
    modules: &[&str],
    (seconds, threads, speed): (f64, usize, f64),
) -> Value {
    let (share, least, most) = tally.won_share();
    let spread = |histogram: &Histogram<u64>| {
        let mut spread = json!({"count": histogram.len(), "mean": histogram.mean()});
        for (name, quantile) in QUANTILES {
            spread[name] = histogram.value_at_quantile(quantile).into();
        }
        spread
    };
    json!({
        "attackers": args.attacker, "against": args.against, "seed": args.seed, "modules": modules,
        "tick_ms": args.tick.as_millis() as u64,
        "fights": tally.fights, "won": tally.won, "lost": tally.lost,
        "won_share": share, "won_share_95": [least, most],
        "kill_ms": spread(&tally.kill_ms), "death_ms": spread(&tally.death_ms),
        "taken": spread(&tally.taken), "left_permille": spread(&tally.left_permille),
        "swings": {"attackers": tally.attackers, "defenders": tally.defenders},
        "failures": tally.failures, "deadlines": tally.deadlines, "first_failure": tally.first_failure,
        "seconds": seconds, "threads": threads, "fights_per_second_and_core": speed,
    })
}
