//! Modules come and go for as long as one likes, and the process is what it was: memory, file handles, mappings.
//! `LORE_RELOADS` is how often (200).

#![allow(clippy::unwrap_used)] // a failed step is a failed test

#[path = "it/fixture.rs"]
#[allow(dead_code)] // made for the other tests
mod fixture;

use fixture::{Guest, attacks, resolve, section, unserved};
use host_api::{Engine, Generation, Kind, Limits, Module, ScriptRules};
use sim::rules::Origin;
use std::fs;

/// Resident bytes the process may differ by: what an allocator keeps for itself.
const SLACK_BYTES: u64 = 16 << 20;
/// Mappings it may differ by: code and memories come and go in their own order.
const SLACK_MAPPINGS: usize = 16;

/// What the process holds.
#[derive(Clone, Copy, Debug)]
struct Holds {
    resident: u64,
    handles: usize,
    mappings: usize,
    threads: usize,
}

impl Holds {
    fn now() -> Self {
        let statm = fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            resident: pages * 4_096,
            handles: fs::read_dir("/proc/self/fd").unwrap().count(),
            mappings: fs::read_to_string("/proc/self/maps").unwrap().lines().count(),
            threads: fs::read_dir("/proc/self/task").unwrap().count(),
        }
    }
}

/// Versions of one script: sound ones, and such as trap or loop for somebody and lose their instances.
fn versions() -> Vec<Vec<u8>> {
    let mut guests = [
        Guest::new(Kind::Combat),
        Guest::combat_for(120, "unreachable"),
        Guest::combat_for(130, "(loop $again (br $again))"),
        Guest::combat("(drop (memory.grow (i32.const 8)))"),
    ];
    guests[0].fields = "(table 1000 funcref)".to_owned();
    guests.iter().map(Guest::bytes).collect()
}

#[test]
fn ten_thousand_reloads_leave_the_process_as_it_was() {
    let reloads: u32 = std::env::var("LORE_RELOADS").map_or(200, |count| count.parse().unwrap());
    let engine = Engine::new(Limits::default(), None).unwrap();
    let ability = Module::load(&engine, &Guest::new(Kind::Ability).bytes()).unwrap();
    let refused = Guest { enter: "unreachable".to_owned(), ..Guest::new(Kind::Combat) }.bytes();
    let versions = versions();
    let views = attacks(60);
    let mut live: Option<ScriptRules> = None;
    let mut before = None;
    for number in 0..reloads + reloads / 4 {
        // Every fourth candidate is refused, and every version is another module to the engine.
        let mut bytes = versions[number as usize % versions.len()].clone();
        let mark = [&[4][..], b"mark", &number.to_le_bytes()].concat();
        section(&mut bytes, 0, &mark);
        let combat = Module::load(&engine, &bytes).unwrap();
        let generation = Generation::new(number.into(), [ability.clone(), combat]).unwrap();
        let mut rules = ScriptRules::new(&generation).unwrap();
        rules.record(100);
        if let Some(before) = &mut live {
            rules.adopt_recording(before.take_recording());
        }
        let answers = resolve(&mut rules, &views);
        assert!(unserved(&views, &answers).len() <= 1);
        assert!(answers.iter().any(|answer| answer.origin != Origin::Fallback));
        rules.restock();
        rules.drain_failures();
        live = Some(rules);
        if number % 4 == 0 {
            Module::load(&engine, &refused).unwrap_err();
        }
        // What an allocator and a cache need at all, they have after a quarter.
        if number == reloads / 4 {
            before = Some(Holds::now());
        }
    }
    let (before, after) = (before.unwrap(), Holds::now());
    println!("{reloads} reloads: before {before:?}, after {after:?}");
    assert!(after.resident <= before.resident + SLACK_BYTES, "before {before:?}, after {after:?}");
    assert!(after.mappings <= before.mappings + SLACK_MAPPINGS, "before {before:?}, after {after:?}");
    assert_eq!((after.handles, after.threads), (before.handles, before.threads));
}
