//! `lore bench`: every suite runs with a handful of clients, on our server and on the bare room, and tells what it found.
//! How good the figures are is not judged here: this machine has other things to do.

use crate::live::{lore, root};
use crate::support::{starter, world};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::process::Command;

/// `lore bench NAME`, quickly, with few clients; `None` where no scripts can be built.
fn bench(name: &str) -> Option<Command> {
    if !starter::can_build() {
        return None;
    }
    let mut bench = lore();
    bench.args(["bench", name, "--quick", "--clients", "6", "--pack"]).arg(world::pack());
    bench.current_dir(root());
    Some(bench)
}

/// Runs it to its end; what it printed.
fn told(bench: &mut Command) -> anyhow::Result<String> {
    let output = bench.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// A suite prints a table with all of these in it.
fn assert_table(name: &str, expected: &[&str]) -> anyhow::Result<()> {
    let Some(mut bench) = bench(name) else { return Ok(()) };
    let text = told(bench.arg("--no-peers"))?;
    ensure!(text.starts_with(&format!("{name}: ")), "{text}");
    for part in ["WHAT", "MEDIAN", "REACH", "seed 42", "a quick run"].iter().chain(expected) {
        ensure!(text.contains(part), "no {part:?} in\n{text}");
    }
    Ok(())
}

#[test]
fn zone_aoi_prints_its_table() -> anyhow::Result<()> {
    assert_table("zone_aoi", &["CPU, 6 clients", "lore", "raw", "move to acknowledgement p99", "20 +- 0.1"])
}

#[test]
fn wire_bytes_prints_its_table() -> anyhow::Result<()> {
    let expected = ["bytes per client and second with interest, 6 clients", "in a full room", "lore/raw"];
    assert_table("wire_bytes", &expected)
}

#[test]
fn idle_conns_prints_its_table() -> anyhow::Result<()> {
    assert_table("idle_conns", &["memory of each, 6 connections", "KiB", "<= 15"])
}

#[test]
fn fanout_prints_its_table() -> anyhow::Result<()> {
    assert_table("fanout", &["bytes per reader and second, 6 connections", "tick p50", "readers lost"])
}

#[test]
fn interest_grid_prints_its_table() -> anyhow::Result<()> {
    assert_table("interest_grid", &["move and index, each, 6 entities", "brute force"])
}

#[test]
fn reload_pause_prints_its_table() -> anyhow::Result<()> {
    assert_table("reload_pause", &["worst frame gap added, 6 clients", "moves never acknowledged", "swaps"])
}

#[test]
fn login_storm_prints_its_table() -> anyhow::Result<()> {
    assert_table("login_storm", &["tick p99 moved by, 6 clients", "refused of 20 logins at once"])
}

#[test]
fn zone_full_tells_it_as_json_and_as_a_picture_and_does_without_a_peer_that_is_not_here() -> anyhow::Result<()>
{
    let Some(mut bench) = bench("zone_full") else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let picture = folder.path().join("full.svg");
    // Where nothing can be found, node cannot.
    let text = told(bench.env("PATH", folder.path()).arg("--json").arg("--picture").arg(&picture))?;
    let report: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    let figures = report["figures"].as_array().context("figures")?;
    let median = |what: &str, of: &str| {
        let found = figures.iter().find(|figure| figure["what"] == what && figure["of"] == of);
        found
            .and_then(|figure| figure["median"].as_f64())
            .with_context(|| format!("no {what} of {of} in {text}"))
    };
    for of in ["lore", "raw"] {
        let bytes = median("bytes per client and second, 6 clients", of)?;
        ensure!(bytes > 0.0, "{of} sent nothing");
        ensure!(median("until the last of 6 is in", of)? > 0.0, "{text}");
    }
    ensure!(median("connections lost, 6 clients", "lore")? == 0.0, "{text}");
    let notes = report["notes"].as_array().context("notes")?;
    let skipped =
        notes.iter().filter_map(Value::as_str).any(|note| note == "colyseus skipped: node is not here");
    ensure!(skipped, "{notes:?}");
    ensure!(std::fs::read_to_string(&picture)?.starts_with("<svg"), "no picture");
    Ok(())
}

#[test]
fn the_suites_are_listed_and_numbers_that_make_no_sense_are_refused() -> anyhow::Result<()> {
    let text = told(lore().args(["bench", "--list"]))?;
    for name in ["script", "zone_aoi", "zone_full", "wire_bytes", "idle_conns", "fanout", "interest_grid"] {
        ensure!(text.lines().any(|line| line.starts_with(name)), "no {name} in\n{text}");
    }
    let Some(mut bench) = bench("fanout") else { return Ok(()) };
    let output = bench.args(["--clients", "100000"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains("fanout takes 1 to 10000"), "{said}");
    Ok(())
}
