//! The files in `wit/`: what was published never changes, and what has not changed is called with the same
//! records.

use crate::fixture::wit;
use host_api::{Api, Kind};
use std::collections::BTreeMap;
use std::path::Path;
use wit_component::semver_check;
use wit_parser::Resolve;

/// blake3 of the files of each version that is published.
const FROZEN: [(&str, &str); 1] =
    [("v0.1", "633338064fd6a163f2d0c31ff63defe6cc7c7dc660dc5955e49330ea830331a5")];

/// Kinds whose interface is another one than in the version before the current one.
const CHANGED: [Kind; 1] = [Kind::Combat];

/// The digest of a folder's files, by name, whatever ends their lines.
fn digest(folder: &Path) -> String {
    let files: BTreeMap<_, _> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap().replace('\r', ""))
        })
        .collect();
    let mut hasher = blake3::Hasher::new();
    for (name, text) in files {
        hasher.update(name.as_encoded_bytes()).update(&[0]).update(text.as_bytes()).update(&[0]);
    }
    hasher.finalize().to_hex().to_string()
}

/// The text of a folder's files in one, as a package of version `version`: two packages of the same version
/// cannot be looked at together.
fn package(folder: &Path, version: &str) -> String {
    let mut text = format!("package lore:script@{version};\n");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            let file = std::fs::read_to_string(path).unwrap();
            text.extend(
                file.lines().filter(|line| !line.starts_with("package ")).map(|line| format!("{line}\n")),
            );
        }
    }
    text
}

/// Whether a component built for the world of `kind` in `old` fits that of `new`.
fn fits(kind: Kind, old: &str, new: &str) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let world = format!("{kind}-script");
    let [old, new] = [("old.wit", old), ("new.wit", new)].map(|(name, text)| {
        let package = resolve.push_str(name, text).unwrap_or_else(|error| panic!("{error:#}"));
        resolve.select_world(&[package], Some(&world)).unwrap()
    });
    semver_check(resolve, old, new).map_err(|error| format!("{error:#}"))
}

#[test]
fn what_is_published_is_never_edited() {
    let published: Vec<_> = Api::ALL.into_iter().filter(|api| *api != Api::CURRENT).collect();
    assert_eq!(published.len(), FROZEN.len(), "every version before the current one has a digest here");
    for (folder, expected) in FROZEN {
        let found = digest(&wit(Api::CURRENT).join(folder));
        assert_eq!(
            found, expected,
            "wit/{folder} is published and must stay as it is: what is new belongs into wit/, under a new version"
        );
    }
}

#[test]
fn only_the_interfaces_that_are_converted_differ_from_the_version_before() {
    for kind in Kind::ALL.into_iter().filter(|kind| kind.since() == Api::V0_1) {
        let outcome = fits(kind, &package(&wit(Api::V0_1), "1.0.0"), &package(&wit(Api::CURRENT), "2.0.0"));
        assert_eq!(
            outcome.is_err(),
            CHANGED.contains(&kind),
            "{kind}: {outcome:?}; a changed interface needs its conversion in host-api/src/convert and its name \
             in CHANGED"
        );
    }
}

/// Once the current version is published, its files are copied to a folder of its name, and this holds.
#[test]
fn what_was_published_of_the_current_version_still_fits_it() {
    let current = wit(Api::CURRENT);
    let published = current.join(format!("v{}", Api::CURRENT));
    let published = if published.is_dir() { published } else { wit(Api::V0_1) };
    let old = package(&published, "1.0.0");
    // Without such a folder, the files of the version before stand for both sides.
    let new = package(if published.ends_with("v0.1") { &published } else { &current }, "2.0.0");
    for kind in Kind::ALL.into_iter().filter(|kind| old.contains(&format!("world {kind}-script"))) {
        fits(kind, &old, &new)
            .unwrap_or_else(|error| panic!("{kind} of {} no longer fits: {error}", Api::CURRENT));
    }
}

#[test]
fn additions_fit_and_changes_do_not() {
    let old = package(&wit(Api::V0_1), "1.0.0");
    let published = package(&wit(Api::V0_1), "2.0.0");
    let check = |from: &str, to: &str| {
        assert!(published.contains(from), "{from:?} is gone");
        fits(Kind::Combat, &old, &published.replacen(from, to, 1))
    };
    let interface = "interface combat {";
    check(interface, "interface rumour { spread: func() -> u32; }\ninterface combat {").unwrap();
    check("write: func(", "flush: func();\n  write: func(").unwrap();
    // A field, a case, a function that old components do not have.
    check(
        "    seed: u64,\n  }\n\n  /// What became of a swing.",
        "    seed: u64,\n    luck: u32,\n  }\n\n  /// What",
    )
    .unwrap_err();
    check("enum hit-kind { miss,", "enum hit-kind { graze, miss,").unwrap_err();
    check("  resolve: func(", "  parry: func() -> u32;\n  resolve: func(").unwrap_err();
}
