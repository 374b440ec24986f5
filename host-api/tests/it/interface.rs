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

/// Whether a component built for the world of `kind` in `old` fits that of `new`.
fn fits(kind: Kind, old: &Path, new: &Path) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let world = format!("{kind}-script");
    let [old, new] = [old, new].map(|folder| {
        // Both are called `lore:script`; versions that differ keep them apart.
        let (package, _) = resolve.push_dir(folder).unwrap();
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
        let outcome = fits(kind, &wit(Api::V0_1), &wit(Api::CURRENT));
        assert_eq!(
            outcome.is_err(),
            CHANGED.contains(&kind),
            "{kind}: {outcome:?}; a changed interface needs its conversion in host-api/src/convert and its name \
             in CHANGED"
        );
    }
}
