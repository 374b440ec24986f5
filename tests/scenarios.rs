//! An author's scenarios: those of the starter scripts hold; one that does not says where, with what, and
//! how to see it again; a panic is told by the author's line and words.

use crate::live::{Workshop, lore, root};
use crate::support::starter;
use anyhow::{Context, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

/// One error of each sort, in lines that are named below.
const WRONG: &str = r#"[view]
attack-power = 20
weapon-damage = 5
power-permille = 1_000
accuracy = 1_000

[[case]]
name = "kept"
view.seed = 7
golden = true

[[case]]
name = "never misses"
repeat = 1_000
share.kind.miss = [0, 0]

[[case]]
name = "a sword that does not exist"
view = { attack-power = 4_711 }
expect.amount.min = 1

[[case]]
name = "the panic is expected"
view = { attack-power = 4_711 }
fails = "no such sword"

[[case]]
name = "small swings"
repeat = 500
for-all = { attack-power = [0, 300] }
invariant = ["amount <= 100"]
"#;

fn run(scripts: &Path, args: &[&str]) -> anyhow::Result<Output> {
    let mut test = lore();
    test.arg("test").args(args).arg("--scripts").arg(scripts).current_dir(root());
    Ok(test.output()?)
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_starter_scripts_keep_what_their_scenarios_promise() -> anyhow::Result<()> {
    if !starter::can_build() {
        return Ok(());
    }
    let output = run(&root().join("scripts"), &["--json"])?;
    ensure!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let tested = report["scripts"].as_array().context("no scripts")?;
    let cases = report["cases"].as_u64().unwrap_or(0);
    ensure!(report["ok"] == true && cases >= 80, "{report}");
    // None is left without.
    for entry in std::fs::read_dir(root().join("scripts"))? {
        let script = entry?.path();
        let is_tested =
            tested.iter().any(|report| script.ends_with(report["script"].as_str().unwrap_or("?")));
        ensure!(is_tested || !script.join("lore.toml").exists(), "{} has no scenarios", script.display());
    }
    // Whatever else the chance: other seeds give the same verdicts.
    let output = run(&root().join("scripts"), &["abilities", "--no-build", "--seed", "99"])?;
    ensure!(output.status.success(), "{}", said(&output));
    Ok(())
}

#[test]
fn a_case_that_fails_says_where_and_how_to_see_it_again() -> anyhow::Result<()> {
    if !starter::can_build() {
        return Ok(());
    }
    let workshop = Workshop::open()?;
    let scripts = workshop.scripts();
    let before = "    let mut dice = Rng::new(attack.seed);\n";
    let fault = "    if attack.attack_power == 4_711 { panic!(\"no such sword\"); }\n";
    workshop.build("combat", "0.1.8", "src/formula.rs", before, &format!("{fault}{before}"))?;
    let file = scripts.join("combat/tests/wrong.toml");
    std::fs::write(&file, WRONG)?;
    let path = file.display().to_string();
    let junit = scripts.join("target/junit.xml");
    let outcome = check(&scripts, &path, &junit);
    // The workshop is kept; its scripts are to stay as they are.
    std::fs::remove_file(&file)?;
    std::fs::remove_dir_all(scripts.join("combat/tests/golden")).ok();
    outcome
}

fn check(scripts: &Path, path: &str, junit: &Path) -> anyhow::Result<()> {
    let junit = junit.display().to_string();
    let blessed = run(scripts, &[path, "--no-build", "--case", "kept", "--bless"])?;
    ensure!(blessed.status.success(), "{}", said(&blessed));
    let output = run(scripts, &[path, "--no-build", "--junit", &junit])?;
    let text = said(&output);
    ensure!(output.status.code() == Some(1) && text.contains("3 of 5 cases failed"), "{text}");
    for expected in [
        "ok   kept",
        "ok   the panic is expected",
        "wrong.toml:12: share.kind.miss is 0.0",
        "wrong.toml:17: trapped",
        "log     error: panicked at combat/src/formula.rs:",
        "no such sword",
        "wrong.toml:27: `amount <= 100` does not hold: amount is ",
        "again   lore test combat --case 'small swings' --seed ",
        "again   lore call ",
    ] {
        ensure!(text.contains(expected), "`{expected}` is not in\n{text}");
    }
    let xml = std::fs::read_to_string(&junit)?;
    ensure!(xml.contains("tests=\"5\" failures=\"3\"") && xml.contains("no such sword"), "{xml}");

    // The view of the failure, asked about by hand, fails the same way.
    let json = run(scripts, &[path, "--no-build", "--json", "--case", "sword"])?;
    let report: Value = serde_json::from_slice(&json.stdout)?;
    let script = &report["scripts"][0];
    let view = script["files"][0]["cases"][0]["failure"]["view"].to_string();
    let component = script["component"].as_str().context("no component")?;
    let mut call = lore();
    call.args(["call", component, "resolve", "--view", &view]).current_dir(root());
    let called = call.output()?;
    let text = said(&called);
    ensure!(called.status.code() == Some(1) && text.contains("no such sword"), "{text}");
    ensure!(text.contains("again: lore call") && text.contains("4711"), "{text}");

    // Another seed changes the kept answers; the same one does not.
    let mut call = lore();
    call.args(["call", component, "--view", "attack-power = 20", "--seed", "7", "--json"]);
    let answered: Value = serde_json::from_slice(&call.current_dir(root()).output()?.stdout)?;
    ensure!(answered["view"]["seed"] == 7 && answered["fuel"].as_u64() > Some(0), "{answered}");
    let changed = WRONG.replace("view.seed = 7", "view.seed = 8");
    std::fs::write(path, changed)?;
    let output = run(scripts, &[path, "--no-build", "--case", "kept"])?;
    ensure!(said(&output).contains("not as in") && said(&output).contains("--bless"), "{}", said(&output));
    Ok(())
}

#[test]
fn more_fuel_than_before_is_noticed() -> anyhow::Result<()> {
    if !starter::can_build() {
        return Ok(());
    }
    let workshop = Workshop::open()?;
    let scripts = workshop.scripts();
    let dice = "    let mut dice = Rng::new(attack.seed);\n";
    let sober = workshop.build("combat", "0.1.8", "src/formula.rs", dice, dice)?;
    let before = scripts.join("target/before.wasm");
    std::fs::write(&before, sober)?;
    let busy = format!("    for _ in 0..1_000 {{ std::hint::black_box(attack.seed); }}\n{dice}");
    workshop.build("combat", "0.1.9", "src/formula.rs", dice, &busy)?;
    let bench = |more: &[&str]| -> anyhow::Result<(Option<i32>, Value)> {
        let mut bench = lore();
        bench.args(["bench", "script", "combat", "--rounds", "1", "--json", "--against"]).arg(&before);
        let output = bench.args(more).arg("--scripts").arg(&scripts).output()?;
        Ok((output.status.code(), serde_json::from_slice(&output.stdout).context(said(&output))?))
    };
    let (code, report) = bench(&[])?;
    ensure!(code == Some(3) && report["worse"][0] == "combat.resolve", "{report}");
    let row = &report["functions"][0];
    ensure!(row["fuel_percent"].as_f64() > Some(100.0) && row["views"].as_u64() > Some(1_000), "{report}");
    let (code, report) = bench(&["--module", &before.display().to_string()])?;
    ensure!(code == Some(0) && report["functions"][0]["fuel_percent"] == 0.0, "{report}");
    Ok(())
}
