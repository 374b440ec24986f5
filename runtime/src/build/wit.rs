//! The script interface in `wit/`, for the languages whose bindings are generated here.

use super::{BuildError, io_error};
use host_api::Kind;
use std::path::{Path, PathBuf};
use wit_bindgen_core::wit_parser::{InterfaceId, PackageId, Resolve, WorldId, WorldItem};

/// The package beside the scripts' workspace.
pub(super) struct Wit {
    /// `wit/`, absolute.
    pub(super) folder: PathBuf,
    pub(super) resolve: Resolve,
    package: PackageId,
}

impl Wit {
    /// Reads `wit/` beside `workspace_dir`.
    pub(super) fn read(workspace_dir: &Path) -> Result<Self, BuildError> {
        let beside = workspace_dir.join("../wit");
        let folder =
            beside.canonicalize().map_err(io_error(|| format!("cannot open {}", beside.display())))?;
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(&folder).map_err(|error| BuildError::Interface {
            folder: folder.clone(),
            reason: format!("{error:#}"),
        })?;
        Ok(Self { folder, resolve, package })
    }

    /// The world of scripts of this kind.
    pub(super) fn world(&self, kind: Kind) -> Result<WorldId, BuildError> {
        let name = world_name(kind);
        self.resolve.select_world(&[self.package], Some(&name)).map_err(|error| BuildError::Interface {
            folder: self.folder.clone(),
            reason: format!("{error:#}"),
        })
    }

    /// The interfaces a world exports, with the names they have in it: `combat`.
    pub(super) fn exports(&self, world: WorldId) -> Vec<(String, InterfaceId)> {
        self.resolve.worlds[world].exports.values().filter_map(|item| self.interface(item)).collect()
    }

    /// Full and own name of every interface of a world: `lore:script/log@0.1.0`, `log`.
    pub(super) fn interfaces(&self, world: WorldId) -> impl Iterator<Item = (String, String)> {
        let world = &self.resolve.worlds[world];
        world.imports.iter().chain(&world.exports).filter_map(|(key, item)| {
            let (name, _) = self.interface(item)?;
            Some((self.resolve.name_world_key(key), name))
        })
    }

    fn interface(&self, item: &WorldItem) -> Option<(String, InterfaceId)> {
        let WorldItem::Interface { id, .. } = item else { return None };
        Some((self.resolve.interfaces[*id].name.clone()?, *id))
    }
}

/// `quest-script`.
pub(super) fn world_name(kind: Kind) -> String {
    format!("{kind}-script")
}
