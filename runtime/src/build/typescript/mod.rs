//! TypeScript: type-checked, bundled, put into a component with QuickJS.
//!
//! The compiler (`tsc`), the bundler (esbuild) and the component maker (componentize-qjs) are npm
//! packages of `scripts/package.json`. Declarations of the interface come from `wit/`; beside the
//! author's file the component holds a door to the host that is generated here (`door`).

mod declarations;
mod door;
mod npm;
mod source_map;

pub(super) use npm::begin;

use super::stale::Inputs;
use super::tool::{self, from_here};
use super::wit::{Wit, world_name};
use super::workspace::Script;
use super::{BuildError, BuiltScript, Step, component, io_error, write_changed};
use host_api::Kind;
use npm::Tools;
use std::path::{Path, PathBuf};
use wit_bindgen_core::wit_parser::{InterfaceId, WorldId};

/// Builds one script, unless nothing it is made of has changed.
pub(super) fn build(
    workspace_dir: &Path,
    script: &Script,
    out_dir: &Path,
    progress: &mut dyn FnMut(Step<'_>),
) -> Result<BuiltScript, BuildError> {
    let wit = Wit::read(workspace_dir)?;
    let tools = Tools::ready(workspace_dir, progress)?;
    tools.install_dependencies(script.folder(), progress)?;
    declare(workspace_dir, &wit, script.manifest.kind)?;
    let mut inputs = Inputs::new(&tools.lock);
    inputs.folder(script.folder())?;
    inputs.folder(&workspace_dir.join("sdk/ts"))?;
    inputs.file(&workspace_dir.join("tsconfig.json"))?;
    inputs.folder(&wit.folder)?;
    if let Some(built) = inputs.fresh(script, out_dir) {
        return Ok(built);
    }
    check_types(&tools, script, progress)?;
    let work = out_dir.canonicalize().map_err(io_error(|| format!("cannot open {}", out_dir.display())))?;
    let work = work.join("ts").join(script.name());
    let made = Work { tools: &tools, wit: &wit, script, folder: &work }.component(progress)?;
    let built = component::write(script, &made, out_dir)?;
    inputs.made(script, out_dir, &built)?;
    Ok(built)
}

/// Writes the declarations of one kind, for the compiler and for editors.
pub(super) fn declare(workspace_dir: &Path, wit: &Wit, kind: Kind) -> Result<(), BuildError> {
    let mut text = String::new();
    for (_, interface) in wit.exports(wit.world(kind)?) {
        text.push_str(&declarations::declare(&wit.resolve, interface));
    }
    let path = workspace_dir.join("target/lore/types").join(format!("{kind}.d.ts"));
    write_changed(&path, text.as_bytes())
}

/// The author's own errors: file, line and column of each.
fn check_types(tools: &Tools, script: &Script, progress: &mut dyn FnMut(Step<'_>)) -> Result<(), BuildError> {
    let said = tool::run(
        tools.command("tsc").args(["--noEmit", "--pretty", "false", "-p", "."]).current_dir(script.folder()),
    )?;
    if said.ok {
        return Ok(());
    }
    let text = said.all();
    let errors = text.lines().filter(|line| line.contains(": error TS")).count();
    if errors == 0 {
        return Err(BuildError::Tool { tool: "tsc", said: text });
    }
    let folder = from_here(script.folder());
    text.lines().for_each(|line| progress(Step::Diagnostic(&clickable(line, &folder))));
    Err(BuildError::Compile { errors })
}

/// `script.ts(3,5): error` as editors and terminals know it: `scripts/wolf/script.ts:3:5: error`.
fn clickable(line: &str, folder: &Path) -> String {
    let parts = line.split_once("): ").and_then(|(place, rest)| {
        let (file, position) = place.rsplit_once('(')?;
        let (row, column) = position.split_once(',')?;
        Some(format!("{}:{row}:{column}: {rest}\n", folder.join(file).display()))
    });
    parts.unwrap_or_else(|| format!("{line}\n"))
}

/// One script on its way to a component.
struct Work<'a> {
    tools: &'a Tools,
    wit: &'a Wit,
    script: &'a Script,
    /// What is generated for it, absolute.
    folder: &'a Path,
}

impl Work<'_> {
    fn component(&self, progress: &mut dyn FnMut(Step<'_>)) -> Result<Vec<u8>, BuildError> {
        let world = self.wit.world(self.script.manifest.kind)?;
        let exports = self.wit.exports(world);
        self.write_door(world, &exports)?;
        let bundle = self.bundle(progress)?;
        let component = self.folder.join("component.wasm");
        let world = world_name(self.script.manifest.kind);
        let mut command = self.tools.command("componentize-qjs");
        command.arg("--wit").arg(&self.wit.folder).arg("--js").arg(&bundle).args(["--world", &world]);
        // No WASI: nothing of it is granted. The engine of the host has no async calls.
        command.args(["--stub-wasi", "--sync", "-o"]).arg(&component).current_dir(self.folder);
        let said = tool::run(&mut command)?;
        if !said.ok {
            // The script's top level has run: what it threw is the author's.
            return Err(BuildError::Component {
                script: self.script.name().to_owned(),
                reason: said.all().trim().to_owned(),
            });
        }
        std::fs::read(&component).map_err(io_error(|| format!("cannot read {}", component.display())))
    }

    fn write_door(&self, world: WorldId, exports: &[(String, InterfaceId)]) -> Result<(), BuildError> {
        let log = self.wit.interfaces(world).find(|(_, name)| name == "log");
        let (log, _) = log.ok_or_else(|| BuildError::Interface {
            folder: self.wit.folder.clone(),
            reason: "its worlds do not import `log`".to_owned(),
        })?;
        let source = self.script.folder().join(self.script.language.source());
        write_changed(&self.folder.join("host.js"), door::host(&log).as_bytes())?;
        let entry = door::entry(&self.wit.resolve, exports, &source);
        write_changed(&self.folder.join("entry.js"), entry.as_bytes())
    }

    /// One file of plain JavaScript, which knows the author's lines.
    fn bundle(&self, progress: &mut dyn FnMut(Step<'_>)) -> Result<PathBuf, BuildError> {
        let bundle = self.folder.join("bundle.js");
        let mut command = self.tools.command("esbuild");
        command
            .arg("entry.js")
            .args(["--bundle", "--format=esm", "--target=es2023", "--charset=utf8", "--external:lore:*"])
            .args(["--sourcemap=external", "--sources-content=false", "--log-level=warning", "--color=false"])
            .arg(format!("--outfile={}", bundle.display()))
            .current_dir(self.folder);
        let said = tool::run(&mut command)?;
        let text = said.all();
        if !said.ok {
            let errors = text.matches("[ERROR]").count();
            progress(Step::Diagnostic(&text));
            return Err(BuildError::Compile { errors });
        }
        if !text.trim().is_empty() {
            progress(Step::Diagnostic(&text));
        }
        let unreadable = |path: &Path| format!("cannot read {}", path.display());
        let map = bundle.with_extension("js.map");
        let map = std::fs::read_to_string(&map).map_err(io_error(|| unreadable(&map)))?;
        let places = source_map::places(&map, self.folder, self.script.folder());
        let mut text = std::fs::read_to_string(&bundle).map_err(io_error(|| unreadable(&bundle)))?;
        // After all that is mapped: nothing moves.
        text.push_str(&format!("globalThis.lorePlaces = {places};\n"));
        std::fs::write(&bundle, text).map_err(io_error(|| format!("cannot write {}", bundle.display())))?;
        Ok(bundle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compile_errors_are_named_as_editors_open_them() {
        let folder = Path::new("scripts/wolf");
        let said = "script.ts(3,15): error TS2322: Type 'string' is not assignable to type 'number'.";
        let expected =
            "scripts/wolf/script.ts:3:15: error TS2322: Type 'string' is not assignable to type 'number'.\n";
        assert_eq!(clickable(said, folder), expected);
        assert_eq!(clickable("  in a type (3, 4)", folder), "  in a type (3, 4)\n");
    }
}
