//! The languages scripts are written in: how a folder shows its own, and what each may cost.

use host_api::ManifestLimits;
use std::fmt;
use std::path::Path;

/// What a script is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// `Cargo.toml`, a member of the scripts' workspace.
    #[default]
    Rust,
    /// `script.ts`, run by QuickJS inside the component.
    #[value(name = "ts")]
    TypeScript,
    /// `script.c`, compiled by `zig cc`.
    C,
}

impl Language {
    /// The file that holds the rules, where the language is not cargo's business.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Rust => "src/lib.rs",
            Self::TypeScript => "script.ts",
            Self::C => "script.c",
        }
    }

    /// The language of a folder that is no crate.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        [Self::TypeScript, Self::C].into_iter().find(|language| folder.join(language.source()).is_file())
    }

    /// Limits where the author has left them out. They stand in the manifest, so that what a module may
    /// cost does not hang on the server it is pushed to.
    pub(super) fn complete(self, limits: &mut ManifestLimits) {
        let (fuel_base, fuel_per_item, memory_bytes) = match self {
            // The server's own defaults are made for compiled scripts.
            Self::Rust => return,
            // An interpreter: the most there is. A swing takes a quarter of it.
            Self::TypeScript => (1_000_000, 1_000_000, 32 << 20),
            Self::C => (300_000, 10_000, 8 << 20),
        };
        limits.fuel_base.get_or_insert(fuel_base);
        limits.fuel_per_item.get_or_insert(fuel_per_item);
        limits.memory_bytes.get_or_insert(memory_bytes);
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::TypeScript => "TypeScript",
            Self::C => "C",
        })
    }
}
