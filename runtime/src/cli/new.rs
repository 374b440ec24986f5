//! `lore new`

use crate::author::{NewScript, REPLACED, from_here, new_script};
use crate::build::{Language, find_workspace, prepare};
use anyhow::Context as _;
use clap::ValueEnum;
use host_api::Kind;
use std::path::PathBuf;

/// Begin a script: a project that builds and passes its tests at once.
///
/// It becomes a folder of `scripts/`. What it decides is some twenty lines in its `src/lib.rs`, `script.ts`
/// or `script.c`.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore new night-wolf --kind npc\n  lore new lost-ring --kind quest --lang ts && lore build lost-ring\n  lore new duel --kind combat --replace && (cd scripts && cargo test -p duel) && lore build combat"
)]
pub struct Args {
    /// 1 to 64 of a-z, 0-9 and `-`; content names it `NAME`.
    #[arg(value_name = "NAME")]
    name: String,
    /// What it decides.
    #[arg(long)]
    kind: KindArg,
    /// What it is written in.
    #[arg(long, value_enum, default_value_t)]
    lang: Language,
    /// Of a kind that a world has once: take the place and the name of the present script, which is built no
    /// more. Its folder stays.
    #[arg(long)]
    replace: bool,
    /// The scripts' workspace; looked for from here upwards if not given.
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindArg {
    /// What becomes of a swing.
    Combat,
    /// Costs, cooldowns, statuses.
    Ability,
    /// The mind of NPCs.
    Npc,
    /// Progress of quests.
    Quest,
    /// Conversations.
    Dialog,
    /// What may be said in chat.
    Chat,
    /// The life of a zone: weather, temperature, spawns, words for who comes and goes.
    Zone,
    /// What the dead leave.
    Loot,
    /// Levels, what a kill is worth, what a death costs.
    Progression,
    /// Prices, fees, what comes of crafting.
    Economy,
    /// Phases of bosses, turns of duels.
    Encounter,
    /// World events: when they begin, how they go on, what a part in them is worth.
    Event,
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Combat => Self::Combat,
            KindArg::Ability => Self::Ability,
            KindArg::Npc => Self::Npc,
            KindArg::Quest => Self::Quest,
            KindArg::Dialog => Self::Dialog,
            KindArg::Chat => Self::Chat,
            KindArg::Zone => Self::Zone,
            KindArg::Loot => Self::Loot,
            KindArg::Progression => Self::Progression,
            KindArg::Economy => Self::Economy,
            KindArg::Encounter => Self::Encounter,
            KindArg::Event => Self::Event,
        }
    }
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let Args { name, kind, lang, replace, scripts } = args;
    let workspace = match scripts {
        Some(workspace) => workspace,
        None => find_workspace(&std::env::current_dir().context("no current folder")?)?,
    };
    let kind = Kind::from(kind);
    let NewScript { script, files, replaced, .. } = new_script(&workspace, &name, kind, lang, replace)?;
    prepare(&workspace, kind, lang)?;
    for file in &files {
        println!("{}", file.display());
    }
    println!("\nIts rules stand in the last one. Then:");
    if lang == Language::Rust {
        println!("  cd {} && cargo test -p {name}", workspace.display());
    }
    println!("  lore build {script}");
    if kind.is_single() {
        println!("  lore push scripts/target/lore/{script}.wasm");
    } else {
        println!(
            "  lore push scripts/target/lore/{script}.wasm   # then let content name it: script = \"{script}\""
        );
    }
    for folder in &replaced {
        println!(
            "\nIt is the world's `{script}` now. {} is built no more: its lore.toml is called {REPLACED}.",
            from_here(folder).display()
        );
    }
    Ok(())
}
