//! Where a run takes place: the extent of the ground, how far one sees, and the content of a server with that ground.

use crate::content::read_files;
use anyhow::{Context as _, ensure};
use std::path::Path;

/// How fast a client may go, metres a second: they walk from the entrance to their places before anything is measured.
pub const FASTEST_M_S: i32 = 200;
/// How far one sees where interest is measured, millimetres.
const INTEREST_MM: i32 = 100_000;
/// Ground on which everybody sees everybody, millimetres.
const ROOM_MM: i32 = 300_000;
/// Between two who do not see each other, millimetres; they see a metre far.
pub const APART_MM: i32 = 3_000;

/// A square of ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    /// Its edge, millimetres.
    pub side_mm: i32,
    /// How far one sees, millimetres.
    pub radius_mm: i32,
}

impl Ground {
    /// 400 clients to the square kilometre who see 100 m far: 12.5 in sight, whatever their number.
    pub fn spread(clients: usize) -> Self {
        Self { side_mm: (50_000.0 * (clients.max(4) as f64).sqrt()).round() as i32, radius_mm: INTEREST_MM }
    }

    /// Everybody sees everybody.
    pub fn room() -> Self {
        Self { side_mm: ROOM_MM, radius_mm: 2 * ROOM_MM }
    }

    /// Nobody sees anybody: they stand [`APART_MM`] from each other.
    pub fn apart(clients: usize) -> Self {
        Self { side_mm: APART_MM * (Self::columns(clients) + 3), radius_mm: 1_000 }
    }

    /// The place of one of those who stand apart.
    pub fn lattice(clients: usize, index: usize) -> (i32, i32) {
        let columns = Self::columns(clients);
        let index = index as i32;
        (APART_MM * (1 + index % columns), APART_MM * (1 + index / columns))
    }

    fn columns(clients: usize) -> i32 {
        (clients.max(1) as f64).sqrt().ceil() as i32
    }

    /// Everybody's way in.
    pub fn entrance(self) -> (i32, i32) {
        (self.side_mm / 2, self.side_mm / 2)
    }

    /// Writes the content of a project to `to`, in which characters start on this ground.
    ///
    /// # Errors
    /// The content cannot be read, has no `start_zone`, or `to` cannot be written to.
    pub fn write(self, content: &Path, to: &Path) -> anyhow::Result<()> {
        let files = read_files(content).with_context(|| content.display().to_string())?;
        let mut starts = 0;
        for (path, text) in files {
            let lines = text.lines().map(|line| match line.starts_with("start_zone") {
                true => {
                    starts += 1;
                    "start_zone = \"bench\"\n".to_owned()
                }
                false => format!("{line}\n"),
            });
            write(&to.join(path), &lines.collect::<String>())?;
        }
        ensure!(starts == 1, "{} has {starts} lines `start_zone = ...`, it needs one", content.display());
        write(&to.join("bench.toml"), &self.definitions())
    }

    fn definitions(self) -> String {
        let metres = |mm: i32| f64::from(mm) / 1_000.0;
        let (side, (east, north)) = (metres(self.side_mm), self.entrance());
        format!(
            r#"[zone.bench]
title = "Proving Ground"
size = [{side}, {side}]
population_cap = 10000
max_speed = {FASTEST_M_S}
interest_radius = {radius}
entrance = [{east}, {north}]
noon_temperature = 18
script = "weather"
weather = {{ clear = 1 }}

[class.bench]
title = "Runner"
base = {{ health = 100, energy = 100, attack = 10, weapon_damage = 4, accuracy = 50, evasion = 50 }}
basic = "strike"
abilities = ["bench_drill"]

[ability.bench_drill]
title = "Drill"
animation = "slash"
animation_time = "400ms"
target = "caster"
heal = 1
"#,
            radius = metres(self.radius_mm),
            east = metres(east),
            north = metres(north),
        )
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::machine::Scratch;

    #[test]
    fn the_content_of_every_ground_is_good_and_one_starts_there() {
        let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../content");
        for ground in [Ground::spread(1), Ground::spread(2_400), Ground::room(), Ground::apart(1_000)] {
            let folder = Scratch::new().expect("a folder");
            ground.write(&starter, folder.path()).expect("written");
            let (content, _) =
                crate::content::load(folder.path()).unwrap_or_else(|errors| panic!("{errors}"));
            let zone = &content.zones[&content.progression.start_zone];
            assert_eq!(zone.name, "bench");
            assert_eq!((zone.width_mm, zone.interest_radius_mm as i32), (ground.side_mm, ground.radius_mm));
            assert_eq!((zone.entrance.x_mm, zone.entrance.y_mm), ground.entrance());
        }
    }

    #[test]
    fn those_who_stand_apart_stand_on_the_ground() {
        for clients in [1, 7, 1_000] {
            let side = Ground::apart(clients).side_mm;
            for index in 0..clients {
                let (x, y) = Ground::lattice(clients, index);
                assert!((0..=side).contains(&x) && (0..=side).contains(&y), "{index} of {clients}");
            }
        }
    }
}
