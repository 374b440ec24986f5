//! The whole life of a change: an author begins a script, builds and tests it, it becomes live; a new version
//! is planned, tried in one zone and goes to all; a formula that hits twice as hard is held by its threshold;
//! a version that traps on one view in many is taken back by itself. `LORE_LIFE_RARE` makes these fewer.

use crate::canary::{Arena, lore, state_of};
use crate::live::{Workshop, lore as command, scale};
use crate::plan::{measure, plan};
use crate::support::world::Copied;
use anyhow::{Context, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "fang";
/// What it does when it has seen somebody: at first nothing.
const WAITS: &str = "    if seen.target == 0 ||";
const HUNTS: &str = "    if seen.target == 0 && seen.nearest != 0 {
        return Decision { state: State::Chase, target: seen.nearest, ..at_home };
    }
    if seen.target == 0 ||";
/// Twice the damage, by a script that says how far damage may drift.
pub const HARDER: [(&str, &str, &str); 2] = [
    ("src/formula.rs", "    let plain = (", "    let plain = 2 * ("),
    ("lore.toml", "requires = []", "requires = []\n\n[proof]\ndrift-percent = 20\n"),
];
/// Views seen by a plan before it says something.
const VIEWS: u64 = 400;
const SWINGS: u64 = 120;

/// All that is pushed in this story.
struct Modules {
    first: Vec<u8>,
    hunting: Vec<u8>,
    trapping: Vec<u8>,
    harder: Vec<u8>,
}

/// Runs a command to its end, which must be a good one.
fn done(mut command: Command) -> anyhow::Result<String> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(said)
}

/// Builds the script as it is on disk.
fn build(scripts: &Path) -> anyhow::Result<Vec<u8>> {
    let mut build = command();
    build.args(["build", NAME, "--json", "--lines", "--scripts"]).arg(scripts);
    let built: Value = serde_json::from_str(&done(build)?)?;
    let path = built["scripts"][0]["path"].as_str().context("lore build named no file")?;
    Ok(std::fs::read(path)?)
}

/// The author's part: `lore new`, tests, builds.
fn modules(rare: usize) -> anyhow::Result<Modules> {
    let workshop = Workshop::open()?.with_lines();
    let folder = workshop.scripts().join(NAME);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let mut new = command();
    new.args(["new", NAME, "--kind", "npc", "--scripts"]).arg(workshop.scripts());
    done(new)?;
    let (source, manifest) = (folder.join("src/lib.rs"), folder.join("Cargo.toml"));
    let (original, version) = (std::fs::read_to_string(&source)?, std::fs::read_to_string(&manifest)?);
    let write = |number: &str, to: &str| -> anyhow::Result<()> {
        ensure!(original.contains(WAITS), "the template no longer holds {WAITS:?}");
        std::fs::write(&source, original.replacen(WAITS, to, 1))?;
        let version = version.replacen("version.workspace = true", &format!("version = {number:?}"), 1);
        Ok(std::fs::write(&manifest, version)?)
    };
    let mut tests = Command::new("cargo");
    tests.args(["test", "--quiet", "-p", NAME]).current_dir(workshop.scripts()).env_remove("RUSTFLAGS");
    done(tests)?;
    let first = build(&workshop.scripts())?;
    write("0.2.0", HUNTS)?;
    let hunting = build(&workshop.scripts())?;
    let trap = format!("    assert!(seen.seed % {rare} != 7, \"a rare one\");\n{HUNTS}");
    write("0.2.1", &trap)?;
    let trapping = build(&workshop.scripts())?;
    let harder = workshop.build_edited("combat", "0.9.0", &HARDER)?;
    std::fs::remove_dir_all(folder)?;
    Ok(Modules { first, hunting, trapping, harder })
}

/// Makes the wolves of the Greywood use the script; the answer of `lore push`.
async fn wolves_use_it(arena: &Arena) -> Value {
    let content = Copied::content();
    let wolf = "script = \"wolf\"\nhostile = true\nspeed = 7";
    content.replace("npcs.toml", wolf, &wolf.replace("wolf", NAME));
    let folder: PathBuf = content.path().to_owned();
    let (taken, said) = lore(arena, &["push", folder.to_str().unwrap(), "--json"]).await;
    assert!(taken, "{said}");
    serde_json::from_str::<Value>(&said).unwrap()[0].clone()
}

/// A version that changes decisions: planned, tried in one zone, then everywhere.
async fn a_better_version_goes_live(arena: &mut Arena, module: &[u8]) {
    let report = loop {
        let (code, report) = plan(arena, module).await;
        assert_eq!(code, 0, "{report}");
        let export = &report["exports"][0];
        if export["views"].as_u64() >= Some(VIEWS) && export["differ"].as_u64() > Some(0) {
            break report;
        }
    };
    assert!(measure(&report, "attacking")["live"].is_number(), "{report}");
    assert!(!report["exports"][0]["worst"].as_array().unwrap().is_empty(), "{report}");
    let pushed = arena.push(module, &["--canary", "greywood"]).await;
    assert_eq!(pushed["state"], "canary", "{pushed}");
    let live = arena.settled(&pushed["change"]).await;
    assert_eq!(state_of(&live), "live", "{live}");
    let steps = live["steps"].as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap());
    let steps: Vec<&str> = steps.collect();
    assert_eq!(steps, ["checked", "proven", "staged", "canary", "staged", "probation", "live"]);
    eprintln!(
        "life: of {} recorded views {} are decided otherwise; canary, then live in all zones",
        report["exports"][0]["views"], report["exports"][0]["differ"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_begun_built_tested_planned_tried_and_live() {
    let rare = scale("LORE_LIFE_RARE", 100);
    let modules = tokio::task::spawn_blocking(move || modules(rare)).await.unwrap().unwrap();
    let mut arena = Arena::open("100", 6).await;
    let starter = arena.live_label().await;
    let first = arena.push(&modules.first, &[]).await;
    assert_eq!((&first["before"], state_of(&arena.settled(&first["change"]).await)), (&Value::Null, "live"));
    let content = wolves_use_it(&arena).await;
    assert_eq!(state_of(&arena.settled(&content["change"]).await), "live");
    a_better_version_goes_live(&mut arena, &modules.hunting).await;

    // Its own manifest says that this is too much. A person decides, and nobody is hit harder until then.
    loop {
        arena.swing_by(&starter).await;
        let (code, report) = plan(&arena, &modules.harder).await;
        // Nothing is held on a handful of views.
        if report["exports"][0]["views"].as_u64() >= Some(SWINGS) {
            assert_eq!(code, 3, "{report}");
            break;
        }
    }
    let harder = arena.push(&modules.harder, &[]).await;
    assert_eq!(harder["state"], "held", "{harder}");
    let change = arena.change(&harder["change"]).await;
    assert!(change["proof"].to_string().contains("damage"), "{change}");
    arena.swing_by(&starter).await;
    let (rejected, said) =
        lore(&arena, &["reject", &harder["change"].to_string(), "--why", "too hard"]).await;
    assert!(rejected, "{said}");
    eprintln!("life: twice as hard was held: {}", change["proof"]);

    // Whoever skips the proof still has the probation.
    let trapping = arena.push(&modules.trapping, &["--skip-proof"]).await;
    let gone = arena.settled(&trapping["change"]).await;
    // Among many views a tick, what it costs to find the culprits shows before the fifth failing tick.
    let (state, breach) = (state_of(&gone), &gone["breach"]);
    let rule = breach["rule"].as_str().unwrap();
    assert!(matches!((state, rule), ("quarantined", "failures") | ("rolled-back", "fuel")), "{gone}");
    if rule == "failures" {
        assert!(breach["what"].as_str().unwrap().contains("lib.rs"), "{gone}");
    }
    eprintln!(
        "life: a trap on one of {rare} views was {state} for its {rule} after {} ticks, back {} after the decision",
        breach["after_ticks"], breach["back_in_ticks"]
    );
    let status = arena.status().await;
    let live = status["modules"].as_array().unwrap().iter().find(|module| module["name"] == NAME).unwrap();
    assert_eq!(live["label"], trapping["before"], "{status}");
    assert_eq!(arena.live_label().await, starter);
    if state == "quarantined" {
        let (taken, said) = arena.try_push(&modules.trapping, &["--skip-proof"]).await;
        assert!(!taken && said.contains("quarantined"), "{said}");
    }
    arena.close().await;
}
