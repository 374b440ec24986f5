//! `lore load` against a real server: every scenario in both encodings at once, its report, its picture and what it says
//! of an older report.

use crate::live::lore;
use crate::support::world::{Copied, Setup, World};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Bots of one run; two runs share the world, whose zones take a hundred.
const BOTS: u64 = 24;
/// Bots of a login storm.
const STORM: u64 = 16;

/// The starter world, in which nobody walks for long.
fn swift_world() -> World {
    let content = Copied::content();
    content.replace("zones/downtown.toml", "max_speed = 20", "max_speed = 100");
    Setup::default().content(content).start()
}

fn load(world: &World, more: &[&str]) -> Output {
    let always = ["load", "--url", &world.ws, "--json", "--ramp", "200"];
    world.lore(&[&always[..], more].concat())
}

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// One run that has to pass; its report.
fn passed(world: &World, scenario: &str, encoding: &str, seconds: &str, picture: &Path) -> Value {
    let (bots, storm) = (BOTS.to_string(), STORM.to_string());
    let picture = picture.to_str().unwrap();
    let sizes = ["--bots", &bots, "--storm", &storm, "--seconds", seconds];
    let how = ["--scenario", scenario, "--encoding", encoding, "--picture", picture];
    let output = load(world, &[&sizes[..], &how[..]].concat());
    assert!(output.status.success(), "{scenario}, {encoding}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// That a parser of XML takes it.
fn is_xml(file: &Path) {
    let read = "import sys, xml.dom.minidom as m; print(m.parse(sys.argv[1]).documentElement.tagName)";
    match Command::new("python3").args(["-B", "-c", read]).arg(file).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", said(&output));
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "svg");
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "Python must be there: {error}");
            eprintln!("skipped: python3 is not installed");
        }
    }
}

/// Runs a scenario in both encodings at once; their reports.
fn in_both(world: &World, scenario: &str, seconds: &str) -> [Value; 2] {
    let folder = tempfile::tempdir().unwrap();
    let run = |encoding: &str| {
        let picture: PathBuf = folder.path().join(format!("{encoding}.svg"));
        let report = passed(world, scenario, encoding, seconds, &picture);
        is_xml(&picture);
        let sent = if scenario == "login-storm" { BOTS + STORM } else { BOTS };
        assert_eq!(report["joined"], sent, "{report}");
        for none in ["protocol_errors", "lost_replies", "disconnects"] {
            assert_eq!(report[none], 0, "{none}: {report}");
        }
        assert_eq!((&report["schema"], &report["scenario"]), (&json!(1), &json!(scenario)));
        assert_eq!(report["encoding"], format!("lore.v1.{encoding}"));
        for some in ["/frames_per_client_s", "/bytes_per_client_s", "/move_ack_ms/p50", "/server/cpu_percent"]
        {
            assert!(report.pointer(some).and_then(Value::as_f64).unwrap() > 0.0, "{some}: {report}");
        }
        let points = report["timeline"].as_array().unwrap();
        assert!(points.iter().any(|point| point["phase"] == "playing"), "{report}");
        report
    };
    std::thread::scope(|scope| {
        let json = scope.spawn(|| run("json"));
        let proto = run("proto");
        [json.join().unwrap(), proto]
    })
}

#[test]
fn those_who_look_around_play_in_both_encodings() {
    let world = World::start();
    for scenario in ["mixed", "fight"] {
        for report in in_both(&world, scenario, "4") {
            assert!(report["visible"].as_f64().unwrap() > 1.0, "{report}");
        }
    }
}

#[test]
fn crowds_spreads_and_cities_are_measured_in_both_encodings() {
    let world = swift_world();
    for report in in_both(&world, "crowd", "4") {
        assert!(report["visible"].as_f64().unwrap() >= BOTS as f64, "all see all: {report}");
    }
    for report in in_both(&world, "spread", "4") {
        assert!(report["settle_s"].as_f64().unwrap() < 170.0, "all came to their places: {report}");
    }
    for report in in_both(&world, "city", "8") {
        assert!(report["game"]["duel_turns"].as_u64().unwrap() > 0, "{report}");
    }
}

#[test]
fn storms_are_weathered_in_both_encodings() {
    let world = swift_world();
    for report in in_both(&world, "login-storm", "4") {
        let storm = &report["storm"];
        let counts = [&storm["clients"], &storm["succeeded"], &storm["failed"]];
        assert_eq!(counts, [&json!(STORM), &json!(STORM), &json!(0)], "{report}");
        assert!(storm["all_s"].as_f64().unwrap() > 0.0, "{report}");
    }
    for report in in_both(&world, "reconnect-storm", "6") {
        let storm = &report["storm"];
        let counts = [&storm["clients"], &storm["succeeded"], &storm["failed"]];
        assert_eq!(counts, [&json!(BOTS), &json!(BOTS), &json!(0)], "{report}");
        assert_eq!(storm["resumed"], BOTS, "{report}");
        assert!(storm["under_way"].as_u64().unwrap() > 0, "{report}");
        let amiss = ["messages_lost", "messages_doubled", "commands_lost", "commands_doubled"];
        for none in [&amiss[..], &["joined_anew", "unanswered", "untold"]].concat() {
            assert_eq!(storm[none], 0, "{none}: {report}");
        }
        assert!(report["game"]["facts"].as_u64().unwrap() > 0, "{report}");
        assert!(storm["during"]["move_ack_ms"]["count"].as_u64().unwrap() > 0, "they play on: {report}");
    }
}

#[test]
fn a_report_is_compared_with_an_older_one() {
    let world = World::start();
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.json");
    let old_name = old.to_str().unwrap();
    let run = ["--bots", "4", "--seconds", "2", "--scenario", "crowd"];
    let with = [&run[..], &["--compare", old_name]].concat();

    std::fs::write(&old, "{}").unwrap();
    let output = load(&world, &with);
    assert!(!output.status.success() && output.stdout.is_empty(), "it was run: {}", said(&output));
    assert!(said(&output).contains("it is no report of `lore load --json`"), "{}", said(&output));

    let output = load(&world, &run);
    assert!(output.status.success(), "{}", said(&output));
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["frames_per_client_s"] = json!(1_000.0);
    std::fs::write(&old, report.to_string()).unwrap();
    let output = load(&world, &with);
    assert!(!output.status.success(), "{}", said(&output));
    let line = |what: &str| said(&output).lines().find(|line| line.starts_with(what)).map(str::to_owned);
    let frames = line("frames a client and second").unwrap();
    assert!(frames.contains("1000.00") && frames.ends_with("REGRESSION"), "{frames}");
    assert!(!line("bots joined").unwrap().contains("REGRESSION"), "{}", said(&output));
}

#[test]
fn too_few_file_handles_are_told_before_anything_else() {
    let limited = "ulimit -n 300; exec \"$0\" load --bots 2000";
    let output = Command::new("sh").args(["-c", limited]).arg(lore().get_program()).output().unwrap();
    assert!(!output.status.success());
    let said = said(&output);
    assert!(said.contains("2256 file handles are needed, this process may have 300"), "{said}");
}
