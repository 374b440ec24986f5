//! An author begins a script of every kind: it builds, passes its tests and is taken by a server's engine,
//! all without a line written.

use crate::live::{Workshop, lore};
use crate::support::guide::{Block, below, blocks};
use crate::support::starter;
use anyhow::{Context, ensure};
use host_api::{Kind, Module};
use runtime::author::REPLACED;
use runtime::build::scripts_of;
use std::path::Path;
use std::process::Command;

/// Kinds whose rules the guide shows, the heading there, and what of them the host calls.
const GUIDE: [(Kind, &str, &str); 5] = [
    (
        Kind::Combat,
        "Swings",
        "fn resolve(_: Context, asked: Vec<Attack>) -> Vec<Outcome> { lore_sdk::each(&asked, resolve) }",
    ),
    (
        Kind::Ability,
        "Abilities and statuses",
        "fn plan_casts(ctx: Context, asked: Vec<Cast>) -> Vec<Plan> {
            lore_sdk::each(&asked, |cast| plan(cast, ctx.tick_ms))
        }
        fn pulse_statuses(_: Context, asked: Vec<Pulse>) -> Vec<PulseOutcome> { lore_sdk::each(&asked, pulse) }",
    ),
    (
        Kind::Npc,
        "NPCs",
        "fn think(_: Context, asked: Vec<Perception>) -> Vec<Decision> { lore_sdk::each(&asked, think) }",
    ),
    (
        Kind::Quest,
        "Quests",
        "fn advance(_: Context, asked: Vec<Inquiry>) -> Vec<Step> { lore_sdk::each(&asked, advance) }",
    ),
    (
        Kind::Dialog,
        "Dialogs",
        "fn converse(_: Context, asked: Vec<Conversation>) -> Vec<Reply> { lore_sdk::each(&asked, reply) }",
    ),
];

/// What the guide shows of a kind, as a script with scenarios.
fn write_example(
    guide: &[Block],
    folder: &Path,
    kind: Kind,
    heading: &str,
    exports: &str,
) -> anyhow::Result<()> {
    let first = |language| below(guide, heading, language).first().copied().context("no such block");
    let rules = first("rust")?;
    let source = format!(
        "//! Of the guide.

#[allow(missing_docs, unsafe_code)]
pub mod wit {{
    //! Generated.
    wit_bindgen::generate!({{ world: \"{kind}-script\", path: \"../../wit\" }});
}}

{rules}

use wit::exports::lore::script::{kind}::{{Context, Guest}};

/// What this script exports.
pub struct Example;

impl Guest for Example {{
    {exports}
}}

#[cfg(target_arch = \"wasm32\")]
wit::export!(Example with_types_in wit);
"
    );
    std::fs::write(folder.join("src/lib.rs"), source)?;
    std::fs::remove_dir_all(folder.join("tests"))?;
    std::fs::create_dir(folder.join("tests"))?;
    std::fs::write(folder.join("tests/guide.toml"), first("toml")?)?;
    Ok(())
}

#[test]
fn a_new_script_of_every_kind_builds_passes_its_tests_and_loads() -> anyhow::Result<()> {
    let workshop = Workshop::open()?;
    let scripts = workshop.scripts();
    let name = |kind: Kind| format!("new-{kind}");
    for kind in Kind::ALL {
        let folder = scripts.join(name(kind));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
    }
    let starters = scripts_of(&scripts)?;
    // What a world has once is named like the starter's, which it replaces.
    let replaced =
        |kind: Kind| starters.iter().find(|script| kind.is_single() && script.manifest.kind == kind);
    let script = |kind: Kind| replaced(kind).map_or_else(|| name(kind), |script| script.name().to_owned());
    for kind in Kind::ALL {
        let mut new = lore();
        new.args(["new", &name(kind), "--kind", kind.name(), "--scripts"]).arg(&scripts);
        if let Some(there) = replaced(kind) {
            let refused = new.output()?;
            let said = String::from_utf8_lossy(&refused.stderr);
            let named = said.contains(&format!("`{}`", there.name())) && said.contains("--replace");
            ensure!(refused.status.code() == Some(1) && named, "{said}");
            ensure!(!scripts.join(name(kind)).exists(), "it was refused, but not before something was made");
            new.arg("--replace");
        }
        let made = new.output()?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        if let Some(there) = replaced(kind) {
            ensure!(there.folder().join(REPLACED).is_file(), "{} does not stay", there.folder().display());
        }
        let again = new.output()?;
        let said = String::from_utf8_lossy(&again.stderr);
        ensure!(again.status.code() == Some(1) && said.contains("exists already"), "{said}");
    }
    let known = scripts_of(&scripts)?;
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_single()) {
        let count = known.iter().filter(|script| script.manifest.kind == kind).count();
        ensure!(count == 1, "a world could not start with {count} scripts of kind {kind}");
    }
    // The server may be older than what was installed; the author's own compiler runs the tests.
    let mut tests = Command::new("cargo");
    tests.args(["test", "--quiet"]).current_dir(&scripts).env_remove("RUSTFLAGS");
    for kind in Kind::ALL {
        tests.args(["-p", &name(kind)]);
    }
    let tested = tests.output()?;
    ensure!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
    let passed = String::from_utf8_lossy(&tested.stdout).matches("1 passed").count();
    ensure!(passed >= Kind::ALL.len(), "{passed} of {} passed", Kind::ALL.len());
    for kind in Kind::ALL {
        let script = script(kind);
        let built = lore().args(["build", &script, "--scripts"]).arg(&scripts).output()?;
        ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let component = scripts.join("target/lore").join(format!("{script}.wasm"));
        let bytes = std::fs::read(&component).with_context(|| component.display().to_string())?;
        let module = Module::load(starter::engine(), &bytes)?;
        ensure!((module.name(), module.kind()) == (script.as_str(), kind), "{module:?}");
        let tested = lore().args(["test", &script, "--no-build", "--scripts"]).arg(&scripts).output()?;
        let said = String::from_utf8_lossy(&tested.stdout);
        ensure!(tested.status.success() && said.contains("cases passed"), "{said}");
    }
    // What the guide shows instead of them is no worse.
    let guide = blocks("scripting.md");
    for (kind, heading, exports) in GUIDE {
        write_example(&guide, &scripts.join(name(kind)), kind, heading, exports)
            .with_context(|| format!("the guide, {heading}"))?;
        let tested = lore().args(["test", &script(kind), "--scripts"]).arg(&scripts).output()?;
        let said = [tested.stdout, tested.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        ensure!(tested.status.success() && said.contains("cases passed"), "the guide, {heading}: {said}");
    }
    // What it shows of several questions holds for the starter's quests.
    let steps = below(&guide, "Several questions in a row", "toml");
    let file = scripts.join("quests/tests/guide.toml");
    std::fs::write(&file, steps.concat())?;
    let tested = lore().arg("test").arg(&file).arg("--scripts").arg(&scripts).output();
    // The workshop is kept; its scripts are to stay as they are.
    std::fs::remove_file(&file)?;
    let tested = tested?;
    let said = [tested.stdout, tested.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(tested.status.success() && said.contains("2 cases passed"), "the guide, steps: {said}");
    Ok(())
}
