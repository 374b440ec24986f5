//! `docs/tutorial.md` is done as it is written: its files, its commands, and what it says they answer. Every block of
//! it has to say what it is:
//!
//! | first line | meaning |
//! |---|---|
//! | `sh` | commands of the second terminal; `cargo run --release -- serve` is the first one |
//! | `text` | lines that the commands before have said, in order |
//! | `text server` | lines that the first terminal has said since the last ones |
//! | `diff FILE` | a change of a file, below the first line that is named after `@@` |
//! | `rust FILE` | items of a file, in the place of those of their name or before its tests |
//! | `toml FILE` | a whole file |
//!
//! In lines that are said `...` stands for anything.

use crate::live::lore;
use crate::support::guide::{Block, blocks};
use crate::support::starter;
use crate::support::world::{Copied, Setup, World};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The first build takes longest.
const PATIENCE: Duration = Duration::from_secs(420);
/// A server of the binary under test is started in its place.
const SERVE: &str = "cargo run --release -- serve";
/// Where operators are served by default; here it is a free port.
const ADMIN: &str = "http://127.0.0.1:7878";

/// Somebody who does what is written.
struct Reader {
    /// A copy of the project.
    folder: PathBuf,
    /// A folder with `lore` in it.
    bin: TempDir,
    world: Option<World>,
    /// Lines of the first terminal that were read.
    heard: usize,
    /// What the last commands said.
    said: String,
}

#[tokio::test]
async fn the_tutorial_happens_as_it_is_written() {
    if !starter::can_build() {
        return;
    }
    let mut reader = Reader::sit_down();
    let blocks = blocks("tutorial.md");
    let is = |language: &str| blocks.iter().filter(|block| block.language == language).count();
    assert!(is("sh") >= 5 && is("text") >= 6 && is("diff") >= 3, "the tutorial has lost its blocks");
    for block in &blocks {
        eprintln!("docs/tutorial.md:{}", block.line);
        match (block.language.as_str(), block.mark.as_str()) {
            ("sh", "") => reader.run(block).await,
            ("text", "") => reader.check(block),
            ("text", "server") => reader.wait(block).await,
            ("toml", file) if !file.is_empty() => {
                std::fs::write(reader.folder.join(file), &block.text).unwrap()
            }
            ("diff", file) if !file.is_empty() => reader.edit(file, |text| patched(text, block)),
            ("rust", file) if !file.is_empty() => reader.edit(file, |text| with_items(text, &block.text)),
            other => panic!("docs/tutorial.md:{}: what is to be done with {other:?}?", block.line),
        }
    }
}

impl Reader {
    fn sit_down() -> Self {
        // Kept between runs for what was built; what was written is taken back.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tutorial");
        for part in ["content", "scripts", "wit"] {
            Copied::into(part, &folder);
        }
        let begun = folder.join("scripts/night-wolf");
        if begun.exists() {
            std::fs::remove_dir_all(&begun).unwrap();
        }
        let bin = tempfile::tempdir().unwrap();
        let program = Path::new(lore().get_program()).canonicalize().unwrap();
        std::os::unix::fs::symlink(program, bin.path().join("lore")).unwrap();
        Self { folder, bin, world: None, heard: 0, said: String::new() }
    }

    fn world(&self) -> &World {
        self.world.as_ref().expect("the first command starts a server")
    }

    async fn run(&mut self, block: &Block) {
        let mut script = String::new();
        for line in block.text.lines() {
            if let Some(args) = line.strip_prefix(SERVE) {
                self.serve(args.trim()).await;
            } else if !line.starts_with("alias lore=") {
                script += line;
                script.push('\n');
            }
        }
        if script.is_empty() {
            return;
        }
        self.settle();
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .args(["-e", "-c", &script.replace(ADMIN, &self.world().admin)])
            .current_dir(&self.folder)
            .env("PATH", format!("{}:{path}", self.bin.path().display()))
            .env("LORE_ADMIN", &self.world().admin)
            .env("LORE_DATA", self.world().data())
            .env_remove("RUSTFLAGS")
            .env_remove("RUST_BACKTRACE")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "docs/tutorial.md:{}: {}", block.line, self.said);
    }

    /// The first terminal.
    async fn serve(&mut self, args: &str) {
        let world = match (self.world.take(), args) {
            (None, "--dev") => {
                let world = Setup::default().dev_in(&self.folder).start();
                world.said("watching", 0, PATIENCE).await;
                world
            }
            (Some(world), "") => world.without_dev().restart().await,
            (_, args) => panic!("`{SERVE} {args}` is not what this story expects here"),
        };
        self.heard = 0;
        self.world = Some(world);
    }

    /// Readers are slower than changes take to be trusted, while which nothing else is tried.
    fn settle(&self) {
        let output = self.world().lore(&["changes", "--json"]);
        assert!(output.status.success(), "{output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        for change in answer["changes"].as_array().unwrap() {
            let output = self.world().lore(&["changes", &change["id"].to_string(), "--wait"]);
            assert!(output.status.success(), "{output:?}");
        }
    }

    fn check(&self, block: &Block) {
        let mut lines = self.said.lines();
        for pattern in block.text.lines() {
            let is_there = lines.any(|line| is_said(pattern, line));
            assert!(is_there, "docs/tutorial.md:{}: nothing of `{pattern}` in\n{}", block.line, self.said);
        }
    }

    async fn wait(&mut self, block: &Block) {
        for pattern in block.text.lines() {
            let begins = pattern.split("...").next().unwrap_or_default();
            loop {
                let (line, next) = self.world().said(begins, self.heard, PATIENCE).await;
                self.heard = next;
                if is_said(pattern, &line) {
                    break;
                }
            }
        }
    }

    fn edit(&self, file: &str, change: impl FnOnce(&str) -> String) {
        let path = self.folder.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, change(&text)).unwrap();
    }
}

/// Whether a line is what a pattern says, where `...` is anything.
fn is_said(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.trim().split("...");
    let Some(mut rest) = line.trim().strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut is_open = false;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        is_open = part.is_empty();
    }
    is_open || rest.is_empty()
}

/// A text with what a diff changes of it.
fn patched(text: &str, block: &Block) -> String {
    let (mut from, mut before, mut after) = (0, String::new(), String::new());
    for line in block.text.lines() {
        let (sign, rest) = line.split_at(line.len().min(1));
        match sign {
            "@" => {
                let below = line.trim_start_matches('@').trim();
                from = text.find(below).unwrap_or_else(|| panic!("there is no {below}")) + below.len();
            }
            "-" => before += &format!("{rest}\n"),
            "+" => after += &format!("{rest}\n"),
            _ => [&mut before, &mut after].into_iter().for_each(|both| *both += &format!("{rest}\n")),
        }
    }
    let at = text[from..].find(&before);
    let at = from + at.unwrap_or_else(|| panic!("docs/tutorial.md:{}: nowhere is\n{before}", block.line));
    format!("{}{after}{}", &text[..at], &text[at + before.len()..])
}

/// A source with these items in the place of those of their name, or before its tests.
fn with_items(text: &str, items: &str) -> String {
    let mut text = text.to_owned();
    for item in items.split_inclusive("\n}\n").map(str::trim_start) {
        let is_head = |line: &&str| !line.starts_with("//") && !line.starts_with('#');
        let head = item.lines().find(is_head).expect("an item");
        let name = head.split('(').next().unwrap_or(head);
        match text.find(&format!("\n{name}")) {
            Some(at) => {
                let end = at + text[at..].find("\n}\n").expect("an end of the item") + "\n}\n".len();
                text.replace_range(at + 1..end, item);
            }
            None => {
                let at = text.find("\n#[cfg(test)]\n").expect("tests") + 1;
                text.insert_str(at, &format!("{item}\n"));
            }
        }
    }
    text
}

#[test]
fn patterns_and_changes_mean_what_they_say() {
    assert!(is_said("... cases passed", "  6 cases passed") && is_said("live: a", "live: a"));
    assert!(is_said("live: a@...", "live: a@0.1 in 3 ms") && is_said("a ... c ...", "a b c d"));
    for (pattern, line) in [("live: a", "live: ab"), ("... passed", "6 passed, 1 failed"), ("b...", "a b")] {
        assert!(!is_said(pattern, line), "{pattern} {line}");
    }
    let diff = "@@ [b]\n x = 1\n-y = 1\n+y = 2\n".to_owned();
    let block =
        Block { heading: String::new(), language: String::new(), mark: String::new(), text: diff, line: 1 };
    assert_eq!(
        patched("[a]\nx = 1\ny = 1\n[b]\nx = 1\ny = 1\n", &block),
        "[a]\nx = 1\ny = 1\n[b]\nx = 1\ny = 2\n"
    );
    let source = "\nfn a() {\n    1\n}\n\n#[cfg(test)]\nmod tests {}\n";
    let items = "fn a() {\n    2\n}\n\n/// New.\nfn b() {\n    3\n}\n";
    assert_eq!(
        with_items(source, items),
        "\nfn a() {\n    2\n}\n\n/// New.\nfn b() {\n    3\n}\n\n#[cfg(test)]\nmod tests {}\n"
    );
}
