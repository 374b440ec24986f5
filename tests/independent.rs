//! A client in Python that shares nothing with the server checks every example of `docs/protocol.md` over both
//! encodings: `tests/protocol_check.py`. Here is the world it does so in, and what only operators can do there.

use crate::live::{Workshop, root};
use crate::support::world::{Copied, Setup, World};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// One who bears every blow, one who bears none, and something to do for who has killed three wolves.
const EVENTS: &str = r#"
[npc.dummy]
title = "Straw Dummy"
level = 1
stats = { health = 2000, evasion = 0 }
script = "townsfolk"
hostile = true
leash = 1
basic = "bite"

[npc.scarecrow]
title = "Scarecrow"
level = 1
stats = { health = 5, evasion = 0 }
script = "townsfolk"
hostile = true
leash = 1
basic = "bite"

[npc.ogre]
title = "Ogre"
level = 20
stats = { health = 900, attack = 400, weapon_damage = 100, accuracy = 100 }
script = "wolf"
hostile = true
speed = 7
aggro = 4
leash = 8
basic = "bite"

[announcement.lesson]
text = "A lesson in straw begins in {zone}."

[event.lesson]
title = "A Lesson in Straw"
script = "events"
zone = "downtown"
at = [200, 118]
radius = 2
trigger = { kills = "wolf", count = 3 }
cooldown = "10h"
stage = [{ text = "Fell the scarecrow", duration = "5m", kills = 1, creatures = [{ npc = "scarecrow" }], announcement = "lesson" }]
reward = { experience = 40, gold = 7, items = [{ item = "bread", count = 2 }] }
"#;

const PLACE: &str = "[zone.downtown.place.fountain]";
/// Where they stand, and weak wolves.
const SPAWNS: &str = r#"[[zone.downtown.spawn]]
npc = "dummy"
at = [188, 92]
respawn = "10s"

[[zone.downtown.spawn]]
npc = "wolf"
at = [200, 130]
radius = 3
count = 3
respawn = "2s"

[[zone.downtown.spawn]]
npc = "ogre"
at = [235, 75]
respawn = "10s"

[zone.downtown.place.fountain]"#;

const SWORD: &str = "    { item = \"rusty_sword\" },\n";
const SWORD_AND_PELTS: &str = "    { item = \"rusty_sword\" },\n    { item = \"wolf_pelt\", count = 5 },\n";

fn world() -> World {
    let content = Copied::content();
    content
        .replace("npcs.toml", "health = 80, attack = 7", "health = 10, attack = 7")
        .replace("classes.toml", SWORD, SWORD_AND_PELTS)
        .replace("zones/downtown.toml", PLACE, SPAWNS);
    std::fs::write(content.path().join("events.toml"), EVENTS).unwrap();
    Setup::default().content(content).setting("LORE_HEARTBEAT", "2s").start()
}

/// It snows from the moment on that this comes.
fn winter() -> &'static [u8] {
    static WINTER: OnceLock<Vec<u8>> = OnceLock::new();
    WINTER.get_or_init(|| {
        let from = "    let weather = draw(moment);\n";
        let to = "    let changed = moment.occasion == Occasion::Changed;\n    \
                  let weather = if changed { Weather::Snow } else { draw(moment) };\n";
        Workshop::open().unwrap().build("weather", "0.1.8", "src/hours.rs", from, to).unwrap()
    })
}

/// Folder of the packages that the client needs, or what is in the way.
fn packages() -> Result<PathBuf, String> {
    static INSTALLED: Mutex<()> = Mutex::new(());
    // Whoever comes second finds what the first has installed.
    let _one_by_one = INSTALLED.lock().unwrap();
    let list = root().join("tests/protocol_check.txt");
    let version = blake3::hash(&std::fs::read(&list).unwrap()).to_hex();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{}", &version[..16]));
    let works = |folder: &Path| {
        let mut python = Command::new("python3");
        python.args(["-B", "-c", "import grpc_tools.protoc"]).env("PYTHONPATH", folder);
        python.output().is_ok_and(|output| output.status.success())
    };
    if works(&folder) {
        return Ok(folder);
    }
    let mut install = Command::new("python3");
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target"]);
    let output =
        install.arg(&folder).arg("-r").arg(list).output().map_err(|error| format!("python3: {error}"))?;
    match output.status.success() && works(&folder) {
        true => Ok(folder),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Runs the client over one encoding, and does what it asks operators for.
fn check(encoding: &str) {
    let packages = match packages() {
        Ok(folder) => folder,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "the client's packages must be there: {why}");
            eprintln!("skipped the independent client: {why}");
            return;
        }
    };
    // It is there when it is asked for.
    let winter = winter();
    let world = world();
    let mut client = Command::new("python3");
    client.arg("-B").arg(root().join("tests/protocol_check.py")).args([world.http.as_str(), encoding]);
    client.env("PYTHONPATH", packages).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = client.spawn().unwrap();
    let mut complaint = client.stderr.take().unwrap();
    // On a thread of its own, so that a long complaint does not stop it.
    let complaint = std::thread::spawn(move || {
        let mut text = String::new();
        complaint.read_to_string(&mut text).map(|_| text)
    });
    for line in BufReader::new(client.stdout.take().unwrap()).lines() {
        match line.unwrap().as_str() {
            "say" => operate(&world, &["say", "Back in five minutes", "--level", "warning"]),
            "push" => {
                let file = world.data().join("winter.wasm");
                std::fs::write(&file, winter).unwrap();
                operate(&world, &["push", file.to_str().unwrap()]);
            }
            "terminate" => world.terminate(),
            said => eprintln!("{encoding}: {said}"),
        }
    }
    let status = client.wait().unwrap();
    assert!(status.success(), "{}", complaint.join().unwrap().unwrap());
}

fn operate(world: &World, args: &[&str]) {
    let output = world.lore(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_example_is_what_the_server_does_in_json() {
    check("json");
}

#[test]
fn every_example_is_what_the_server_does_in_protocol_buffers() {
    check("proto");
}
