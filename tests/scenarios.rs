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

/// A step that is wrong, one that is kept, and steps that chance leads to what must not be.
const WRONG_STEPS: &str = r#"[view]
level = 3
required-level = 1
prerequisites-met = true
progress = { quest = "quest/wolves_at_the_gate", objectives = [{ deed = "kill", subject = "npc/wolf", needed = 4 }] }

[[case]]
name = "three are enough"

[[case.step]]
name = "accepted"
view.trigger = "accept"
expect.state = "active"

[[case.step]]
name = "three fall"
after = "2s"
view.trigger.happened = { deed = "kill", subject = "npc/wolf", amount = 3 }
expect = { state = "complete", done = [3] }

[[case]]
name = "kept"
golden = true

[[case.step]]
view.trigger = "accept"

[[case.step]]
view.trigger = "abandon"

[[case]]
name = "never done"
for-all.level = [1, 60]
invariant = ["state != complete"]

[[case.step]]
view.trigger = "accept"

[[case.step]]
times = [0, 9]
for-all.trigger = ["offer", "abandon", "accept", { happened = { deed = "kill", subject = "npc/wolf", amount = 4 } }]
"#;

/// What is left of the last case when nothing can be left out any more.
const MINIMAL: &str = r#"[[case]]
name = "never done, minimal"
view = { level = 1 }
invariant = ["state != complete"]

[[case.step]]
view = { seed = 0, trigger = "accept" }

[[case.step]]
view = { seed = 0, trigger = { happened = { amount = 4, deed = "kill", subject = "npc/wolf" } } }
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
        "minimal `amount <= 100` does not hold: amount is 10",
        "name = \"small swings, minimal\"",
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
fn a_step_that_fails_says_which_and_chance_is_cut_down_to_a_case() -> anyhow::Result<()> {
    if !starter::can_build() {
        return Ok(());
    }
    let workshop = Workshop::open()?;
    let scripts = workshop.scripts();
    let file = scripts.join("quests/tests/wrong_steps.toml");
    let outcome = check_steps(&scripts, &file);
    // The workshop is kept; its scripts are to stay as they are.
    std::fs::remove_file(&file)?;
    std::fs::remove_dir_all(scripts.join("quests/tests/golden")).ok();
    outcome
}

fn check_steps(scripts: &Path, file: &Path) -> anyhow::Result<()> {
    std::fs::write(file, WRONG_STEPS)?;
    let path = file.display().to_string();
    let junit = scripts.join("target/steps.xml").display().to_string();
    let blessed = run(scripts, &[&path, "--case", "kept", "--bless"])?;
    ensure!(blessed.status.success(), "{}", said(&blessed));
    let output = run(scripts, &[&path, "--no-build", "--junit", &junit])?;
    let text = said(&output);
    ensure!(output.status.code() == Some(1) && text.contains("2 of 3 cases failed"), "{text}");
    for expected in [
        "FAIL three are enough  (2 steps, 2 views, ",
        "wrong_steps.toml:15: step 2 `three fall`: state is \"active\", expected \"complete\"",
        "\"done\":[3],\"id\":1",
        "wanted  {\"done\":[3],\"state\":\"complete\"}",
        // Two seconds later, with what the first answer left.
        "\"tick\":1040",
        "\"state\":\"active\"},\"required-level\":1",
        "ok   kept  (2 steps, 2 views, ",
        "minimal step 2, time 1: `state != complete` does not hold: state is \"complete\"",
        "again   lore test quests --case 'never done' --seed ",
    ] {
        ensure!(text.contains(expected), "`{expected}` is not in\n{text}");
    }
    let xml = std::fs::read_to_string(&junit)?;
    for expected in [
        "<system-out>step 1 `accepted`, tick 1000: quest.advance ",
        "step 2 `three fall`, tick 1040: ",
        "name = &quot;never done, minimal&quot;",
    ] {
        ensure!(xml.contains(expected), "`{expected}` is not in\n{xml}");
    }

    // The same for programs.
    let output = run(scripts, &[&path, "--no-build", "--json", "--case", "never"])?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let case = &report["scripts"][0]["files"][0]["cases"][0];
    let minimal = &case["failure"]["minimal"];
    ensure!(minimal["case"] == MINIMAL, "{}", minimal["case"].as_str().unwrap_or_default());
    ensure!(minimal["views"].as_array().map(Vec::len) == Some(2), "{minimal}");
    let steps = case["steps"].as_array().context("no steps")?;
    ensure!(steps.last().is_some_and(|last| last["answer"]["state"] == "complete"), "{case}");

    // Pasted into the file it fails by itself, in the same way.
    std::fs::write(file, format!("{WRONG_STEPS}\n{MINIMAL}"))?;
    let output = run(scripts, &[&path, "--no-build", "--case", "minimal"])?;
    let text = said(&output);
    ensure!(output.status.code() == Some(1) && text.contains("1 of 1 cases failed"), "{text}");
    ensure!(text.contains("step 2: `state != complete` does not hold"), "{text}");

    // Answers of steps are kept like others.
    std::fs::write(file, WRONG_STEPS.replace("view.trigger = \"abandon\"", "view.trigger = \"turn-in\""))?;
    let output = run(scripts, &[&path, "--no-build", "--case", "kept"])?;
    let text = said(&output);
    ensure!(text.contains("not as in") && text.contains("state is \"active\", was \"abandoned\""), "{text}");
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
